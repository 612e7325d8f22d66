"""Named shared memory whose claims die with their holders (csrc/tp_segment.h)."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import Any

from dpdk_bindings._core import ffi, lib
from dpdk_bindings.errors import PioError, check


def _close(segment: Any, pid: int) -> None:
    """Closes a segment in the process that opened it; a fork's copy is not the fork's to close."""
    if os.getpid() == pid:
        lib.tp_segment_close(segment)


class Segment:
    """A piece of shared memory under a name.

    ``Segment.create`` makes (or takes over) NAME and claims role 0: raises PioError with EBUSY
    while another process holds it. ``Segment.attach`` joins an existing one for writing,
    ``Segment.view`` maps it read-only. The last holder of a claim removes the name when it closes.
    The memory goes with the object: keep it alive beside addresses and views of it.
    """

    def __init__(self, name: str, segment: Any, writable: bool) -> None:
        self.name = name
        self._segment = segment
        self._writable = writable
        self._closer = weakref.finalize(self, _close, segment, os.getpid())

    @classmethod
    def create(cls, name: str, size_bytes: int) -> Segment:
        segment, error = ffi.new("struct tp_segment *"), ffi.new("struct pio_error *")
        check(lib.tp_segment_open(segment, name.encode(), size_bytes, error), error)
        busy = lib.tp_segment_claim(segment, 0)
        if busy:
            lib.tp_segment_close(segment)
            raise PioError(
                busy,
                f"shared-memory segment '{name}' is in use by another process",
                "stop that process, or choose another name",
            )
        ffi.memmove(segment.base, bytes(segment.bytes), segment.bytes)
        lib.tp_segment_ready(segment)
        return cls(name, segment, writable=True)

    @classmethod
    def attach(cls, name: str) -> Segment:
        segment, error = ffi.new("struct tp_segment *"), ffi.new("struct pio_error *")
        check(lib.tp_segment_open(segment, name.encode(), 0, error), error)
        lib.tp_segment_ready(segment)
        return cls(name, segment, writable=True)

    @classmethod
    def view(cls, name: str) -> Segment:
        segment, error = ffi.new("struct tp_segment *"), ffi.new("struct pio_error *")
        check(lib.tp_segment_view(segment, name.encode(), error), error)
        return cls(name, segment, writable=False)

    def __enter__(self) -> Segment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._segment.bytes)

    @property
    def address(self) -> int:
        return int(ffi.cast("uintptr_t", self._segment.base))

    @property
    def owned(self) -> bool:
        """Does a living process hold the owner's claim (role 0)? Not known through a view."""
        if not self._writable:
            return False
        ours = self._segment.claims & 1
        return bool(ours or lib.tp_segment_claimed(self._segment, 0))

    def hold(self, claim: int) -> bool:
        """Takes a claim of its own (1 to 7), which keeps the name alive; False when it is taken."""
        return not lib.tp_segment_claim(self._segment, claim)

    def claimed(self, claim: int) -> bool:
        """Does a living process other than us hold this claim? Not known through a view."""
        return self._writable and bool(lib.tp_segment_claimed(self._segment, claim))

    def buffer(self) -> memoryview:
        """The memory itself; do not use it after :meth:`close`."""
        view = memoryview(ffi.buffer(self._segment.base, self._segment.bytes))
        return view if self._writable else view.toreadonly()

    def close(self) -> None:
        self._closer()
        self._segment = None

    def leave(self) -> None:
        """Lets it be as it is: the name stays, and with it what a dead owner left to look at."""
        self._closer.detach()
