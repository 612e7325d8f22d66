"""Instructions a message, where clocks are too noisy to hold a small loss.

    python -m bench.instructions             counts, beside what was recorded
    python -m bench.instructions --record    writes the counts to instructions.json

valgrind runs a small seeded day and counts what the inner function executes, and all that it calls.
The count hangs on the compiler and the processor's kind, so it is recorded for each: another
compiler's first digit or another architecture has no record until it is made there.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.settings import ROOT, Settings

RECORD = Path(__file__).resolve().with_suffix(".json")
MESSAGES, SYMBOLS = 30_000, 50
ALLOWED_SHARE = 0.05
CHILD_S = 280.0


class CountError(Exception):
    """It cannot be counted here; one sentence with the remedy."""


def _replayed(strategy: str, day: Path) -> int:
    from appliance.config import from_text
    from appliance.files import file_engine, replay

    config = from_text(f'[strategy]\nname = "{strategy}"\n', "instructions")
    with file_engine(config) as (engine, state):
        messages: int = replay(day, engine, state).report()["messages"]
    return messages


def _book(day: Path) -> int:
    return _replayed("none", day)


def _loop(day: Path) -> int:
    """The step with everything on: strategy, risk, orders, an obliging venue's answers."""
    return _replayed("quote", day)


def _decode(day: Path) -> int:
    from bench import kernels_decode
    from bench.decode import frames_of

    return kernels_decode.decode(frames_of(day))[0]


@dataclass(frozen=True)
class Case:
    """What runs, and the function whose instructions count; valgrind's wildcards."""

    run: Callable[[Path], int]
    function: str
    module: str  # whose compiler is the one that matters


CASES = {
    "book": Case(_book, "__pyx_pw_*ItchReplay*run", "appliance.replay"),
    "decode": Case(_decode, "__pyx_pw_*kernels_decode_*decode", "bench.kernels_decode"),
    "loop": Case(_loop, "__pyx_pw_*ItchReplay*run", "appliance.replay"),
}


def kind(name: str) -> str:
    """The key of a record: architecture and what compiled the case's module."""
    stem = CASES[name].module.replace(".", "/")
    built = sorted(ROOT.glob(f"{stem}.cpython-3{sys.version_info[1]}-*.so"))
    if not built:
        raise CountError(f"{stem} is not built; run python setup.py build_ext --inplace")
    said = re.search(rb"(GCC|clang)[^\0]*? (\d+)\.\d+", built[0].read_bytes())
    compiler = f"{said[1].decode().lower()} {int(said[2])}" if said else "an unknown compiler"
    return f"{platform.machine()}, {compiler}"


def count(name: str) -> float:
    """Instructions a message, by valgrind."""
    if shutil.which("valgrind") is None:
        raise CountError("valgrind is not installed; Debian: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="tickpath-") as folder:
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "-q",
                   f"--toggle-collect={CASES[name].function}", f"--callgrind-out-file={out}",
                   sys.executable, "-m", "bench.instructions", "--child", name, folder]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                                  timeout=CHILD_S, env=os.environ | {"PYTHONHASHSEED": "0"})
        except subprocess.TimeoutExpired:
            raise CountError(f"{name} under valgrind took over {CHILD_S:.0f} s") from None
        if done.returncode or not out.exists():
            raise CountError(f"{name} under valgrind went wrong: {done.stderr[-500:].strip()}")
        total = re.search(r"^totals: (\d+)", out.read_text(), re.M)
    if total is None or not int(total[1]):
        raise CountError(f"{name}: valgrind met no function {CASES[name].function}")
    return int(total[1]) / int(done.stdout)


def recorded() -> dict[str, dict[str, float]]:
    known: dict[str, dict[str, float]] = json.loads(RECORD.read_text())
    return known


def _child(name: str, folder: str) -> None:
    from bench.workload import day_file

    print(CASES[name].run(day_file(Settings(MESSAGES, SYMBOLS, Path(folder)))))


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--child"]:
        _child(*arguments[1:])
        return 0
    if arguments not in ([], ["--record"]):
        print("python -m bench.instructions [--record]", file=sys.stderr)
        return 2
    record = recorded()
    try:
        for name in CASES:
            known, now = record.setdefault(kind(name), {}), count(name)
            print(f"{name}: {now:.1f} instructions a message on {kind(name)}; "
                  f"recorded: {known.get(name, 'nothing')}")
            known[name] = round(now, 1)
    except CountError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if arguments:
        RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
