"""Ctrl-C and SIGTERM for loops that never return to Python (csrc/tp_stop.h)."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from dpdk_bindings._core import ffi, lib


class StopWord:
    """While entered, SIGINT and SIGTERM set a 32-bit word that a loop polls.

    The word lies at ``address``, or is its own when none is given. One at a time in a process.
    """

    def __init__(self, address: int | None = None) -> None:
        self._own = ffi.new("uint32_t *") if address is None else None
        self._word: Any = self._own if address is None else ffi.cast("uint32_t *", address)

    @property
    def address(self) -> int:
        return int(ffi.cast("uintptr_t", self._word))

    @property
    def value(self) -> int:
        """The signal's number, or 0."""
        return int(self._word[0])

    def set(self, value: int) -> None:
        self._word[0] = value

    def __enter__(self) -> StopWord:
        if lib.tp_stop_install(self._word):
            raise RuntimeError("another stop word is already installed in this process")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        lib.tp_stop_remove()
