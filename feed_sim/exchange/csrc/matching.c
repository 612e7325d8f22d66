/* matching.c: the operations on the book. matching.h says what they mean and why it is built so.
 *
 * Invariants, checked by match_check: an order is in exactly one queue, and its reference leads to
 * its slot; a level is in exactly one ladder as long as it has an order, and its totals are the
 * sums over its queue; bids and asks of one symbol never touch or cross.
 */
#include "matching_core.h"

#include <string.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/* The next report, whole: every byte of the array that is read was written, by stores as wide as
 * the loads that read them back. */
static inline struct match_report *report(struct match_core *core, uint8_t type, uint8_t side,
                                          uint16_t locate, uint64_t reference, uint32_t shares,
                                          uint32_t price, uint32_t tag) {
    struct match_report *r = &core->reports[core->report_count++];
    r->type = type;
    r->side = side;
    r->reason = MATCH_BY_NOTHING;
    r->result = MATCH_OK;
    r->locate = locate;
    r->reserved = 0;
    r->shares = shares;
    r->price = price;
    r->reference = reference;
    r->other_reference = 0;
    r->match_number = 0;
    r->tag = tag;
    r->other_tag = 0;
    return r;
}

/* The same, of an order on its way. */
static inline struct match_report *report_order(struct match_core *core, uint8_t type,
                                                const struct match_order *order,
                                                uint64_t reference, uint32_t shares) {
    return report(core, type, order->side, order->locate, reference, shares,
                  order->flags & MATCH_MARKET ? 0 : order->price, order->tag);
}

/* Moves a ladder into a block of twice its size, or gives it its first; 0: the arena is full. */
static int ladder_grow(struct match_core *core, struct ladder *ladder) {
    uint32_t class = ladder->keys ? ladder->class + 1 : 0;
    if (class >= LADDER_CLASSES)
        return 0;
    size_t capacity = (size_t)LADDER_LEVELS_MIN << class;
    uint32_t at = core->arena_free[class];
    if (at != NONE) {
        core->arena_free[class] = core->arena[at];
    } else {
        if (core->arena_count - core->arena_used < LADDER_WIDTH + 2 * capacity)
            return 0;
        at = (uint32_t)core->arena_used;
        core->arena_used += LADDER_WIDTH + 2 * capacity;
    }
    int32_t *keys = (int32_t *)(core->arena + at) + LADDER_WIDTH;
    uint32_t *levels = core->arena + at + LADDER_WIDTH + capacity;
    for (uint32_t i = 0; i < LADDER_WIDTH; i++)
        keys[(int32_t)i - (int32_t)LADDER_WIDTH] = KEY_NONE;
    if (ladder->keys) {
        memcpy(keys, ladder->keys, ladder->count * sizeof *keys);
        memcpy(levels, ladder->levels, ladder->count * sizeof *levels);
        uint32_t old = (uint32_t)((uint32_t *)ladder->keys - core->arena) - LADDER_WIDTH;
        core->arena[old] = core->arena_free[ladder->class];
        core->arena_free[ladder->class] = old;
    }
    ladder->keys = keys;
    ladder->levels = levels;
    ladder->class = class;
    return 1;
}

/* Makes sure that one more level fits on this side; 0 when the arena is used up. */
static int ladder_reserve(struct match_core *core, struct ladder *ladder) {
    if (LIKELY(ladder->keys && ladder->count < LADDER_LEVELS_MIN << ladder->class))
        return 1;
    return ladder_grow(core, ladder);
}

static inline void level_free(struct match_core *core, uint32_t number) {
    struct level *level = &core->levels[number];
    level->ladder = 0;
    level->head = core->level_free;
    core->level_free = number;
    core->level_count--;
}

static __attribute__((noinline)) void level_remove(struct match_core *core, uint32_t number) {
    const struct level *level = &core->levels[number];
    struct ladder *ladder = &core->ladders[level->ladder];
    uint32_t at = ladder_find(ladder, level->key);
    uint32_t behind = --ladder->count - at;
    if (behind) {
        memmove(ladder->keys + at, ladder->keys + at + 1, behind * sizeof(uint32_t));
        memmove(ladder->levels + at, ladder->levels + at + 1, behind * sizeof(uint32_t));
    }
    ladder->best = ladder->keys[(int32_t)ladder->count - 1];
    level_free(core, number);
}

