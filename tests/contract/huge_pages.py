"""Huge pages of 2 MiB for a test, set aside and given back: as many as were taken, no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

NUMBER = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
FREE = NUMBER.parent / "free_hugepages"


def number() -> int:
    return int(NUMBER.read_text())


def free() -> int:
    return int(FREE.read_text())


@contextlib.contextmanager
def huge_pages(count: int) -> Iterator[str]:
    """Gives why there are none, or "" while ``count`` more are free than before."""
    try:
        before = number()
        NUMBER.write_text(str(before + count))
    except OSError as error:
        yield f"setting huge pages aside needs root: {error}"
        return
    taken = number() - before
    try:
        yield "" if taken >= count else f"the kernel found {taken} of {count} huge pages"
    finally:
        NUMBER.write_text(str(max(number() - taken, 0)))
