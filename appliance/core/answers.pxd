# From the venue's answers to order events: the half of the step that hears the venue.
from libc.stdint cimport uint8_t, uint32_t
from appliance.core.engine cimport EngineState

# One OUCH message from the venue, checked here.
cdef void on_answer(EngineState *engine, const uint8_t *message, uint32_t length) noexcept nogil
