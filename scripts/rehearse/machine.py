"""One virtual machine: qemu, its serial log, and the line on which it is told what to do.

The invariant: whoever made a machine ends it, by its process id, however the rehearsal ends; qemu
also ends itself with us. Nothing waits without a limit. The disk is written to a copy that is gone
with the process, and survives resets of the machine.
"""

from __future__ import annotations

import base64
import ctypes
import json
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from image import Image

CORES = 4
ENGINE_CORE = 3  # isolated; 0 keeps house, 2 has the exchange
VENUE_CORE = 2
MEMORY_MIB = 2048
BOOT_HUGE_PAGES = 64  # of 2 MiB
NVME_MIB = 64
BOOT_TIMEOUT_S = 300.0
COMMAND_TIMEOUT_S = 240.0
GRACE_S = 30.0  # what an answer may take beyond the command's own time
KERNEL_LINE = (
    f"root=/dev/vda rw console=ttyS0 isolcpus={ENGINE_CORE} nohz_full={ENGINE_CORE} "
    f"rcu_nocbs={ENGINE_CORE} hugepages={BOOT_HUGE_PAGES} intel_iommu=on iommu=pt panic=-1 "
    f"systemd.show_status=false"
)
PR_SET_PDEATHSIG = 1  # linux/prctl.h

# The three wires, each with the appliance's card and the exchange's: (wire, the appliance's kind
# of card, slot of the appliance's card, slot of the exchange's). The slots make the names.
WIRES = (
    ("feed-a", "e1000e", 0x10, 0x18),
    ("feed-b", "virtio-net-pci,disable-legacy=on,iommu_platform=on", 0x11, 0x19),
    ("orders", "e1000e", 0x12, 0x1A),
)


class MachineError(Exception):
    """The machine did not do what every machine must: boot, answer, stay alive."""


