"""The frame walk and the full decode: MoldUDP64 frames to every field of every message."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD
from itch_ouch.itch_sort cimport (
    ITCH_BATCH_MAX, ITCH_KINDS, ITCH_WALK_END, itch_batch, itch_batch_begin, itch_batch_rows,
    itch_batch_walk,
)
from itch_ouch.mold cimport mold_append, mold_begin, mold_finish, mold_writer
from itch_ouch.net cimport (
    NET_UDP_PAYLOAD_BYTES_MAX, net_datagram, net_parse_udp, net_template, net_template_init,
    net_write_udp_header,
)
from itch_ouch.wire cimport MOLD_HEADER_BYTES, be16, be64, mold_block_t, mold_header_t

cdef extern from "sums.h" nogil:
    uint64_t sum_rows(const itch_batch *batch, uint8_t **rows)

cdef enum:
    LENGTH_BYTES = 4            # in front of each frame of a capture in memory
    ROW_BYTES_MAX = 128
    KIND_BYTES = ITCH_BATCH_MAX * ROW_BYTES_MAX

cdef const uint8_t *SESSION = b"BENCH00001"
cdef uint8_t[6] MAC = [2, 0, 0, 0, 0, 1]


def frames_of(const uint8_t[::1] day not None, uint8_t[::1] out not None) -> int:
    """Packs a day file's messages into full datagrams, each behind its length; bytes used.

    ``out`` has half as much again as the day and 64 KiB: no frame of a good day needs more.
    """
    cdef uint64_t offset = 0, used = 0, sequence = 1, size = day.shape[0]
    cdef uint32_t length
    cdef uint8_t *frame
    cdef uint8_t *room
    cdef net_template headers
    cdef mold_writer writer
    net_template_init(&headers, MAC, MAC, 0, 0x0A000001, 0xE9360C6F, 1, 26477, 1)
    with nogil:
        while offset < size:
            frame = &out[used + LENGTH_BYTES]
            mold_begin(&writer, frame + headers.header_length, NET_UDP_PAYLOAD_BYTES_MAX)
            while offset < size:
                length = be16((<const mold_block_t *>&day[offset]).length)
                room = mold_append(&writer, length)
                if room == NULL:
                    break
                memcpy(room, &day[offset + 2], length)
                offset += 2 + length
            length = mold_finish(&writer, SESSION, sequence)
            sequence += writer.message_count
            length = net_write_udp_header(&headers, frame, length)
            memcpy(&out[used], &length, LENGTH_BYTES)
            used += LENGTH_BYTES + length
    return used


cdef uint64_t decode_frames(const uint8_t *frames, uint64_t size, uint8_t *room,
                            uint64_t *sum_out) noexcept nogil:
    """Headers, walk, every field of every message, and its sum; how many messages."""
    cdef uint8_t *first[ITCH_KINDS]
    cdef uint8_t *rows[ITCH_KINDS]
    cdef itch_batch batch
    cdef net_datagram datagram
    cdef const mold_header_t *header
    cdef uint64_t at = 0, offset, messages = 0, total = 0
    cdef uint32_t length = 0
    cdef int kind
    for kind in range(ITCH_KINDS):
        first[kind] = room + kind * KIND_BYTES
    while at < size:
        memcpy(&length, frames + at, LENGTH_BYTES)
        at += LENGTH_BYTES
        if net_parse_udp(frames + at, length, PIO_FRAME_CHECKSUM_GOOD, &datagram):
            break
        at += length
        header = <const mold_header_t *>datagram.payload
        offset = MOLD_HEADER_BYTES
        itch_batch_begin(&batch)
        if itch_batch_walk(&batch, datagram.payload, datagram.payload_length, &offset, True) \
                != ITCH_WALK_END or batch.messages != be16(header.message_count):
            break
        memcpy(rows, first, sizeof(rows))
        itch_batch_rows(&batch, datagram.payload + MOLD_HEADER_BYTES,
                        be64(header.sequence_number), rows)
        total += sum_rows(&batch, first)
        messages += batch.messages
    sum_out[0] = total
    return messages


def decode(const uint8_t[::1] frames not None) -> tuple[int, int]:
    """Decodes frames_of's frames, up to one that is no good; (messages, the sum of all fields)."""
    cdef uint64_t messages, total = 0, size = frames.shape[0]
    cdef uint8_t *room = <uint8_t *>malloc(ITCH_KINDS * KIND_BYTES)
    if room == NULL:
        raise MemoryError
    with nogil:
        messages = decode_frames(&frames[0], size, room, &total)
    free(room)
    return messages, total


cdef uint64_t walk_frames(const uint8_t *frames, uint64_t size) noexcept nogil:
    cdef uint64_t at = 0, offset, messages = 0
    cdef uint32_t length = 0
    cdef net_datagram datagram
    while at < size:
        memcpy(&length, frames + at, LENGTH_BYTES)
        at += LENGTH_BYTES
        if net_parse_udp(frames + at, length, PIO_FRAME_CHECKSUM_GOOD, &datagram):
            break
        at += length
        offset = MOLD_HEADER_BYTES
        while offset < datagram.payload_length:
            offset += 2 + be16((<const mold_block_t *>(datagram.payload + offset)).length)
            messages += 1
    return messages


def walk(const uint8_t[::1] frames not None) -> int:
    """From block to block of the same frames, reading nothing but lengths; how many."""
    cdef uint64_t messages
    with nogil:
        messages = walk_frames(&frames[0], frames.shape[0])
    return messages
