# A venue that obliges, for trying a strategy on a file: see obliging.pyx.
from libc.stdint cimport uint64_t
from appliance.core.engine cimport EngineState

# Answers every message made since *answered (a channel sequence number), as of the step's `now`.
cdef void oblige(EngineState *engine, uint64_t *answered) noexcept nogil
