"""A day file's changes of the best prices as rows: the book and a table, nothing between them.

Blocks are taken a batch at a time: first their lengths are checked and memory is asked for what
each message will need, then they are applied in order. A row is written for each message after
which its symbol's best bid or ask, price or size, is not what it was.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap
from itch_ouch.itch cimport ITCH_DROP_LENGTH, ITCH_OK, itch_check
from itch_ouch.wire cimport (
    ITCH_ORDER_DELETE_BYTES, be16, get48, itch_order_delete_t, mold_block_t,
)
from appliance.core.book cimport (
    BOOK_ASK, BOOK_BBO, BOOK_BID, LOCATES, SIDE_ASK, SIDE_BID, Book, Level, SymbolBook, book_close,
    book_open, ladder_best,
)
from appliance.core.book_apply cimport book_apply, book_prefetch

# Why reading ended, in the order of the codes below.
ENDS = ("end", "full", "mark", "truncated", "length")

cdef enum:
    BLOCK_BYTES = 2
    BATCH_MAX = 64              # messages on their way from memory at a time
    READ_END = 0                # where the data ends
    READ_FULL = 1               # the rows are: there is more to read
    READ_MARK = 2               # behind a block of length 0, the end of a session
    READ_TRUNCATED = 3          # at a block that runs past the data
    READ_LENGTH = 4             # at a known type with a length that it does not have

cdef struct Top:                # 0 where a side is empty
    uint64_t shares[2]
    uint32_t prices[2]

cdef packed struct Row:         # of appliance.columns.BBO
    uint64_t sequence
    uint64_t timestamp
    uint16_t stock_locate
    uint8_t changed             # BOOK_BID, BOOK_ASK or both
    uint32_t bid_price
    uint32_t ask_price
    uint64_t bid_shares
    uint64_t ask_shares

cdef struct Batch:
    const uint8_t *messages[BATCH_MAX]      # NULL: a type that the spec does not name
    uint32_t count

cdef struct Reading:
    Book book
    Top *tops                   # of the last row of each locate
    uint64_t offset             # of the next block
    uint64_t sequence           # of the next message, from 1


cdef int _take_batch(Reading *reading, const uint8_t *data, uint64_t size,
                     Batch *batch) noexcept nogil:
    """Checks the next blocks, asks memory for what they need; why there are no more of them."""
    cdef const uint8_t *message
    cdef uint64_t left
    cdef uint32_t length
    cdef int check
    batch.count = 0
    while batch.count < BATCH_MAX:
        left = size - reading.offset
        if left < BLOCK_BYTES:
            return READ_TRUNCATED if left else READ_END
        message = data + reading.offset + BLOCK_BYTES
        length = be16((<const mold_block_t *>(data + reading.offset)).length)
        if length == 0:
            return READ_MARK
        if left - BLOCK_BYTES < length:
            return READ_TRUNCATED
        check = itch_check(message, length)
        if check == ITCH_DROP_LENGTH:
            return READ_LENGTH
        if check == ITCH_OK and length >= ITCH_ORDER_DELETE_BYTES:
            book_prefetch(&reading.book, message)
        batch.messages[batch.count] = message if check == ITCH_OK else NULL
        batch.count += 1
        reading.offset += BLOCK_BYTES + length
    return READ_FULL


cdef inline bint _side_changed(const Reading *reading, const SymbolBook *symbol, Top *top,
                               uint8_t side) noexcept nogil:
    """Brings one side of the last row up to date; whether it was not."""
    cdef const Level *level = ladder_best(&reading.book, &symbol.sides[side])
    cdef uint32_t price = level.price if level else 0
    cdef uint64_t shares = level.shares if level else 0
    cdef bint same = top.prices[side] == price and top.shares[side] == shares
    top.prices[side] = price
    top.shares[side] = shares
    return not same


cdef inline bint _row(Reading *reading, const uint8_t *message, int flags,
                      Row *row) noexcept nogil:
    """Fills in a row if the best prices of the book last touched are others than before."""
    cdef uint16_t locate = reading.book.touched
    cdef const SymbolBook *symbol = &reading.book.symbols[locate]
    cdef Top *top = &reading.tops[locate]
    cdef uint8_t changed = 0
    if flags & BOOK_BID and _side_changed(reading, symbol, top, SIDE_BID):
        changed = BOOK_BID
    if flags & BOOK_ASK and _side_changed(reading, symbol, top, SIDE_ASK):
        changed |= BOOK_ASK
    row.sequence = reading.sequence
    row.timestamp = get48((<const itch_order_delete_t *>message).timestamp)
    row.stock_locate = locate
    row.changed = changed
    row.bid_price = top.prices[SIDE_BID]
    row.ask_price = top.prices[SIDE_ASK]
    row.bid_shares = top.shares[SIDE_BID]
    row.ask_shares = top.shares[SIDE_ASK]
    return changed != 0


cdef int _read(Reading *reading, const uint8_t *data, uint64_t size, Row *rows,
               uint64_t rows_max, uint64_t *rows_written) noexcept nogil:
    """Applies batches while a whole one's rows fit; why it ended."""
    cdef Batch batch
    cdef uint64_t written = 0
    cdef uint32_t i
    cdef int flags, why = READ_FULL
    while why == READ_FULL and rows_max - written >= BATCH_MAX:
        why = _take_batch(reading, data, size, &batch)
        for i in range(batch.count):
            if batch.messages[i] != NULL:
                flags = book_apply(&reading.book, batch.messages[i])
                if flags & BOOK_BBO:
                    written += _row(reading, batch.messages[i], flags, &rows[written])
            reading.sequence += 1
    rows_written[0] = written
    return why


