# A strategy that asks for anything, so that every refusal is reached, and nonsense too.

cdef struct WildState:
    uint64_t random
    uint32_t next_recent
    uint32_t recent[16]         # orders it was told of


cdef uint32_t wild_below(WildState *state, uint32_t bound) noexcept nogil:
    state.random += <uint64_t>0x9E3779B97F4A7C15
    return <uint32_t>(((mix64(state.random) >> 32) * bound) >> 32)


cdef void wild(void *memory, const Event *event, const View *view,
               Intents *intents) noexcept nogil:
    cdef WildState *state = <WildState *>memory
    cdef Intent *intent
    cdef uint32_t i
    if event.kind == EVENT_ORDER and event.order:
        state.recent[state.next_recent & 15] = event.order
        state.next_recent += 1
    for i in range(wild_below(state, 3)):
        intent = intent_new(intents)
        if intent == NULL:
            return
        memset(intent, 0, sizeof(Intent))
        intent.action = <uint8_t>(1 + wild_below(state, 3))
        if wild_below(state, 100) == 0:
            intent.action = <uint8_t>wild_below(state, 256)
        intent.side = <uint8_t>wild_below(state, 2)
        if wild_below(state, 100) == 0:
            intent.side = <uint8_t>wild_below(state, 256)
        intent.locate = <uint16_t>wild_below(state, LOCATES_USED)
        intent.shares = wild_below(state, 250)
        intent.price = 9000 + 100 * wild_below(state, 50)
        if wild_below(state, 20) == 0:
            intent.price = 1 << wild_below(state, 32)
        intent.time_in_force = <uint8_t>(3 * wild_below(state, 2))
        intent.post_only = <uint8_t>wild_below(state, 2)
        intent.order = state.recent[wild_below(state, 16)]


def wild_strategy():
    """The strategy above, held as any foreign C function would be."""
    return Strategy.from_pointer(<uintptr_t>&wild, sizeof(WildState), "wild")
