"""The machine's disk: a Debian with its own kernel, made once and found again by its recipe.

The invariant: a folder ``image-HASH`` is whole or is not there. It is made under another name and
renamed when it is finished, and HASH covers everything that went into it: the packages' names,
the files written, the wheels of the dependencies. The wheel under rehearsal is no part of it; it is
installed in the running machine, as a user would.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
DISK_MIB = 2048
BUILD_TIMEOUT_S = 900
END_TIMEOUT_S = 30.0
IMAGES_KEPT = 2

PACKAGES = (
    "linux-image-amd64", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "ethtool",
    "pciutils", "util-linux-extra", "irqbalance", "libcap2-bin", "python3", "python3-venv",
    # DPDK as a user of the wheel installs it: what our extension is linked with, and the drivers.
    "librte-eal23", "librte-ethdev23", "librte-net-e1000-23", "librte-net-virtio23",
    "librte-bus-pci23", "librte-bus-vdev23", "librte-mempool-ring23",
)  # fmt: skip
# Nobody reads or drives these in the machine; they are most of its bytes.
LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*",
    "/lib/modules/*/kernel/sound/*", "/lib/modules/*/kernel/drivers/gpu/*",
    "/lib/modules/*/kernel/drivers/media/*", "/lib/modules/*/kernel/drivers/infiniband/*",
    "/lib/modules/*/kernel/drivers/net/wireless/*", "/lib/modules/*/kernel/drivers/staging/*",
    "/lib/modules/*/kernel/drivers/scsi/*",
)  # fmt: skip
VENV = "/opt/tickpath"  # where the product is installed in the machine
USER = "trader"  # who is nobody special there
AGENT = "/usr/local/lib/rehearsal-agent.py"
AGENT_UNIT = f"""[Unit]
Description=Runs the rehearsal's commands
[Service]
ExecStart=/usr/bin/python3 {AGENT}
Restart=always
[Install]
WantedBy=multi-user.target
"""
# A small initial file system boots faster: the root disk is all that it must find.
EARLY_MODULES = "virtio_pci\nvirtio_blk\next4\n"
FILES = {
    "/etc/hostname": "rehearsal\n",
    "/etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 1\n",
    "/etc/systemd/system/rehearsal-agent.service": AGENT_UNIT,
    # Logging in on the serial line hangs up whoever writes there; the log of the kernel goes there.
    "/etc/systemd/journald.conf.d/rehearsal.conf": "[Journal]\nStorage=persistent\n",
}
FIRST_COMMANDS = (
    "systemctl mask serial-getty@ttyS0.service getty@tty1.service apt-daily.timer "
    "apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service",
    "systemctl enable rehearsal-agent.service",
    f"useradd --create-home {USER}",
    f"python3 -m venv {VENV}",
    # Byte code is written here, by a real processor, and not in the machine, by an emulated one.
    f"{VENV}/bin/pip install -q --no-index --no-deps /opt/wheels/*.whl",
    "rm -rf /opt/wheels",
)


class ImageError(Exception):
    """One sentence: what is missing and what mends it."""


@dataclass(frozen=True)
class Image:
    """A finished image: what qemu boots."""

    folder: Path
    made_now: bool

    @property
    def disk(self) -> Path:
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def recipe_of(agent: str, wheels: list[Path]) -> str:
    """Everything that makes one image differ from another, as JSON."""
    return json.dumps(
        {
            "suite": SUITE, "packages": PACKAGES, "left_out": LEFT_OUT, "files": FILES,
            "commands": FIRST_COMMANDS, "early_modules": EARLY_MODULES, "agent": agent,
            "wheels": sorted(wheel.name for wheel in wheels), "disk_mib": DISK_MIB,
        },
        indent=2, sort_keys=True,
    )  # fmt: skip


def bootstrap_command(tar: Path, agent: Path, wheels: Path, files: Path) -> list[str]:
    """mmdebstrap's, for everything that happens while the tree is still a folder."""
    words = ["mmdebstrap", "--variant=minbase", "--format=tar", "--quiet"]
    words += [f'--aptopt={option} "false"' for option in (
        "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Apt::Install-Recommends")]
    words += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    early = 'mkdir -p "$1/etc/initramfs-tools/conf.d"'
    early += ' && echo MODULES=list >"$1/etc/initramfs-tools/conf.d/rehearsal"'
    early += f' && printf "{EARLY_MODULES!r}" >"$1/etc/initramfs-tools/modules"'.replace("'", "")
    words += [f"--essential-hook={early}", f"--include={','.join(PACKAGES)}"]
    words += [f'--customize-hook=cp -r "{files}/." "$1/"']
    words += [f'--customize-hook=cp "{agent}" "$1{AGENT}"']
    words += [f'--customize-hook=cp -r "{wheels}" "$1/opt/wheels"']
    words += [f'--customize-hook=chroot "$1" sh -c "{command}"' for command in FIRST_COMMANDS]
    return [*words, SUITE, str(tar), MIRROR]


