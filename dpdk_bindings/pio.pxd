# The packet I/O contract for Cython: csrc/pio.h, every function pointer noexcept nogil.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "pio.h" nogil:
    const uint32_t PIO_ABI
    const uint32_t PIO_BURST_MAX
    const uint32_t PIO_FRAME_BYTES_MIN
    const uint32_t PIO_FRAME_CHECKSUM_GOOD
    const uint32_t PIO_FRAME_CHECKSUM_PARTIAL
    const uint32_t PIO_FRAME_TRUNCATED
    enum:
        PIO_LINK_GONE

    cdef struct pio_frame:
        uint8_t *data
        uint32_t length
        uint32_t flags
        uint64_t timestamp_ns
        uint64_t cookie

    cdef struct pio_stats:
        uint64_t rx_frames, rx_bytes, rx_missed, rx_oversize, rx_truncated, rx_malformed
        uint64_t tx_frames, tx_bytes, tx_full, tx_oversize, tx_undersize, tx_error

    cdef struct pio_info:
        uint32_t abi
        uint32_t frame_bytes_max
        uint32_t link
        uint8_t forwards
        pio_stats stats

    cdef struct pio_queue:
        uint32_t (*rx_burst)(pio_queue *, pio_frame *, uint32_t) noexcept nogil
        void (*rx_release)(pio_queue *, const pio_frame *, uint32_t) noexcept nogil
        uint32_t (*tx_lend)(pio_queue *, pio_frame *, uint32_t) noexcept nogil
        uint32_t (*tx_burst)(pio_queue *, const pio_frame *, uint32_t) noexcept nogil
        void (*tx_return)(pio_queue *, const pio_frame *, uint32_t) noexcept nogil
        void (*service)(pio_queue *, uint64_t) noexcept nogil
        pio_info *info
