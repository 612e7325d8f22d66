"""Huge pages for as long as the demo runs: set aside, and exactly as many given back."""

from __future__ import annotations

import contextlib
import fcntl
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

# Node 0's: that is where DPDK looks for them when it is told one size.
FOLDER = Path("/sys/devices/system/node/node0/hugepages/hugepages-2048kB")
PAGE_MIB = 2
# Signals whose default ends a process where it stands; Ctrl-C raises by itself.
ENDING = (signal.SIGTERM, signal.SIGHUP)
HELD_BACK = {*ENDING, signal.SIGINT}


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _change(pages: int) -> None:
    """So many more or fewer; whoever else changes the number this way waits. Raises OSError."""
    number = FOLDER / "nr_hugepages"
    with number.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = int(number.read_text())
        number.write_text(str(max(before + pages, 0)))
        missing = before + pages - int(number.read_text())
        if pages > 0 and missing > 0:
            number.write_text(str(before))
            raise OSError(f"the kernel finds only {pages - missing} of {pages} more huge pages; "
                          "memory is in pieces or scarce")


def _take(mib: int) -> tuple[int, str]:
    """How many pages were set aside, and why not; "": they are there.

    All that are needed, though some be free: those are somebody else's, unless there is no other
    way.
    """
    pages = -(-mib // PAGE_MIB)
    try:
        _change(pages)
        return pages, ""
    except PermissionError:
        why = (f"{mib} MiB are not free in huge pages, and setting them aside is root's: run the "
               "demo as root")
    except FileNotFoundError:
        return 0, "this kernel has no huge pages of 2 MiB"
    except OSError as error:
        why = error.strerror or str(error)
    free = int((FOLDER / "free_hugepages").read_text())
    return 0, "" if free >= pages else why


@contextlib.contextmanager
def huge_pages(mib: int) -> Iterator[str]:
    """Yields "" while so many MiB are free in huge pages, or why they are not.

    What was set aside is given back at the end, at a failure, at Ctrl-C, SIGTERM and SIGHUP.
    """
    former = {number: signal.signal(number, _end) for number in ENDING}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    pages, why = _take(mib)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield why
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        if pages:
            with contextlib.suppress(OSError):
                _change(-pages)
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

