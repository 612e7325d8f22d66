# The OUCH half of gateway.pyx: what a client's message does, and what reports tell the client.
#
# Rules of OUCH 5.0 kept here: a UserRefNum at or below the last one is a resend and ignored;
# cancels that change nothing are ignored; a replacement of an order that is not live is ignored and
# its number not used up; a replacement that is not valid cancels the live original.

cdef enum:
    QUANTITY_MAX = 999999        # of one order (OUCH 5.0, Enter Order)
    PRICE_MAX = 0x7735939C       # $199,999.99; 200,000 and more is a market order
    PRICE_MARKET = 2000000000
    DOLLAR = 10000
    TICK_UNITS = 100             # a cent, for prices of a dollar and more
    GATEWAY_MPID = 1             # whose name an attributed order of the client carries


cdef inline gateway_order *order_by_tag(gateway_t *gateway, uint32_t tag) noexcept nogil:
    """The client's order of a tag; NULL for the background's."""
    tag &= TAG_OWNER_MASK
    return &gateway.orders[tag - 1] if tag else NULL


cdef gateway_order *find_live(gateway_t *gateway, uint32_t user_ref_num) noexcept nogil:
    """Numbers rise with positions, so it is a binary search; most often the guess is right.

    Positions are never further apart than their numbers: what is off a guess bounds the search.
    """
    cdef uint64_t high = gateway.order_next, low = 0, middle
    cdef gateway_order *order
    if user_ref_num > gateway.last_user_ref_num:
        return NULL
    if high > GATEWAY_ORDERS_MAX:
        low = high - GATEWAY_ORDERS_MAX
    middle = high - 1 - (gateway.last_user_ref_num - user_ref_num)
    while low < high:
        if middle < low or middle >= high:
            middle = low + (high - low) // 2
        order = &gateway.orders[middle & (GATEWAY_ORDERS_MAX - 1)]
        if order.user_ref_num == user_ref_num:
            return order if order.live else NULL
        if order.user_ref_num < user_ref_num:
            low = middle + 1
            high = min(high, low + (user_ref_num - order.user_ref_num))
        else:
            high = middle
            if order.user_ref_num - user_ref_num < high - low:
                low = high - (order.user_ref_num - user_ref_num)
        middle = low + (high - low) // 2
    return NULL


cdef uint16_t find_symbol(const gateway_t *gateway, const uint8_t *name) noexcept nogil:
    """The locate of a name; 0 when the venue does not trade it."""
    cdef uint64_t key, at
    memcpy(&key, name, 8)
    at = mix64(key) & gateway.symbol_mask
    while gateway.symbol_keys[at]:
        if gateway.symbol_keys[at] == key:
            return gateway.symbol_locates[at]
        at = (at + 1) & gateway.symbol_mask
    return 0


cdef inline uint8_t *answer(gateway_t *gateway) noexcept nogil:
    return store_slot(gateway.answers, gateway.answers.next_sequence)


cdef inline void answered(gateway_t *gateway, uint8_t *slot, uint32_t length) noexcept nogil:
    store_commit(gateway.answers, slot, length)


cdef void gateway_event(gateway_t *gateway, uint8_t event_code, uint64_t timestamp) noexcept nogil:
    """S: start of day, at the head of every session; E: end of day."""
    cdef uint8_t *slot = answer(gateway)
    if gateway.joined:
        answered(gateway, slot, ouch_write_system_event(
            slot + MOLD_BLOCK_BYTES, timestamp, event_code))


cdef void reject(
    gateway_t *gateway, uint32_t user_ref_num, uint16_t reason, const uint8_t *cl_ord_id,
    uint64_t timestamp
) noexcept nogil:
    cdef uint8_t *slot = answer(gateway)
    gateway.counts[GATEWAY_REJECTED] += 1
    answered(gateway, slot, ouch_write_rejected(
        slot + MOLD_BLOCK_BYTES, timestamp, user_ref_num, reason, cl_ord_id))


