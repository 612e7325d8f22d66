"""Bursts: some frames that are yours, and views of their bytes that cannot outlive them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from errno import EBUSY, ECHILD, EMFILE, ENOENT, ERANGE
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from dpdk_bindings._dpdk import ffi, lib
from dpdk_bindings.dpdk.failures import refuse

_HELD = ffi.typeof("struct dpdk_held *")

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]


class Burst(Sequence[memoryview]):
    """A sequence of frames, each a writable memoryview of its bytes, Ethernet header first.

    ``burst[i]`` and iteration give views, :meth:`array` the same as numpy. A frame goes back to its
    pool when the burst has let go of it *and* the last view of it is gone, be it a slice of a slice
    or an array: a view never shows another frame. :meth:`release` lets go at once; so does leaving
    a ``with`` block, and the burst's own end.

    Whoever only counts or forwards needs no views: :attr:`lengths`, :meth:`read` and :meth:`write`
    go over the whole burst at once.

    A burst may be handed from thread to thread. In a forked child it is empty.
    """

    __slots__ = ("__weakref__", "_burst")

    def __init__(self) -> None:
        """An empty burst; others come from ``Port.receive``, ``Port.allocate``, ``Mempool``."""
        self._burst: Any = None

    @classmethod
    def _own(cls, burst: Any) -> Burst:
        """Takes over a ``struct dpdk_burst``."""
        made = cls()
        made._burst = ffi.gc(burst, lib.dpdk_burst_free)
        return made

    def __enter__(self) -> Burst:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<Burst of {len(self)} frames>"

    def __len__(self) -> int:
        return 0 if self._burst is None else int(lib.dpdk_burst_count(self._burst))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _index(self, index: int) -> int:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"frame {index} of a burst of {count}")
        return index % count

    def __getitem__(self, index: int) -> memoryview:  # type: ignore[override]
        """The bytes of frame ``index`` (negative: from the end); IndexError."""
        return self._view(self._index(index))

    def __iter__(self) -> Iterator[memoryview]:
        for index in range(len(self)):
            yield self._view(index)

    def _view(self, index: int) -> memoryview:
        held = ffi.new(_HELD)
        number = lib.dpdk_frame_hold(self._burst, index, held)
        if number == 0:
            # What CFFI's buffer is made from lives as long as the buffer; its end drops the frame.
            data = ffi.gc(held.data, partial(lib.dpdk_frame_drop, held.mbuf))
            return memoryview(ffi.buffer(data, held.length))
        if number == -ENOENT:  # another thread took it
            raise IndexError(f"frame {index} is gone from the burst")
        if number == -EMFILE:
            raise BufferError("a frame can have 65,000 views at a time")
        refuse(number, "look at a frame", "look in the process that received it")

    def array(self, index: int) -> npt.NDArray[np.uint8]:
        """Frame ``index`` as a numpy array of shape (bytes,), writable; a view as any other."""
        return np.frombuffer(self[index], np.uint8)

    @property
    def lengths(self) -> npt.NDArray[np.uint32]:
        """Bytes of each frame, without the check sequence: shape (frames,), a copy."""
        lengths = np.zeros(len(self), np.uint32)
        if len(lengths):
            at = ffi.from_buffer("uint32_t[]", lengths)
            lib.dpdk_burst_lengths(self._burst, at, len(lengths))
        return lengths

    @property
    def timestamps_ns(self) -> npt.NDArray[np.uint64]:
        """When each was received by the device's clock, ns of Unix time: shape (frames,), a copy.

        0 unless the port was opened with ``hardware_timestamps`` and its device gives them.
        """
        timestamps = np.zeros(len(self), np.uint64)
        if len(timestamps):
            at = ffi.from_buffer("uint64_t[]", timestamps)
            lib.dpdk_burst_timestamps(self._burst, at, len(timestamps))
        return timestamps

    def read(self, offset: int, width: int) -> npt.NDArray[np.uint8]:
        """Bytes ``offset`` to ``offset + width`` of every frame: shape (frames, width), a copy.

        Bytes that a frame does not have are 0. Ethertypes: ``burst.read(12, 2)``.
        """
        if offset < 0 or width < 1:
            raise ValueError(f"no bytes are at offset {offset} in a width of {width}")
        rows = np.zeros((len(self), width), np.uint8)
        if len(rows):
            at = ffi.from_buffer("uint8_t[]", rows)
            lib.dpdk_burst_read(self._burst, min(offset, 1 << 16), width, at, len(rows))
        return rows

    def write(self, offset: int, data: Buffer) -> None:
        """Writes the same bytes at ``offset`` of every frame, as for new Ethernet addresses.

        ValueError, and nothing is written, when one of the frames ends before.
        """
        if offset < 0:
            raise ValueError(f"no bytes are at offset {offset}")
        if not self._burst:
            return
        with ffi.from_buffer("uint8_t[]", data) as bytes_:
            number = lib.dpdk_burst_write(self._burst, min(offset, 1 << 16), bytes_, len(bytes_))
        if number == -ERANGE:
            raise ValueError(f"a frame is shorter than {offset + len(data)} bytes")
        if number < 0:
            refuse(number, "write to a burst", "write in the process that received it")

    def _changed(self, number: int, index: int, length: int) -> None:
        if number == -EBUSY:
            raise BufferError(f"frame {index} has views out; its length cannot change under them")
        if number == -ERANGE:
            raise ValueError(f"frame {index} has no room for {length} bytes")
        if number == -ENOENT:
            raise IndexError(f"frame {index} is gone from the burst")
        if number < 0:
            refuse(number, "change a frame", "change it in the process that has it")

    def resize(self, index: int, length: int) -> None:
        """Sets the bytes of frame ``index``; what is new is undefined.

        BufferError while a view of it is out; ValueError when its memory has no such room.
        """
        at = self._index(index)
        if not 0 <= length <= 0xFFFF:
            raise ValueError(f"a frame is 0 to 65,535 bytes long, not {length}")
        self._changed(lib.dpdk_frame_resize(self._burst, at, length), index, length)

    def fill(self, index: int, data: Buffer) -> None:
        """Makes frame ``index`` a copy of ``data``, of its length. Errors as of :meth:`resize`."""
        at = self._index(index)
        with ffi.from_buffer("uint8_t[]", data) as bytes_:
            number = lib.dpdk_frame_fill(self._burst, at, bytes_, len(bytes_))
        self._changed(number, index, len(data))

    def take(self, chosen: npt.ArrayLike) -> Burst:
        """Moves some frames to a burst of their own, in their order, and returns that.

        ``chosen``: a mask of shape (frames,), or indices; IndexError. What is left closes ranks.
        """
        count, wanted = len(self), np.asarray(chosen)
        if wanted.dtype == np.bool_ and wanted.shape != (count,):
            raise IndexError(f"a mask of shape {wanted.shape} for a burst of {count} frames")
        # Sorted, and each once; negative ones from the end.
        which = np.unique(np.arange(count, dtype=np.uint32)[wanted]) if wanted.size else wanted
        if not which.size:
            return Burst()
        taken = ffi.new("struct dpdk_burst **")
        at = ffi.from_buffer("uint32_t[]", which)
        number = lib.dpdk_burst_take(self._burst, at, len(which), taken)
        if number < 0:
            refuse(number, "take frames from a burst", "free some memory")
        return Burst._own(taken[0])

    def release(self) -> None:
        """Lets go of every frame; those with views out live on until these are gone."""
        if self._burst is not None:
            lib.dpdk_burst_release(self._burst)


def lent(number: int, burst: Any, length: int, where: str) -> Burst:
    """The burst that a pool lent, or its refusal as an exception."""
    if number == -ERANGE:
        raise ValueError(f"a frame of {where} has no room for {length} bytes")
    if number < 0:
        refuse(number, f"allocate frames of {where}",
               "open it again" if number != -ECHILD else "allocate in its own process")
    return Burst._own(burst[0])
