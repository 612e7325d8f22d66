"""End-to-end tests leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


def leftovers() -> set[str]:
    ours = str(os.getpid())
    return {n for n in os.listdir("/dev/shm") if n.startswith("tickpath.") and ours in n}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Whatever a test starts, it leaves no segment behind."""
    before = leftovers()
    yield
    assert leftovers() <= before
