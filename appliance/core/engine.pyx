"""The step, and the object that owns everything it works on (see engine.pxd)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from dpdk_bindings.env.histogram cimport tp_hist
from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD, PIO_FRAME_CHECKSUM_PARTIAL, pio_frame
from itch_ouch.mold cimport mold_next, mold_packet
from itch_ouch.net cimport net_datagram, net_parse_udp
from appliance.core.answers cimport on_answer
from appliance.core.book cimport (
    LOCATES, Level, SymbolBook, book_close, book_open, ladder_best, ladder_level,
)
from appliance.core.book_digest cimport book_levels_digest, book_orders_digest
from appliance.core.channel cimport (
    CHANNEL_NOTHING, ChannelEntry, channel_accept, channel_close, channel_entry, channel_open,
)
from appliance.core.feed cimport (
    FEED_JOIN_NOW, FEED_JOIN_START, feed_close, feed_expire, feed_forsake, feed_live, feed_open,
)
from appliance.core.feed_apply cimport feed_apply, feed_drain
from appliance.core.oms cimport oms_close, oms_open
from appliance.core.orders cimport ask_account, sweep, void_unsent
from appliance.core.risk cimport risk_open
from appliance.core.state cimport (
    C_FEED_GAP_OPEN, C_FEED_SEQUENCE, C_FEED_STATE, C_KILLS, C_LEVELS, C_LIVE_ORDERS,
    C_MOLD_DROP_RUNT, C_NET_DROP_ADDRESS, C_NET_DROP_RUNT, C_ORDERS_OPEN, C_ORDERS_PENDING,
    C_RX_BYTES_FEED_A, C_RX_FRAMES_FEED_A, H_STATION_NET, KILL_CHANNEL_LOST, KILL_FEED_GONE,
    state_checkpoint, state_header, state_top,
)
from appliance.core.stations cimport station_mark
from appliance.core.strategy cimport Strategy

# ---- the order channel ---------------------------------------------------------------------------


cdef void _on_orders(EngineState *engine, const net_datagram *datagram) noexcept nogil:
    cdef mold_packet packet
    cdef const uint8_t *message = NULL
    cdef uint32_t length = 0
    cdef int drop = 0
    cdef int skip = channel_accept(&engine.channel, datagram.payload, datagram.payload_length,
                                   &packet, engine.now, &drop)
    if drop:
        engine.counters[C_MOLD_DROP_RUNT + drop - 1] += 1
    if skip == CHANNEL_NOTHING:
        return
    while mold_next(&packet, &message, &length):
        if skip:
            skip -= 1
        else:
            on_answer(engine, message, length)


# ---- the step ------------------------------------------------------------------------------------


cdef void _on_frame(EngineState *engine, uint32_t role, const pio_frame *frame) noexcept nogil:
    cdef net_datagram datagram
    cdef uint32_t trusted = frame.flags & (PIO_FRAME_CHECKSUM_GOOD | PIO_FRAME_CHECKSUM_PARTIAL)
    cdef const Address *address = &engine.addresses[role]
    cdef int drop = net_parse_udp(frame.data, frame.length,
                                  trusted or not engine.verify_checksums, &datagram)
    station_mark(&engine.stations, H_STATION_NET)
    engine.counters[C_RX_FRAMES_FEED_A + role] += 1
    engine.counters[C_RX_BYTES_FEED_A + role] += frame.length
    if drop:
        engine.counters[C_NET_DROP_RUNT + drop - 1] += 1
    elif address.port and address.port != datagram.destination_port \
            or address.address and address.address != datagram.destination_address:
        engine.counters[C_NET_DROP_ADDRESS] += 1
    elif role == ROLE_ORDERS:
        _on_orders(engine, &datagram)
    else:
        feed_apply(engine, role, &datagram)


cdef bint step(EngineState *engine, const Burst *bursts, uint32_t burst_count, uint32_t kill,
               uint64_t now) noexcept nogil:
    cdef bint changed = False
    cdef uint32_t b, i
    engine.now = now
    if kill != engine.kill:
        engine.kill = kill
        engine.sweeping = kill and engine.cancel_on_kill
        engine.sweep_at = 0
        if kill:
            engine.counters[C_KILLS] += 1
            void_unsent(engine)
        if kill == KILL_FEED_GONE:
            feed_forsake(&engine.feed)
        changed = True
    for b in range(burst_count):
        for i in range(bursts[b].count):
            _on_frame(engine, bursts[b].role, &bursts[b].frames[i])
    if feed_expire(&engine.feed, now):
        feed_drain(engine)
        changed = True
    if engine.sweeping:
        sweep(engine)
        changed = True
    if engine.channel.lost and not engine.halt:
        engine.halt = KILL_CHANNEL_LOST
    return changed


# ---- ownership -----------------------------------------------------------------------------------


cdef class Engine:
    """Owns the tables, the strategy and a view of the shared segment.

    ``settings`` is an ``appliance.config.Config``; ``state`` an ``appliance.state.State`` whose
    segment this engine writes; ``populate`` faults every table in before the first frame.
    """

    def __cinit__(self):
        self.engine = <EngineState *>calloc(1, sizeof(EngineState))
        if self.engine == NULL:
            raise MemoryError("no memory for an engine")

    def __init__(self, settings, state, Strategy strategy, populate: bool = True):
        cdef EngineState *e = self.engine
        cdef uintptr_t base = state.address
        if int(state.header["tops_count"]) < LOCATES:
            raise ValueError(f"the segment has room for {state.header['tops_count']} symbols; "
                             f"lay it out for {LOCATES}, one for each stock locate")
        self.settings = settings
        self.state = state
        self.strategy = strategy
        e.header = <state_header *>base
        e.counters = <uint64_t *>(base + e.header.counters_offset)
        e.timers = <tp_hist *>(base + e.header.histograms_offset)
        e.tops = <state_top *>(base + e.header.tops_offset)
        e.checkpoints = <state_checkpoint *>(base + e.header.checkpoints_offset)
        e.callback = strategy.callback
        e.strategy_state = strategy.state
        self._open_tables(populate)
        self._configure()
        ask_account(e)

    def _open_tables(self, bint populate):
        cdef EngineState *e = self.engine
        limits = self.settings.tables
        cdef bytes session = self.settings.orders.session.encode().ljust(10)[:10]
        cdef int join = FEED_JOIN_START if self.settings.feed.join == "start" else FEED_JOIN_NOW
        cdef int failed = book_open(&e.book, limits.orders, limits.levels, e.counters, populate)
        failed |= feed_open(&e.feed, limits.reorder_messages,
                            self.settings.feed.gap_wait_us * 1000, join, e.counters, populate)
        failed |= oms_open(&e.oms, limits.own_orders, e.counters, populate)
        failed |= channel_open(&e.channel, session, e.counters, populate)
        e.traded = <uint8_t *>calloc(1, LOCATES)
        if failed or e.traded == NULL:
            raise MemoryError("not enough memory for the tables; make [tables] smaller")

    def _configure(self):
        cdef EngineState *e = self.engine
        cdef bytes name
        risk = self.settings.risk
        risk_open(&e.risk, risk.collar_ppm, risk.shares_max, risk.notional_max,
                  risk.rate_per_s, risk.rate_burst, risk.position_max)
        e.verify_checksums = self.settings.feed.verify_checksums
        e.cancel_on_kill = risk.cancel_on_kill
        e.checkpoint_every = self.settings.engine.checkpoint_every
        symbols = self.settings.strategy.symbols
        e.traded_all = not symbols
        e.traded_count = len(symbols)
        for i, symbol in enumerate(symbols):
            name = symbol.encode().ljust(8)[:8]
            memcpy(&e.traded_names[i], <const uint8_t *>name, 8)
        for role, (address, port) in enumerate(self.settings.listen_addresses()):
            e.addresses[role].address = address
            e.addresses[role].port = port

    def __dealloc__(self):
        cdef EngineState *e = self.engine
        if e != NULL:
            book_close(&e.book)
            feed_close(&e.feed)
            oms_close(&e.oms)
            channel_close(&e.channel)
            free(e.traded)
            free(e)

    def step(self, frames, now: int, kill: int = 0) -> bool:
        """One step over ``frames``, a list of (role, bytes) or (role, bytes, flags).

        For tests and recordings; at most BURST_MAX frames of one role in a row make a burst.
        """
        cdef Burst *bursts = <Burst *>calloc(len(frames) + 1, sizeof(Burst))
        cdef uint32_t count = 0
        cdef Burst *burst = NULL
        cdef const uint8_t[:] view
        cdef list keep = []
        cdef bint changed
        if bursts == NULL:
            raise MemoryError("no memory for the bursts of a step")
        for item in frames:
            if burst == NULL or burst.role != item[0] or burst.count == BURST_MAX:
                burst = &bursts[count]
                burst.role = item[0]
                count += 1
            data = item[1] if len(item[1]) else b"\0"
            view = data
            keep.append(data)
            burst.frames[burst.count].data = <uint8_t *>&view[0]
            burst.frames[burst.count].length = len(item[1])
            burst.frames[burst.count].flags = item[2] if len(item) > 2 else 0
            burst.count += 1
        changed = step(self.engine, bursts, count, kill, now)
        free(bursts)
        return changed

    def orders_from(self, sequence: int) -> list[bytes]:
        """The OUCH messages made since number ``sequence`` of the order channel (from 1)."""
        cdef EngineState *e = self.engine
        cdef const ChannelEntry *entry
        messages = []
        while sequence < e.channel.tx_next:
            entry = channel_entry(&e.channel, sequence)
            messages.append((<const char *>entry.message)[:entry.length])
            sequence += 1
        return messages

    @property
    def orders_next(self) -> int:
        return self.engine.channel.tx_next

    def publish(self) -> None:
        """Brings the gauges of the segment up to date."""
        engine_publish(self.engine)

    def counts_by_type(self) -> dict[str, int]:
        """ITCH messages delivered, by type letter."""
        counts = self.engine.type_counts
        return {chr(i): counts[i] for i in range(256) if counts[i]}

    def ladder(self, locate: int, side: int) -> list[tuple[int, int, int]]:
        """(price, shares, orders) of one side, best first; prices in 1/10000 dollar."""
        cdef const SymbolBook *symbol = &self.engine.book.symbols[locate]
        cdef const Level *level
        rows = []
        for rank in range(symbol.sides[side].count):
            level = ladder_level(&self.engine.book, &symbol.sides[side], rank)
            rows.append((level.price, level.shares, level.orders))
        return rows

    def locate_of(self, symbol: str) -> int | None:
        """The stock locate that the directory gave a symbol, or None."""
        wanted = symbol.encode().ljust(8)
        for locate in range(<uint32_t>LOCATES):
            if (<const char *>self.engine.book.symbols[locate].stock)[:8] == wanted:
                return locate
        return None

    def crossed_books(self) -> int:
        """How many symbols have a best bid at or above their best offer."""
        cdef uint32_t locate, crossed = 0
        cdef const Level *bid
        cdef const Level *ask
        for locate in range(LOCATES):
            bid = ladder_best(&self.engine.book, &self.engine.book.symbols[locate].sides[0])
            ask = ladder_best(&self.engine.book, &self.engine.book.symbols[locate].sides[1])
            if bid != NULL and ask != NULL and bid.price >= ask.price:
                crossed += 1
        return crossed

    def digests(self) -> tuple[int, int]:
        """The order and level digests of all books (docs/checkpoints.md)."""
        return (book_orders_digest(&self.engine.book), book_levels_digest(&self.engine.book))

    @property
    def feed_live(self) -> bool:
        return feed_live(&self.engine.feed)


cdef void engine_publish(EngineState *engine) noexcept nogil:
    engine.counters[C_FEED_STATE] = engine.feed.state
    engine.counters[C_FEED_SEQUENCE] = engine.feed.expected
    engine.counters[C_FEED_GAP_OPEN] = engine.feed.gap_since_ns != 0
    engine.counters[C_LIVE_ORDERS] = engine.book.live_orders
    engine.counters[C_LEVELS] = engine.book.levels.used_count
    engine.counters[C_ORDERS_OPEN] = engine.oms.open_count
    engine.counters[C_ORDERS_PENDING] = engine.oms.pending_count
