/* matching_view.c: a core's birth and end, looking into it, and the checker of its invariants. */
#include "matching_core.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Each array begins on its own cache line. */
static size_t place(size_t *used, size_t bytes) {
    size_t at = *used;
    *used += (bytes + 63) & ~(size_t)63;
    return at;
}

static int limits_good(const struct match_limits *limits) {
    return limits->symbols_max >= 1 && limits->symbols_max <= MATCH_SYMBOLS_MAX &&
           limits->orders_max >= 1 && limits->orders_max < NONE && limits->levels_max >= 1 &&
           limits->levels_max < 1u << 27 && limits->reports_max >= MATCH_REPORTS_MIN &&
           limits->references_max >= 1 && limits->references_max < UINT64_C(1) << 40;
}

struct match_core *match_create(const struct match_limits *limits) {
    if (!limits_good(limits)) {
        errno = EINVAL;
        return NULL;
    }
    size_t used = 0;
    size_t ladder_count = 2 * ((size_t)limits->symbols_max + 1);
    /* A ladder that doubled up to n levels has taken less than 8 n words and 3 heads of 16 for
     * each doubling it can have made; blocks left behind serve other sides. */
    size_t arena_count = 16 * (size_t)limits->levels_max + 64 * ladder_count;
    size_t core_at = place(&used, sizeof(struct match_core));
    size_t ladders_at = place(&used, ladder_count * sizeof(struct ladder));
    size_t orders_at = place(&used, (size_t)limits->orders_max * sizeof(struct order));
    size_t levels_at = place(&used, (size_t)limits->levels_max * sizeof(struct level));
    size_t reports_at = place(&used, limits->reports_max * sizeof(struct match_report));
    size_t arena_at = place(&used, arena_count * sizeof(uint32_t));
    /* Last, because it is touched from the front: a day's worth is reserved at no cost. */
    size_t slots_at = place(&used, (limits->references_max + 1) * sizeof(uint32_t));
    size_t touched = slots_at + REFERENCES_TOUCHED * sizeof(uint32_t);
    char *memory = mmap(NULL, used, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, used, MADV_HUGEPAGE); /* faster where there is such a thing */
    memset(memory, 0, used < touched ? used : touched);
    struct match_core *core = (struct match_core *)(void *)(memory + core_at);
    core->limits = *limits;
    core->ladders = (struct ladder *)(void *)(memory + ladders_at);
    core->orders = (struct order *)(void *)(memory + orders_at);
    core->levels = (struct level *)(void *)(memory + levels_at);
    core->slots = (uint32_t *)(void *)(memory + slots_at);
    core->reports = (struct match_report *)(void *)(memory + reports_at);
    core->arena = (uint32_t *)(void *)(memory + arena_at);
    core->arena_count = arena_count < NONE ? arena_count : NONE - 1;
    core->memory = memory;
    core->memory_bytes = used;
    core->next_reference = core->next_match = 1;
    core->order_free = NONE;
    memset(core->arena_free, 0xFF, sizeof core->arena_free);
    for (size_t i = 0; i < ladder_count; i++)
        core->ladders[i].best = KEY_NONE;
    for (uint32_t i = 0; i < limits->levels_max; i++)
        core->levels[i].head = i + 1 < limits->levels_max ? i + 1 : NONE;
    return core;
}

void match_destroy(struct match_core *core) {
    if (core)
        munmap(core->memory, core->memory_bytes);
}

uint64_t match_next_reference(const struct match_core *core) { return core->next_reference; }

uint32_t match_live_orders(const struct match_core *core) { return core->order_count; }

uint32_t match_live_levels(const struct match_core *core) { return core->level_count; }

uint32_t match_slots(const struct match_core *core) { return core->order_slots; }

int match_slot(const struct match_core *core, uint32_t slot, struct match_order_view *view) {
    if (slot >= core->order_slots || core->orders[slot].level == NONE)
        return 0;
    const struct order *order = &core->orders[slot];
    const struct level *level = &core->levels[order->level];
    *view = (struct match_order_view){.reference = order->reference,
                                      .shares = order->shares,
                                      .executed = order->executed,
                                      .price = price_of(side_of(level), level->key),
                                      .tag = order->tag,
                                      .locate = locate_of(level),
                                      .side = side_of(level)};
    return 1;
}

