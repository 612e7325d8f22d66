"""ITCH 5.0 for Python: the check of one message, and the passes over a whole day file.

A day file is read twice: scan validates the framing and counts per type, so that scatter can copy
each message into the next row of its type's array, which is then exactly full. Both walk batches
(csrc/itch_sort.h).
"""

from typing import NamedTuple

from libc.stdint cimport uint64_t
from libc.string cimport memset

from itch_ouch.itch_sort cimport (
    ITCH_KINDS, ITCH_WALK_FULL, ITCH_WALK_LENGTH, ITCH_WALK_MARK, ITCH_WALK_TRUNCATED,
    itch_batch, itch_batch_begin, itch_batch_rows, itch_batch_walk, itch_kinds, itch_row_bytes,
)

# Names of the results of itch_check, in the order of their codes.
RESULTS = ("ok", "unknown", "empty", "length")
assert len(RESULTS) == ITCH_RESULT_COUNT

cdef enum:
    MARK_BYTES = 2               # a length of 0: the session has ended

_REASONS = {ITCH_WALK_TRUNCATED: "truncated", ITCH_WALK_LENGTH: "length"}


class Scan(NamedTuple):
    counts: list
    end_offset: int
    reason: object


def check(const uint8_t[::1] message not None):
    """The name of what itch_check says of one message: "ok", "unknown", "empty" or "length"."""
    cdef uint32_t length = <uint32_t>message.shape[0]
    cdef uint8_t nothing = 0
    return RESULTS[itch_check(&message[0] if length else &nothing, length)]


cdef int scan_blocks(
    const uint8_t* data, uint64_t size, uint64_t* counts, uint64_t* end_offset
) noexcept nogil:
    """Counts messages by kind, and unknown ones by letter behind those, up to where it ends."""
    cdef itch_batch batch
    cdef uint64_t start
    cdef int i, why = ITCH_WALK_FULL
    while why == ITCH_WALK_FULL:
        start = end_offset[0]
        itch_batch_begin(&batch)
        why = itch_batch_walk(&batch, data, size, end_offset, 0)
        for i in range(1, ITCH_KINDS):
            counts[i] += batch.counts[i]
        for i in range(<int>batch.counts[0]):
            counts[ITCH_KINDS + data[start + (batch.places[0][i] & 0xFFFF)]] += 1
    return why


def scan(const uint8_t[::1] data not None):
    """The counts by type letter (256), where reading ends, and why it ends before the end."""
    cdef uint64_t[ITCH_KINDS + 256] counts
    cdef uint64_t end_offset = 0, size = <uint64_t>data.shape[0]
    cdef const uint8_t* first = &data[0] if size else NULL
    cdef int why
    memset(counts, 0, sizeof(counts))
    with nogil:
        why = scan_blocks(first, size, counts, &end_offset)
    reason = _REASONS.get(why)
    if why == ITCH_WALK_MARK:
        end_offset += MARK_BYTES
        reason = None if end_offset == size else "trailing"
    by_letter = [
        counts[itch_kinds[i]] if itch_kinds[i] else counts[ITCH_KINDS + i] for i in range(256)
    ]
    return Scan(by_letter, end_offset, reason)


cdef void scatter_blocks(
    const uint8_t* data, uint64_t size, uint8_t** rows, uint8_t** ends
) noexcept nogil:
    """Writes each message to the next row of its kind, until a kind has no room for its batch."""
    cdef itch_batch batch
    cdef uint64_t offset = 0, start, sequence = 1
    cdef int kind, why = ITCH_WALK_FULL
    while why == ITCH_WALK_FULL:
        start = offset
        itch_batch_begin(&batch)
        why = itch_batch_walk(&batch, data, size, &offset, 0)
        for kind in range(1, ITCH_KINDS):
            # Only when the data changed under us, or when fewer rows than messages are wanted.
            if rows[kind] and <uint64_t>(ends[kind] - rows[kind]) < (
                    <uint64_t>batch.counts[kind] * itch_row_bytes[kind]):
                return
        itch_batch_rows(&batch, data + start, sequence, rows)
        sequence += batch.messages


def scatter(const uint8_t[::1] data not None, tables):
    """Fills tables from a day file's bytes: type letter's code to an array of dtypes.NATIVE.

    A row starts with 8 bytes for the message's number in the file, from 1. Types without a table
    are passed over. A table that is too short for its type ends the filling of all of them.
    """
    cdef uint8_t *rows[ITCH_KINDS]
    cdef uint8_t *ends[ITCH_KINDS]
    cdef uint8_t[::1] bytes_of
    cdef uint64_t size = <uint64_t>data.shape[0]
    cdef const uint8_t* first = &data[0] if size else NULL
    cdef uint8_t kind
    memset(rows, 0, sizeof(rows))
    for code, table in tables.items():
        kind = itch_kinds[<uint8_t>code]
        if not kind or table.dtype.itemsize != itch_row_bytes[kind]:
            raise ValueError(f"the table of {chr(code)!r} has rows of another type's length")
        if len(table):
            bytes_of = table.view("u1")
            rows[kind] = &bytes_of[0]
            ends[kind] = rows[kind] + bytes_of.shape[0]
    with nogil:
        scatter_blocks(first, size, rows, ends)
