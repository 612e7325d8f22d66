"""What installing asks of the system itself: the program's place, the user, running units.

Nothing here runs on another root than the machine's own, but making the user, which
systemd-sysusers does in an image just as well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from appliance.errors import RunError
from appliance.host.install_files import SYSUSERS

USER = "tickpath"
UNITS = ("appliance", "appliance-engine", "appliance-journal", "appliance-exporter",
         "appliance-exporter.socket")
COMMAND_TIMEOUT_S = 60
OTHERS_MAY_ENTER = 0o001
# No blank, quote, %, $, \\ or line break: systemd.service(5), Command lines. And a file, not "/".
PLAIN_PATH = re.compile(r"(/[\w.+@-]+)+", re.ASCII)


def default_program() -> Path:
    """The `appliance` beside this interpreter, or on the path."""
    beside = Path(sys.executable).with_name("appliance")
    if beside.exists():
        return beside
    found = shutil.which("appliance")
    if found is None:
        raise RunError("there is no program `appliance` beside this interpreter; install the "
                       "wheel, or name the program with --program")
    return Path(found).absolute()


def check_program(program: Path) -> None:
    """Raises RunError when a unit's ExecStart= would read the path as something else."""
    if program.is_dir():
        raise RunError(f"{program} is a folder; give --program the `appliance` in it")
    if not PLAIN_PATH.fullmatch(str(program)):
        raise RunError(f"{str(program)!r} cannot stand in a unit, which takes letters, digits and "
                       f"/._+-@ only; install the wheel elsewhere: python3 -m venv /opt/tickpath")


def check_reachable(program: Path) -> None:
    """Raises RunError when the units' user, or their private /tmp, would not see the program."""
    for path in (program, program.resolve(), Path(sys.executable).resolve()):
        for hidden in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"):
            if path.is_relative_to(hidden):
                raise RunError(f"the units cannot see {path}, since {hidden} is hidden from them; "
                               f"install the wheel elsewhere: python3 -m venv /opt/tickpath")
        for parent in path.parents:
            if parent.exists() and not parent.stat().st_mode & OTHERS_MAY_ENTER:
                raise RunError(f"the user {USER} cannot enter {parent}, on the way to {path}; "
                               f"chmod o+x {parent}, or install the wheel in /opt/tickpath")


def systemd_runs() -> bool:
    """As sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise RunError(f"`{' '.join(command)}` did not end within {COMMAND_TIMEOUT_S} s; see what "
                       f"systemd waits for (systemctl list-jobs), and run this again") from None


def running_units() -> list[str]:
    """Those of ours that run now, on this machine."""
    if not systemd_runs() or shutil.which("systemctl") is None:
        return []
    return [unit for unit in UNITS if _run("systemctl", "is-active", unit).stdout.strip()
            in ("active", "activating", "deactivating", "reloading")]


def make_user(root: Path) -> str:
    """Makes user and group of the units under ``root``; "" or what is left to do."""
    command = ["systemd-sysusers", Path(SYSUSERS).name]
    if root != Path("/"):
        command.insert(1, f"--root={root}")
    by_hand = f"make it before the start: useradd --system --no-create-home {USER}"
    if shutil.which(command[0]) is None:
        return f"the user {USER} is not made, there is no systemd-sysusers here; {by_hand}"
    if os.geteuid():
        return f"the user {USER} is not made, that takes root; {by_hand}"
    done = _run(*command)
    if done.returncode:
        return f"the user {USER} is not made ({done.stderr.strip()}); {by_hand}"
    return ""


def remove_user(root: Path) -> str:
    """Removes user and group of the units under ``root``; "" or what is left to do."""
    passwd = root / "etc/passwd"
    if not passwd.exists() or f"\n{USER}:" not in "\n" + passwd.read_text():
        return ""
    if os.geteuid() or shutil.which("userdel") is None:
        return f"the user {USER} is still there; remove it as root: userdel {USER}"
    where = [] if root == Path("/") else ["--prefix", str(root)]
    done = _run("userdel", *where, USER)
    if done.returncode:
        return f"the user {USER} is still there: {done.stderr.strip()}"
    return ""


def reload_managers() -> list[str]:
    """Tells systemd and udev of new files, if they run; what they complained of."""
    complaints = []
    commands = ["systemctl daemon-reload"] if systemd_runs() else []
    if Path("/run/udev/control").exists():
        commands.append("udevadm control --reload")
    for command in commands:
        done = _run(*command.split())
        if done.returncode:
            complaints.append(f"`{command}` failed: {done.stderr.strip()}")
    return complaints
