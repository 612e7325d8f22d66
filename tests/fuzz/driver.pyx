"""The fuzzer's loop: damaged datagrams through the engine's own step, with what must hold.

Built with the sanitizers and started by run.py. Everything follows from the seed. After every
datagram: a refused one has changed nothing but its own counter; every order made is good OUCH;
every payload sent is a good datagram. Every CHECK_EVERY: the books' levels are the sums of their
orders, ladders are sorted, open orders and shares add up.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memmove, memset

from itch_ouch.digest cimport mix64
from itch_ouch.mold cimport (
    mold_append, mold_begin, mold_check, mold_finish, mold_is_request, mold_packet,
    mold_write_header, mold_writer,
)
from itch_ouch.net cimport (
    NET_UDP_PAYLOAD_BYTES_MAX, net_fold, net_sum, net_template, net_template_init,
    net_write_udp_header,
)
from itch_ouch.ouch cimport (
    OUCH_OK, OUCH_RESULT_COUNT, ouch_append_tag, ouch_check_in, ouch_check_out, ouch_find_tag,
)
from itch_ouch.wire cimport (
    MOLD_COUNT_END, MOLD_HEADER_BYTES, be16, be32, be64, ipv4_header_t, itch_add_order_t,
    itch_message_bytes, itch_order_cancel_t, itch_order_replace_t, ouch_account_query_response_t,
    ouch_in_message_bytes, ouch_in_message_bytes_bare, ouch_order_accepted_t,
    ouch_order_canceled_t, ouch_order_executed_t, ouch_order_replaced_t, ouch_out_message_bytes,
    ouch_out_message_bytes_bare, ouch_out_message_bytes_older, ouch_tag_bytes, udp_header_t,
)
from appliance.core.book cimport (
    LADDER_WIDTH, LEVEL_NONE, SIDE_BID, Book, FarOrder, Ladder, Level, Order, book_find,
    ladder_handles, ladder_key, ladder_keys, level_at,
)
from appliance.core.channel cimport (
    CHANNEL_PAYLOAD_BYTES_MAX, PLAN_NOTHING, Channel, ChannelEntry, ChannelPlan, channel_build,
    channel_entry, channel_plan, channel_sent,
)
from appliance.core.engine cimport ROLE_ORDERS, Burst, Engine, EngineState, step
from appliance.core.feed cimport FEED_ENDED, FEED_STALE, Feed, FeedSlot
from appliance.core.oms cimport (
    OMS_DEAD, OMS_FREE, OMS_PENDING_CANCEL, OMS_PENDING_NEW, OMS_REPLACEMENT, Oms, OmsOrder,
    oms_find,
)
from appliance.core.risk cimport Risk
from appliance.core.state cimport (
    C_CHANNEL_DROP_SESSION, C_CHANNEL_UNSERVABLE, C_COUNT, C_ITCH_DROP_LENGTH,
    C_NET_DROP_RUNT, C_RX_BYTES_FEED_A, C_RX_FRAMES_FEED_A,
)

from appliance.core.strategy cimport (
    EVENT_ORDER, Event, Intent, Intents, Strategy, View, intent_new,
)

cdef enum:
    CHECK_EVERY = 4096
    SHADOW_PARTS = 10
    FRAME_MAX = 2048

cdef struct Part:               # a piece of the engine's state and its copy
    const void *live
    void *copy
    size_t size_bytes

cdef struct Fuzz:
    uint64_t random
    EngineState *engine
    uint8_t frame[FRAME_MAX + 512]
    uint8_t former[FRAME_MAX + 512]
    uint32_t length
    uint32_t former_length
    uint32_t role
    uint32_t keep_lengths
    uint32_t silent             # the venue answers nothing: orders pile up until the table is full
    uint8_t *guarded            # ends where a sanitizer's red zone begins
    const uint8_t *seeds
    const uint32_t *seed_offsets
    uint32_t seed_count
    net_template headers[3]
    uint64_t now
    uint32_t kill
    uint64_t orders_seen
    uint64_t *before            # counters
    Part parts[SHADOW_PARTS]
    uint64_t refused            # datagrams
    uint64_t ouch_results[OUCH_RESULT_COUNT][2]
    uint64_t tag_bytes          # read through ouch_find_tag
    uint64_t plans[8]           # datagrams sent, by kind
    const char *failure

include "packets.pxi"
include "wild.pxi"
include "invariants.pxi"


cdef const uint8_t *guard(Fuzz *f, const uint8_t *data, uint32_t length) noexcept nogil:
    """The bytes where one read past their end is a read past an allocation."""
    memcpy(f.guarded + FRAME_MAX - length, data, length)
    return f.guarded + FRAME_MAX - length


cdef void check_ouch_alone(Fuzz *f) noexcept nogil:
    """Client messages, which the engine never receives, and any tag of either direction."""
    cdef uint8_t[512] message
    cdef uint8_t kind = OUCH_IN_KINDS[below(f, 8)]
    cdef bint inbound = one_in(f, 2)
    cdef uint32_t full = ouch_in_message_bytes[kind], length, i
    cdef const uint8_t *value
    cdef const uint8_t *at
    cdef int result
    if inbound:
        length = ouch_body(f, message, kind, full, ouch_in_message_bytes_bare[kind], 0)
    else:
        length = ouch_message(f, message)
    for i in range(below(f, 3)):
        message[below(f, length)] = <uint8_t>BOUNDARIES[below(f, 6)]
    if one_in(f, 4):
        length = below(f, length + 1)
    at = guard(f, message, length)
    result = ouch_check_in(at, length) if inbound else ouch_check_out(at, length)
    f.ouch_results[result][inbound] += 1
    if result != OUCH_OK:
        return
    full = ouch_in_message_bytes[at[0]] if inbound else ouch_out_message_bytes[at[0]]
    value = ouch_find_tag(at, length, full, <uint8_t>(1 + below(f, 32)))
    if value != NULL:
        for i in range(<uint32_t>(value[-2] - 1)):
            f.tag_bytes += 1 + (value[i] & 0)


cdef void timers(Fuzz *f, Burst *burst) noexcept nogil:
    """A step of its own for what time and the kill word do, so that the next is the frame's."""
    cdef uint32_t how = below(f, 4000)
    f.now += below(f, 2000)
    if how < 4:
        f.now += 2000000
    elif how == 4:
        f.now += 1100000000
    if f.kill:
        f.kill = 0 if one_in(f, 50) else f.kill
    elif one_in(f, 5000):
        f.kill = 1
    burst.count = 0
    step(f.engine, burst, 1, f.kill, f.now)


