"""OUCH 5.0 in place: checks, and the options of the appendage.

The structs and the encoders (ouch_write_enter_order and so on) are in wire.pxd. An encoder writes
the shortest form: no options, and no appendage length where that is optional. ouch_append_tag adds
options to what an encoder wrote.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from itch_ouch.wire cimport (
    OUCH_SYSTEM_EVENT,
    be16,
    ouch_in_message_bytes,
    ouch_in_message_bytes_bare,
    ouch_out_message_bytes,
    ouch_out_message_bytes_bare,
    ouch_out_message_bytes_older,
    ouch_tag_bytes,
)


cdef enum:
    OUCH_OK = 0
    OUCH_DROP_EMPTY              # no bytes at all
    OUCH_DROP_TYPE               # a letter that this direction does not have
    OUCH_DROP_LENGTH             # shorter or longer than the type allows
    OUCH_DROP_APPENDAGE          # options that do not fill the appendage exactly
    OUCH_DROP_TAG_LENGTH         # a known option with a wrong length
    OUCH_RESULT_COUNT            # how many results there are, not a result


cdef inline int ouch_check_appendage(const uint8_t* tags, uint32_t length) noexcept nogil:
    """Walks options to the last byte: each is a length (of tag and value), a tag, a value.

    An unknown tag is skipped, since the venue adds tags between revisions; a known one must have
    its own length.
    """
    cdef uint32_t offset = 0, size, expected
    while offset < length:
        size = tags[offset]
        if size == 0 or length - offset < 1 + size:
            return OUCH_DROP_APPENDAGE
        expected = ouch_tag_bytes[tags[offset + 1]]
        if expected and expected + 1 != size:
            return OUCH_DROP_TAG_LENGTH
        offset += 1 + size
    return OUCH_OK


cdef inline int ouch_check_sizes(
    const uint8_t* message, uint32_t length, uint32_t full, uint32_t bare
) noexcept nogil:
    """The check of one message, given the two lengths of its type."""
    if full == 0:
        return OUCH_DROP_TYPE
    if bare < full and length == bare:
        return OUCH_OK
    if length < full:
        return OUCH_DROP_LENGTH
    cdef uint16_t appendage_length
    memcpy(&appendage_length, message + full - 2, 2)
    if be16(appendage_length) != length - full:
        return OUCH_DROP_LENGTH
    return ouch_check_appendage(message + full, length - full)


cdef inline int ouch_check_in(const uint8_t* message, uint32_t length) noexcept nogil:
    """Whether a message to the venue may be read through the struct of its type.

    A bare message ends before appendage_length: only read that member through ouch_find_tag.
    """
    if length == 0:
        return OUCH_DROP_EMPTY
    cdef uint8_t kind = message[0]
    return ouch_check_sizes(
        message, length, ouch_in_message_bytes[kind], ouch_in_message_bytes_bare[kind]
    )


cdef inline int ouch_check_out(const uint8_t* message, uint32_t length) noexcept nogil:
    """Whether a message from the venue may be read through the struct of its type.

    The caution of ouch_check_in holds here too. An AIQ Canceled of the revision before 2023-10 has
    OUCH_AIQ_CANCELED_BYTES_OLDER bytes and ends before aiq_strategy.
    """
    if length == 0:
        return OUCH_DROP_EMPTY
    cdef uint8_t kind = message[0]
    if kind == OUCH_SYSTEM_EVENT:  # the only message that never has an appendage
        return OUCH_OK if length == ouch_out_message_bytes[kind] else OUCH_DROP_LENGTH
    if ouch_out_message_bytes_older[kind] and length == ouch_out_message_bytes_older[kind]:
        return OUCH_OK
    return ouch_check_sizes(
        message, length, ouch_out_message_bytes[kind], ouch_out_message_bytes_bare[kind]
    )


cdef inline const uint8_t* ouch_find_tag(
    const uint8_t* message, uint32_t length, uint32_t full, uint8_t tag
) noexcept nogil:
    """The value of the first option `tag` of a checked message; NULL when it has none.

    `full` is the type's length with the appendage length (OUCH_ENTER_ORDER_BYTES and so on). The
    value of a known tag has ouch_tag_bytes[tag] bytes; that of an unknown one, value[-2] - 1.
    """
    cdef uint32_t offset = full
    while offset < length:
        if message[offset + 1] == tag:
            return message + offset + 2
        offset += 1 + <uint32_t>message[offset]
    return NULL


cdef inline uint32_t ouch_append_tag(
    uint8_t* message, uint32_t length, uint32_t full, uint8_t tag, const uint8_t* value,
    uint8_t value_length,
) noexcept nogil:
    """Adds an option to a message of `length` bytes and returns the new length.

    A message in its bare form gets its appendage length first. The caller sees to the room: up to
    4 + value_length bytes. value_length is at most 254.
    """
    cdef uint16_t appendage_length
    if length < full:
        length = full
    message[length] = value_length + 1
    message[length + 1] = tag
    memcpy(message + length + 2, value, value_length)
    length += 2 + <uint32_t>value_length
    appendage_length = be16(<uint16_t>(length - full))
    memcpy(message + full - 2, &appendage_length, 2)
    return length
