"""Our C is compiled with every warning an error, each header also alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIRECTORIES = [
    ROOT / name
    for name in ("dpdk_bindings/csrc", "itch_ouch/csrc", "feed_sim/exchange/csrc", "bench/csrc")
]
FILES = sorted(path for directory in DIRECTORIES for path in directory.glob("*.[ch]"))
WARNINGS = ["-Wall", "-Wextra", "-Werror"]


def dpdk_flags() -> list[str]:
    if not shutil.which("pkg-config") or subprocess.run(["pkg-config", "libdpdk"]).returncode:
        pytest.skip("this machine has no libdpdk")
    return subprocess.check_output(["pkg-config", "--cflags", "libdpdk"], text=True).split()


def test_there_is_c_to_compile() -> None:
    assert {"pio.h", "pio_memory.c", "wire.h"} <= {path.name for path in FILES}


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_compiles_without_a_warning(path: Path, tmp_path: Path) -> None:
    source = path
    if path.suffix == ".h":
        # As a main file a header gets warnings of its own; included, it must need nothing else.
        source = tmp_path / "alone.c"
        source.write_text(f'#include "{path.name}"\nint declared_so_that_it_is_not_empty;\n')
    includes = [f"-I{directory}" for directory in DIRECTORIES]
    if "dpdk" in path.name:
        includes += dpdk_flags()
    command = ["gcc", "-std=gnu11", "-O2", *WARNINGS, *includes, "-c", str(source)]
    run = subprocess.run([*command, "-o", "/dev/null"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
