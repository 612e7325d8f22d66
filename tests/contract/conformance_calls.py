"""System calls a burst, counted by strace, for the rows of the conformance suite that make any.

    python tests/contract/conformance_calls.py [--write] [ROW...]

A child sends and receives bursts of sixteen frames; a system call that nobody else makes marks
where each kind begins. ``--write`` puts the table into docs/backends.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "tests") not in sys.path:
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # where pytest finds them

PAGE = ROOT / "docs/backends.md"
BEGIN, END = "<!-- calls -->\n", "<!-- calls end -->\n"
WRITTEN = ("memory", "dpdk-memif", "dpdk-tap", "dpdk-tap-receives", "dpdk-af-packet",
           "dpdk-af-xdp", "afxdp-skb", "afxdp-copy", "afpacket-v2", "afpacket-v3", "udp")
BURSTS, FRAMES = 100, 16
PHASES = ("out", "in", "in, nothing there")
MARK = "getpgrp"


def missing() -> str:
    """Why nothing can be counted here, or ""."""
    return "" if shutil.which("strace") else "there is no strace (Debian: apt-get install strace)"


def child(name: str) -> None:
    """Sends and receives; every phase's calls are between two marks."""
    from conformance import ROWS
    from conformance_traffic import build
    from contract_cases import pairs
    from contract_driver import Hot

    case = next(row.case for row in ROWS if row.case.name == name)
    frames = [build(bytes(100))] * FRAMES
    with tempfile.TemporaryDirectory() as path:
        for pair in pairs(case, Path(path)):
            sender, receiver = Hot(pair.sender), Hot(pair.receiver)
            for phase in PHASES * BURSTS:
                while receiver.take():
                    pass
                sender.service()
                receiver.service()
                if phase == "in":
                    sender.send(frames)
                    sender.service()
                    pair.settle()
                os.getpgrp()
                if phase == "out":
                    sender.send(frames)
                else:
                    receiver.take()
                os.getpgrp()


def counted(name: str) -> list[Counter[str]]:
    """Of each phase, how often which call was made in all its bursts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "calls"
        command = ["strace", "-o", str(out), sys.executable, __file__, "--child", name]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=120)
        names = re.findall(r"^(\w+)\(", out.read_text(), re.M)
    # A signal's return and what the interpreter asks of memory are nobody's burst.
    marks = [i for i, called in enumerate(names) if called == MARK]
    assert len(marks) == 2 * BURSTS * len(PHASES)
    phases = [Counter[str]() for _ in PHASES]
    for i, (start, stop) in enumerate(zip(marks[::2], marks[1::2], strict=True)):
        phases[i % len(PHASES)].update(names[start + 1 : stop])
    for phase in phases:
        for noise in ("rt_sigreturn", "mmap", "munmap", "brk", "madvise"):
            phase.pop(noise, None)
    return phases


def line(name: str) -> str:
    cells = []
    for phase in counted(name):
        rows = (f"{n / BURSTS:.2g} `{call}`" for call, n in phase.most_common())
        cells.append(", ".join(rows) or "0")
    return f"| `{name}` | {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--child"]:
        child(arguments[1])
        return 0
    if reason := missing():
        print(f"conformance: {reason}", file=sys.stderr)
        return 1
    names = [name for name in arguments if name != "--write"] or list(WRITTEN)
    lines = [f"| Row | {' | '.join(PHASES)} |", "|---" * (len(PHASES) + 1) + "|"]
    lines += map(line, names)
    text = "\n".join(lines) + "\n"
    if "--write" in arguments:
        page = PAGE.read_text()
        before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(page[:before] + text + page[after:])
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
