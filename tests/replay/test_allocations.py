"""The loop allocates nothing and faults no page: counted by a preloaded allocator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def test_the_loop_allocates_nothing(tmp_path: Path) -> None:
    shim = tmp_path / "count_malloc.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(shim),
                    str(HERE / "count_malloc.c"), "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": f"{ROOT}:{HERE}",
                   "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, str(HERE / "count_allocations.py")], env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    _, few, many = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
    assert many[2] > few[2]
    # What is left is Python calling and returning: the same whatever the loop had to do.
    assert many[0] == few[0], f"{many[0] - few[0]} allocator calls in the loop"
    assert many[1] == 0 and few[1] == 0
