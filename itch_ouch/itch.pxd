"""ITCH 5.0 in place: the check that precedes reading a message through its packed struct.

The structs and the encoders (itch_write_add_order and so on) are in wire.pxd.
"""

from libc.stdint cimport uint8_t, uint32_t

from itch_ouch.wire cimport itch_message_bytes


cdef enum:
    ITCH_OK = 0
    ITCH_UNKNOWN                 # a type that the spec does not name: count it and go on
    ITCH_EMPTY                   # a message without content: count it and go on
    ITCH_DROP_LENGTH             # a known type with a wrong length: reject the whole datagram
    ITCH_RESULT_COUNT            # how many results there are, not a result


cdef inline int itch_check(const uint8_t* message, uint32_t length) noexcept nogil:
    """Whether a message may be read through the struct of its type.

    Venues add types between revisions, so an unknown type is no reason to lose the rest of its
    packet; nor is a block of length 0. A known type with a wrong length is: its sender and this
    code disagree on what the bytes mean.
    """
    if length == 0:
        return ITCH_EMPTY
    cdef uint32_t expected = itch_message_bytes[message[0]]
    if length == expected:
        return ITCH_OK
    return ITCH_DROP_LENGTH if expected else ITCH_UNKNOWN
