"""MoldUDP64 in place over a UDP payload.

mold_check walks every block before a consumer sees the first message, so that a packet is applied
whole or not at all. A packet's messages are numbered from its sequence number on; a heartbeat and
an end of session carry the number of the next message, no blocks, and a count (0, 0xFFFF) that is
never added to the sequence. A block of length 0 is a message without content: it is delivered and
counts as one. Session contents, sequence gaps and duplicates are the consumer's business.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from itch_ouch.wire cimport (
    MOLD_BLOCK_BYTES,
    MOLD_COUNT_END,
    MOLD_COUNT_HEARTBEAT,
    MOLD_HEADER_BYTES,
    MOLD_SESSION_BYTES,
    be16,
    be64,
    mold_block_t,
    mold_header_t,
)


# Why a payload was refused; 0 is none.
cdef enum:
    MOLD_OK = 0
    MOLD_DROP_RUNT               # shorter than a header
    MOLD_DROP_COUNT              # fewer blocks present than counted
    MOLD_DROP_BLOCK              # a block that runs past the packet
    MOLD_DROP_TRAILING           # bytes after the last block, or after a heartbeat or end
    MOLD_DROP_SEQUENCE           # the numbers of the messages would pass 2^64
    MOLD_DROP_COUNT_OF_RESULTS   # how many results there are, not a result


ctypedef struct mold_packet:
    const uint8_t* session       # 10 bytes in the packet
    uint64_t sequence_number     # of the first message; heartbeat and end: of the next one
    const uint8_t* cursor        # mold_next's: the next block
    uint32_t message_count       # messages in the packet: 0 for a heartbeat and an end
    uint32_t remaining           # mold_next's: blocks not yet delivered
    bint end_of_session


ctypedef struct mold_writer:
    uint8_t* payload
    uint32_t length              # bytes so far, the header's included
    uint32_t capacity
    uint32_t message_count


cdef inline int mold_check_header(
    const uint8_t* payload, uint32_t length, mold_packet* out
) noexcept nogil:
    """`out` from the header alone, for whoever checks the blocks on a walk of his own."""
    if length < MOLD_HEADER_BYTES:
        return MOLD_DROP_RUNT
    cdef const mold_header_t* header = <const mold_header_t*>payload
    cdef uint32_t count = be16(header.message_count)
    out.session = payload
    out.sequence_number = be64(header.sequence_number)
    out.cursor = payload + MOLD_HEADER_BYTES
    out.end_of_session = count == MOLD_COUNT_END
    if out.end_of_session:
        count = 0
    out.message_count = count
    out.remaining = count
    return MOLD_OK


cdef inline int mold_check_block(
    const uint8_t* payload, uint32_t length, uint32_t offset, uint32_t* data_length
) noexcept nogil:
    """Whether a block begins at `offset` and ends within the packet; its message's length."""
    if length - offset < MOLD_BLOCK_BYTES:
        return MOLD_DROP_COUNT if length == offset else MOLD_DROP_BLOCK
    data_length[0] = be16((<const mold_block_t*>(payload + offset)).length)
    return MOLD_OK if length - offset - MOLD_BLOCK_BYTES >= data_length[0] else MOLD_DROP_BLOCK


cdef inline int mold_check_end(
    const mold_packet* packet, uint32_t length, uint32_t offset
) noexcept nogil:
    """The last of the checks, `offset` being where the last block ended."""
    if offset != length:
        return MOLD_DROP_TRAILING
    if packet.sequence_number + packet.message_count < packet.sequence_number:
        return MOLD_DROP_SEQUENCE
    return MOLD_OK


cdef inline int mold_check(
    const uint8_t* payload, uint32_t length, mold_packet* out
) noexcept nogil:
    """Validates a downstream packet to its last byte: MOLD_OK and `out`, or a MOLD_DROP_*.

    On a path where requests arrive too, ask mold_is_request first: this takes one for a packet
    whose blocks are missing.
    """
    cdef uint32_t offset = MOLD_HEADER_BYTES, data_length = 0, i
    cdef int drop = mold_check_header(payload, length, out)
    if drop:
        return drop
    for i in range(out.message_count):
        drop = mold_check_block(payload, length, offset, &data_length)
        if drop:
            return drop
        offset += MOLD_BLOCK_BYTES + data_length
    return mold_check_end(out, length, offset)


cdef inline bint mold_next(
    mold_packet* packet, const uint8_t** message, uint32_t* length
) noexcept nogil:
    """The next message of a packet that mold_check accepted; 0 when there is none left."""
    if packet.remaining == 0:
        return 0
    packet.remaining -= 1
    length[0] = be16((<const mold_block_t*>packet.cursor).length)
    message[0] = packet.cursor + MOLD_BLOCK_BYTES
    packet.cursor = message[0] + length[0]
    return 1


cdef inline void mold_write_header(
    uint8_t* payload, const uint8_t* session, uint64_t sequence_number, uint16_t message_count
) noexcept nogil:
    """A header; by itself it is a heartbeat, an end of session or a request, by its count."""
    cdef mold_header_t* header = <mold_header_t*>payload
    memcpy(header.session, session, MOLD_SESSION_BYTES)
    header.sequence_number = be64(sequence_number)
    header.message_count = be16(message_count)


cdef inline void mold_begin(
    mold_writer* writer, uint8_t* payload, uint32_t capacity
) noexcept nogil:
    """Starts a packet in `capacity` bytes, of which a header must fit."""
    writer.payload = payload
    writer.length = MOLD_HEADER_BYTES
    writer.capacity = capacity
    writer.message_count = 0


cdef inline uint8_t* mold_append(mold_writer* writer, uint32_t length) noexcept nogil:
    """Room for one message of `length` bytes, to be filled in by the caller; NULL: it is full."""
    if writer.capacity - writer.length < MOLD_BLOCK_BYTES + length:
        return NULL
    if length > 0xFFFF or writer.message_count == MOLD_COUNT_END - 1:
        return NULL
    cdef uint8_t* block = writer.payload + writer.length
    (<mold_block_t*>block).length = be16(<uint16_t>length)
    writer.length += MOLD_BLOCK_BYTES + length
    writer.message_count += 1
    return block + MOLD_BLOCK_BYTES


cdef inline uint32_t mold_finish(
    mold_writer* writer, const uint8_t* session, uint64_t sequence_number
) noexcept nogil:
    """Writes the header and returns the payload's length; without messages it is a heartbeat."""
    mold_write_header(writer.payload, session, sequence_number, <uint16_t>writer.message_count)
    return writer.length


cdef inline bint mold_is_request(const uint8_t* payload, uint32_t length) noexcept nogil:
    """A request is a header alone that counts messages: session, first number, how many."""
    if length != MOLD_HEADER_BYTES:
        return 0
    cdef uint16_t count = be16((<const mold_header_t*>payload).message_count)
    return count != MOLD_COUNT_HEARTBEAT and count != MOLD_COUNT_END


cdef inline uint32_t mold_write_request(
    uint8_t* payload, const uint8_t* session, uint64_t sequence_number, uint16_t message_count
) noexcept nogil:
    """A request for message_count messages (1 to 0xFFFE); returns the payload's length."""
    mold_write_header(payload, session, sequence_number, message_count)
    return MOLD_HEADER_BYTES
