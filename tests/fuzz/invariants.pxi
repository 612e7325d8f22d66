# What must hold after a datagram, and what every few thousand.


cdef void lay_out_shadow(Fuzz *f) noexcept:
    """Which memory a refused datagram may not touch: all of the state but counters and messages."""
    cdef EngineState *e = f.engine
    cdef uint32_t i
    f.parts[0] = Part(&e.book, NULL, sizeof(Book))
    f.parts[1] = Part(e.book.window, NULL, (e.book.window_mask + 1) * sizeof(Order))
    f.parts[2] = Part(e.book.overflow, NULL, (e.book.overflow_mask + 1) * sizeof(FarOrder))
    f.parts[3] = Part(e.book.levels.base, NULL, e.book.levels.count_max * sizeof(Level))
    f.parts[4] = Part(&e.feed, NULL, sizeof(Feed))
    f.parts[5] = Part(e.feed.slots, NULL, (e.feed.slot_mask + 1) * sizeof(FeedSlot))
    f.parts[6] = Part(&e.oms, NULL, sizeof(Oms))
    f.parts[7] = Part(e.oms.orders, NULL, (<size_t>e.oms.mask + 1) * sizeof(OmsOrder))
    f.parts[8] = Part(&e.channel, NULL, sizeof(Channel))
    f.parts[9] = Part(&e.risk, NULL, sizeof(Risk))
    for i in range(SHADOW_PARTS):
        f.parts[i].copy = malloc(f.parts[i].size_bytes)


cdef void take_shadow(Fuzz *f) noexcept nogil:
    cdef uint32_t i
    for i in range(SHADOW_PARTS):
        memcpy(f.parts[i].copy, f.parts[i].live, f.parts[i].size_bytes)


cdef bint fail(Fuzz *f, const char *what) noexcept nogil:
    f.failure = what
    return False


cdef inline bint is_refusal(uint32_t counter) noexcept nogil:
    """Counters of what is refused whole: frames, packets, and requests for another's stream."""
    return C_NET_DROP_RUNT <= counter <= C_ITCH_DROP_LENGTH \
        or counter == C_CHANNEL_DROP_SESSION or counter == C_CHANNEL_UNSERVABLE


cdef bint refusal_changed_nothing(Fuzz *f) noexcept nogil:
    cdef uint64_t *after = f.engine.counters
    cdef uint32_t i, refusal = C_COUNT
    for i in range(C_COUNT):
        if after[i] != f.before[i] and is_refusal(i):
            refusal = i
    if refusal == C_COUNT:
        return True
    f.refused += 1
    for i in range(C_COUNT):
        if i == C_RX_FRAMES_FEED_A + f.role or i == refusal:
            if after[i] != f.before[i] + 1:
                return fail(f, "a refused datagram was not counted once")
        elif i != C_RX_BYTES_FEED_A + f.role and after[i] != f.before[i]:
            return fail(f, "a refused datagram changed another counter than its own")
    for i in range(SHADOW_PARTS):
        if memcmp(f.parts[i].copy, f.parts[i].live, f.parts[i].size_bytes):
            return fail(f, "a refused datagram changed the state")
    return True


cdef bint orders_good(Fuzz *f) noexcept nogil:
    """Whatever the strategy was made to send, it is OUCH and fits its place."""
    cdef const ChannelEntry *entry
    while f.orders_seen < f.engine.channel.tx_next:
        entry = channel_entry(&f.engine.channel, f.orders_seen)
        if ouch_check_in(entry.message, entry.length) != OUCH_OK:
            return fail(f, "an order was made that is not good OUCH")
        f.orders_seen += 1
    return True


cdef bint datagrams_good(Fuzz *f) noexcept nogil:
    """Sends what is due, as the tile would."""
    cdef uint8_t[CHANNEL_PAYLOAD_BYTES_MAX] payload
    cdef ChannelPlan plan
    cdef mold_packet packet
    cdef uint32_t i, length
    for i in range(8):
        channel_plan(&f.engine.channel, f.now, &plan)
        f.plans[plan.kind] += 1
        if plan.kind == PLAN_NOTHING:
            break
        length = channel_build(&f.engine.channel, &plan, payload, CHANNEL_PAYLOAD_BYTES_MAX)
        if not mold_is_request(payload, length) and mold_check(payload, length, &packet):
            return fail(f, "a datagram was made that is not good MoldUDP64")
        channel_sent(&f.engine.channel, &plan, f.now)
    return True


# ---- every few thousand --------------------------------------------------------------------------