cdef class BboReading:
    """Books of ``orders_max`` and ``levels_max`` that turn a day file's bytes into rows.

    ``counters`` is an array of uint64, one for each metric, in which the books count what is wrong.
    """

    cdef Reading reading
    cdef object counters

    def __cinit__(self):
        memset(&self.reading, 0, sizeof(Reading))

    def __init__(self, orders_max: int, levels_max: int, counters):
        cdef uint64_t[::1] count = counters
        self.counters = counters
        self.reading.sequence = 1
        self.reading.tops = <Top *>tp_memory_map(LOCATES * sizeof(Top), True)
        if self.reading.tops == NULL or book_open(
                &self.reading.book, orders_max, levels_max, &count[0], True):
            raise MemoryError(
                f"no memory for books of {orders_max} orders and {levels_max} levels; "
                f"give smaller [tables]")

    def __dealloc__(self):
        book_close(&self.reading.book)
        tp_memory_unmap(self.reading.tops, LOCATES * sizeof(Top))

    def read(self, const uint8_t[::1] data not None, rows, start: int = 0):
        """Reads on, and fills ``rows`` from ``start``: (how many rows, why it ended).

        "full" asks to be called again with more room, at least 64 rows.
        """
        cdef uint8_t[::1] room = rows[start:].view("u1")
        cdef uint64_t size = <uint64_t>data.shape[0], rows_max = room.shape[0] // sizeof(Row)
        cdef uint64_t written = 0
        cdef const uint8_t *first = &data[0] if size else NULL
        cdef int why
        if rows.dtype.itemsize != sizeof(Row):
            raise ValueError("rows are of appliance.columns.BBO")
        if rows_max < BATCH_MAX:
            return 0, ENDS[READ_FULL]
        with nogil:
            why = _read(&self.reading, first, size, <Row *>&room[0], rows_max, &written)
        return written, ENDS[why]

    @property
    def offset(self) -> int:
        """Where reading ended: behind the last message taken."""
        return self.reading.offset

    @property
    def messages(self) -> int:
        return self.reading.sequence - 1
