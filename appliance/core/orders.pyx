"""Intents to orders (see orders.pxd; OUCH 5.0)."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from itch_ouch.ouch cimport ouch_append_tag
from itch_ouch.wire cimport (
    OUCH_ENTER_ORDER, OUCH_ENTER_ORDER_BYTES, OUCH_REPLACE_ORDER, OUCH_REPLACE_ORDER_BYTES,
    OUCH_TAG_POST_ONLY, ouch_write_account_query, ouch_write_cancel_order, ouch_write_enter_order,
    ouch_write_replace_order,
)
from appliance.core.book cimport SIDE_ASK, SIDE_BID, Ladder, Level, SymbolBook, ladder_handles
from appliance.core.channel cimport ChannelEntry, channel_claim, channel_commit, channel_entry
from appliance.core.engine cimport INTENT_ROUNDS_MAX, SWEEP_PLACES_PER_STEP, EngineState
from appliance.core.feed cimport feed_live
from appliance.core.oms cimport (
    OMS_DEAD, OMS_INVALID, OMS_LIVE, OMS_PENDING_NEW, OMS_PENDING_REPLACE, OMS_REJECT,
    OMS_REPLACEMENT, OMS_REPLACE_FAILED, OMS_SEND_CANCEL, OMS_SEND_REPLACE, OmsOrder, OmsSymbol,
    oms_event, oms_find, oms_hold, oms_place,
)
from appliance.core.risk cimport (
    RISK_KILLED, RISK_NOT_READY, RISK_NO_ORDER, RISK_PASSED, RISK_STATE, RISK_TABLE_FULL,
    risk_check,
)
from appliance.core.state cimport (
    C_ORDERS_VOIDED, C_RISK_KILLED, C_SENT_CANCEL, C_SENT_NEW, C_SENT_REPLACE, C_STRATEGY_EVENTS,
    C_STRATEGY_INTENTS, C_STRATEGY_OVERFLOW, H_STATION_OMS, H_STATION_OUCH, H_STATION_RISK,
    H_STATION_STRATEGY, KILL_TX_STUCK,
)
from appliance.core.stations cimport station_mark
from appliance.core.strategy cimport (
    EVENT_ORDER, INTENTS_MAX, INTENT_CANCEL, INTENT_NEW, INTENT_REPLACE, ORDER_REFUSED,
    ORDER_REJECTED, ORDER_REPLACE_FAILED, ORDER_SENT, TIF_IOC, Event, Intent, Intents, View,
)

cdef enum:
    TRADING = 84                # 'T' of ITCH's Stock Trading Action

cdef const uint8_t *CL_ORD_ID = b"TICKPATH      "
cdef uint8_t POST_ONLY = c'P'


cdef void view_of(EngineState *engine, uint32_t locate, View *view) noexcept nogil:
    cdef const SymbolBook *symbol = &engine.book.symbols[locate]
    cdef const Ladder *bids = &symbol.sides[SIDE_BID]
    cdef const Ladder *asks = &symbol.sides[SIDE_ASK]
    cdef const OmsSymbol *own = &engine.oms.symbols[locate]
    view.levels = <const Level *>engine.book.levels.base
    view.bid_handles = ladder_handles(&engine.book, bids)
    view.ask_handles = ladder_handles(&engine.book, asks)
    view.bid_count = bids.count
    view.ask_count = asks.count
    view.position = own.position
    view.open_buy_shares = own.open_shares[SIDE_BID]
    view.open_sell_shares = own.open_shares[SIDE_ASK]
    view.locate = <uint16_t>locate
    # A symbol that the venue has halted is as little to be traded as one we do not know.
    view.live = (feed_live(&engine.feed) and not symbol.incomplete
                 and (symbol.trading_state == 0 or symbol.trading_state == TRADING))


# ---- sending -------------------------------------------------------------------------------------


cdef ChannelEntry *_claim(EngineState *engine) noexcept nogil:
    cdef ChannelEntry *entry = channel_claim(&engine.channel)
    if entry == NULL:
        engine.halt = KILL_TX_STUCK
        return NULL
    entry.trigger_ns = engine.trigger_ns
    entry.user_ref = 0
    return entry


cdef OmsOrder *_place(EngineState *engine, const Intent *intent, uint8_t state) noexcept nogil:
    cdef OmsOrder *order = oms_place(&engine.oms)
    if order == NULL:
        return NULL
    order.state = state
    order.trigger_ns = engine.trigger_ns
    order.sent_ns = engine.now
    order.price = intent.price
    order.leaves = intent.shares
    order.tag = intent.tag
    order.locate = intent.locate
    order.side = intent.side
    order.time_in_force = intent.time_in_force
    return order


cdef int _send_new(EngineState *engine, Intent *intent, const View *view) noexcept nogil:
    cdef int reason
    cdef OmsOrder *order
    cdef ChannelEntry *entry
    cdef uint32_t length
    reason = risk_check(&engine.risk, engine.kill, view, intent, intent.shares, engine.now)
    station_mark(&engine.stations, H_STATION_RISK)
    if reason != RISK_PASSED:
        return reason
    entry = _claim(engine)
    order = _place(engine, intent, OMS_PENDING_NEW) if entry else NULL
    if order == NULL:
        return RISK_TABLE_FULL
    oms_hold(&engine.oms, order, intent.shares)
    station_mark(&engine.stations, H_STATION_OMS)
    length = ouch_write_enter_order(
        entry.message, order.user_ref, c'B' if intent.side == SIDE_BID else c'S', intent.shares,
        engine.book.symbols[intent.locate].stock, intent.price,
        c'3' if intent.time_in_force == TIF_IOC else c'0', c'Y', c'P', c'N', c'N', CL_ORD_ID)
    if intent.post_only:
        length = ouch_append_tag(entry.message, length, OUCH_ENTER_ORDER_BYTES,
                                 OUCH_TAG_POST_ONLY, &POST_ONLY, 1)
    entry.length = <uint16_t>length
    entry.user_ref = order.user_ref
    intent.order = order.user_ref
    channel_commit(&engine.channel)
    station_mark(&engine.stations, H_STATION_OUCH)
    engine.counters[C_SENT_NEW] += 1
    return RISK_PASSED


cdef int _send_replace(EngineState *engine, Intent *intent, const View *view) noexcept nogil:
    cdef OmsOrder *original = oms_find(&engine.oms, intent.order)
    cdef OmsOrder *order
    cdef ChannelEntry *entry
    cdef int64_t added
    cdef int reason
    cdef uint32_t length
    if original == NULL or original.state == OMS_DEAD or original.locate != intent.locate:
        return RISK_NO_ORDER
    if original.state != OMS_LIVE:
        return RISK_STATE
    intent.side = original.side
    intent.time_in_force = original.time_in_force
    added = <int64_t>intent.shares - original.leaves
    if added < 0:
        added = 0
    reason = risk_check(&engine.risk, engine.kill, view, intent, added, engine.now)
    station_mark(&engine.stations, H_STATION_RISK)
    if reason != RISK_PASSED:
        return reason
    entry = _claim(engine)
    order = _place(engine, intent, OMS_REPLACEMENT) if entry else NULL
    if order == NULL:
        return RISK_TABLE_FULL
    order.other_ref = original.user_ref
    order.chain_filled = original.chain_filled
    original.other_ref = order.user_ref
    oms_event(&engine.oms, original, OMS_SEND_REPLACE)
    oms_hold(&engine.oms, order, <uint32_t>added)
    station_mark(&engine.stations, H_STATION_OMS)
    # OUCH's replace names the whole liability of the chain, executions included (5.0, Replace).
    length = ouch_write_replace_order(
        entry.message, original.user_ref, order.user_ref, intent.shares + order.chain_filled,
        intent.price, c'0', c'Y', c'N', CL_ORD_ID)
    if intent.post_only:
        length = ouch_append_tag(entry.message, length, OUCH_REPLACE_ORDER_BYTES,
                                 OUCH_TAG_POST_ONLY, &POST_ONLY, 1)
    entry.length = <uint16_t>length
    entry.user_ref = order.user_ref
    intent.order = order.user_ref
    channel_commit(&engine.channel)
    station_mark(&engine.stations, H_STATION_OUCH)
    engine.counters[C_SENT_REPLACE] += 1
    return RISK_PASSED


cdef int send_cancel(EngineState *engine, OmsOrder *order) noexcept nogil:
    cdef ChannelEntry *entry = _claim(engine)
    if entry == NULL:
        return RISK_TABLE_FULL
    oms_event(&engine.oms, order, OMS_SEND_CANCEL)
    station_mark(&engine.stations, H_STATION_OMS)
    entry.length = <uint16_t>ouch_write_cancel_order(entry.message, order.user_ref, 0)
    entry.user_ref = order.user_ref
    channel_commit(&engine.channel)
    station_mark(&engine.stations, H_STATION_OUCH)
    engine.counters[C_SENT_CANCEL] += 1
    return RISK_PASSED


cdef int _send_cancel(EngineState *engine, const Intent *intent, const View *view) noexcept nogil:
    cdef OmsOrder *order = oms_find(&engine.oms, intent.order)
    cdef int reason
    if order == NULL or order.state == OMS_DEAD:
        return RISK_NO_ORDER
    if order.state != OMS_LIVE and order.state != OMS_PENDING_REPLACE:
        return RISK_STATE
    reason = risk_check(&engine.risk, engine.kill, view, intent, 0, engine.now)
    station_mark(&engine.stations, H_STATION_RISK)
    return send_cancel(engine, order) if reason == RISK_PASSED else reason


cdef int _carry_out(EngineState *engine, Intent *intent, const View *view) noexcept nogil:
    if engine.oms.next_user_ref == 0:
        return RISK_NOT_READY
    if intent.side != SIDE_BID and intent.side != SIDE_ASK:
        return RISK_NO_ORDER
    if intent.action == INTENT_NEW:
        return _send_new(engine, intent, view)
    if intent.action == INTENT_REPLACE:
        return _send_replace(engine, intent, view)
    if intent.action == INTENT_CANCEL:
        return _send_cancel(engine, intent, view)
    return RISK_NO_ORDER


cdef void ask_account(EngineState *engine) noexcept nogil:
    cdef ChannelEntry *entry = channel_claim(&engine.channel)
    if entry == NULL:
        return
    entry.trigger_ns = 0
    entry.user_ref = 0
    entry.length = <uint16_t>ouch_write_account_query(entry.message)
    channel_commit(&engine.channel)


# ---- the strategy --------------------------------------------------------------------------------


cdef void _answer_intent(EngineState *engine, const Intent *intent, int reason,
                         Event *event) noexcept nogil:
    memset(event, 0, sizeof(Event))
    event.now_ns = engine.now
    event.kind = EVENT_ORDER
    event.locate = intent.locate
    event.side = intent.side
    event.tag = intent.tag
    event.order = intent.order
    event.shares = intent.shares
    event.price = intent.price
    if reason == RISK_PASSED:
        event.change = ORDER_SENT
        event.leaves = intent.shares
    else:
        event.change = ORDER_REFUSED
        event.reason = <uint32_t>reason
        engine.counters[C_RISK_KILLED + reason] += 1


cdef void strategy_call(EngineState *engine, Event *event) noexcept nogil:
    cdef Intents lists[2]
    cdef Intents *asked = &lists[0]
    cdef Intents *more = &lists[1]
    cdef Event answer
    cdef View view
    cdef uint32_t i, rounds
    cdef int reason
    if engine.callback == NULL:
        return
    view_of(engine, event.locate, &view)
    asked.count = 0
    engine.counters[C_STRATEGY_EVENTS] += 1
    engine.callback(engine.strategy_state, event, &view, asked)
    station_mark(&engine.stations, H_STATION_STRATEGY)
    asked.count = min(asked.count, <uint32_t>INTENTS_MAX)
    for rounds in range(INTENT_ROUNDS_MAX):
        if asked.count == 0:
            return
        more.count = 0
        for i in range(asked.count):
            engine.counters[C_STRATEGY_INTENTS] += 1
            view_of(engine, asked.items[i].locate, &view)
            reason = _carry_out(engine, &asked.items[i], &view)
            _answer_intent(engine, &asked.items[i], reason, &answer)
            view_of(engine, answer.locate, &view)
            engine.callback(engine.strategy_state, &answer, &view, more)
            station_mark(&engine.stations, H_STATION_STRATEGY)
            more.count = min(more.count, <uint32_t>INTENTS_MAX)
        asked, more = more, asked
    if asked.count:
        engine.counters[C_STRATEGY_OVERFLOW] += 1


cdef void tell_order(EngineState *engine, const OmsOrder *order, uint32_t change, uint32_t shares,
                uint32_t price, uint32_t reason) noexcept nogil:
    cdef Event event
    memset(&event, 0, sizeof(Event))
    event.now_ns = engine.now
    event.kind = EVENT_ORDER
    event.locate = order.locate
    event.side = order.side
    event.change = change
    event.order = order.user_ref
    event.tag = order.tag
    event.shares = shares
    event.price = price
    event.leaves = order.leaves if order.state != OMS_DEAD else 0
    event.reason = reason
    strategy_call(engine, &event)


cdef void sweep(EngineState *engine) noexcept nogil:
    cdef uint32_t i, places = engine.oms.mask + 1
    cdef OmsOrder *order
    for i in range(SWEEP_PLACES_PER_STEP):
        if engine.sweep_at >= places:
            engine.sweeping = 0
            return
        order = &engine.oms.orders[engine.sweep_at]
        engine.sweep_at += 1
        if order.state == OMS_LIVE or order.state == OMS_PENDING_REPLACE:
            if send_cancel(engine, order) != RISK_PASSED:
                engine.sweep_at -= 1
                return


cdef void _void(EngineState *engine, OmsOrder *order) noexcept nogil:
    cdef OmsOrder *original
    cdef bint replacement = order.state == OMS_REPLACEMENT
    if oms_event(&engine.oms, order, OMS_REJECT) == OMS_INVALID:
        return
    if not replacement:
        tell_order(engine, order, ORDER_REJECTED, 0, order.price, RISK_KILLED)
        return
    original = oms_find(&engine.oms, order.other_ref)
    if original != NULL and oms_event(&engine.oms, original, OMS_REPLACE_FAILED) != OMS_INVALID:
        original.other_ref = 0
        tell_order(engine, original, ORDER_REPLACE_FAILED, 0, original.price, RISK_KILLED)


cdef void void_unsent(EngineState *engine) noexcept nogil:
    cdef uint64_t sequence = engine.channel.tx_wire, past = engine.channel.tx_next
    cdef ChannelEntry *entry
    cdef OmsOrder *order
    while sequence < past:
        entry = channel_entry(&engine.channel, sequence)
        sequence += 1
        if entry.message[0] != OUCH_ENTER_ORDER and entry.message[0] != OUCH_REPLACE_ORDER:
            continue
        entry.length = <uint16_t>ouch_write_account_query(entry.message)
        entry.trigger_ns = 0
        engine.counters[C_ORDERS_VOIDED] += 1
        order = oms_find(&engine.oms, entry.user_ref)
        if order != NULL:
            _void(engine, order)
