"""What can go wrong outside the loop: one sentence why, one sentence what mends it."""

from __future__ import annotations

from typing import Any

from dpdk_bindings._core import ffi


class PioError(OSError):
    """A queue, segment or clock could not be had.

    ``why`` and ``remedy`` are one sentence each; ``str()`` joins them for a command line.
    ``errno`` is the system's number for it.
    """

    def __init__(self, number: int, why: str, remedy: str) -> None:
        super().__init__(number, why)
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.why}; {self.remedy}"


def text(buffer: Any) -> str:
    """A NUL-terminated C string, or an array of char, as ``str``."""
    return bytes(ffi.string(buffer)).decode("utf-8", "replace")


def check(number: int, error: Any) -> None:
    """Raises :class:`PioError` from a filled ``struct pio_error`` unless ``number`` is 0."""
    if number:
        raise PioError(number, text(error.why), text(error.remedy))
