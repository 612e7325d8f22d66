"""MoldUDP64 for Python: thin wrappers of mold.pxd, for tests and tools."""

from typing import NamedTuple

from libc.string cimport memcpy

from itch_ouch.errors import Refused

# Names of the results of mold_check, in the order of their codes.
RESULTS = ("ok", "runt", "count", "block", "trailing", "sequence")
assert len(RESULTS) == MOLD_DROP_COUNT_OF_RESULTS
SESSION_BYTES = MOLD_SESSION_BYTES
COUNT_HEARTBEAT = MOLD_COUNT_HEARTBEAT
COUNT_END = MOLD_COUNT_END


class Packet(NamedTuple):
    session: bytes
    sequence_number: int
    messages: list
    end_of_session: bool


def parse(const uint8_t[::1] payload not None):
    """A downstream packet with its messages; Refused says why it is none."""
    cdef mold_packet packet
    cdef const uint8_t* message
    cdef uint32_t length = <uint32_t>payload.shape[0]
    cdef uint8_t nothing = 0
    cdef int result = mold_check(&payload[0] if length else &nothing, length, &packet)
    if result != MOLD_OK:
        raise Refused(RESULTS[result])
    session = <bytes>packet.session[:MOLD_SESSION_BYTES]
    messages = []
    while mold_next(&packet, &message, &length):
        messages.append(<bytes>message[:length])
    return Packet(session, packet.sequence_number, messages, bool(packet.end_of_session))


cdef bytes _session(bytes session):
    """Sessions compare raw; a shorter name is padded with spaces, as nassau and others do."""
    if len(session) > MOLD_SESSION_BYTES:
        raise ValueError(f"a session has at most {MOLD_SESSION_BYTES} characters: {session!r}")
    return session.ljust(MOLD_SESSION_BYTES)


def build(bytes session, uint64_t sequence_number, messages, uint32_t capacity=1472):
    """A packet of the messages; OverflowError when they do not fit `capacity` bytes."""
    cdef mold_writer writer
    cdef uint8_t* place
    if capacity < MOLD_HEADER_BYTES:
        raise ValueError(f"a packet has at least {MOLD_HEADER_BYTES} bytes, not {capacity}")
    session = _session(session)
    out = bytearray(capacity)
    mold_begin(&writer, out, capacity)
    for message in messages:
        place = mold_append(&writer, <uint32_t>len(message))
        if place == NULL:
            raise OverflowError(f"the messages do not fit {capacity} bytes")
        memcpy(place, <const uint8_t*>message, len(message))
    return bytes(out[: mold_finish(&writer, session, sequence_number)])


def header(bytes session, uint64_t sequence_number, uint16_t message_count):
    """A header alone: a heartbeat, an end of session or a request, by its count."""
    cdef uint8_t[MOLD_HEADER_BYTES] out
    session = _session(session)
    mold_write_header(out, session, sequence_number, message_count)
    return <bytes>out[:MOLD_HEADER_BYTES]


def is_request(const uint8_t[::1] payload not None):
    """Whether a payload is a request for messages."""
    cdef uint32_t length = <uint32_t>payload.shape[0]
    return bool(length and mold_is_request(&payload[0], length))