cdef void cancel_told(
    gateway_t *gateway, gateway_order *order, uint32_t shares, uint8_t reason, bint over,
    uint64_t timestamp
) noexcept nogil:
    cdef uint8_t *slot = answer(gateway)
    gateway.counts[GATEWAY_CANCELED] += 1
    answered(gateway, slot, ouch_write_order_canceled(
        slot + MOLD_BLOCK_BYTES, timestamp, order.user_ref_num, shares, reason))
    if over:
        order.live = 0


cdef void execution_told(
    gateway_t *gateway, gateway_order *order, const match_report *r, uint8_t liquidity,
    uint64_t timestamp
) noexcept nogil:
    cdef uint8_t *slot = answer(gateway)
    gateway.counts[GATEWAY_EXECUTIONS] += 1
    gateway.counts[GATEWAY_EXECUTED_SHARES] += r.shares
    order.executed += r.shares
    if order.executed >= order.quantity:
        order.live = 0
    answered(gateway, slot, ouch_write_order_executed(
        slot + MOLD_BLOCK_BYTES, timestamp, order.user_ref_num, r.shares, r.price, liquidity,
        r.match_number))


cdef inline uint64_t told_price(const gateway_order *order) noexcept nogil:
    return OUCH_PRICE_MARKET if order.market else order.price


cdef uint32_t with_options(uint8_t *message, uint32_t length, const gateway_order *order,
                           uint32_t full) noexcept nogil:
    """Options that shaped the order are told back."""
    cdef uint8_t post_only = c"P"
    if order.post_only:
        length = ouch_append_tag(message, length, full, OUCH_TAG_POST_ONLY, &post_only, 1)
    return length


cdef void accepted_told(
    gateway_t *gateway, gateway_order *order, const match_report *r, uint64_t timestamp
) noexcept nogil:
    cdef uint8_t *slot = answer(gateway)
    cdef uint8_t *out = slot + MOLD_BLOCK_BYTES
    cdef uint32_t length
    gateway.counts[GATEWAY_ACCEPTED] += 1
    order.reference = r.reference
    length = ouch_write_order_accepted(
        out, timestamp, order.user_ref_num, order.side, order.quantity,
        gateway.symbols.names + 8 * <size_t>order.locate, told_price(order), order.time_in_force,
        order.display, r.reference, order.capacity, order.sweep, c"N", c"L", order.cl_ord_id)
    answered(gateway, slot, with_options(out, length, order, OUCH_ORDER_ACCEPTED_BYTES))


cdef void replaced_told(
    gateway_t *gateway, gateway_order *order, gateway_order *original, const match_report *r,
    uint64_t timestamp
) noexcept nogil:
    cdef uint8_t *slot = answer(gateway)
    cdef uint8_t *out = slot + MOLD_BLOCK_BYTES
    cdef uint32_t length
    gateway.counts[GATEWAY_REPLACED] += 1
    original.live = 0
    order.reference = r.reference
    length = ouch_write_order_replaced(
        out, timestamp, original.user_ref_num, order.user_ref_num, order.side, r.shares,
        gateway.symbols.names + 8 * <size_t>order.locate, told_price(order), order.time_in_force,
        order.display, r.reference, order.capacity, order.sweep, c"N", c"L", order.cl_ord_id)
    answered(gateway, slot, with_options(out, length, order, OUCH_ORDER_REPLACED_BYTES))


cdef inline uint8_t cancel_reason(uint8_t reason) noexcept nogil:
    """The venue's reason in OUCH's letters."""
    if reason == MATCH_BY_USER:
        return OUCH_CANCEL_REASON_USER
    if reason == MATCH_BY_POST_ONLY:
        return OUCH_CANCEL_REASON_POST_ONLY_DISPLAYED_CONTRA
    if reason == MATCH_BY_REPORTS:
        return OUCH_CANCEL_REASON_SYSTEM
    return OUCH_CANCEL_REASON_IMMEDIATE_OR_CANCEL


