"""ITCH 5.0 for Python: the check of one message, and the passes over a whole day file.

A day file is read twice: scan validates the framing and counts per type, so that scatter can copy
each message into the next row of its type's array, which is then exactly full.
"""

from typing import NamedTuple

from libc.stdint cimport uint16_t, uint64_t
from libc.string cimport memcpy, memset

from itch_ouch.wire cimport be16, be32, be64, get48

# Names of the results of itch_check, in the order of their codes.
RESULTS = ("ok", "unknown", "empty", "length")
assert len(RESULTS) == ITCH_RESULT_COUNT

cdef enum:
    FRAME_BYTES = 2              # the length in front of each message of a file

cdef enum:
    SCAN_END = 0
    SCAN_TRUNCATED
    SCAN_LENGTH
    SCAN_TRAILING

_REASONS = (None, "truncated", "length", "trailing")


class Scan(NamedTuple):
    counts: list
    end_offset: int
    reason: object


def check(const uint8_t[::1] message not None):
    """The name of what itch_check says of one message: "ok", "unknown", "empty" or "length"."""
    cdef uint32_t length = <uint32_t>message.shape[0]
    cdef uint8_t nothing = 0
    return RESULTS[itch_check(&message[0] if length else &nothing, length)]


cdef inline uint32_t frame_length(const uint8_t* frame) noexcept nogil:
    cdef uint16_t length
    memcpy(&length, frame, FRAME_BYTES)
    return be16(length)


cdef int scan_frames(
    const uint8_t* data, uint64_t size, uint64_t* counts, uint64_t* end_offset
) noexcept nogil:
    """Counts messages by type up to the end or the first damage, and says which it was."""
    cdef uint64_t offset = 0
    cdef uint32_t length
    end_offset[0] = 0
    while offset < size:
        if size - offset < FRAME_BYTES:
            return SCAN_TRUNCATED
        length = frame_length(data + offset)
        if length == 0:
            end_offset[0] = offset + FRAME_BYTES
            return SCAN_END if end_offset[0] == size else SCAN_TRAILING
        if size - offset - FRAME_BYTES < length:
            return SCAN_TRUNCATED
        if itch_check(data + offset + FRAME_BYTES, length) == ITCH_DROP_LENGTH:
            return SCAN_LENGTH
        counts[data[offset + FRAME_BYTES]] += 1
        offset += FRAME_BYTES + length
        end_offset[0] = offset
    return SCAN_END


def scan(const uint8_t[::1] data not None):
    """The counts by type letter (256), where reading ends, and why it ends before the end."""
    cdef uint64_t[256] counts
    cdef uint64_t end_offset = 0, size = <uint64_t>data.shape[0]
    cdef const uint8_t* first = &data[0] if size else NULL
    cdef int result
    memset(counts, 0, sizeof(counts))
    with nogil:
        result = scan_frames(first, size, counts, &end_offset)
    return Scan([counts[i] for i in range(256)], end_offset, _REASONS[result])


# One field of a row: how many bytes at `source` in the message become what at `target` in the row.
cdef struct field_move:
    uint16_t source
    uint16_t target
    uint16_t length
    uint16_t is_integer

cdef struct row_cursor:
    uint8_t* row                 # the next row of the type
    uint64_t rows_left
    const field_move* moves
    uint32_t move_count
    uint32_t row_bytes


cdef inline void move_field(
    const uint8_t* message, uint8_t* row, const field_move* move
) noexcept nogil:
    """An integer is turned to native order, 48 bits to 64; anything else is copied as it is."""
    cdef const uint8_t* source = message + move.source
    cdef uint8_t* target = row + move.target
    cdef uint16_t two
    cdef uint32_t four
    cdef uint64_t eight
    if not move.is_integer:
        memcpy(target, source, move.length)
    elif move.length == 4:
        memcpy(&four, source, 4)
        four = be32(four)
        memcpy(target, &four, 4)
    elif move.length == 8:
        memcpy(&eight, source, 8)
        eight = be64(eight)
        memcpy(target, &eight, 8)
    elif move.length == 2:
        memcpy(&two, source, 2)
        two = be16(two)
        memcpy(target, &two, 2)
    elif move.length == 6:
        eight = get48(source)
        memcpy(target, &eight, 8)


cdef void scatter_frames(
    const uint8_t* data, uint64_t end_offset, row_cursor* cursors
) noexcept nogil:
    """Writes each message of scanned frames to its type's next row, while there are rows."""
    cdef uint64_t offset = 0, sequence = 0
    cdef uint32_t length, i
    cdef row_cursor* cursor
    while offset < end_offset:
        length = frame_length(data + offset)
        offset += FRAME_BYTES
        if length == 0:
            return
        sequence += 1
        cursor = &cursors[data[offset]]
        if cursor.rows_left:
            memcpy(cursor.row, &sequence, 8)
            for i in range(cursor.move_count):
                move_field(data + offset, cursor.row, &cursor.moves[i])
            cursor.row += cursor.row_bytes
            cursor.rows_left -= 1
        offset += length


def scatter(const uint8_t[::1] data not None, rows):
    """Fills rows from frames: type letter's code to (rows, moves), as dtypes makes them.

    A row starts with 8 bytes for the message's number in the file, from 1; `moves` has a row of
    (source, target, length, is integer) for each field. Only what scan accepts is read, so give it
    the data up to scan's end_offset; rows beyond the messages stay as they are.
    """
    cdef row_cursor[256] cursors
    cdef uint8_t[::1] row_bytes
    cdef const uint16_t[:, ::1] moves
    cdef uint64_t[256] counts
    cdef uint64_t end_offset = 0, size = <uint64_t>data.shape[0]
    cdef const uint8_t* first = &data[0] if size else NULL
    memset(counts, 0, sizeof(counts))
    memset(cursors, 0, sizeof(cursors))
    for code, (table, table_moves) in rows.items():
        if len(table) == 0:
            continue
        width = table.dtype.itemsize
        for source, target, length, is_integer in table_moves.tolist():
            stored = 8 if is_integer and length == 6 else length
            if source + length > itch_message_bytes[<uint8_t>code] or target + stored > width:
                raise ValueError(f"a field of {chr(code)!r} lies outside its message or its row")
        moves = table_moves
        row_bytes = table.view("u1")
        cursors[<uint8_t>code].row = &row_bytes[0]
        cursors[<uint8_t>code].rows_left = <uint64_t>len(table)
        cursors[<uint8_t>code].moves = <const field_move*>&moves[0, 0]
        cursors[<uint8_t>code].move_count = <uint32_t>moves.shape[0]
        cursors[<uint8_t>code].row_bytes = <uint32_t>width
    with nogil:
        scan_frames(first, size, counts, &end_offset)
        scatter_frames(first, end_offset, cursors)
