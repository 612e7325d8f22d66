"""C programs over the DPDK backend, built once a session: the poller, and the sanitized driver."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dpdk_bindings/csrc"
EAL = (
    "-l", "0", "--no-huge", "-m", "64", "--no-shconf", "--no-telemetry", "-a", "ffff:ff:1f.7",
    "--log-level=warning", "--file-prefix=tickpath-poller",
)  # fmt: skip


def unbuildable() -> str:
    """Why these programs cannot be built here, or ""."""
    if not shutil.which("gcc"):
        return "there is no gcc to build the drivers with"
    if not shutil.which("pkg-config") or subprocess.run(["pkg-config", "libdpdk"]).returncode:
        return "this machine has no libdpdk (Debian: apt-get install libdpdk-dev)"
    return ""


def build(path: Path, programs: list[str], flags: list[str]) -> Path:
    """Links the programs' sources with all of csrc's backends into ``path``."""

    def package(word: str) -> list[str]:
        return subprocess.check_output(["pkg-config", word, "libdpdk"], text=True).split()

    ours = [*CSRC.glob("dpdk_*.c"), *CSRC.glob("pio_*.c"), *CSRC.glob("net_host*.c")]
    sources = [*(HERE / name for name in programs), *ours, CSRC / "tp_segment.c"]
    command = ["gcc", *package("--cflags"), "-std=gnu11", "-g", *flags, f"-I{CSRC}", f"-I{HERE}"]
    subprocess.run(
        [*command, *map(str, sources), "-o", str(path), *package("--libs"), "-lpthread"],
        check=True,
    )
    return path
