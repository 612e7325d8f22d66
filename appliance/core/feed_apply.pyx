"""From a feed's datagram to the books, and from there to whoever wants to know.

A datagram is walked twice. The first walk checks it to its last byte, notes where its messages lie
and asks memory for what they will need; a datagram that is refused has changed nothing. The second
applies them.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from itch_ouch.itch cimport ITCH_DROP_LENGTH, ITCH_OK, itch_check
from itch_ouch.mold cimport mold_check_block, mold_check_end, mold_check_header, mold_packet
from itch_ouch.wire cimport (
    ITCH_ORDER_DELETE_BYTES, ITCH_STOCK_DIRECTORY, MOLD_BLOCK_BYTES, MOLD_HEADER_BYTES, be16,
    itch_stock_directory_t,
)
from appliance.core.book cimport (
    BOOK_BBO, LOCATES, SIDE_ASK, SIDE_BID, Level, SymbolBook, book_clear, ladder_best,
)
from appliance.core.book_apply cimport book_apply, book_prefetch, book_prefetch_level
from appliance.core.book_digest cimport book_levels_digest, book_orders_digest
from appliance.core.feed cimport FEED_NOTHING, FeedSlot, feed_accept, feed_next_buffered
from appliance.core.orders cimport strategy_call
from appliance.core.state cimport (
    C_CHECKPOINTS, C_ITCH_DROP_LENGTH, C_ITCH_EMPTY, C_ITCH_UNKNOWN, C_MOLD_DROP_RUNT,
    H_STATION_BOOK, H_STATION_MOLD, state_checkpoint, state_top,
)
from appliance.core.stations cimport station_mark
from appliance.core.strategy cimport EVENT_BOOK, Event

cdef extern from "top.h" nogil:
    void top_begin(state_top *top) noexcept
    void top_end(state_top *top) noexcept

cdef enum:
    # Messages between asking for the lines of one and applying it: about as long as memory takes.
    LOOK_AHEAD = 8
    # In place of a message's offset: below any, a header being in front of them.
    OFFSET_UNKNOWN = 0
    OFFSET_EMPTY = 1


cdef inline void _publish_top(EngineState *engine, uint32_t locate) noexcept nogil:
    """Best prices for readers elsewhere, behind a sequence lock (one writer: the engine)."""
    cdef state_top *top = &engine.tops[locate]
    cdef const SymbolBook *symbol = &engine.book.symbols[locate]
    cdef const Level *bid = ladder_best(&engine.book, &symbol.sides[SIDE_BID])
    cdef const Level *ask = ladder_best(&engine.book, &symbol.sides[SIDE_ASK])
    top_begin(top)
    top.bid_price = bid.price if bid else 0
    top.bid_shares = bid.shares if bid else 0
    top.bid_orders = bid.orders if bid else 0
    top.ask_price = ask.price if ask else 0
    top.ask_shares = ask.shares if ask else 0
    top.ask_orders = ask.orders if ask else 0
    top.time_ns = engine.now
    top.changes = symbol.bbo_changes
    memcpy(top.stock, symbol.stock, 8)
    top_end(top)


cdef void _learn_symbol(EngineState *engine, const uint8_t *message) noexcept nogil:
    """Is the symbol that the directory names one that the config trades?"""
    cdef const itch_stock_directory_t *m = <const itch_stock_directory_t *>message
    cdef uint64_t name
    cdef uint32_t i
    memcpy(&name, m.stock, 8)
    for i in range(engine.traded_count):
        if engine.traded_names[i] == name:
            engine.traded[be16(m.stock_locate)] = 1


cdef void _checkpoint(EngineState *engine, uint64_t sequence) noexcept nogil:
    cdef uint64_t at = engine.header.checkpoint_count
    cdef state_checkpoint *checkpoint
    if at >= engine.header.checkpoints_max:
        return
    checkpoint = &engine.checkpoints[at]
    checkpoint.sequence = sequence
    checkpoint.orders_digest = book_orders_digest(&engine.book)
    checkpoint.levels_digest = book_levels_digest(&engine.book)
    checkpoint.live_orders = engine.book.live_orders
    engine.header.checkpoint_count = at + 1
    engine.counters[C_CHECKPOINTS] += 1


cdef void _tell_book(EngineState *engine, int flags) noexcept nogil:
    """The best price of the symbol last touched changed: whoever trades it hears of it."""
    cdef Event event
    memset(&event, 0, sizeof(Event))
    event.now_ns = engine.now
    event.kind = EVENT_BOOK
    event.locate = engine.book.touched
    event.flags = <uint8_t>flags
    strategy_call(engine, &event)


cdef inline void _on_message(EngineState *engine, const uint8_t *message,
                             uint64_t sequence) noexcept nogil:
    """One ITCH message of a known type, in sequence: the book, then whoever wants to know."""
    cdef int flags = book_apply(&engine.book, message)
    engine.type_counts[message[0]] += 1
    if message[0] == ITCH_STOCK_DIRECTORY:
        _learn_symbol(engine, message)
    if flags & BOOK_BBO:
        _publish_top(engine, engine.book.touched)
        station_mark(&engine.stations, H_STATION_BOOK)
        if engine.callback and (engine.traded_all or engine.traded[engine.book.touched]):
            _tell_book(engine, flags)
    else:
        station_mark(&engine.stations, H_STATION_BOOK)
    if engine.checkpoint_every and sequence % engine.checkpoint_every == 0:
        _checkpoint(engine, sequence)


cdef void _on_odd_message(EngineState *engine, bint empty, uint64_t sequence) noexcept nogil:
    """One without content, or of a type that nobody knows: it counts in the sequence."""
    engine.counters[C_ITCH_EMPTY if empty else C_ITCH_UNKNOWN] += 1
    if engine.checkpoint_every and sequence % engine.checkpoint_every == 0:
        _checkpoint(engine, sequence)


cdef void _empty_books(EngineState *engine) noexcept nogil:
    """A new session: nothing of the old one may be read any more."""
    cdef uint32_t locate, count = <uint32_t>engine.book.locate_max + 1
    book_clear(&engine.book)
    memset(engine.traded, 0, LOCATES)
    for locate in range(count):
        if engine.tops[locate].sequence:
            _publish_top(engine, locate)


cdef bint _packet_good(EngineState *engine, const uint8_t *payload, uint32_t length,
                       mold_packet *packet) noexcept nogil:
    """Checks a packet to its last byte, and each message's length, before the first is applied.

    Notes where the messages lie, in engine.offsets; and the line of memory that each will need
    first is on its way meanwhile.
    """
    cdef uint32_t offset = MOLD_HEADER_BYTES, data_length = 0, i
    cdef bint good = True
    cdef int result, drop = mold_check_header(payload, length, packet)
    for i in range(0 if drop else packet.message_count):
        drop = mold_check_block(payload, length, offset, &data_length)
        if drop:
            break
        offset += MOLD_BLOCK_BYTES
        result = itch_check(payload + offset, data_length)
        engine.offsets[i] = <uint16_t>(
            offset if result == ITCH_OK else OFFSET_EMPTY if data_length == 0 else OFFSET_UNKNOWN)
        good &= result != ITCH_DROP_LENGTH
        if data_length >= ITCH_ORDER_DELETE_BYTES:
            book_prefetch(&engine.book, payload + offset)
        offset += data_length
    if not drop:
        drop = mold_check_end(packet, length, offset)
    if drop:
        engine.counters[C_MOLD_DROP_RUNT + drop - 1] += 1
        return False
    engine.counters[C_ITCH_DROP_LENGTH] += not good
    return good


cdef inline void _look_ahead(EngineState *engine, const uint8_t *payload, uint32_t i,
                             uint32_t reach) noexcept nogil:
    """`reach`: how far behind the header a message may begin that names an order."""
    cdef uint32_t offset = engine.offsets[i]
    if offset - MOLD_HEADER_BYTES <= reach:
        book_prefetch_level(&engine.book, payload + offset)


cdef void feed_apply(EngineState *engine, uint32_t line,
                     const net_datagram *datagram) noexcept nogil:
    cdef mold_packet packet
    cdef const uint8_t *payload = datagram.payload
    cdef uint32_t length = datagram.payload_length, reach = 0, offset, i, ahead
    cdef bint rolled = False
    cdef int skip
    if not _packet_good(engine, payload, length, &packet):
        return
    if length > MOLD_HEADER_BYTES + ITCH_ORDER_DELETE_BYTES:
        reach = length - MOLD_HEADER_BYTES - ITCH_ORDER_DELETE_BYTES
    skip = feed_accept(&engine.feed, line, &packet, engine.now, &rolled)
    if rolled:
        _empty_books(engine)
    station_mark(&engine.stations, H_STATION_MOLD)
    if skip == FEED_NOTHING:
        return
    engine.trigger_ns = engine.now
    ahead = skip + 1            # for the first it is too late
    while ahead < packet.message_count and ahead < skip + LOOK_AHEAD:
        _look_ahead(engine, payload, ahead, reach)
        ahead += 1
    for i in range(<uint32_t>skip, packet.message_count):
        if ahead < packet.message_count:
            _look_ahead(engine, payload, ahead, reach)
            ahead += 1
        offset = engine.offsets[i]
        if offset >= MOLD_HEADER_BYTES:
            _on_message(engine, payload + offset, packet.sequence_number + i)
        else:
            _on_odd_message(engine, offset == OFFSET_EMPTY, packet.sequence_number + i)
    if engine.feed.expected < engine.feed.buffered_past:
        feed_drain(engine)
    engine.trigger_ns = 0


cdef void feed_drain(EngineState *engine) noexcept nogil:
    """Messages that waited behind a gap which has closed."""
    cdef const FeedSlot *slot
    while True:
        slot = feed_next_buffered(&engine.feed)
        if slot == NULL:
            return
        if itch_check(slot.data, slot.length) == ITCH_OK:
            _on_message(engine, slot.data, slot.sequence)
        else:
            _on_odd_message(engine, slot.length == 0, slot.sequence)
