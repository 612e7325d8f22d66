"""The venue's answers: what each does to an order, a position and the strategy (OUCH 5.0)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from dpdk_bindings.env.histogram cimport tp_hist_record
from itch_ouch.ouch cimport OUCH_OK, ouch_check_out
from itch_ouch.wire cimport (
    OUCH_ACCOUNT_QUERY_RESPONSE, OUCH_AIQ_CANCELED, OUCH_CANCEL_REJECT, OUCH_ORDER_ACCEPTED,
    OUCH_ORDER_CANCELED, OUCH_ORDER_EXECUTED, OUCH_ORDER_REPLACED, OUCH_REJECTED, be16, be32, be64,
    ouch_account_query_response_t, ouch_aiq_canceled_t, ouch_cancel_reject_t,
    ouch_order_accepted_t, ouch_order_canceled_t, ouch_order_executed_t, ouch_order_replaced_t,
    ouch_rejected_t,
)
from appliance.core.book cimport SIDE_BID
from appliance.core.engine cimport EngineState
from appliance.core.oms cimport (
    OMS_ACCEPT, OMS_ACCEPT_DEAD, OMS_CANCEL_FAILED, OMS_DEAD, OMS_GONE, OMS_INVALID, OMS_LIVE,
    OMS_PART, OMS_REJECT, OMS_REPLACED, OMS_REPLACEMENT, OMS_REPLACE_FAILED, OMS_SEND_REPLACE,
    OMS_TAKE_OVER, OMS_TAKE_OVER_DEAD, OMS_VOID, OmsOrder, oms_event, oms_find, oms_hold,
)
from appliance.core.orders cimport send_cancel, tell_order
from appliance.core.risk cimport RISK_PASSED
from appliance.core.state cimport (
    C_ANSWER_ACCEPTED, C_ANSWER_CANCELED, C_ANSWER_CANCEL_REJECTED, C_ANSWER_EXECUTED,
    C_ANSWER_OTHER, C_ANSWER_REJECTED, C_ANSWER_REPLACED, C_FILLED_SHARES, C_OMS_INVALID,
    C_OMS_UNKNOWN, C_ORDERS_FILLED, C_OUCH_DROP_MALFORMED, C_READY, H_FEED_TO_ACK, H_ORDER_TO_ACK,
    KILL_UNKNOWN_EXECUTION,
)
from appliance.core.strategy cimport (
    ORDER_ACCEPTED, ORDER_CANCELED, ORDER_CANCEL_FAILED, ORDER_EXECUTED, ORDER_REJECTED,
    ORDER_REPLACED, ORDER_REPLACE_FAILED,
)


cdef OmsOrder *_find(EngineState *engine, uint32_t user_ref) noexcept nogil:
    cdef OmsOrder *order = oms_find(&engine.oms, user_ref)
    if order == NULL:
        engine.counters[C_OMS_UNKNOWN] += 1
    return order


cdef void _time_answer(EngineState *engine, const OmsOrder *order) noexcept nogil:
    if order.trigger_ns:
        tp_hist_record(&engine.timers[H_FEED_TO_ACK], engine.now - order.trigger_ns)
    if engine.now > order.sent_ns:
        tp_hist_record(&engine.timers[H_ORDER_TO_ACK], engine.now - order.sent_ns)


cdef void _came_alive(EngineState *engine, OmsOrder *order, uint32_t change) noexcept nogil:
    """Accepted or replaced into life; under a kill it is cancelled at once."""
    if engine.kill and engine.cancel_on_kill and order.state == OMS_LIVE \
            and send_cancel(engine, order) != RISK_PASSED:
        engine.sweeping = 1
        engine.sweep_at = 0
    tell_order(engine, order, change, order.leaves, order.price, 0)


cdef void _on_accepted(EngineState *engine, const uint8_t *message) noexcept nogil:
    cdef const ouch_order_accepted_t *m = <const ouch_order_accepted_t *>message
    cdef OmsOrder *order = _find(engine, be32(m.user_ref_num))
    engine.counters[C_ANSWER_ACCEPTED] += 1
    if order == NULL:
        return
    if oms_event(&engine.oms, order,
                 OMS_ACCEPT_DEAD if m.order_state == c'D' else OMS_ACCEPT) == OMS_INVALID:
        return
    _time_answer(engine, order)
    order.reference = be64(m.order_reference_number)
    order.price = <uint32_t>be64(m.price)
    order.leaves = be32(m.quantity)
    if order.state == OMS_LIVE:
        oms_hold(&engine.oms, order, order.leaves)
    _came_alive(engine, order, ORDER_ACCEPTED)


cdef void _on_replaced(EngineState *engine, const uint8_t *message) noexcept nogil:
    cdef const ouch_order_replaced_t *m = <const ouch_order_replaced_t *>message
    cdef OmsOrder *original = _find(engine, be32(m.orig_user_ref_num))
    cdef OmsOrder *order = _find(engine, be32(m.user_ref_num))
    engine.counters[C_ANSWER_REPLACED] += 1
    if original == NULL or order == NULL:
        return
    if order.other_ref != original.user_ref:
        engine.counters[C_OMS_INVALID] += 1
        return
    if oms_event(&engine.oms, order,
                 OMS_TAKE_OVER_DEAD if m.order_state == c'D' else OMS_TAKE_OVER) == OMS_INVALID:
        return
    order.chain_filled = original.chain_filled
    oms_event(&engine.oms, original, OMS_REPLACED)
    _time_answer(engine, order)
    order.reference = be64(m.order_reference_number)
    order.price = <uint32_t>be64(m.price)
    order.leaves = be32(m.quantity)
    order.other_ref = 0
    if order.state == OMS_LIVE:
        oms_hold(&engine.oms, order, order.leaves)
    _came_alive(engine, order, ORDER_REPLACED)


cdef void _on_rejected(EngineState *engine, const uint8_t *message) noexcept nogil:
    cdef const ouch_rejected_t *m = <const ouch_rejected_t *>message
    cdef OmsOrder *order = _find(engine, be32(m.user_ref_num))
    cdef OmsOrder *original
    cdef bint replacement
    engine.counters[C_ANSWER_REJECTED] += 1
    if order == NULL:
        return
    replacement = order.state == OMS_REPLACEMENT
    if oms_event(&engine.oms, order, OMS_REJECT) == OMS_INVALID:
        return
    _time_answer(engine, order)
    if not replacement:
        tell_order(engine, order, ORDER_REJECTED, 0, order.price, be16(m.reason))
        return
    original = oms_find(&engine.oms, order.other_ref)
    if original != NULL and oms_event(&engine.oms, original, OMS_REPLACE_FAILED) != OMS_INVALID:
        original.other_ref = 0
        tell_order(engine, original, ORDER_REPLACE_FAILED, 0, original.price, be16(m.reason))


cdef void _void_replacement(EngineState *engine, OmsOrder *order) noexcept nogil:
    """An order died with a replacement in flight: the venue ignores that one (OUCH 5.0)."""
    cdef OmsOrder *replacement
    if order.other_ref == 0:
        return
    replacement = oms_find(&engine.oms, order.other_ref)
    order.other_ref = 0
    if replacement != NULL and replacement.state == OMS_REPLACEMENT:
        oms_event(&engine.oms, replacement, OMS_VOID)
        tell_order(engine, order, ORDER_REPLACE_FAILED, 0, order.price, 0)


cdef void _hold_replacement(EngineState *engine, const OmsOrder *order,
                            uint32_t executed) noexcept nogil:
    """What a replacement in flight adds to its original, after that one became smaller.

    Executions count against the replacement's shares, since those are of the whole chain; shares
    that were cancelled do not, so that the replacement brings them back.
    """
    cdef OmsOrder *replacement = oms_find(&engine.oms, order.other_ref)
    if order.other_ref == 0 or replacement == NULL or replacement.state != OMS_REPLACEMENT:
        return
    replacement.leaves -= min(executed, replacement.leaves)
    oms_hold(&engine.oms, replacement,
             replacement.leaves - min(order.leaves, replacement.leaves))


cdef bint _reduce(EngineState *engine, OmsOrder *order, uint32_t shares,
                  bint executed) noexcept nogil:
    """Takes shares off what is open; False when the order's state does not allow it."""
    if shares > order.leaves:
        shares = order.leaves
    if oms_event(&engine.oms, order, OMS_GONE if shares == order.leaves else OMS_PART) \
            == OMS_INVALID:
        return False
    order.leaves -= shares
    if order.state != OMS_DEAD:
        oms_hold(&engine.oms, order, order.leaves)
        _hold_replacement(engine, order, shares if executed else 0)
    return True


