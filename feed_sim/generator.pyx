# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""A trading day of exactly so many messages, from a seed, as file bytes or as packets.

Flow, matching core and publisher of the exchange, under a clock that is computed instead of read:
09:30 to 16:00 are divided among the messages, in bursts. Same arguments, same bytes.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dpdk_bindings.pio cimport pio_queue
from feed_sim.exchange.matching cimport Matching, match_live_orders, match_reports, match_report
from feed_sim.exchange.publisher cimport (
    ITCH_SLOT_BYTES, SymbolTable, line_flush, line_init, line_t, publish, publish_event,
    publish_opening, store_free, store_new, store_slot, store_t,
)
from feed_sim.flow cimport Flow, flow_exponential, flow_random, flow_step, flow_step_single
from itch_ouch.wire cimport MOLD_BLOCK_BYTES, be16

from feed_sim.flow import symbol_names

OPENING_NS = (9 * 60 + 29) * 60 * 1_000_000_000
MARKET_OPEN_NS = OPENING_NS + 60 * 1_000_000_000
MARKET_CLOSE_NS = 16 * 3600 * 1_000_000_000
# Market participants of attributed orders: made up, as the symbols are.
MPIDS = ["AAMM", "BBMM", "CCMM", "DDMM", "EEMM", "FFMM", "GGMM"]

cdef enum:
    # O, S and Q; each symbol adds a directory entry and a trading state.
    OPENING_MESSAGES = 3
    # Events M, E and C.
    CLOSING_MESSAGES = 3
    # One chunk at a time lies in the store, and what one operation more can add to it.
    CHUNK_MESSAGES = 1 << 17
    # So many orders can one order trade with, and so far from the end messages come singly.
    REPORTS_MAX = 1 << 8
    # Operations without any message that end a generation as stuck: the tables are full.
    IDLE_STEPS_MAX = 1 << 16
    # Three in four gaps are within a burst: this long on average, and never more than a sixteenth
    # of the mean. The fourth makes up for them.
    BURST_GAP_NS = 2000
    BURST_DIVISOR = 16

