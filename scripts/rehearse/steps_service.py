"""The steps about the service: installed, started under systemd, killed, hung, rebooted, removed.

The engine runs over DPDK on the three cards, as its unit allows it; the exchange is on the other
ends of the wires. A step that needs a running service starts one and ends it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from image import VENV
from machine import ENGINE_CORE, WIRES, address
from stage import APPLIANCE, FEEDSIM, Stage, Stop
from steps_host import HERE, differences, driver_of, snapshot, untuned
from steps_trade import (
    END_S,
    FOLDER,
    START_S,
    cards_up,
    ended,
    judge_files,
    start,
    status,
    wires,
)
from trade import METRICS_PORT, NAMESPACE, appliance_toml, exchange_toml

CONFIG = "/etc/tickpath/appliance.toml"
GIVEN = "/var/tmp/appliance.toml"
RECORDINGS = "/var/lib/tickpath/journal"
FIGURES = "/usr/local/lib/rehearsal-figures.py"
UNITS = ("appliance", "appliance-engine", "appliance-journal")
# What the issue asks of `systemd-analyze security` while the units run.
EXPOSURE_MAX = {"appliance": 1.0, "appliance-exporter": 1.0, "appliance-journal": 1.0,
                "appliance-engine": 2.5}
EXPOSURE_MAX_AFXDP = 0.8  # its engine's
START_TIMEOUT_S = 300.0
WATCHDOG_S = 10.0
OURS = "/etc/systemd/system"  # where what we add to the units lies
FEED_ON = 50  # messages, while halted
# Interrupts are numbered anew with each driver; interfaces and their IPv6 are ours to move about;
# the kernel reckons two out of the memory that it finds at boot, and draws the RSS key at random
# when the first driver asks for it.
NEW_EACH_TIME = re.compile(r"^/proc/irq/\d|enp0s|^/proc/sys/net/ipv6/conf"
                           r"|^/sys/kernel/vmcoreinfo$|^/proc/sys/vm/user_reserve_kbytes$"
                           r"|^/proc/sys/net/core/netdev_rss_key$")
# Where the product may leave files; compared before it was installed and after it was removed.
PLACES = "/etc /usr/local /var/lib/tickpath /run/tickpath /lib/systemd /usr/lib/sysusers.d"


def files(stage: Stage) -> set[str]:
    """Everything in the places where an installation writes; links are of systemd's own making."""
    return set(stage.must(f"find {PLACES} -not -type d 2>/dev/null | sort || true").stdout.split())


def show(stage: Stage, unit: str, *names: str) -> dict[str, str]:
    said = stage.must(["systemctl", "show", unit, *(f"-p{name}" for name in names)]).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


METRICS = f"""from urllib.request import urlopen
print(urlopen("http://127.0.0.1:{METRICS_PORT}/metrics", timeout=200).read().decode())
"""


def metrics(stage: Stage) -> dict[str, float]:
    """What the exporter says; far quicker here than a start of `appliance status`."""
    rows = {}
    # The first question starts the exporter.
    for line in stage.must(["python3", "-c", METRICS], START_TIMEOUT_S).stdout.splitlines():
        name, _, value = line.rpartition(" ")
        if name and not line.startswith("#"):
            rows[name.removeprefix("tickpath_")] = float(value)
    return rows


def metric(stage: Stage, name: str) -> int:
    """The sum over all labels."""
    found = [value for key, value in metrics(stage).items() if key.partition("{")[0] == name]
    if not found:
        raise Stop(f"the exporter has no {name}")
    return int(sum(found))


def venue(stage: Stage, seconds: int) -> None:
    """An exchange on the other ends of the wires, until it has traded so long."""
    stage.must(f"mkdir -p {FOLDER}; rm -f {FOLDER}/*")
    stage.machine.put(f"{FOLDER}/exchange.toml", exchange_toml(FOLDER, seconds))
    start(stage, "rehearsal-venue",
          [FEEDSIM, "exchange", "-c", f"{FOLDER}/exchange.toml", "--json"], "venue.json", NAMESPACE)


def venue_ended(stage: Stage) -> None:
    """Stops it if it still runs, and forgets it."""
    stage.run("systemctl kill --kill-whom=main rehearsal-venue 2>/dev/null")
    stage.until("the exchange's end", lambda: ended(stage, "rehearsal-venue"), END_S)
    status(stage, "rehearsal-venue")


def started(stage: Stage) -> None:
    done = stage.run("systemctl reset-failed 'appliance*'; "
                     "systemctl start appliance-exporter.socket appliance", START_TIMEOUT_S)
    if done.status:
        log = stage.run("journalctl --no-pager -n 60 -o cat -u 'appliance*'").stdout
        raise Stop(f"`systemctl start appliance` ended with {done.status}: "
                   f"{' | '.join(log.strip().splitlines()[-4:])}")


