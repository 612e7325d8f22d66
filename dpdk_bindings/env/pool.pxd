# csrc/tp_pool.h for Cython.
from libc.stdint cimport uint8_t, uint32_t

cdef extern from "tp_pool.h" nogil:
    const uint32_t TP_POOL_NONE
    cdef struct tp_pool:
        uint8_t *base
        uint32_t object_bytes
        uint32_t count_max
        uint32_t used_count
        uint32_t used_count_max
    void tp_pool_init(tp_pool *pool, void *base, uint32_t object_bytes, uint32_t count_max) noexcept
    void *tp_pool_at(const tp_pool *pool, uint32_t index) noexcept
    uint32_t tp_pool_take(tp_pool *pool) noexcept
    void tp_pool_give(tp_pool *pool, uint32_t index) noexcept
