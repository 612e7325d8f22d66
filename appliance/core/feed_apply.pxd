# A feed's datagrams into the books, and what that tells readers and the strategy.
from libc.stdint cimport uint32_t
from itch_ouch.net cimport net_datagram
from appliance.core.engine cimport EngineState

# A datagram of line 0 or 1: rejected whole and counted, or applied as far as it is new.
cdef void feed_apply(EngineState *engine, uint32_t line,
                     const net_datagram *datagram) noexcept nogil
# Applies the messages that waited behind a gap which has closed.
cdef void feed_drain(EngineState *engine) noexcept nogil
