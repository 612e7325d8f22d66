"""ITCH 5.0 for Python: the check of one message."""

# Names of the results of itch_check, in the order of their codes.
RESULTS = ("ok", "unknown", "empty", "length")
assert len(RESULTS) == ITCH_RESULT_COUNT


def check(const uint8_t[::1] message not None):
    """The name of what itch_check says of one message: "ok", "unknown", "empty" or "length"."""
    cdef uint32_t length = <uint32_t>message.shape[0]
    cdef uint8_t nothing = 0
    return RESULTS[itch_check(&message[0] if length else &nothing, length)]
