"""A venue that obliges: what a strategy meets when it is tried on a file.

It accepts every order, replaces and cancels whatever it is asked to, and executes an
immediate-or-cancel order in full at its limit. Resting orders never execute: a file cannot tell
whether they would have. So this shows what a strategy *does*, not what it earns.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from itch_ouch.wire cimport (
    OUCH_ACCOUNT_QUERY, OUCH_CANCEL_ORDER, OUCH_ENTER_ORDER, OUCH_REPLACE_ORDER, be32, be64,
    ouch_cancel_order_t, ouch_enter_order_t, ouch_replace_order_t,
    ouch_write_account_query_response, ouch_write_order_accepted, ouch_write_order_canceled,
    ouch_write_order_executed, ouch_write_order_replaced,
)
from appliance.core.book cimport SIDE_BID
from appliance.core.channel cimport ChannelEntry, channel_entry
from appliance.core.engine cimport EngineState
from appliance.core.oms cimport OmsOrder, oms_find
from appliance.core.answers cimport on_answer

cdef enum:
    ANSWER_BYTES_MAX = 128


cdef void _enter(EngineState *engine, const ouch_enter_order_t *m) noexcept nogil:
    cdef uint8_t[ANSWER_BYTES_MAX] answer
    cdef uint32_t user_ref = be32(m.user_ref_num), length
    length = ouch_write_order_accepted(
        answer, engine.now, user_ref, m.side, be32(m.quantity), m.symbol, be64(m.price),
        m.time_in_force, m.display, user_ref, m.capacity, m.intermarket_sweep_eligibility,
        m.cross_type, c'L', m.cl_ord_id)
    on_answer(engine, answer, length)
    if m.time_in_force == c'3':
        length = ouch_write_order_executed(
            answer, engine.now, user_ref, be32(m.quantity), be64(m.price), c'R', user_ref)
        on_answer(engine, answer, length)


cdef void _replace(EngineState *engine, const ouch_replace_order_t *m) noexcept nogil:
    cdef uint8_t[ANSWER_BYTES_MAX] answer
    cdef const OmsOrder *order = oms_find(&engine.oms, be32(m.user_ref_num))
    cdef uint32_t length
    if order == NULL:
        return
    length = ouch_write_order_replaced(
        answer, engine.now, be32(m.orig_user_ref_num), be32(m.user_ref_num),
        c'B' if order.side == SIDE_BID else c'S', order.leaves,
        engine.book.symbols[order.locate].stock, be64(m.price), m.time_in_force, m.display,
        be32(m.user_ref_num), c'P', c'N', c'N', c'L', m.cl_ord_id)
    on_answer(engine, answer, length)


cdef void _cancel(EngineState *engine, const ouch_cancel_order_t *m) noexcept nogil:
    cdef uint8_t[ANSWER_BYTES_MAX] answer
    cdef const OmsOrder *order = oms_find(&engine.oms, be32(m.user_ref_num))
    if order != NULL:
        on_answer(engine, answer, ouch_write_order_canceled(
            answer, engine.now, order.user_ref, order.leaves, c'U'))


cdef void oblige(EngineState *engine, uint64_t *answered) noexcept nogil:
    cdef uint8_t[ANSWER_BYTES_MAX] answer
    cdef const ChannelEntry *entry
    while answered[0] < engine.channel.tx_next:
        entry = channel_entry(&engine.channel, answered[0])
        answered[0] += 1
        engine.channel.tx_wire = answered[0]
        if entry.message[0] == OUCH_ENTER_ORDER:
            _enter(engine, <const ouch_enter_order_t *>entry.message)
        elif entry.message[0] == OUCH_REPLACE_ORDER:
            _replace(engine, <const ouch_replace_order_t *>entry.message)
        elif entry.message[0] == OUCH_CANCEL_ORDER:
            _cancel(engine, <const ouch_cancel_order_t *>entry.message)
        elif entry.message[0] == OUCH_ACCOUNT_QUERY:
            on_answer(engine, answer, ouch_write_account_query_response(answer, engine.now, 1))