cdef bint one(Fuzz *f, Burst *burst) noexcept nogil:
    """One datagram; False when something did not hold."""
    next_datagram(f)
    timers(f, burst)
    memcpy(f.before, f.engine.counters, C_COUNT * sizeof(uint64_t))
    take_shadow(f)
    burst.role = f.role
    burst.count = 1
    burst.frames[0].data = <uint8_t *>guard(f, f.frame, f.length)
    burst.frames[0].length = f.length
    burst.frames[0].flags = 0
    step(f.engine, burst, 1, f.kill, f.now)
    if not (refusal_changed_nothing(f) and orders_good(f)):
        return False
    if one_in(f, 4) and not datagrams_good(f):
        return False
    if one_in(f, 8):
        check_ouch_alone(f)
    return True


cdef uint64_t run(Fuzz *f, Burst *burst, uint64_t first, uint64_t count,
                  uint64_t *progress) noexcept nogil:
    """Runs datagrams first .. first + count; the index at which it stopped."""
    cdef uint64_t index = first
    while index < first + count:
        progress[0] = index
        if not one(f, burst):
            return index
        index += 1
        if index % CHECK_EVERY == 0 and not everything_adds_up(f):
            return index
    return index


cdef class Fuzzer:
    """Fuzzes one engine. ``payloads`` are MoldUDP64 payloads to start from beside the made ones."""

    cdef Fuzz *fuzz
    cdef Engine engine
    cdef bytes seeds
    cdef uint32_t *offsets

    def __cinit__(self):
        self.fuzz = <Fuzz *>calloc(1, sizeof(Fuzz))
        self.offsets = NULL

    def __init__(self, Engine engine, seed: int, payloads, addresses):
        cdef Fuzz *f = self.fuzz
        cdef uint8_t[6] mac = [2, 0, 0, 0, 0, 1]
        self.engine = engine
        f.engine = engine.engine
        f.random = seed
        f.now = 1700000000000000000
        f.orders_seen = 1
        f.guarded = <uint8_t *>malloc(FRAME_MAX)
        f.before = <uint64_t *>calloc(C_COUNT, sizeof(uint64_t))
        payloads = [payload for payload in payloads if len(payload) <= NET_UDP_PAYLOAD_BYTES_MAX]
        self.seeds = b"".join(payloads)
        self.offsets = <uint32_t *>calloc(len(payloads) + 1, sizeof(uint32_t))
        for i, payload in enumerate(payloads):
            self.offsets[i + 1] = self.offsets[i] + len(payload)
        f.seeds = self.seeds
        f.seed_offsets = self.offsets
        f.seed_count = len(payloads)
        for role, (address, port) in enumerate(addresses):
            net_template_init(&f.headers[role], mac, mac, 0, 0x0A4D0001, address, 26400, port, 1)
        lay_out_shadow(f)

    def __dealloc__(self):
        cdef uint32_t i
        if self.fuzz:
            for i in range(SHADOW_PARTS):
                free(self.fuzz.parts[i].copy)
            free(self.fuzz.guarded)
            free(self.fuzz.before)
            free(self.fuzz)
        free(self.offsets)

    def run(self, first: int, count: int, progress_address: int) -> str | None:
        """Runs datagrams; None, or what did not hold. The index is at ``progress_address``."""
        cdef Burst burst
        cdef uint64_t start = first, datagrams = count, index
        cdef uint64_t *progress = <uint64_t *><uintptr_t>progress_address
        with nogil:
            index = run(self.fuzz, &burst, start, datagrams, progress)
        if self.fuzz.failure == NULL:
            return None
        progress[0] = index
        return self.fuzz.failure.decode()

    def frame(self) -> bytes:
        """The last datagram made."""
        return self.fuzz.frame[:self.fuzz.length]

    def reached(self) -> dict[str, int]:
        """How often things happened that no counter of the engine tells."""
        f = self.fuzz
        out = {"refused": f.refused, "tag_bytes": f.tag_bytes}
        for i in range(OUCH_RESULT_COUNT):
            out[f"ouch_out_{i}"] = f.ouch_results[i][0]
            out[f"ouch_in_{i}"] = f.ouch_results[i][1]
        for i, name in enumerate(("nothing", "resend", "new", "request", "heartbeat", "end")):
            out[f"plan_{name}"] = f.plans[i]
        return out
