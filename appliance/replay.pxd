# A day file's messages as the datagrams they would have come in.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from itch_ouch.net cimport net_template

cdef struct ItchSource:
    const uint8_t *data
    uint64_t size_bytes
    uint64_t offset             # of the next message's length
    uint64_t sequence
    uint64_t midnight_ns
    uint64_t until_ns           # since midnight: stop before the first later message; 0: never
    uint8_t ended               # end marker, end of data, or `until`
    uint8_t broken              # a length that cannot be
    uint64_t last_ns            # timestamp of the last message taken
    uint32_t messages_max       # in a datagram; 0: as many as fit
    net_template headers

cdef enum:
    ITCH_SOURCE_FRAME_BYTES = 1536      # a full datagram with its headers

# Takes the data from its first message on; datagrams go to this address and port.
cdef void itch_source_begin(ItchSource *source, const uint8_t *data, uint64_t size_bytes,
                            uint32_t address, uint32_t port) noexcept nogil
# Packs the next datagram into ITCH_SOURCE_FRAME_BYTES at `frame`; its length, or 0 at the end.
# *now becomes the time of its first message.
cdef uint32_t itch_source_frame(ItchSource *source, uint8_t *frame, uint64_t *now) noexcept nogil
