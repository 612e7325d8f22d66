"""Ten million damaged datagrams through the sanitized engine; scripts/fuzz.sh runs more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "run.py"
COUNT = 10_000_000


@pytest.mark.timeout(900)  # the first build of the sanitized tree included
def test_nothing_breaks() -> None:
    command = [sys.executable, str(RUN), "--count", str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    print(done.stdout)