def stopped(stage: Stage) -> None:
    stage.must("systemctl stop appliance appliance-engine appliance-journal", START_TIMEOUT_S)


def recordings(stage: Stage) -> list[str]:
    return stage.must(f"find {RECORDINGS} -name '*.tpj' | sort").stdout.split()


def replays(stage: Stage, path: str, what: str) -> None:
    done = stage.run([APPLIANCE, "replay", path, "--json"])
    stage.check(done.status == 0, f"{what} replays to the same bytes"
                                  f"{'' if done.status == 0 else f': {done.said}'}")


# ---- the steps -----------------------------------------------------------------------------------


def service_install(stage: Stage) -> None:
    untuned(stage)
    stage.context.memory["files"] = files(stage)
    stage.machine.put(GIVEN, appliance_toml("dpdk", "day-%Y%m%d-%H%M%S.tpj", "appliance"))
    dry = stage.must([APPLIANCE, "install", "-c", GIVEN, "--dry-run"])
    stage.check(files(stage) == stage.context.memory["files"], "a dry run of install changes "
                f"nothing, and says {len(dry.stdout.splitlines())} lines")
    stage.must([APPLIANCE, "install", "-c", GIVEN])
    new = files(stage) - stage.context.memory["files"]
    stage.check(new, f"install wrote {len(new)} files")
    again = stage.json([APPLIANCE, "install", "-c", GIVEN, "--json"])
    stage.note(json.dumps(again))
    stage.check(files(stage) - stage.context.memory["files"] == new, "installed again, the same "
                                                                     "files are there")
    bad = stage.run("systemd-analyze verify --man=no $(find /usr/local/lib/systemd/system -name "
                    "'appliance*.service' -o -name 'appliance*.socket') 2>&1")
    wrong = [line for line in bad.stdout.splitlines() if "appliance" in line]
    stage.check(bad.status == 0 and not wrong, f"systemd finds no fault with the units "
                                               f"({'; '.join(wrong[:3]) or 'none'})")
    stage.machine.put(FIGURES, (HERE / "figures.py").read_bytes())
    # An emulated processor starts slowly; and control's last line then has all figures of the run.
    slowly = f"[Service]\nTimeoutStartSec={START_TIMEOUT_S:.0f}\n"
    told = "ExecStart=\nExecStart=/usr/local/bin/appliance process control " \
           "--settings /run/tickpath/settings.json --json\n"
    for unit in ("appliance", "appliance-engine", "appliance-tune"):
        stage.machine.put(f"{OURS}/{unit}.service.d/rehearsal.conf",
                          slowly + (told if unit == "appliance" else ""))
    stage.must("systemctl daemon-reload")


def exposures(stage: Stage, exposure_max: dict[str, float]) -> None:
    """What systemd-analyze says of the units that run just now."""
    found = {}
    for unit, most in exposure_max.items():
        said = stage.run(["systemd-analyze", "security", "--no-pager", f"{unit}.service"]).stdout
        match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        running = show(stage, unit, "ActiveState")["ActiveState"]
        found[unit] = float(match[1]) if match else None
        stage.check(match and float(match[1]) <= most and running == "active",
                    f"{unit} ({running}) is exposed {found[unit]}, {most} at most")
    stage.row.figures["exposure"] = found


def service(stage: Stage) -> None:
    """A day under systemd: trading, halted by the kill switch, armed, ended in order."""
    wires(stage)
    day(stage, "dpdk", EXPOSURE_MAX, kill_switch)


def service_afxdp(stage: Stage) -> None:
    """The same over AF_XDP: an opener opens the queues, and the engine has no right at all."""
    wires(stage)
    stopped(stage)
    stage.must("systemctl stop appliance-tune")
    stage.must([APPLIANCE, "tune", "undo"], START_TIMEOUT_S, (0, 1))  # the cards are the kernel's
    stage.machine.put(GIVEN, appliance_toml("afxdp", "day-%Y%m%d-%H%M%S.tpj", "appliance"))
    stage.must([APPLIANCE, "install", "-c", GIVEN])
    stage.must("systemctl daemon-reload")
    cards_up(stage)
    day(stage, "afxdp", EXPOSURE_MAX | {"appliance-engine": EXPOSURE_MAX_AFXDP}, first_orders)


