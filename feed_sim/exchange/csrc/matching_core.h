/* matching_core.h: the matching core's own structures, shared by matching.c and its checker. */
#ifndef TICKPATH_MATCHING_CORE_H
#define TICKPATH_MATCHING_CORE_H

#include "matching.h"

#include <stddef.h>

#define NONE UINT32_MAX
#define KEY_MAX INT32_MAX
/* Less than any key: the best of an empty side, and what lies before a ladder's first. */
#define KEY_NONE INT32_MIN
/* Keys compared at once at the back of a ladder: one or more vector registers on any machine. */
#define LADDER_WIDTH 16u
/* A side's first ladder. Doubled when full; CLASSES doublings reach more levels than there are
 * prices. */
#define LADDER_LEVELS_MIN 16u
#define LADDER_CLASSES 28u
/* References whose index is touched at the start: 64 MiB of it. */
#define REFERENCES_TOUCHED (UINT64_C(1) << 24)

struct order {
    uint32_t next, prev; /* slots in the level's queue; `next` also links the free slots */
    uint32_t level;      /* NONE: the slot is free */
    uint32_t shares;
    uint32_t executed;
    uint32_t tag;
    uint64_t reference;
};

struct level {
    uint64_t shares;
    uint32_t head, tail; /* `head` also links the free levels */
    uint32_t order_count;
    int32_t key;
    uint32_t ladder; /* whose level it is: locate * 2 + side; 0: the level is free */
    uint32_t reserved;
};

/* One side of one book. keys[-LADDER_WIDTH..-1] are less than any key, so that comparing 16 keys
 * never needs to know how many there are. */
struct ladder {
    int32_t *keys; /* ascending, best last; NULL until first used */
    uint32_t *levels;
    uint32_t count;
    int32_t best; /* keys[count - 1]; KEY_NONE: empty */
    uint32_t class; /* holds LADDER_LEVELS_MIN << class */
    uint32_t reserved;
};

struct match_core {
    /* What every operation reads, in two cache lines. */
    struct ladder *ladders; /* [locate * 2 + side] */
    struct order *orders;
    struct level *levels;
    uint32_t *slots; /* [reference]: slot plus 1; 0: not resting */
    struct match_report *reports;
    uint64_t next_reference, next_match;
    struct match_limits limits;
    uint32_t report_count;
    uint32_t order_free, level_free; /* heads of the free lists */
    uint32_t order_slots;            /* slots ever used; those above were never touched */
    uint32_t order_count, level_count;
    /* What few read. */
    uint32_t *arena; /* the ladders' memory */
    size_t arena_used, arena_count;
    uint32_t arena_free[LADDER_CLASSES]; /* offsets of free blocks a class; NONE: empty */
    void *memory;
    size_t memory_bytes;
};

/* KEY_MAX - price for asks, without a branch: sides alternate at random. */
static inline int32_t key_of(uint8_t side, uint32_t price) {
    return (int32_t)(price ^ (-(uint32_t)side & (uint32_t)KEY_MAX));
}

static inline uint32_t price_of(uint32_t side, int32_t key) {
    return (uint32_t)key ^ (-side & (uint32_t)KEY_MAX);
}

static inline uint16_t locate_of(const struct level *level) {
    return (uint16_t)(level->ladder >> 1);
}

static inline uint8_t side_of(const struct level *level) { return level->ladder & 1; }

static inline uint32_t slot_of(const struct match_core *core, uint64_t reference) {
    /* 0 - 1 is NONE. */
    return reference < core->next_reference ? core->slots[reference] - 1 : NONE;
}

static inline struct ladder *ladder_of(const struct match_core *core, uint16_t locate,
                                       uint8_t side) {
    return &core->ladders[(size_t)locate * 2 + side];
}

/* How many keys are less than `key`: where it is, or where it belongs. */
static inline uint32_t ladder_find(const struct ladder *ladder, int32_t key) {
    const int32_t *back = ladder->keys + ladder->count - LADDER_WIDTH;
    uint32_t above = 0;
    for (uint32_t i = 0; i < LADDER_WIDTH; i++)
        above += back[i] >= key;
    if (__builtin_expect(above < LADDER_WIDTH, 1))
        return ladder->count - above;
    uint32_t low = 0, high = ladder->count - LADDER_WIDTH;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ladder->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

_Static_assert(sizeof(struct order) == 32, "two orders a cache line");
_Static_assert(sizeof(struct level) == 32, "two levels a cache line");
_Static_assert(sizeof(struct ladder) == 32, "both sides of a book in one cache line");
_Static_assert(offsetof(struct match_core, arena) <= 128, "what is hot in two cache lines");
_Static_assert(sizeof(struct match_report) == 48, "reports are copied out by other languages");

#endif
