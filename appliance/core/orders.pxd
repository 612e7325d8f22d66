# From intents to OUCH messages and from the venue's answers to events: the half of the step that
# faces the venue.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from appliance.core.engine cimport EngineState
from appliance.core.strategy cimport Event, Intents, View

# A view of one symbol's book, valid until the book changes.
cdef void view_of(EngineState *engine, uint32_t locate, View *view) noexcept nogil
# Calls the strategy, carries out what it asks for, and tells it what became of that.
cdef void strategy_call(EngineState *engine, Event *event) noexcept nogil
# One checked OUCH message from the venue.
cdef void on_answer(EngineState *engine, const uint8_t *message, uint32_t length) noexcept nogil
# Asks the venue for the next UserRefNum: the first message of a channel.
cdef void ask_account(EngineState *engine) noexcept nogil
# While killed: cancels what is open, some places of the table a step.
cdef void sweep(EngineState *engine) noexcept nogil