cdef void told(gateway_t *gateway, const match_report *r, uint64_t timestamp) noexcept nogil:
    """What one report means to the client, when an order of its is concerned."""
    cdef gateway_order *order = order_by_tag(gateway, r.tag)
    cdef gateway_order *other = order_by_tag(gateway, r.other_tag)
    if r.type == MATCH_EXECUTED:
        if order != NULL:
            execution_told(gateway, order, r, c"A", timestamp)
        if other != NULL:
            execution_told(gateway, other, r, c"R", timestamp)
    elif order == NULL:
        return
    elif r.type == MATCH_ACCEPTED:
        accepted_told(gateway, order, r, timestamp)
    elif r.type == MATCH_REPLACING:
        replaced_told(gateway, order, other, r, timestamp)
    elif r.type == MATCH_CANCELED:
        cancel_told(gateway, order, r.shares, cancel_reason(r.reason), True, timestamp)
    elif r.type == MATCH_REDUCED:
        order.quantity -= r.shares
        cancel_told(gateway, order, r.shares, cancel_reason(r.reason), False, timestamp)
    elif r.type == MATCH_DELETED and r.reason == MATCH_BY_USER:
        cancel_told(gateway, order, r.shares, cancel_reason(r.reason), True, timestamp)


cdef void gateway_settle(gateway_t *gateway, uint64_t timestamp) noexcept nogil:
    """Turns the last operation's reports into the feed's messages and the client's answers."""
    cdef uint32_t count = 0, i
    cdef const match_report *reports = match_reports(gateway.core, &count)
    for i in range(count):
        publish(gateway.feed, gateway.symbols, &reports[i], timestamp)
        if (reports[i].tag | reports[i].other_tag) & TAG_OWNER_MASK:
            told(gateway, &reports[i], timestamp)
    checkpoint_maybe(gateway.checkpoints, gateway.core, gateway.feed.next_sequence - 1)


cdef uint16_t judge_price(uint64_t price) noexcept nogil:
    """0, or why not; a dollar and more trades in cents (Regulation NMS, rule 612)."""
    if price >= PRICE_MARKET:
        return 0
    if price == 0 or price > PRICE_MAX or (price >= DOLLAR and price % TICK_UNITS):
        return OUCH_REJECT_REASON_PRICE
    return 0


cdef uint16_t judge_options(
    const uint8_t *message, uint32_t length, uint32_t full, uint32_t quantity, uint8_t life,
    match_order *order
) noexcept nogil:
    """Reads the options that this venue knows; 0, or why not."""
    cdef uint32_t number = 0
    cdef const uint8_t *value = ouch_find_tag(message, length, full, OUCH_TAG_POST_ONLY)
    if value != NULL and value[0] == c"P":
        order.flags |= MATCH_POST_ONLY
    value = ouch_find_tag(message, length, full, OUCH_TAG_MIN_QTY)
    if value != NULL:
        memcpy(&number, value, 4)
        number = be32(number)
        if number and (life != MATCH_IOC or number != quantity):
            return OUCH_REJECT_REASON_MIN_QUANTITY
        if number:
            order.life = MATCH_FOK
    value = ouch_find_tag(message, length, full, OUCH_TAG_MAX_FLOOR)
    if value != NULL:
        memcpy(&number, value, 4)
        if number:
            return OUCH_REJECT_REASON_MAX_FLOOR
    value = ouch_find_tag(message, length, full, OUCH_TAG_PRICE_TYPE)
    if value != NULL and value[0] != c"L":
        return OUCH_REJECT_REASON_PEG_TYPE
    if order.flags & MATCH_POST_ONLY and (order.life != MATCH_DAY or order.flags & MATCH_MARKET):
        return OUCH_REJECT_REASON_OTHER
    return 0