cdef void _on_executed(EngineState *engine, const uint8_t *message) noexcept nogil:
    cdef const ouch_order_executed_t *m = <const ouch_order_executed_t *>message
    cdef OmsOrder *order = _find(engine, be32(m.user_ref_num))
    cdef uint32_t shares = be32(m.quantity)
    engine.counters[C_ANSWER_EXECUTED] += 1
    if order == NULL:
        # Our position is not what we think: an earlier run's order, or worse. A person must look.
        engine.halt = KILL_UNKNOWN_EXECUTION
        return
    # The shares changed hands whatever our table thinks of it.
    engine.counters[C_FILLED_SHARES] += shares
    engine.oms.symbols[order.locate].position += (
        <int64_t>shares if order.side == SIDE_BID else -<int64_t>shares)
    order.chain_filled += shares
    if not _reduce(engine, order, shares, True):
        return
    if order.state == OMS_DEAD:
        engine.counters[C_ORDERS_FILLED] += 1
    tell_order(engine, order, ORDER_EXECUTED, shares, <uint32_t>be64(m.price), 0)
    if order.state == OMS_DEAD:
        _void_replacement(engine, order)


cdef void _on_canceled(EngineState *engine, uint32_t user_ref, uint32_t shares,
                       uint8_t reason) noexcept nogil:
    cdef OmsOrder *order = _find(engine, user_ref)
    engine.counters[C_ANSWER_CANCELED] += 1
    if order == NULL or not _reduce(engine, order, shares, False):
        return
    tell_order(engine, order, ORDER_CANCELED, shares, order.price, reason)
    if order.state == OMS_DEAD:
        _void_replacement(engine, order)