static __attribute__((noinline)) uint32_t level_make(struct match_core *core, uint32_t side,
                                                     uint32_t at, int32_t key) {
    struct ladder *ladder = &core->ladders[side];
    uint32_t number = core->level_free;
    struct level *level = &core->levels[number];
    core->level_free = level->head;
    core->level_count++;
    *level = (struct level){.head = NONE, .tail = NONE, .key = key, .ladder = side};
    uint32_t behind = ladder->count++ - at;
    if (behind) {
        memmove(ladder->keys + at + 1, ladder->keys + at, behind * sizeof(uint32_t));
        memmove(ladder->levels + at + 1, ladder->levels + at, behind * sizeof(uint32_t));
    }
    ladder->keys[at] = key;
    ladder->levels[at] = number;
    ladder->best = ladder->keys[ladder->count - 1];
    return number;
}

/* The level at this price, made if need be; ladder_reserve has left room for it. */
static inline uint32_t level_at(struct match_core *core, uint32_t side, uint32_t price) {
    const struct ladder *ladder = &core->ladders[side];
    int32_t key = key_of(side & 1, price);
    uint32_t at = ladder_find(ladder, key);
    if (LIKELY(at < ladder->count && ladder->keys[at] == key))
        return ladder->levels[at];
    return level_make(core, side, at, key);
}

/* Puts an order last in its level's queue. The caller has checked that the tables have room. */
static inline void rest(struct match_core *core, const struct match_order *order,
                        uint64_t reference, uint32_t shares, uint32_t executed) {
    uint32_t number =
        level_at(core, (uint32_t)order->locate * 2 + order->side, order->price);
    struct level *level = &core->levels[number];
    uint32_t slot = core->order_free;
    if (slot == NONE)
        slot = core->order_slots++;
    else
        core->order_free = core->orders[slot].next;
    uint32_t last = level->tail;
    core->orders[slot] = (struct order){.next = NONE,
                                        .prev = last,
                                        .level = number,
                                        .shares = shares,
                                        .executed = executed,
                                        .tag = order->tag,
                                        .reference = reference};
    *(last == NONE ? &level->head : &core->orders[last].next) = slot;
    level->tail = slot;
    level->shares += shares;
    level->order_count++;
    core->slots[reference] = slot + 1;
    core->order_count++;
}

static inline void slot_free(struct match_core *core, uint32_t slot) {
    struct order *order = &core->orders[slot];
    core->slots[order->reference] = 0;
    order->level = NONE;
    order->next = core->order_free;
    core->order_free = slot;
    core->order_count--;
}

/* Takes an order off the book, and its level when it was the last one there. */
static inline void unrest(struct match_core *core, uint32_t slot) {
    struct order *order = &core->orders[slot];
    uint32_t number = order->level, next = order->next, prev = order->prev;
    struct level *level = &core->levels[number];
    level->shares -= order->shares;
    *(prev == NONE ? &level->head : &core->orders[prev].next) = next;
    *(next == NONE ? &level->tail : &core->orders[next].prev) = prev;
    slot_free(core, slot);
    if (--level->order_count == 0)
        level_remove(core, number);
}

/* The worst key of the other side that this order may trade with. */
static inline int32_t limit_key(const struct match_order *order) {
    return order->flags & MATCH_MARKET ? KEY_NONE + 1 : key_of(!order->side, order->price);
}

static inline int crosses(const struct ladder *contra, int32_t limit) {
    return contra->best >= limit;
}

/* Whether the other side holds `shares` within the limit, in few enough orders to report. */
static int fillable(const struct match_core *core, const struct ladder *contra, int32_t limit,
                    uint32_t shares) {
    uint64_t found = 0, orders = 0;
    for (uint32_t i = contra->count; i-- && contra->keys[i] >= limit && found < shares;) {
        const struct level *level = &core->levels[contra->levels[i]];
        found += level->shares;
        orders += level->order_count;
    }
    return found >= shares && orders <= core->limits.reports_max - MATCH_REPORTS_MIN;
}