def day(stage: Stage, backend: str, exposure_max: dict[str, float],
        during: Callable[[Stage], None]) -> None:
    """From the start of the service to its orderly end, and what both sides say of it."""
    started(stage)
    rights(stage, backend, exposure_max)
    venue(stage, 0)  # last: two loops that poll leave little of an emulated machine
    try:
        during(stage)
        close_of_day(stage)
        digests = stage.must([f"{VENV}/bin/python", FIGURES]).stdout
        stage.machine.put(f"{FOLDER}/appliance-checkpoints.jsonl", digests)
        stopped(stage)
    finally:
        venue_status = status(stage, "rehearsal-venue")
    last = show(stage, "appliance", "ExecMainStatus", "Result")
    lines = stage.must("journalctl --no-pager -o cat -u appliance -g '^{' -n 1").stdout
    stage.machine.put(f"{FOLDER}/appliance.json", lines)
    judge_files(stage, backend, stage.row.name, (venue_status, int(last["ExecMainStatus"])))
    replays(stage, recordings(stage)[-1], "the day's recording")


def rights(stage: Stage, backend: str, exposure_max: dict[str, float]) -> None:
    """Who the engine runs as, what it may, and what the others say of it."""
    for _, _, ours, _ in WIRES if backend == "dpdk" else ():
        held = driver_of(stage, address(ours))
        stage.check(held == "vfio-pci", f"tuning gave {address(ours)} to {held}")
    engine = show(stage, "appliance-engine", "MainPID", "User")
    allowed = stage.must(f"grep -h -e ^Cpus_allowed_list -e ^CapEff "
                         f"/proc/{engine['MainPID']}/status").stdout
    stage.check(re.search(rf"list:\s+{ENGINE_CORE}\n", allowed) and
                re.search(r"CapEff:\s+0+\n", allowed) and engine["User"] == "tickpath",
                f"the engine runs as {engine['User']}, on core {ENGINE_CORE} alone and "
                f"without a capability ({' '.join(allowed.split())})")
    rows = metrics(stage)
    stage.check(rows.get("up") == 1, f"the exporter answers with {len(rows)} values, "
                                     f"the engine is up")
    exposures(stage, exposure_max)


def first_orders(stage: Stage) -> None:
    waited = stage.until("the first orders", lambda: sent(stage) > 0, START_S)
    stage.check(True, f"it trades ({waited:.0f} s)")


def sent(stage: Stage) -> int:
    """Orders entered; cancels are what a halted engine still sends."""
    rows = metrics(stage)
    actions = ('action="new"', 'action="replace"')
    return int(sum(rows[f"orders_sent_total{{{action}}}"] for action in actions))


def kill_switch(stage: Stage) -> None:
    """Nothing leaves while it is thrown, the feed goes on, and open orders are taken back."""
    stage.until("the first orders", lambda: sent(stage) > 0, START_S)
    stage.must([APPLIANCE, "kill", "rehearsed"])
    stage.until("the end of all open orders", lambda: metric(stage, "orders_open") == 0, END_S)
    halted, messages = sent(stage), metric(stage, "feed_messages_total")
    stage.until("more of the feed", lambda: metric(stage, "feed_messages_total")
                > messages + FEED_ON, END_S)
    now = stage.json([APPLIANCE, "status", "--json"])
    stage.check(sent(stage) == halted, f"halted after {halted} orders: none is open, none leaves, "
                                       f"and the feed is followed")
    stage.check(now["kill"] == "operator" and now["kill_reason"] == "rehearsed",
                f"the kill word says {now['kill']}, for: {now['kill_reason']}")
    stage.must([APPLIANCE, "arm"])
    waited = stage.until("orders after arming", lambda: sent(stage) > halted, END_S)
    stage.check(True, f"armed again, it trades again ({waited:.0f} s)")


def close_of_day(stage: Stage) -> None:
    """No order is under way when the exchange is told to close, which does not wait for any."""
    stage.must([APPLIANCE, "kill", "the day is over"])
    stage.until("the end of all open orders", lambda: metric(stage, "orders_open") == 0, END_S)
    stage.must("systemctl kill -s INT --kill-whom=main rehearsal-venue")
    stage.until("the exchange's end", lambda: ended(stage, "rehearsal-venue"), END_S)
    stage.must([APPLIANCE, "arm"])  # a halted day has an exit status of its own


def engine_killed(stage: Stage) -> None:
    """kill -9 of the engine: the recording is whole, nothing starts again by itself."""
    wires(stage)
    started(stage)
    venue(stage, 0)
    try:
        stage.until("the first messages",
                    lambda: metric(stage, "feed_messages_total") > 0, START_S)
        stage.must("systemctl kill -s KILL --kill-whom=main appliance-engine")
        stage.until("the end of all three", lambda: all(
            show(stage, unit, "ActiveState")["ActiveState"] in ("failed", "inactive")
            for unit in UNITS), END_S)
        stage.must("sleep 3")
        after_death(stage, "engine killed")
        dead = stage.run([APPLIANCE, "status"])
        stage.check(dead.status == 2 and "dead" in dead.stderr, f"status says: {dead.said}")
    finally:
        venue_ended(stage)
    replays(stage, recordings(stage)[-1], "what was recorded until then")


