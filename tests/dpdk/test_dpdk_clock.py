"""A device's clock as Unix time, with a made-up device (tests/dpdk/clock_driver.c)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dpdk_bindings/csrc"
# What two looks at the clock may lie apart on a busy machine, after the least of a hundred.
OFF_NS_MAX = 20_000


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (shutil.which("gcc") and shutil.which("pkg-config")):
        pytest.skip("there is no gcc, or no pkg-config, to build the driver with")
    flags = subprocess.run(["pkg-config", "--cflags", "libdpdk"], capture_output=True, text=True)
    if flags.returncode:
        pytest.skip("pkg-config finds no libdpdk")
    path = tmp_path_factory.mktemp("clock") / "driver"
    subprocess.run(
        ["gcc", *flags.stdout.split(), "-std=gnu11", "-O2", "-Wall", "-Wextra", f"-I{CSRC}",
         "-Wno-unused-parameter", str(HERE / "clock_driver.c"), str(CSRC / "dpdk_clock.c"),
         "-o", str(path)], check=True)
    return path


@pytest.mark.parametrize(("kind", "follows"), [("ticks", 1), ("unix", 0), ("none", 0)])
def test_stamps_are_unix_time(driver: Path, kind: str, follows: int) -> None:
    done = subprocess.run([driver, kind], check=True, capture_output=True, text=True)
    first_ns, later_ns, followed = map(int, done.stdout.split())
    assert first_ns <= OFF_NS_MAX and later_ns <= OFF_NS_MAX
    assert followed == follows