def _run(command: list[str], log: Path, what: str) -> None:
    # The tree's Python obeys the tree's settings, not ours.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["PATH"] = f"{environment.get('PATH', '')}:/usr/sbin:/sbin"  # mke2fs, for not root
    with log.open("ab") as out:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       env=environment, start_new_session=True)
        except FileNotFoundError:
            raise ImageError(f"{command[0]} is not installed; scripts/rehearse.sh installs it on "
                             f"Debian") from None
        try:
            status = process.wait(BUILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ImageError(f"{what} took longer than {BUILD_TIMEOUT_S} s; see {log}") from None
        finally:
            if process.poll() is None:  # its children, too: mmdebstrap's outlive it otherwise
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(END_TIMEOUT_S)
    if status:
        raise ImageError(f"{what} failed with status {status}; see {log}")


def _write_files(root: Path) -> None:
    for name, text in FILES.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _make(folder: Path, agent: Path, wheels: list[Path], log: Path) -> None:
    """Fills ``folder`` with disk, kernel and initial file system; no mount, and no root needed."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as temporary:
        work = Path(temporary)
        work.chmod(0o755)
        tar, tree, inputs = work / "root.tar", work / "tree", work / "wheels"
        inputs.mkdir()
        for wheel in wheels:
            shutil.copy2(wheel, inputs)
        _write_files(work / "files")
        _run(bootstrap_command(tar, agent, inputs, work / "files"), log, "making the Debian tree")
        with tarfile.open(tar) as archive:
            _extract_boot(archive, folder)
        tree.mkdir()
        # Owners and devices exist only for root: fakeroot stands in for it where that is missing.
        fill = f'tar -C "{tree}" -xf "{tar}" && rm "{tar}" && mke2fs -q -t ext4 -m 0 ' \
               f'-E lazy_itable_init=1,lazy_journal_init=1 -d "{tree}" ' \
               f'"{folder / "root.ext4"}" {DISK_MIB}M && rm -rf "{tree}"'
        shell = ["sh", "-c", fill]
        _run(shell if os.geteuid() == 0 else ["fakeroot", *shell], log, "making the disk")


def _extract_boot(archive: tarfile.TarFile, folder: Path) -> None:
    for member in archive:
        for start, name in (("./boot/vmlinuz-", "vmlinuz"), ("./boot/initrd.img-", "initrd.img")):
            if member.name.startswith(start) and (source := archive.extractfile(member)):
                with source, (folder / name).open("wb") as out:
                    shutil.copyfileobj(source, out)
    for name in ("vmlinuz", "initrd.img"):
        if not (folder / name).exists():
            raise ImageError(f"the Debian tree has no /boot/{name}-*; see the log beside it")


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One builder at a time: a second waits and then finds what the first has made."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prune(cache: Path, keep: Path) -> None:
    others = [path for path in cache.glob("image-*") if path != keep]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [*others[IMAGES_KEPT - 1:], *cache.glob("new-*")]:
        shutil.rmtree(path, ignore_errors=True)


def image_of(cache: Path, agent: Path, wheels: list[Path]) -> Image:
    """The image of this recipe: the one that is there, or one made now. Raises ImageError."""
    cache.mkdir(parents=True, exist_ok=True)
    recipe = recipe_of(agent.read_text(), wheels)
    folder = cache / f"image-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    with _alone(cache):
        if folder.is_dir():
            os.utime(folder)
            return Image(folder, made_now=False)
        _prune(cache, folder)
        new = Path(tempfile.mkdtemp(dir=cache, prefix="new-"))
        new.chmod(0o755)
        log = cache / "image.log"
        log.unlink(missing_ok=True)
        _make(new, agent, wheels, log)
        (new / "recipe.json").write_text(recipe)
        new.rename(folder)
    return Image(folder, made_now=True)