@dataclass(frozen=True)
class Done:
    """A command that has run in the machine."""

    command: str
    status: int
    stdout: str
    stderr: str
    seconds: float
    timed_out: bool

    @property
    def said(self) -> str:
        """Its last words, for a sentence about why it failed."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return " | ".join(lines[-3:]) if lines else "it said nothing"


def address(slot: int) -> str:
    """The PCI address of a slot of ours."""
    return f"0000:00:{slot:02x}.0"


def mac(slot: int) -> str:
    return f"52:54:00:74:70:{slot:02x}"


def nic_words() -> list[str]:
    words: list[str] = []
    for index, (wire, kind, ours, theirs) in enumerate(WIRES):
        for side, card, slot in (("a", kind, ours), ("x", "virtio-net-pci", theirs)):
            end = f"{wire}-{side}"
            words += ["-netdev", f"hubport,id={end},hubid={index}"]
            words += ["-device", f"{card},netdev={end},mac={mac(slot)},addr={slot:#x}"]
    return words


def qemu_words(image: Image, folder: Path, sockets: Path, accel: str) -> list[str]:
    """The whole command."""
    nvme = folder / "nvme.raw"
    return [
        "qemu-system-x86_64", "-name", "tickpath-rehearsal", "-nodefaults", "-no-user-config",
        "-display", "none", "-machine", "q35,kernel-irqchip=split", "-accel", accel, "-cpu", "max",
        "-smp", str(CORES), "-m", str(MEMORY_MIB), "-device", "intel-iommu,intremap=on",
        "-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", KERNEL_LINE,
        "-serial", f"file:{folder / 'console.log'}",
        "-drive", f"if=none,id=root,format=raw,snapshot=on,file={image.disk}",
        "-device", "virtio-blk-pci,drive=root",
        "-drive", f"if=none,id=nvme,format=raw,file={nvme}",
        "-device", "nvme,drive=nvme,serial=rehearsal",
        "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=agent,path={sockets / 'agent'},server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=tickpath.rehearsal",
        "-qmp", f"unix:{sockets / 'qmp'},server=on,wait=off",
        *nic_words(),
    ]  # fmt: skip


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _connect(path: Path, process: subprocess.Popen[bytes]) -> socket.socket:
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and process.poll() is None:
        end = socket.socket(socket.AF_UNIX)
        try:
            end.connect(str(path))
            return end
        except OSError:
            end.close()
            time.sleep(0.05)
    raise MachineError("qemu did not open its sockets")


@dataclass
class Machine:
    """A machine from power-on to power-off; a context manager."""

    image: Image
    folder: Path
    accel: str = "tcg,thread=multi"
    boots: list[str] = field(default_factory=list)
    kernel: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _agent: socket.socket | None = None
    _buffer: bytes = b""
    _number: int = 0

    def __enter__(self) -> Machine:
        (self.folder / "nvme.raw").write_bytes(b"")
        with (self.folder / "nvme.raw").open("r+b") as disk:
            disk.truncate(NVME_MIB << 20)
        # A socket's path has 107 characters, which our folder may exceed.
        self._sockets = tempfile.TemporaryDirectory(prefix="tickpath-rehearsal-")
        self._log = (self.folder / "qemu.log").open("wb")
        try:
            sockets = Path(self._sockets.name)
            self._process = subprocess.Popen(
                ["nice", *qemu_words(self.image, self.folder, sockets, self.accel)],
                stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                start_new_session=True, preexec_fn=_die_with_parent,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(self.folder)},
            )
            self._agent = _connect(sockets / "agent", self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        """The end, at once: there is nothing on its disk that anybody needs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(GRACE_S)
        if self._agent is not None:
            self._agent.close()
        self._log.close()
        self._sockets.cleanup()
        (self.folder / "nvme.raw").unlink(missing_ok=True)

    # ---- the line ----------------------------------------------------------------------------

    def _line(self, deadline: float, what: str) -> dict[str, Any]:
        assert self._agent is not None and self._process is not None
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise MachineError(f"{what} was not done in time; see {self.folder}/console.log")
            self._agent.settimeout(min(left, 1.0))
            try:
                data = self._agent.recv(1 << 20)
            except TimeoutError:
                data = b""
                if self._process.poll() is None:
                    continue
            if not data:
                raise MachineError(f"qemu ended while {what} ran; see {self.folder}/qemu.log")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            row = json.loads(line)
        except ValueError:
            return {}  # what a boot was cut off in
        return row if isinstance(row, dict) else {}

    def await_boot(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Until a boot that we have not seen yet greets us."""
        deadline = time.monotonic() + timeout_s
        while True:
            row = self._line(deadline, "the boot")
            if row.get("hello") and row["hello"] not in self.boots:
                self.boots.append(row["hello"])
                self.kernel = row["kernel"]
                return

    def _ask(self, limit_s: float, what: str, **request: Any) -> dict[str, Any]:
        assert self._agent is not None
        self._number += 1
        deadline = time.monotonic() + limit_s + GRACE_S
        self._agent.settimeout(limit_s + GRACE_S)
        self._agent.sendall(json.dumps({"id": self._number, **request}).encode() + b"\n")
        while (row := self._line(deadline, what)).get("id") != self._number:
            if row.get("hello"):
                raise MachineError(f"the machine booted by itself while {what} ran")
        if "error" in row:
            raise MachineError(f"{what}: {row['error']}")
        return row

    def run(self, command: str | Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S,
            user: str = "") -> Done:
        """A command of the machine's shell, or words; never raises for its status."""
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        shown = command if isinstance(command, str) else shlex.join(command)
        request = {"op": "run", "argv": argv, "timeout_s": timeout_s}
        row = self._ask(timeout_s, f"`{shown}`", **request, **({"user": user} if user else {}))
        return Done(shown, row["status"], row["stdout"], row["stderr"], row["seconds"],
                    row["timed_out"])

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self._ask(COMMAND_TIMEOUT_S, f"writing {path}", op="put", path=path, mode=mode,
                  data=base64.b64encode(raw).decode())

    def get(self, path: str) -> bytes:
        row = self._ask(COMMAND_TIMEOUT_S, f"reading {path}", op="get", path=path)
        return base64.b64decode(row["data"])