def after_death(stage: Stage, what: str) -> None:
    for unit in UNITS:
        shown = show(stage, unit, "NRestarts", "ActiveState", "Result", "ExecMainStatus")
        stage.check(shown["NRestarts"] == "0" and shown["ActiveState"] in ("failed", "inactive"),
                    f"{what}: {unit} is {shown['ActiveState']} ({shown['Result']}, "
                    f"{shown['ExecMainStatus']}), restarted {shown['NRestarts']} times")


def watchdog(stage: Stage) -> None:
    """A loop that hangs starves the watchdog, which ends everything."""
    wires(stage)
    started(stage)
    venue(stage, 0)
    try:
        stage.must("systemctl kill -s STOP --kill-whom=main appliance-engine")
        waited = stage.until("the watchdog", lambda: show(stage, "appliance", "ActiveState")[
            "ActiveState"] == "failed", WATCHDOG_S * 3 + END_S)
        result = show(stage, "appliance", "Result")["Result"]
        stage.check(result == "watchdog", f"control was ended by its {result} after {waited:.0f} s")
        stage.until("the end of all three", lambda: all(
            show(stage, unit, "ActiveState")["ActiveState"] in ("failed", "inactive")
            for unit in UNITS), START_TIMEOUT_S)
        after_death(stage, "loop hung")
    finally:
        venue_ended(stage)


def reboot(stage: Stage) -> None:
    """Enabled, it comes up by itself after a reset, tuned; what was recorded is still there."""
    had = recordings(stage)
    stage.must("systemctl enable appliance appliance-exporter.socket; sync")
    stage.run("systemctl --no-block reboot")
    stage.machine.await_boot()
    wires(stage)
    stage.until("tuning at boot", lambda: show(stage, "appliance-tune", "ActiveState")[
        "ActiveState"] not in ("activating", "inactive"), START_TIMEOUT_S)
    state = show(stage, "appliance-tune", "ActiveState", "Result")
    stage.check(state == {"ActiveState": "active", "Result": "success"}, f"tuned at boot: {state}")
    verified = stage.run([APPLIANCE, "tune", "verify", "-c", CONFIG], START_TIMEOUT_S)
    stage.check(verified.status == 0, f"the host is tuned as the configuration says "
                                      f"({verified.said})")
    stage.until("the service", lambda: show(stage, "appliance", "ActiveState")[
        "ActiveState"] != "activating", START_TIMEOUT_S)
    active = show(stage, "appliance", "ActiveState")["ActiveState"]
    stage.check(active == "active", f"the service is {active} after the boot")
    stage.check(set(had) <= set(recordings(stage)), f"all {len(had)} recordings are still there")
    venue(stage, 0)
    try:
        stage.until("messages of the new day",
                    lambda: metric(stage, "feed_messages_total") > 0, START_S)
        stage.check(True, "the engine that came up by itself hears the exchange")
    finally:
        venue_ended(stage)
    stopped(stage)


def uninstall(stage: Stage) -> None:
    """Everything is taken out, and the host is what it was before it was tuned the first time."""
    stage.must("systemctl stop 'appliance*' || true; systemctl disable appliance "
               "appliance-exporter.socket 2>/dev/null || true", START_TIMEOUT_S)
    stage.must([APPLIANCE, "tune", "undo"], START_TIMEOUT_S, (0, 1))
    before, moving = untuned(stage)
    now = snapshot(stage)
    # Cards were given away and came back, or moved to the exchange: their names are others.
    new = {name for name in before.keys() | now.keys()
           if NEW_EACH_TIME.search(name) or name not in before or name not in now}
    left = differences(before, now, moving | new)
    stage.note("what differs:\n" + "\n".join(left))
    stage.check(not left, f"after undo {len(before.keys() - moving - new):,} values are what they "
                f"were before the first tuning; {len(left)} differ: "
                f"{'; '.join(left[:3]) or 'none'}")
    stage.must(f"rm -r {OURS}/appliance*.service.d; systemctl daemon-reload")
    stage.must([APPLIANCE, "uninstall", "--dry-run"])
    made = {name for name in files(stage) if name.startswith(RECORDINGS)}
    stage.must([APPLIANCE, "uninstall"])
    remain = files(stage) - stage.context.memory["files"] - {FIGURES}
    recorded = {name for name in remain if name.startswith(RECORDINGS)}
    # Run by itself, nothing has traded before, and there is none.
    stage.check(recorded == made, f"{len(recorded)} of {len(made)} recordings are kept")
    stage.check(remain == recorded, f"nothing else of the installation is left "
                                    f"({', '.join(sorted(remain - recorded)[:5]) or 'nothing'})")