cdef uint16_t judge_common(
    gateway_t *gateway, const uint8_t *message, uint32_t length, uint32_t full, uint32_t quantity,
    uint64_t price, uint8_t time_in_force, uint8_t display, match_order *order
) noexcept nogil:
    """What Enter and Replace have in common; fills in the core's order. 0, or why not."""
    cdef uint16_t reason
    if quantity == 0 or quantity > QUANTITY_MAX:
        return OUCH_REJECT_REASON_QUANTITY
    if display != c"Y" and display != c"A":
        return OUCH_REJECT_REASON_DISPLAY
    if time_in_force != c"0" and time_in_force != c"3":
        return OUCH_REJECT_REASON_OTHER
    reason = judge_price(price)
    if reason:
        return reason
    order.life = MATCH_IOC if time_in_force == c"3" else MATCH_DAY
    order.flags = MATCH_MARKET if price >= PRICE_MARKET else 0
    order.shares = quantity
    order.price = 0 if price >= PRICE_MARKET else <uint32_t>price
    return judge_options(message, length, full, quantity, order.life, order)


cdef gateway_order *order_new(
    gateway_t *gateway, uint32_t user_ref_num, uint32_t quantity, uint8_t time_in_force,
    uint8_t display, const uint8_t *cl_ord_id, match_order *order
) noexcept nogil:
    """The next entry of the table, and its tag; NULL while the entry's former order still lives."""
    cdef uint32_t at = gateway.order_next & (GATEWAY_ORDERS_MAX - 1)
    cdef gateway_order *entry = &gateway.orders[at]
    if entry.live:
        return NULL
    gateway.order_next += 1
    memset(entry, 0, sizeof(gateway_order))
    entry.user_ref_num = user_ref_num
    entry.quantity = quantity
    entry.price = order.price
    entry.market = (order.flags & MATCH_MARKET) != 0
    entry.post_only = (order.flags & MATCH_POST_ONLY) != 0
    entry.time_in_force = time_in_force
    entry.display = display
    entry.live = 1
    memcpy(entry.cl_ord_id, cl_ord_id, 14)
    order.tag = at + 1
    if display == c"A":
        order.tag |= <uint32_t>GATEWAY_MPID << TAG_MPID_SHIFT
    return entry


cdef inline uint16_t full_reason(int result) noexcept nogil:
    """The core refuses what passed the gateway only when one of its tables is full."""
    return OUCH_REJECT_REASON_PROCESSING_ERROR if result >= MATCH_FULL_ORDERS else (
        OUCH_REJECT_REASON_OTHER)


cdef void on_enter(
    gateway_t *gateway, const uint8_t *message, uint32_t length, uint64_t timestamp
) noexcept nogil:
    cdef const ouch_enter_order_t *m = <const ouch_enter_order_t *>message
    cdef uint32_t user_ref_num = be32(m.user_ref_num)
    cdef match_order order
    cdef gateway_order *entry
    cdef uint16_t reason
    cdef int result
    gateway.counts[GATEWAY_ORDERS] += 1
    if user_ref_num <= gateway.last_user_ref_num:
        gateway.counts[GATEWAY_DROP_RESEND] += 1
        return
    gateway.last_user_ref_num = user_ref_num
    order.locate = find_symbol(gateway, m.symbol)
    order.side = MATCH_BUY if m.side == c"B" else MATCH_SELL
    reason = judge_common(gateway, message, length, OUCH_ENTER_ORDER_BYTES, be32(m.quantity),
                          be64(m.price), m.time_in_force, m.display, &order)
    if not gateway.market_open:
        reason = OUCH_REJECT_REASON_DESTINATION_CLOSED
    elif order.locate == 0:
        reason = OUCH_REJECT_REASON_SYMBOL
    elif m.side != c"B" and m.side != c"S" and m.side != c"T" and m.side != c"E":
        reason = OUCH_REJECT_REASON_SIDE
    elif m.cross_type != c"N":
        reason = OUCH_REJECT_REASON_CROSS_ORDER
    if reason:
        reject(gateway, user_ref_num, reason, m.cl_ord_id, timestamp)
        return
    entry = order_new(gateway, user_ref_num, order.shares, m.time_in_force, m.display,
                      m.cl_ord_id, &order)
    if entry == NULL:
        reject(gateway, user_ref_num, OUCH_REJECT_REASON_PROCESSING_ERROR, m.cl_ord_id, timestamp)
        return
    entry.locate = order.locate
    entry.side = m.side
    entry.capacity = m.capacity
    entry.sweep = m.intermarket_sweep_eligibility
    result = match_submit(gateway.core, &order)
    if result != MATCH_OK:
        entry.live = 0
        reject(gateway, user_ref_num, full_reason(result), m.cl_ord_id, timestamp)
        return
    gateway_settle(gateway, timestamp)