cdef inline uint64_t next_gap(Flow flow, uint64_t mean_ns) noexcept nogil:
    cdef uint64_t burst_ns = min(mean_ns // BURST_DIVISOR, <uint64_t>BURST_GAP_NS)
    if flow_random(&flow.flow) & 3:
        return flow_exponential(&flow.flow, burst_ns)
    return flow_exponential(&flow.flow, 4 * mean_ns - 3 * burst_ns)


cdef class Generator:
    """Iterate with ``step`` until it returns 0; take the messages with ``framed`` or ``send``."""

    cdef readonly Matching core
    cdef Flow flow
    cdef SymbolTable symbols
    cdef store_t *store
    cdef line_t line
    cdef object queue
    cdef readonly uint64_t messages, live_orders_max
    cdef uint64_t taken, gap_ns, live_target
    cdef readonly uint64_t timestamp_ns
    cdef bint closed

    def __cinit__(self, uint64_t messages, uint32_t symbols, uint64_t seed, uint64_t live_orders):
        least = OPENING_MESSAGES + 2 * symbols + CLOSING_MESSAGES
        if messages < least:
            raise ValueError(f"{messages} messages are too few for {symbols} symbols, whose "
                             f"opening and closing alone take {least}; ask for more messages")
        orders_max = min(messages, live_orders + live_orders // 4 + 4096)
        self.core = Matching(symbols, orders_max, min(orders_max, (1 << 27) - 1), REPORTS_MAX,
                             2 * messages + 1)
        self.flow = Flow(self.core, symbols, seed, <uint32_t>live_orders)
        self.symbols = SymbolTable(symbol_names(symbols, seed), MPIDS)
        store_count = 1 << (max(CHUNK_MESSAGES, 2 * symbols) + 2 * REPORTS_MAX).bit_length()
        self.store = store_new(store_count, ITCH_SLOT_BYTES)
        self.messages = messages
        self.live_target = live_orders
        self.taken = 1
        self.timestamp_ns = OPENING_NS
        self.gap_ns = (MARKET_CLOSE_NS - MARKET_OPEN_NS) // messages

    def __dealloc__(self):
        store_free(self.store)

    @property
    def symbol_names(self):
        return self.symbols.names

    @property
    def sequence_number(self):
        """Of the last message made."""
        return self.store.next_sequence - 1

    @property
    def live_orders(self):
        return match_live_orders(self.core.core)

    @property
    def type_counts(self):
        """Messages made so far, by type letter."""
        return {chr(i): self.store.type_counts[i] for i in range(256) if self.store.type_counts[i]}

    cdef void _steer(self, uint64_t done) noexcept nogil:
        """The day's shape: the book fills over the first 40 %, and thins out over the last 20 %."""
        cdef uint64_t share = done * 1000 // self.messages
        if share < 400:
            self.flow.flow.live_target = <uint32_t>(self.live_target * (share + 1) // 400)
        elif share > 800:
            self.flow.flow.live_target = <uint32_t>(
                self.live_target * (1000 - (share - 800) * 3) // 1000)
        else:
            self.flow.flow.live_target = <uint32_t>self.live_target

    cdef int _fill(self, uint64_t until) noexcept nogil:
        """Operations until the store holds `until` messages; -1 when nothing happens any more."""
        cdef uint64_t before, limit = self.messages - CLOSING_MESSAGES
        cdef uint32_t count, i, idle = 0
        cdef const match_report *reports
        while self.store.next_sequence <= until:
            before = self.store.next_sequence
            if (before & 1023) == 0:
                self._steer(before)
            if before + REPORTS_MAX > limit:
                flow_step_single(&self.flow.flow)
            else:
                flow_step(&self.flow.flow)
            self.timestamp_ns += next_gap(self.flow, self.gap_ns)
            reports = match_reports(self.core.core, &count)
            for i in range(count):
                publish(self.store, &self.symbols.table, &reports[i], self.timestamp_ns)
            idle = idle + 1 if self.store.next_sequence == before else 0
            if idle == IDLE_STEPS_MAX:
                return -1
            if match_live_orders(self.core.core) > self.live_orders_max:
                self.live_orders_max = match_live_orders(self.core.core)
        return 0

    def step(self):
        """Makes the next chunk; returns how many messages wait to be taken, 0 at the end."""
        cdef uint64_t limit = self.messages - CLOSING_MESSAGES, until
        cdef int result
        if self.taken != self.store.next_sequence:
            raise RuntimeError("take the messages of the last step first")
        if self.closed:
            return 0
        if self.store.next_sequence == 1:
            publish_opening(self.store, &self.symbols.table, OPENING_NS)
            self.timestamp_ns = MARKET_OPEN_NS
            self._steer(0)
        until = min(limit, self.store.next_sequence - 1 + CHUNK_MESSAGES)
        with nogil:
            result = self._fill(until)
        if result:
            raise RuntimeError(
                f"the book is full after {self.store.next_sequence - 1} messages; "
                "ask for more --live-orders or for fewer messages")
        if self.store.next_sequence - 1 == limit:
            self.timestamp_ns = max(self.timestamp_ns, MARKET_CLOSE_NS)
            for code in b"MEC":
                publish_event(self.store, code, self.timestamp_ns)
            self.closed = True
        return self.store.next_sequence - self.taken

    def framed(self):
        """The waiting messages, each behind its length in two bytes, as in a day file."""
        cdef uint64_t first = self.taken, end = self.store.next_sequence, sequence
        cdef uint8_t *slot
        cdef uint32_t size
        cdef size_t used = 0
        out = bytearray((end - first) * ITCH_SLOT_BYTES)
        cdef uint8_t *place = out
        with nogil:
            for sequence in range(first, end):
                slot = store_slot(self.store, sequence)
                size = MOLD_BLOCK_BYTES + be16((<uint16_t *>slot)[0])
                memcpy(place + used, slot, size)
                used += size
        self.taken = end
        del out[used:]
        return out

    def attach(self, queue, bytes session, dict address):
        """Sends the messages as MoldUDP64 packets to an open queue; see ``send``."""
        self.queue = queue
        line_init(&self.line, <pio_queue *><size_t>queue.address, session, address)

    def send(self, uint64_t midnight_ns, uint64_t span_ns):
        """Sends what waits; returns how many packets have gone out so far.

        A packet's time is ``midnight_ns`` and its last message's timestamp; its messages lie less
        than ``span_ns`` apart. Stops short when the queue has no room: call it again.
        """
        with nogil:
            line_flush(&self.line, self.store, 0, midnight_ns, span_ns)
        self.taken = self.line.next_sequence
        return self.line.packets

    @property
    def waiting(self):
        """Messages made and not taken."""
        return self.store.next_sequence - self.taken
