"""The instructions a message of book, decode and loop stay what they were."""

from __future__ import annotations

import shutil

import pytest

from bench.instructions import ALLOWED_SHARE, CASES, count, kind, recorded


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no valgrind")
@pytest.mark.parametrize("name", CASES)
def test_instructions_a_message_are_the_recorded_ones(name: str) -> None:
    was = recorded().get(kind(name), {}).get(name)
    if was is None:
        pytest.skip(f"nothing is recorded for {kind(name)}: python -m bench.instructions --record")
    now = count(name)
    assert abs(now - was) <= ALLOWED_SHARE * was, (
        f"{name}: {now:.1f} instructions a message, recorded {was}; if that is meant, run "
        f"python -m bench.instructions --record")
