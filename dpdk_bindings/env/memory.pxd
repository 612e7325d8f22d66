# csrc/tp_memory.h for Cython.
cdef extern from "tp_memory.h" nogil:
    void *tp_memory_map(size_t size_bytes, bint populate) noexcept
    void tp_memory_unmap(void *base, size_t size_bytes) noexcept