/* Trades with the other side while price, shares and reports last; returns the shares left. */
static uint32_t sweep(struct match_core *core, const struct match_order *taker,
                      uint64_t reference, uint32_t shares) {
    struct ladder *contra = ladder_of(core, taker->locate, !taker->side);
    int32_t limit = limit_key(taker);
    uint32_t reports_end = core->limits.reports_max - 1; /* the last is for the remainder */
    while (shares && crosses(contra, limit)) {
        uint32_t number = contra->levels[contra->count - 1];
        struct level *level = &core->levels[number];
        uint32_t price = price_of(side_of(level), level->key);
        while (shares && level->order_count) {
            if (core->report_count >= reports_end)
                return shares;
            uint32_t slot = level->head;
            struct order *maker = &core->orders[slot];
            uint32_t traded = shares < maker->shares ? shares : maker->shares;
            struct match_report *r =
                report(core, MATCH_EXECUTED, side_of(level), taker->locate, maker->reference,
                       traded, price, maker->tag);
            r->other_reference = reference;
            r->other_tag = taker->tag;
            r->match_number = core->next_match++;
            shares -= traded;
            maker->shares -= traded;
            maker->executed += traded;
            level->shares -= traded;
            if (maker->shares == 0) {
                uint32_t next = maker->next;
                level->head = next;
                *(next == NONE ? &level->tail : &core->orders[next].prev) = NONE;
                level->order_count--;
                slot_free(core, slot);
            }
        }
        if (level->order_count == 0) {
            contra->count--;
            contra->best = contra->keys[(int32_t)contra->count - 1];
            level_free(core, number);
        }
    }
    return shares;
}

static inline void cancel_rest(struct match_core *core, const struct match_order *order,
                               uint64_t reference, uint32_t shares, uint8_t reason) {
    report_order(core, MATCH_CANCELED, order, reference, shares)->reason = reason;
}

/* Runs an accepted order whose `shares` are open and off the book: trades, then rests or ends. */
static void run(struct match_core *core, const struct match_order *order, uint64_t reference,
                uint32_t shares, uint32_t executed) {
    struct ladder *contra = ladder_of(core, order->locate, !order->side);
    uint32_t left = shares;
    if (crosses(contra, limit_key(order))) {
        if (order->flags & MATCH_POST_ONLY) {
            cancel_rest(core, order, reference, shares, MATCH_BY_POST_ONLY);
            return;
        }
        if (order->life == MATCH_FOK && !fillable(core, contra, limit_key(order), shares)) {
            cancel_rest(core, order, reference, shares, MATCH_BY_FOK);
            return;
        }
        left = sweep(core, order, reference, shares);
    }
    if (left == 0)
        return;
    if (crosses(contra, limit_key(order))) {
        cancel_rest(core, order, reference, left, MATCH_BY_REPORTS);
    } else if (order->life != MATCH_DAY) {
        cancel_rest(core, order, reference, left,
                    order->life == MATCH_FOK ? MATCH_BY_FOK : MATCH_BY_IOC);
    } else if (order->flags & MATCH_MARKET) {
        cancel_rest(core, order, reference, left, MATCH_BY_MARKET);
    } else {
        rest(core, order, reference, left, executed + (shares - left));
        report_order(core, MATCH_ADDED, order, reference, left);
    }
}

/* Whether the order is well formed, and the tables have room for whatever it may become. */
static enum match_result admit(struct match_core *core, const struct match_order *order) {
    if (order->locate == 0 || order->locate > core->limits.symbols_max)
        return MATCH_BAD_LOCATE;
    if (order->side > MATCH_SELL)
        return MATCH_BAD_SIDE;
    if (order->shares == 0 || order->shares > MATCH_SHARES_MAX)
        return MATCH_BAD_SHARES;
    if (!(order->flags & MATCH_MARKET) && (order->price == 0 || order->price > MATCH_PRICE_MAX))
        return MATCH_BAD_PRICE;
    if (order->life > MATCH_FOK || order->flags & ~(uint32_t)(MATCH_MARKET | MATCH_POST_ONLY) ||
        (order->flags & MATCH_POST_ONLY &&
         (order->life != MATCH_DAY || order->flags & MATCH_MARKET)))
        return MATCH_BAD_COMBINATION;
    if (core->next_reference > core->limits.references_max)
        return MATCH_FULL_REFERENCES;
    if (core->order_count == core->limits.orders_max)
        return MATCH_FULL_ORDERS;
    if (core->level_free == NONE ||
        !ladder_reserve(core, ladder_of(core, order->locate, order->side)))
        return MATCH_FULL_LEVELS;
    return MATCH_OK;
}