int match_find(const struct match_core *core, uint64_t reference, struct match_order_view *view) {
    return match_slot(core, slot_of(core, reference), view);
}

uint32_t match_level_count(const struct match_core *core, uint16_t locate, uint8_t side) {
    return locate <= core->limits.symbols_max && side <= MATCH_SELL
               ? ladder_of(core, locate, side)->count
               : 0;
}

/* The level's number, or NONE. */
static uint32_t ranked(const struct match_core *core, uint16_t locate, uint8_t side,
                       uint32_t rank) {
    uint32_t count = match_level_count(core, locate, side);
    return rank < count ? ladder_of(core, locate, side)->levels[count - 1 - rank] : NONE;
}

int match_level(const struct match_core *core, uint16_t locate, uint8_t side, uint32_t rank,
                struct match_level_view *view) {
    uint32_t number = ranked(core, locate, side, rank);
    if (number == NONE)
        return 0;
    const struct level *level = &core->levels[number];
    *view = (struct match_level_view){.shares = level->shares,
                                      .order_count = level->order_count,
                                      .price = price_of(side, level->key)};
    return 1;
}

uint64_t match_first(const struct match_core *core, uint16_t locate, uint8_t side,
                     uint32_t rank) {
    uint32_t number = ranked(core, locate, side, rank);
    return number == NONE ? 0 : core->orders[core->levels[number].head].reference;
}

uint64_t match_behind(const struct match_core *core, uint64_t reference) {
    uint32_t slot = slot_of(core, reference);
    uint32_t next = slot == NONE ? NONE : core->orders[slot].next;
    return next == NONE ? 0 : core->orders[next].reference;
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static int check_level(const struct match_core *core, uint32_t number, uint32_t *orders) {
    const struct level *level = &core->levels[number];
    uint64_t shares = 0;
    uint32_t count = 0, prev = NONE;
    for (uint32_t slot = level->head; slot != NONE; slot = core->orders[slot].next) {
        const struct order *order = &core->orders[slot];
        MUST(slot < core->order_slots && count < core->order_count);
        MUST(order->level == number && order->prev == prev && order->shares);
        MUST(slot_of(core, order->reference) == slot);
        shares += order->shares;
        count++;
        prev = slot;
    }
    MUST(count && level->tail == prev && level->order_count == count && level->shares == shares);
    *orders += count;
    return 0;
}

int match_check(const struct match_core *core) {
    uint32_t orders = 0, levels = 0, slots = 0;
    for (uint32_t locate = 1; locate <= core->limits.symbols_max; locate++) {
        for (uint8_t side = 0; side < 2; side++) {
            const struct ladder *ladder = ladder_of(core, (uint16_t)locate, side);
            for (uint32_t i = 0; i < ladder->count; i++) {
                const struct level *level = &core->levels[ladder->levels[i]];
                MUST(i == 0 || ladder->keys[i - 1] < ladder->keys[i]);
                MUST(level->key == ladder->keys[i] && locate_of(level) == locate &&
                     side_of(level) == side);
                MUST(ladder_find(ladder, ladder->keys[i]) == i);
                int line = check_level(core, ladder->levels[i], &orders);
                if (line)
                    return line;
            }
            MUST(ladder->best == (ladder->count ? ladder->keys[ladder->count - 1] : KEY_NONE));
            levels += ladder->count;
        }
        struct match_level_view bid, ask;
        if (match_level(core, (uint16_t)locate, MATCH_BUY, 0, &bid) &&
            match_level(core, (uint16_t)locate, MATCH_SELL, 0, &ask))
            MUST(bid.price < ask.price);
    }
    for (uint64_t reference = 1; reference < core->next_reference; reference++)
        slots += core->slots[reference] != 0;
    MUST(orders == core->order_count && slots == orders && levels == core->level_count);
    return 0;
}