cdef void on_replace(
    gateway_t *gateway, const uint8_t *message, uint32_t length, uint64_t timestamp
) noexcept nogil:
    cdef const ouch_replace_order_t *m = <const ouch_replace_order_t *>message
    cdef uint32_t user_ref_num = be32(m.user_ref_num)
    cdef gateway_order *original = find_live(gateway, be32(m.orig_user_ref_num))
    cdef gateway_order *entry = NULL
    cdef match_order order
    gateway.counts[GATEWAY_ORDERS] += 1
    if user_ref_num <= gateway.last_user_ref_num:
        gateway.counts[GATEWAY_DROP_RESEND] += 1
        return
    if original == NULL:
        gateway.counts[GATEWAY_SUPERFLUOUS] += 1
        return
    gateway.last_user_ref_num = user_ref_num
    if not gateway.market_open:
        reject(gateway, user_ref_num, OUCH_REJECT_REASON_DESTINATION_CLOSED, m.cl_ord_id,
               timestamp)
        return
    if judge_common(gateway, message, length, OUCH_REPLACE_ORDER_BYTES, be32(m.quantity),
                    be64(m.price), m.time_in_force, m.display, &order) == 0:
        entry = order_new(gateway, user_ref_num, order.shares, m.time_in_force, m.display,
                          m.cl_ord_id, &order)
    if entry != NULL:
        entry.executed = original.executed
        entry.locate = original.locate
        entry.side = original.side
        entry.capacity = original.capacity
        entry.sweep = m.intermarket_sweep_eligibility
        if match_replace(gateway.core, original.reference, &order) == MATCH_OK:
            # A total that is executed already leaves nothing to replace: the original ends.
            entry.live = order.shares > original.executed
            gateway_settle(gateway, timestamp)
            return
        entry.live = 0
    match_cancel(gateway.core, original.reference, 0)
    gateway_settle(gateway, timestamp)


cdef void on_cancel(gateway_t *gateway, const uint8_t *message, uint64_t timestamp) noexcept nogil:
    cdef const ouch_cancel_order_t *m = <const ouch_cancel_order_t *>message
    cdef gateway_order *order = find_live(gateway, be32(m.user_ref_num))
    gateway.counts[GATEWAY_ORDERS] += 1
    if order == NULL:
        gateway.counts[GATEWAY_SUPERFLUOUS] += 1
        return
    match_cancel(gateway.core, order.reference, be32(m.quantity))
    gateway_settle(gateway, timestamp)


cdef void on_message(
    gateway_t *gateway, const uint8_t *message, uint32_t length, uint64_t timestamp
) noexcept nogil:
    """One message of the client's stream, in sequence."""
    cdef uint8_t *slot
    if ouch_check_in(message, length) != OUCH_OK:
        gateway.counts[GATEWAY_DROP_MALFORMED] += 1
    elif message[0] == OUCH_ENTER_ORDER:
        on_enter(gateway, message, length, timestamp)
    elif message[0] == OUCH_REPLACE_ORDER:
        on_replace(gateway, message, length, timestamp)
    elif message[0] == OUCH_CANCEL_ORDER:
        on_cancel(gateway, message, timestamp)
    elif message[0] == OUCH_ACCOUNT_QUERY:
        gateway.counts[GATEWAY_QUERIES] += 1
        slot = answer(gateway)
        answered(gateway, slot, ouch_write_account_query_response(
            slot + MOLD_BLOCK_BYTES, timestamp, gateway.last_user_ref_num + 1))
    else:
        gateway.counts[GATEWAY_DROP_UNSUPPORTED] += 1
