"""Both rings between threads under the sanitizers: rings_stress.c checks every record."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dpdk_bindings/csrc"
RECORDS = {"thread": 100_000, "address,undefined": 500_000}


@pytest.mark.parametrize("sanitizer", list(RECORDS))
def test_records_between_threads(sanitizer: str, tmp_path: Path) -> None:
    flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc to build the driver with")
    probe = ["gcc", *flags, "-x", "c", "-", "-o", str(tmp_path / "probe")]
    if subprocess.run(probe, input=b"int main(void){return 0;}", capture_output=True).returncode:
        pytest.skip(f"gcc has no {sanitizer} sanitizer here (Debian: libgcc-12-dev has it)")
    driver = tmp_path / "stress"
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", *flags, "-pthread", f"-I{CSRC}",
                    str(HERE / "rings_stress.c"), "-o", str(driver)], check=True)
    done = subprocess.run([driver, str(RECORDS[sanitizer])], capture_output=True, text=True,
                          timeout=200)
    assert done.returncode == 0, done.stderr
    one, many = map(int, done.stdout.split())
    assert one == RECORDS[sanitizer] and many >= 4 * one
