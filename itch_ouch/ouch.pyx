"""OUCH 5.0 for Python: thin wrappers of ouch.pxd, for tests and tools."""

from itch_ouch.errors import Refused
from itch_ouch.wire cimport ouch_in_message_bytes, ouch_out_message_bytes

# Names of the results of the checks, in the order of their codes.
RESULTS = ("ok", "empty", "type", "length", "appendage", "tag_length")
assert len(RESULTS) == OUCH_RESULT_COUNT


cdef int _check(const uint8_t[::1] message, bint outbound):
    cdef uint32_t length = <uint32_t>message.shape[0]
    cdef uint8_t nothing = 0
    cdef const uint8_t* first = &message[0] if length else &nothing
    return ouch_check_out(first, length) if outbound else ouch_check_in(first, length)


cdef uint32_t _full(const uint8_t[::1] message, bint outbound) except 0:
    """The type's length with the appendage length, of a message that passes its check."""
    cdef int result = _check(message, outbound)
    if result != OUCH_OK:
        raise Refused(RESULTS[result])
    return ouch_out_message_bytes[message[0]] if outbound else ouch_in_message_bytes[message[0]]


def check_in(const uint8_t[::1] message not None):
    """The name of what ouch_check_in says of one message to the venue."""
    return RESULTS[_check(message, False)]


def check_out(const uint8_t[::1] message not None):
    """The name of what ouch_check_out says of one message from the venue."""
    return RESULTS[_check(message, True)]


def find_tag(const uint8_t[::1] message not None, uint8_t tag, *, bint outbound):
    """The value of an option, or None; Refused when the message does not pass its check."""
    cdef uint32_t full = _full(message, outbound)
    cdef const uint8_t* value = ouch_find_tag(&message[0], <uint32_t>message.shape[0], full, tag)
    if value == NULL:
        return None
    return <bytes>value[: (value - 2)[0] - 1]


def append_tag(bytes message not None, uint8_t tag, bytes value not None, *, bint outbound):
    """The message with one option more; Refused when the message does not pass its check."""
    cdef uint32_t full = _full(message, outbound)
    if len(value) > 254:
        raise ValueError(f"the value of an option has at most 254 bytes, not {len(value)}")
    out = bytearray(message) + bytes(4 + len(value))
    cdef uint32_t length = ouch_append_tag(
        out, <uint32_t>len(message), full, tag, value, <uint8_t>len(value)
    )
    return bytes(out[:length])
