"""The contract's rows of DPDK's devices once more, in huge pages: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dpdk_cases import HUGE_PAGES, missing
from huge_pages import huge_pages

CONTRACT = Path(__file__).parent / "test_contract.py"
PAGES = 72  # the 128 MiB that DPDK takes by default, and some


def test_the_contract_in_huge_pages() -> None:
    if reason := missing():
        pytest.skip(reason)
    if os.environ.get(HUGE_PAGES):
        pytest.skip("this is that process")
    with huge_pages(PAGES) as why_not:
        if why_not:
            pytest.skip(why_not)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-k", "dpdk", "-p", "no:cacheprovider",
             str(CONTRACT)],
            env=os.environ | {HUGE_PAGES: "1"}, capture_output=True, text=True, timeout=200,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert " passed" in done.stdout
