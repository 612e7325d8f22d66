"""The fixed-size object pool (csrc/tp_pool.h) from Python."""

from __future__ import annotations

from dpdk_bindings._core import ffi, lib


class Pool:
    """``count_max`` objects of ``object_bytes``, handed out by index, last given back first."""

    def __init__(self, object_bytes: int, count_max: int) -> None:
        if object_bytes < 4 or count_max < 1:
            raise ValueError("a pool needs objects of 4 bytes or more, and at least one")
        self._memory = ffi.new("uint8_t[]", object_bytes * count_max)
        self._pool = ffi.new("struct tp_pool *")
        lib.tp_pool_init(self._pool, self._memory, object_bytes, count_max)

    @property
    def used_count(self) -> int:
        return int(self._pool.used_count)

    @property
    def used_count_max(self) -> int:
        return int(self._pool.used_count_max)

    def take(self) -> int | None:
        """An object's index, or None when all are out."""
        index = int(lib.tp_pool_take(self._pool))
        return None if index == lib.TP_POOL_NONE else index

    def give(self, index: int) -> None:
        lib.tp_pool_give(self._pool, index)

    def view(self, index: int) -> memoryview:
        """The object's bytes, until it is given back."""
        at = lib.tp_pool_at(self._pool, index)
        return memoryview(ffi.buffer(at, self._pool.object_bytes))