cdef bint ladder_adds_up(Fuzz *f, const Ladder *ladder, uint32_t side, uint64_t *levels,
                         uint64_t *orders, uint64_t *shares) noexcept nogil:
    cdef const Book *book = &f.engine.book
    cdef const int32_t *keys = ladder_keys(book, ladder)
    cdef const uint32_t *handles = ladder_handles(book, ladder)
    cdef uint32_t i
    cdef const Level *level
    if ladder.best != (handles[ladder.count - 1] if ladder.count else <uint32_t>LEVEL_NONE):
        return fail(f, "a ladder's best is not its last")
    for i in range(<uint32_t>LADDER_WIDTH):
        if keys[<int32_t>i - LADDER_WIDTH] != ladder_key(SIDE_BID, 0):
            return fail(f, "what stands before a ladder is not the least")
    for i in range(ladder.count):
        if i and keys[i] <= keys[i - 1]:
            return fail(f, "a ladder is out of order")
        level = level_at(book, handles[i])
        if level.orders == 0 or level.shares == 0:
            return fail(f, "an empty level stayed in a ladder")
        if keys[i] != ladder_key(side, level.price):
            return fail(f, "a level's price is not its key's")
        orders[0] += level.orders
        shares[0] += level.shares
    levels[0] += ladder.count
    return True


cdef inline uint64_t place_mixed(uint32_t locate, uint32_t side, uint32_t handle) noexcept nogil:
    return mix64(<uint64_t>locate << 33 | <uint64_t>side << 32 | handle)


cdef uint64_t tables_total(Fuzz *f, uint64_t *shares, uint64_t *mixed) noexcept nogil:
    """Live orders of both tables, their shares, and a sum over where each is said to be."""
    cdef Book *book = &f.engine.book
    cdef uint64_t i, reference, live = 0
    cdef const Order *order
    for i in range(book.window_mask + 1 + book.overflow_mask + 1):
        if i <= book.window_mask:
            order = &book.window[i]
            reference = (<uint64_t>order.generation << book.window_bits) | i
        else:
            order = &book.overflow[i - book.window_mask - 1].order
            reference = book.overflow[i - book.window_mask - 1].reference
        if order.shares:
            live += 1
            if book_find(book, reference) != order:
                fail(f, "an order cannot be found by its reference")
            shares[0] += order.shares
            mixed[0] += order.shares * place_mixed(order.locate, order.side, order.level)
    return live


cdef bint book_adds_up(Fuzz *f) noexcept nogil:
    cdef Book *book = &f.engine.book
    cdef uint64_t levels = 0, orders = 0, shares = 0, table_shares = 0, mixed = 0, wanted = 0
    cdef uint32_t locate, side, i
    cdef const uint32_t *handles
    cdef const Ladder *ladder
    for locate in range(<uint32_t>book.locate_max + 1):
        for side in range(2):
            ladder = &book.symbols[locate].sides[side]
            if not ladder_adds_up(f, ladder, side, &levels, &orders, &shares):
                return False
            handles = ladder_handles(book, ladder)
            for i in range(ladder.count):
                wanted += (level_at(book, handles[i]).shares
                           * place_mixed(locate, side, handles[i]))
    if levels != book.levels.used_count:
        return fail(f, "levels in ladders and levels in use differ")
    if tables_total(f, &table_shares, &mixed) != book.live_orders or orders != book.live_orders:
        return fail(f, "live orders, tables and levels do not agree on their number")
    if f.failure != NULL:
        return False
    if shares != table_shares or mixed != wanted:
        return fail(f, "a level's shares are not the sum of its orders'")
    return True


cdef bint orders_add_up(Fuzz *f) noexcept nogil:
    cdef Oms *oms = &f.engine.oms
    cdef const OmsOrder *order
    cdef uint64_t held = 0, open_shares = 0
    cdef uint32_t i, open_count = 0, pending = 0
    for i in range(oms.mask + 1):
        order = &oms.orders[i]
        if order.state == OMS_FREE or order.state == OMS_DEAD:
            if order.held:
                return fail(f, "a dead order holds open shares")
            continue
        open_count += 1
        pending += order.state == OMS_PENDING_NEW or order.state == OMS_REPLACEMENT
        held += order.held
    for i in range(<uint32_t>f.engine.book.locate_max + 1):
        open_shares += oms.symbols[i].open_shares[0] + oms.symbols[i].open_shares[1]
    if open_count != oms.open_count or pending != oms.pending_count:
        return fail(f, "open or pending orders were miscounted")
    if held != open_shares:
        return fail(f, "open shares are not the sum over open orders")
    return True


cdef void new_positions(Fuzz *f) noexcept nogil:
    """A wild execution ends trading in a symbol for good, which is right; fuzzing has to go on."""
    cdef uint32_t i
    for i in range(LOCATES_USED):
        f.engine.oms.symbols[i].position = 0


cdef bint everything_adds_up(Fuzz *f) noexcept nogil:
    cdef Channel *channel = &f.engine.channel
    if not (book_adds_up(f) and orders_add_up(f)):
        return False
    if not (1 <= channel.tx_wire <= channel.tx_next) or channel.resend_past > channel.tx_wire:
        return fail(f, "the channel's numbers are out of order")
    if f.engine.feed.session_known and f.engine.feed.expected > f.engine.feed.highest:
        return fail(f, "the feed delivered what it never heard of")
    new_positions(f)
    return True
