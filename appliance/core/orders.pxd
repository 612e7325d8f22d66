# From the strategy's intents to OUCH messages: the half of the step that speaks to the venue.
from libc.stdint cimport uint32_t
from appliance.core.engine cimport EngineState
from appliance.core.oms cimport OmsOrder
from appliance.core.strategy cimport Event, View

# A view of one symbol's book, valid until the book changes.
cdef void view_of(EngineState *engine, uint32_t locate, View *view) noexcept nogil
# Calls the strategy, carries out what it asks for, and tells it what became of that.
cdef void strategy_call(EngineState *engine, Event *event) noexcept nogil
# Calls the strategy with an event (ORDER_*) of one of our orders.
cdef void tell_order(EngineState *engine, const OmsOrder *order, uint32_t change, uint32_t shares,
                     uint32_t price, uint32_t reason) noexcept nogil
# Cancels a live order without asking risk: RISK_PASSED, or RISK_TABLE_FULL when the wire is stuck.
cdef int send_cancel(EngineState *engine, OmsOrder *order) noexcept nogil
# Asks the venue for the next UserRefNum: the first message of a channel.
cdef void ask_account(EngineState *engine) noexcept nogil
# While killed: cancels what is open, some places of the table a step.
cdef void sweep(EngineState *engine) noexcept nogil
# On a kill: what was made and has not left is no order any more; its place in the stream is kept by
# an account query, which asks for nothing.
cdef void void_unsent(EngineState *engine) noexcept nogil
