"""Strategies: the holder of a callback and its state, and the registry of those built in."""

from libc.stdint cimport uintptr_t
from libc.string cimport memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap

assert sizeof(Event) == 64 and sizeof(Intent) == 32


cdef void _do_nothing(void *state, const Event *event, const View *view,
                      Intents *intents) noexcept nogil:
    pass


cdef class Strategy:
    """Holds a strategy's C function and its state. By itself it watches and never trades."""

    def __cinit__(self, *args, **kwargs):
        self.callback = _do_nothing
        self.state = NULL
        self.name = "none"

    def __dealloc__(self):
        tp_memory_unmap(self.state, self.state_bytes)

    cdef int allocate(self, size_t state_bytes) except -1:
        self.state = tp_memory_map(state_bytes, True)
        if self.state == NULL:
            raise MemoryError(f"no memory for the state of strategy {self.name}")
        self.state_bytes = state_bytes
        return 0

    def reset(self):
        """Forgets everything: as on the first message of the day."""
        if self.state:
            memset(self.state, 0, self.state_bytes)

    @staticmethod
    def from_pointer(callback: int, state_bytes: int, name: str = "custom", keep=None):
        """A strategy from the address of a C function of type strategy_fn (csrc: strategy.pxd).

        ``state_bytes`` of zeroed memory are its state; ``keep`` is held as long as the strategy,
        for a compiled function that must not be collected.
        """
        cdef Strategy strategy = Strategy()
        strategy.name = name
        strategy.allocate(max(state_bytes, 8))
        strategy.callback = <strategy_fn><uintptr_t>callback
        strategy.keep = keep
        return strategy
