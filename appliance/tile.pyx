"""The loop: receive, decide, send, release.

One thread, one core, no GIL. Nothing it calls allocates, blocks or asks the system for anything but
the queues' own kick (R1). The clock is read once a turn, behind the burst, so that a tick begins
when its frame is there; and once more after sending, for the histograms alone. What comes in and
what goes out is recorded in the journal ring: frames before they are decided on, orders before they
are sent; a ring without room for a whole turn halts trading.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist_record
from dpdk_bindings.env.ring cimport (
    tp_ring, tp_ring_claim, tp_ring_commit, tp_ring_has_room, tp_ring_prefetch,
    tp_ring_write,
)
from dpdk_bindings.pio cimport PIO_ABI, PIO_LINK_GONE, pio_frame, pio_queue, pio_stats
from itch_ouch.net cimport net_template_init, net_write_udp_header
from appliance.core.channel cimport (
    PLAN_NEW, PLAN_NOTHING, Channel, ChannelEntry, ChannelPlan, channel_build,
    channel_entry, channel_plan, channel_sent,
)
from appliance.core.engine cimport (
    BURST_MAX, ROLE_ORDERS, Engine, EngineState, engine_publish, step,
)
from appliance.core.oms cimport OmsOrder, oms_find
from appliance.core.state cimport (
    C_JOURNAL_FULL, C_JOURNAL_RECORDS, C_KILLED, C_LOOPS, C_LOOPS_BUSY,
    C_QUEUE_DROP_FEED_A_RX_MISSED, C_QUEUE_LINK_FEED_A, C_TX_DEFERRED, C_TX_FRAMES, H_LOOP_BUSY,
    H_STATION_FRAME, H_STATION_JOURNAL, H_STATION_RECEIVE, H_STATION_RECORD, H_STATION_RELEASE,
    H_STATION_SEND,
    H_TICK_TO_TRADE, KILL_CHANNEL_LOST, KILL_FEED_GONE, KILL_JOURNAL_ERROR, KILL_JOURNAL_FULL,
    KILL_ORDERS_GONE,
)
from appliance.core.stations cimport station_begin, station_mark

cdef extern from "journal.h" nogil:
    enum:
        JOURNAL_FRAME
        JOURNAL_COMMAND
        JOURNAL_TICK
        JOURNAL_ORDER
    cdef struct journal_record:
        uint16_t kind
        uint16_t role
        uint32_t length
        uint64_t now_ns
        uint64_t number
        uint32_t flags
        uint32_t reserved

cdef extern from *:
    """
    #include <stdatomic.h>
    /* Words that other processes write or read while the loop runs. */
    static inline uint32_t word_load(const uint32_t *word) {
        return __atomic_load_n(word, __ATOMIC_RELAXED);
    }
    #define tile_fetch(address) do { __builtin_prefetch((address), 1); __asm__ volatile(""); } \\
        while (0)
    static inline void word_store64(uint64_t *word, uint64_t value) {
        __atomic_store_n(word, value, __ATOMIC_RELAXED);
    }
    static inline void word_set_if_clear(uint32_t *word, uint32_t value) {
        uint32_t clear = 0;
        __atomic_compare_exchange_n(word, &clear, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    """
    void tile_fetch(const void *address) noexcept nogil
    uint32_t word_load(const uint32_t *word) noexcept nogil
    void word_store64(uint64_t *word, uint64_t value) noexcept nogil
    void word_set_if_clear(uint32_t *word, uint32_t value) noexcept nogil

cdef enum:
    HOUSEKEEPING_LOOPS = 256    # power of two: publish, check stop, heartbeat this often
    SEND_FRAMES_MAX = 8         # datagrams a turn may send
    # Frames a turn may take: what the first of them caused is sent when the last is decided on. In
    # full datagrams sixteen are 700 messages, of which the turn's own cost is less than one.
    TURN_FRAMES_MAX = 16
    QUEUE_DROPS = 6             # QUEUE_DROPS of the registry, a role
    SEND_TRIES_MAX = 4          # offers of one datagram to a full queue before it waits a turn
    # The most that one turn can record: every frame of a burst, and what they may cause. A frame is
    # at most 16 KiB on any backend, but a feed's are 1,514; the reserve covers a full burst of
    # those, and one that does not fit after all pauses the journal the same way.
    JOURNAL_RESERVE_BYTES = BURST_MAX * (1514 + 64) + 65536


cdef void loop(TileState *t) noexcept nogil:
    while not turn(t):
        pass


cdef bint turn(TileState *t) noexcept nogil:
    """One turn; True when it is time to leave."""
    cdef EngineState *engine = t.engine
    cdef uint64_t now
    cdef uint32_t received
    cdef bint changed
    station_begin(&engine.stations)
    received = receive(t)
    if not received:
        keep_warm(t)
    now = tp_clock_now(&t.clock)
    t.kill = kill_now(t)
    record_inputs(t, received, now)
    changed = step(engine, t.bursts, t.queue_count, t.kill, now)
    if record_outputs(t, received, changed, now):
        send(t, now)
    release(t, received, now)
    if received:
        station_mark(&engine.stations, H_STATION_RELEASE)
        engine.counters[C_LOOPS_BUSY] += 1
        tp_hist_record(&engine.timers[H_LOOP_BUSY], tp_clock_now(&t.clock) - now)
    t.loops += 1
    return t.loops & (HOUSEKEEPING_LOOPS - 1) == 0 and housekeeping(t, now)


cdef inline void keep_warm(TileState *t) noexcept nogil:
    """Asks for the lines that the next order will touch: the books have long pushed them out of
    the nearest cache, and nothing else is to be done in a turn without a frame."""
    cdef EngineState *engine = t.engine
    tile_fetch(channel_entry(&engine.channel, engine.channel.tx_next))
    tile_fetch(channel_entry(&engine.channel, engine.channel.tx_next).message + 56)
    tile_fetch(&engine.oms.orders[engine.oms.next_user_ref & engine.oms.mask])
    tile_fetch(&engine.risk)
    tile_fetch(&engine.oms)
    tile_fetch(&engine.channel)
    tile_fetch(&t.headers)
    tile_fetch(<const uint8_t *>&t.headers + 64)
    if t.journal_on:
        tp_ring_prefetch(&t.journal)


cdef inline uint32_t kill_now(TileState *t) noexcept nogil:
    """The kill word, or the cause that stands whatever an operator has cleared."""
    cdef uint32_t kill
    if t.gone:
        return t.gone  # before the word: the step marks the books by it
    kill = word_load(&t.engine.header.kill)
    if kill:
        return kill
    if t.journal_paused:
        return KILL_JOURNAL_FULL
    if t.engine.channel.lost:
        return KILL_CHANNEL_LOST
    return KILL_JOURNAL_ERROR if word_load(&t.engine.header.journal_error) else 0


cdef inline uint32_t receive(TileState *t) noexcept nogil:
    """One burst, of the first queue that has any: what it brings is decided on before the next
    queue is looked at. The turn after begins with the queue behind, so none starves."""
    cdef uint32_t i, tries
    cdef pio_queue *queue
    for tries in range(t.queue_count):
        i = t.turn
        t.turn = i + 1 if i + 1 < t.queue_count else 0
        queue = t.queues[i]
        t.bursts[i].count = queue.rx_burst(queue, t.bursts[i].frames, TURN_FRAMES_MAX)
        if t.bursts[i].count:
            t.received = i
            station_mark(&t.engine.stations, H_STATION_RECEIVE)
            return t.bursts[i].count
    return 0


cdef inline void release(TileState *t, uint32_t received, uint64_t now) noexcept nogil:
    """Gives the burst back, and lets every queue do its housekeeping."""
    cdef uint32_t i
    if received:
        t.queues[t.received].rx_release(t.queues[t.received], t.bursts[t.received].frames, received)
        t.bursts[t.received].count = 0
    for i in range(t.queue_count):
        t.queues[i].service(t.queues[i], now)


# ---- send ----------------------------------------------------------------------------------------


cdef bint _offer(pio_queue *queue, const pio_frame *frame, uint64_t now) noexcept nogil:
    cdef uint32_t i
    for i in range(<uint32_t>SEND_TRIES_MAX):
        if queue.tx_burst(queue, frame, 1):
            return True
        queue.service(queue, now)
    queue.tx_return(queue, frame, 1)
    return False


cdef void _time_sent(TileState *t, const ChannelPlan *plan) noexcept nogil:
    """Tick-to-trade of the orders that left just now: the second clock read of a turn."""
    cdef uint64_t after = tp_clock_now(&t.clock), i
    cdef const ChannelEntry *entry
    cdef OmsOrder *order
    for i in range(plan.first, plan.first + plan.count):
        entry = channel_entry(&t.engine.channel, i)
        if entry.trigger_ns:
            tp_hist_record(&t.engine.timers[H_TICK_TO_TRADE], after - entry.trigger_ns)
        order = oms_find(&t.engine.oms, entry.user_ref)
        if order != NULL:
            order.sent_ns = after


cdef void send(TileState *t, uint64_t now) noexcept nogil:
    """Whatever the channel owes the venue; what the queue has no room for waits for a turn."""
    cdef pio_queue *queue = t.queues[t.orders_index]
    cdef Channel *channel = &t.engine.channel
    cdef ChannelPlan plan
    cdef pio_frame frame
    cdef uint32_t i, header = t.headers.header_length
    for i in range(<uint32_t>SEND_FRAMES_MAX):
        channel_plan(channel, now, &plan)
        if plan.kind == PLAN_NOTHING:
            return
        if queue.tx_lend(queue, &frame, 1) == 0:
            t.engine.counters[C_TX_DEFERRED] += 1
            return
        frame.length = channel_build(channel, &plan, frame.data + header, frame.length - header)
        frame.length = net_write_udp_header(&t.headers, frame.data, frame.length)
        frame.timestamp_ns = now
        station_mark(&t.engine.stations, H_STATION_FRAME)
        if not _offer(queue, &frame, now):
            t.engine.counters[C_TX_DEFERRED] += 1
            return
        station_mark(&t.engine.stations, H_STATION_SEND)
        t.engine.counters[C_TX_FRAMES] += 1
        channel_sent(channel, &plan, now)
        if plan.kind == PLAN_NEW:
            _time_sent(t, &plan)


# ---- record --------------------------------------------------------------------------------------


cdef bint _record(TileState *t, uint16_t kind, uint16_t role, uint64_t now, uint64_t number,
                  uint32_t flags, const void *payload, uint32_t length) noexcept nogil:
    cdef journal_record *record = <journal_record *>tp_ring_claim(
        &t.journal, <uint32_t>sizeof(journal_record) + length)
    if record == NULL:
        _pause_journal(t)
        return False
    record.kind = kind
    record.role = role
    record.length = length
    record.now_ns = now
    record.number = number
    record.flags = flags
    record.reserved = 0
    memcpy(record + 1, payload, length)
    t.engine.counters[C_JOURNAL_RECORDS] += 1
    return True


cdef void _pause_journal(TileState *t) noexcept nogil:
    """No room: trading halts, once, and this day's recording ends here."""
    t.engine.counters[C_JOURNAL_FULL] += 1
    t.journal_paused = 1
    t.kill = kill_now(t)


cdef void record_inputs(TileState *t, uint32_t received, uint64_t now) noexcept nogil:
    cdef uint32_t i
    cdef const pio_frame *frame
    if not t.journal_on or t.journal_paused:
        return
    if received and not tp_ring_has_room(&t.journal, JOURNAL_RESERVE_BYTES):
        _pause_journal(t)
        return
    if t.kill != t.journal_kill:
        t.journal_kill = t.kill
        # The flags say how much had not left yet: a kill voids that, and so must a replay.
        _record(t, JOURNAL_COMMAND, 0, now, t.kill,
                <uint32_t>(t.engine.channel.tx_next - t.engine.channel.tx_wire), NULL, 0)
    if not received or not t.journal_frames:
        return
    for i in range(received):
        frame = &t.bursts[t.received].frames[i]
        _record(t, JOURNAL_FRAME, <uint16_t>t.bursts[t.received].role, now, frame.timestamp_ns,
                frame.flags, frame.data, frame.length)
    station_mark(&t.engine.stations, H_STATION_RECORD)


cdef bint record_outputs(TileState *t, uint32_t received, bint changed,
                         uint64_t now) noexcept nogil:
    """Orders are in the ring before they are sent: commit comes before transmit.

    False when one found no room: nothing is sent this turn, and the next one's kill voids it.
    """
    cdef const ChannelEntry *entry
    cdef bint orders = False
    if not t.journal_on or t.journal_paused:
        return True
    if changed and not received:
        _record(t, JOURNAL_TICK, 0, now, 0, 0, NULL, 0)
    while t.journal_orders < t.engine.channel.tx_next:
        entry = channel_entry(&t.engine.channel, t.journal_orders)
        if not _record(t, JOURNAL_ORDER, ROLE_ORDERS, now, t.journal_orders, 0, entry.message,
                       entry.length):
            break
        t.journal_orders += 1
        orders = True
    tp_ring_commit(&t.journal)
    if orders:
        station_mark(&t.engine.stations, H_STATION_JOURNAL)
    return not t.journal_paused


# ---- housekeeping --------------------------------------------------------------------------------


cdef void publish_queues(TileState *t) noexcept nogil:
    """What each queue lost, by name: the backend counts, the segment shows."""
    cdef const pio_stats *stats
    cdef uint64_t *words
    cdef uint32_t i
    for i in range(t.queue_count):
        stats = &t.queues[i].info.stats
        words = &t.engine.counters[
            C_QUEUE_DROP_FEED_A_RX_MISSED + QUEUE_DROPS * t.bursts[i].role]
        words[0] = stats.rx_missed
        words[1] = stats.rx_oversize
        words[2] = stats.rx_truncated
        words[3] = stats.rx_malformed
        words[4] = stats.tx_oversize
        words[5] = stats.tx_error


cdef void look_at_links(TileState *t) noexcept nogil:
    """Publishes each queue's link. Without an order session, or without any line of the feed,
    trading halts until the next start: an interface that has vanished does not come back."""
    cdef uint32_t i, link, lines = 0
    cdef bint orders = True
    for i in range(t.queue_count):
        link = t.queues[i].info.link
        t.engine.counters[C_QUEUE_LINK_FEED_A + t.bursts[i].role] = link
        if i == t.orders_index:
            orders = link != PIO_LINK_GONE
        else:
            lines += link != PIO_LINK_GONE
    if not lines:
        t.gone = KILL_FEED_GONE
    elif not orders:
        t.gone = KILL_ORDERS_GONE


cdef bint housekeeping(TileState *t, uint64_t now) noexcept nogil:
    """Publishes, looks at the words others set; True when it is time to leave."""
    cdef EngineState *engine = t.engine
    engine_publish(engine)
    engine.counters[C_LOOPS] = t.loops
    engine.counters[C_KILLED] = t.kill
    word_store64(&engine.header.heartbeat_ns, now)
    if engine.halt:
        word_set_if_clear(&engine.header.kill, engine.halt)
        engine.halt = 0
    look_at_links(t)
    if kill_now(t):
        word_set_if_clear(&engine.header.kill, kill_now(t))
    publish_queues(t)
    return word_load(&engine.header.stop) != 0 or (t.end_ns != 0 and now >= t.end_ns)


# ---- ownership -----------------------------------------------------------------------------------


cdef class Tile:
    """Binds an engine to its queues, clock and journal ring, and runs the loop.

    ``queues`` maps "feed_a", "feed_b", "orders" to open queues; all are kept alive here.
    """

    def __cinit__(self):
        self.tile = <TileState *>calloc(1, sizeof(TileState))
        if self.tile == NULL:
            raise MemoryError("no memory for a tile")

    def __init__(self, Engine engine, queues, clock):
        cdef TileState *t = self.tile
        cdef uintptr_t address
        from appliance.telemetry.registry import ROLES
        t.engine = engine.engine
        address = clock.address
        t.clock = (<const tp_clock *>address)[0]
        self.engine = engine
        self.keep = (dict(queues), clock)
        for role, name in enumerate(ROLES):
            if name not in queues:
                continue
            if queues[name].abi != PIO_ABI:
                raise ValueError(f"queue {queues[name].name} has packet I/O ABI "
                                 f"{queues[name].abi}, this build wants {PIO_ABI}; rebuild")
            address = queues[name].address
            t.queues[t.queue_count] = <pio_queue *>address
            t.bursts[t.queue_count].role = role
            if role == ROLE_ORDERS:
                t.orders_index = t.queue_count
            t.queue_count += 1
        t.journal_orders = 1
        if engine.settings.engine.stations:
            t.engine.stations.clock = t.clock
            t.engine.stations.timers = t.engine.timers
        self._write_headers(engine.settings.orders)

    def __dealloc__(self):
        free(self.tile)

    def _write_headers(self, orders):
        import ipaddress
        cdef bytes source = bytes.fromhex(orders.mac.replace(":", ""))
        cdef bytes destination = bytes.fromhex(orders.venue_mac.replace(":", ""))
        if len(source) != 6 or len(destination) != 6:
            raise ValueError("the order session has no Ethernet addresses; give mac and venue_mac")
        net_template_init(
            &self.tile.headers, <const uint8_t *>source, <const uint8_t *>destination, 0,
            int(ipaddress.IPv4Address(orders.address)),
            int(ipaddress.IPv4Address(orders.venue_address)), orders.port, orders.venue_port, 64)

    def record_to(self, ring_address: int, frames: bool) -> None:
        """Records into the journal ring at this address; ``frames``: what comes in, too."""
        cdef uintptr_t address = ring_address
        self.tile.journal = tp_ring_write(<tp_ring *>address)
        self.tile.journal_on = 1
        self.tile.journal_frames = frames

    def run(self, end_ns: int = 0) -> None:
        """Loops until the segment's stop word is set, or until ``end_ns`` on the loop's clock."""
        self.tile.end_ns = end_ns
        with nogil:
            loop(self.tile)

    def finish(self, now: int) -> None:
        """Tells the venue that the session ends, once, after the loop."""
        self.tile.engine.channel.ending = 1
        send(self.tile, now)

    @property
    def orders_unanswered(self) -> int:
        """Orders and replacements that still await their first answer."""
        return self.tile.engine.oms.pending_count
