/* tp_mpsc.h: a ring of 56-byte records from many producers to one consumer, in shared memory.
 *
 * A slot is one cache line: a word and the record. A producer claims a slot by one compare-and-swap
 * of its word, writes in place, and commits by one store; there is no lock, and a claim fails only
 * when the ring is full. The consumer takes slots in the order they were claimed, so each
 * producer's records stay in its own order.
 *
 * A word is (lap << 16 | producer << 2 | state), lap counting the turns of the ring from 1. So a
 * claimed slot says who holds it: a producer that died between claim and commit leaves the slot
 * TP_MPSC_CLAIMED under its number, behind which nothing is taken. The consumer sees that as
 * tp_mpsc_holder, finds out whether that producer lives (the claims of a tp_segment tell, which the
 * kernel drops at a death), and passes a dead one's slot by with tp_mpsc_abandon. A producer that
 * is only slow must never be abandoned: it would commit into a slot that is no longer its own.
 *
 * Invariant: slots [head, head + slots) are the producers' to claim, in order; a slot is claimed
 * only after the one before it. `hint` is where claiming goes on, or somewhat behind.
 */
#ifndef TICKPATH_MPSC_H
#define TICKPATH_MPSC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TP_MPSC_RECORD_BYTES 56u
#define TP_MPSC_PRODUCERS_MAX (1u << 14)
#define TP_MPSC_NOBODY UINT32_MAX

enum tp_mpsc_state { TP_MPSC_CLAIMED = 1, TP_MPSC_COMMITTED = 2 };

struct tp_mpsc_slot {
    _Atomic uint64_t word;
    uint8_t record[TP_MPSC_RECORD_BYTES];
};
_Static_assert(sizeof(struct tp_mpsc_slot) == 64, "a slot is one cache line");

struct tp_mpsc {
    uint64_t slots; /* power of two */
    uint8_t pad0[56];
    _Atomic uint64_t hint; /* the producers' line */
    uint8_t pad1[56];
    _Atomic uint64_t head; /* slots ever taken; the consumer's line */
    uint8_t pad2[56];
    struct tp_mpsc_slot slot[];
};
_Static_assert(sizeof(struct tp_mpsc) == 192, "three cache lines, then the slots");

struct tp_mpsc_writer {
    struct tp_mpsc *ring;
    uint64_t head_cached; /* the consumer's position when last looked at */
    uint64_t mask;
    uint32_t shift; /* log2 of slots */
    uint32_t producer;
};

struct tp_mpsc_reader {
    struct tp_mpsc *ring;
    uint64_t head;
    uint64_t mask;
    uint32_t shift;
    uint32_t reserved;
};

static inline void tp_mpsc_init(struct tp_mpsc *ring, uint64_t slots) {
    memset(ring, 0, sizeof *ring + slots * sizeof(struct tp_mpsc_slot));
    ring->slots = slots;
}

/* A producer's side. `producer` is below TP_MPSC_PRODUCERS_MAX, and no other living producer's; a
 * dead one's is free again when what it held has been abandoned. */
static inline struct tp_mpsc_writer tp_mpsc_write(struct tp_mpsc *ring, uint32_t producer) {
    struct tp_mpsc_writer writer = {ring, atomic_load(&ring->head), ring->slots - 1,
                                    (uint32_t)__builtin_ctzll(ring->slots), producer};
    return writer;
}

static inline struct tp_mpsc_reader tp_mpsc_read(struct tp_mpsc *ring) {
    struct tp_mpsc_reader reader = {ring, atomic_load(&ring->head), ring->slots - 1,
                                    (uint32_t)__builtin_ctzll(ring->slots), 0};
    return reader;
}

static inline uint64_t tp_mpsc_word(uint64_t lap, uint32_t producer, enum tp_mpsc_state state) {
    return lap << 16 | (uint64_t)producer << 2 | state;
}

/* A slot's record, to be written and committed, or NULL when the ring is full. Several may be
 * claimed before they are committed. Whenever this turns, another producer has claimed. */
static inline void *tp_mpsc_claim(struct tp_mpsc_writer *w) {
    struct tp_mpsc *ring = w->ring;
    uint64_t at = atomic_load_explicit(&ring->hint, memory_order_relaxed);
    for (;;) {
        struct tp_mpsc_slot *slot = &ring->slot[at & w->mask];
        uint64_t lap = (at >> w->shift) + 1, word;
        if ((int64_t)(at - w->head_cached) > (int64_t)w->mask) {
            w->head_cached = atomic_load_explicit(&ring->head, memory_order_acquire);
            if ((int64_t)(at - w->head_cached) > (int64_t)w->mask)
                return NULL;
        }
        word = atomic_load_explicit(&slot->word, memory_order_relaxed);
        if (word >> 16 == lap) {
            at++; /* another's */
        } else if (word >> 16 > lap) {
            at = (((word >> 16) - 1) << w->shift) + (at & w->mask); /* the hint was laps behind */
        } else if (atomic_compare_exchange_weak_explicit(
                       &slot->word, &word, tp_mpsc_word(lap, w->producer, TP_MPSC_CLAIMED),
                       memory_order_acquire, memory_order_relaxed)) {
            /* Not a swap: a store that comes late sets it back, and the next claim walks on. */
            if (atomic_load_explicit(&ring->hint, memory_order_relaxed) <= at)
                atomic_store_explicit(&ring->hint, at + 1, memory_order_relaxed);
            return slot->record;
        }
    }
}

/* Publishes a record that this producer has claimed. */
static inline void tp_mpsc_commit(void *record) {
    struct tp_mpsc_slot *slot =
        (struct tp_mpsc_slot *)((uint8_t *)record - offsetof(struct tp_mpsc_slot, record));
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    atomic_store_explicit(&slot->word, word ^ TP_MPSC_CLAIMED ^ TP_MPSC_COMMITTED,
                          memory_order_release);
}

/* The oldest record, or NULL when there is none, or when it is still being written. */
static inline const void *tp_mpsc_peek(const struct tp_mpsc_reader *r) {
    const struct tp_mpsc_slot *slot = &r->ring->slot[r->head & r->mask];
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
    uint64_t lap = (r->head >> r->shift) + 1;
    if (word >> 16 != lap || (word & 3) != TP_MPSC_COMMITTED)
        return NULL;
    __builtin_prefetch(&r->ring->slot[(r->head + 4) & r->mask]); /* as in tp_ring.h */
    return slot->record;
}

/* Takes the record that peek showed. Its slot is the producers' again after tp_mpsc_release. */
static inline void tp_mpsc_consume(struct tp_mpsc_reader *r) {
    r->head++;
}

static inline void tp_mpsc_release(struct tp_mpsc_reader *r) {
    atomic_store_explicit(&r->ring->head, r->head, memory_order_release);
}

/* The producer that has claimed the oldest slot and not committed it, or TP_MPSC_NOBODY. */
static inline uint32_t tp_mpsc_holder(const struct tp_mpsc_reader *r) {
    const struct tp_mpsc_slot *slot = &r->ring->slot[r->head & r->mask];
    uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
    if (word >> 16 != (r->head >> r->shift) + 1 || (word & 3) != TP_MPSC_CLAIMED)
        return TP_MPSC_NOBODY;
    return (uint32_t)(word & 0xffff) >> 2;
}

/* Passes by the slot of tp_mpsc_holder, who is dead. */
static inline void tp_mpsc_abandon(struct tp_mpsc_reader *r) {
    r->head++;
}

#endif