static enum match_result refuse(struct match_core *core, const struct match_order *order,
                                enum match_result result) {
    report_order(core, MATCH_REJECTED, order, 0, order->shares)->result = (uint8_t)result;
    return result;
}

enum match_result match_submit(struct match_core *core, const struct match_order *order) {
    core->report_count = 0;
    enum match_result result = admit(core, order);
    if (__builtin_expect(result != MATCH_OK, 0))
        return refuse(core, order, result);
    uint64_t reference = core->next_reference++;
    report_order(core, MATCH_ACCEPTED, order, reference, order->shares);
    run(core, order, reference, order->shares, 0);
    return MATCH_OK;
}

/* Reports what becomes of a resting order and where it lies, before it is changed. */
static struct match_report *report_resting(struct match_core *core, uint8_t type, uint32_t slot,
                                           uint32_t shares, uint8_t reason) {
    const struct order *order = &core->orders[slot];
    const struct level *level = &core->levels[order->level];
    struct match_report *r =
        report(core, type, side_of(level), locate_of(level), order->reference, shares,
               price_of(side_of(level), level->key), order->tag);
    r->reason = reason;
    return r;
}

enum match_result match_cancel(struct match_core *core, uint64_t reference, uint32_t total) {
    core->report_count = 0;
    uint32_t slot = slot_of(core, reference);
    if (slot == NONE)
        return MATCH_UNKNOWN_REFERENCE;
    struct order *order = &core->orders[slot];
    if (total <= order->executed) {
        report_resting(core, MATCH_DELETED, slot, order->shares, MATCH_BY_USER);
        unrest(core, slot);
        return MATCH_OK;
    }
    uint32_t open = total - order->executed;
    if (open >= order->shares)
        return MATCH_UNCHANGED;
    uint32_t removed = order->shares - open;
    report_resting(core, MATCH_REDUCED, slot, removed, MATCH_BY_USER);
    order->shares = open;
    core->levels[order->level].shares -= removed;
    return MATCH_OK;
}

enum match_result match_replace(struct match_core *core, uint64_t reference,
                                const struct match_order *wanted) {
    core->report_count = 0;
    uint32_t slot = slot_of(core, reference);
    if (slot == NONE)
        return MATCH_UNKNOWN_REFERENCE;
    struct order *old = &core->orders[slot];
    struct match_order order = *wanted;
    order.locate = locate_of(&core->levels[old->level]);
    order.side = side_of(&core->levels[old->level]);
    if (order.shares <= old->executed)
        return match_cancel(core, reference, 0);
    /* The old order leaves before the new one comes, so a full table is no obstacle. */
    core->order_count--;
    enum match_result result = admit(core, &order);
    core->order_count++;
    if (result != MATCH_OK)
        return refuse(core, &order, result);
    uint32_t executed = old->executed, old_tag = old->tag;
    uint32_t open = order.shares - executed;
    uint64_t next = core->next_reference++;
    struct match_report *r = report_order(core, MATCH_REPLACING, &order, next, open);
    r->other_reference = reference;
    r->other_tag = old_tag;
    const struct ladder *contra = ladder_of(core, order.locate, !order.side);
    if (order.life != MATCH_DAY || order.flags & MATCH_MARKET ||
        crosses(contra, limit_key(&order))) {
        report_resting(core, MATCH_DELETED, slot, old->shares, MATCH_BY_REPLACE);
        unrest(core, slot);
        run(core, &order, next, open, executed);
        return MATCH_OK;
    }
    unrest(core, slot);
    rest(core, &order, next, open, executed);
    r = report_order(core, MATCH_REPLACED, &order, next, open);
    r->other_reference = reference;
    r->other_tag = old_tag;
    return MATCH_OK;
}

const struct match_report *match_reports(const struct match_core *core, uint32_t *count) {
    *count = core->report_count;
    return core->reports;
}