cdef void _on_cancel_rejected(EngineState *engine, const uint8_t *message) noexcept nogil:
    cdef const ouch_cancel_reject_t *m = <const ouch_cancel_reject_t *>message
    cdef OmsOrder *order = _find(engine, be32(m.user_ref_num))
    cdef OmsOrder *replacement
    engine.counters[C_ANSWER_CANCEL_REJECTED] += 1
    if order == NULL or oms_event(&engine.oms, order, OMS_CANCEL_FAILED) == OMS_INVALID:
        return
    replacement = oms_find(&engine.oms, order.other_ref)
    if replacement != NULL and replacement.state == OMS_REPLACEMENT:
        oms_event(&engine.oms, order, OMS_SEND_REPLACE)
    tell_order(engine, order, ORDER_CANCEL_FAILED, 0, order.price, 0)


cdef void on_answer(EngineState *engine, const uint8_t *message, uint32_t length) noexcept nogil:
    cdef uint8_t kind
    if ouch_check_out(message, length) != OUCH_OK:
        engine.counters[C_OUCH_DROP_MALFORMED] += 1
        return
    kind = message[0]
    if kind == OUCH_ORDER_ACCEPTED:
        _on_accepted(engine, message)
    elif kind == OUCH_ORDER_EXECUTED:
        _on_executed(engine, message)
    elif kind == OUCH_ORDER_REPLACED:
        _on_replaced(engine, message)
    elif kind == OUCH_ORDER_CANCELED:
        _on_canceled(engine, be32((<const ouch_order_canceled_t *>message).user_ref_num),
                     be32((<const ouch_order_canceled_t *>message).quantity),
                     (<const ouch_order_canceled_t *>message).reason)
    elif kind == OUCH_REJECTED:
        _on_rejected(engine, message)
    elif kind == OUCH_AIQ_CANCELED:
        _on_canceled(engine, be32((<const ouch_aiq_canceled_t *>message).user_ref_num),
                     be32((<const ouch_aiq_canceled_t *>message).decrement_shares),
                     (<const ouch_aiq_canceled_t *>message).reason)
    elif kind == OUCH_ACCOUNT_QUERY_RESPONSE:
        engine.counters[C_ANSWER_OTHER] += 1
        if engine.oms.next_user_ref == 0:
            engine.oms.next_user_ref = be32(
                (<const ouch_account_query_response_t *>message).next_user_ref_num)
            engine.counters[C_READY] = 1
    elif kind == OUCH_CANCEL_REJECT:
        _on_cancel_rejected(engine, message)
    else:
        engine.counters[C_ANSWER_OTHER] += 1
