/* tp_mpsc.h: a ring of 56-byte records from many producers to one consumer, in shared memory.
 *
 * A slot is one cache line: a word and the record. A producer claims up to TP_MPSC_BATCH_MAX slots
 * in a row by one compare-and-swap of `tail`, writes them in place, and commits each by one store
 * of its word; there is no lock, and a claim fails only when the ring is full. Between claim and
 * commit it touches lines that nobody else writes. The consumer takes slots in the order they were
 * claimed, so each producer's records stay in its own order.
 *
 * Before it swaps, a producer writes into a line of its own what it is about to claim. So a claim
 * is never without a name: a producer that died between claim and commit leaves slots behind which
 * nothing is taken, and the consumer sees who may hold them as tp_mpsc_holder. It finds out whether
 * that producer lives (the claims of a tp_segment tell, which the kernel drops at a death), and
 * passes a dead one's slots by with tp_mpsc_abandon. A producer that is only slow must never be
 * abandoned: it would commit into slots that are no longer its own. Where a swap failed the line
 * names slots of another's; then both may be asked about, one after the other.
 *
 * Invariant: slots [head, tail) are claimed, at most `slots` of them; a slot's word is its position
 * + 1 once it is committed, and something older before. What a claim has not committed is its
 * beginning: the words are written from the last to the first.
 */
#ifndef TICKPATH_MPSC_H
#define TICKPATH_MPSC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TP_MPSC_RECORD_BYTES 56u
#define TP_MPSC_PRODUCERS_MAX 64u /* a line each, all looked at for a holder: 4 KiB */
#define TP_MPSC_BATCH_MAX 255u    /* fits beside a position of 56 bits, a century of 20 M/s */
#define TP_MPSC_NOBODY UINT32_MAX
/* Who held the slot was abandoned already: nobody is to be asked about. */
#define TP_MPSC_GONE TP_MPSC_PRODUCERS_MAX

struct tp_mpsc_slot {
    _Atomic uint64_t word;
    uint8_t record[TP_MPSC_RECORD_BYTES];
};
_Static_assert(sizeof(struct tp_mpsc_slot) == 64, "a slot is one cache line");

struct tp_mpsc_claim {
    _Atomic uint64_t word; /* first position << 8 | count */
    uint8_t pad[56];
};

struct tp_mpsc {
    uint64_t slots; /* power of two */
    uint8_t pad0[120];
    _Atomic uint64_t tail; /* slots ever claimed; the producers' line */
    uint8_t pad1[120];
    _Atomic uint64_t head; /* slots ever released; the consumer's line */
    uint8_t pad2[120];
    struct tp_mpsc_claim claims[TP_MPSC_PRODUCERS_MAX];
    struct tp_mpsc_slot slot[];
};
_Static_assert(sizeof(struct tp_mpsc) == 384 + 64 * 64, "six cache lines, the claims, the slots");

struct tp_mpsc_writer {
    struct tp_mpsc *ring;
    uint64_t head_cached; /* the consumer's position when last looked at */
    uint64_t first;       /* of the claim that is open */
    uint64_t mask;
    uint32_t count; /* of the claim that is open */
    uint32_t producer;
};

struct tp_mpsc_reader {
    struct tp_mpsc *ring;
    uint64_t head;
    uint64_t mask;
};

static inline void tp_mpsc_init(struct tp_mpsc *ring, uint64_t slots) {
    memset(ring, 0, sizeof *ring + slots * sizeof(struct tp_mpsc_slot));
    ring->slots = slots;
}

/* A producer's side. `producer` is below TP_MPSC_PRODUCERS_MAX, and no other living producer's; a
 * dead one's is free again when what it held has been abandoned. */
static inline struct tp_mpsc_writer tp_mpsc_write(struct tp_mpsc *ring, uint32_t producer) {
    struct tp_mpsc_writer writer = {
        .ring = ring,
        .head_cached = atomic_load(&ring->head),
        .mask = ring->slots - 1,
        .producer = producer,
    };
    return writer;
}

static inline struct tp_mpsc_reader tp_mpsc_read(struct tp_mpsc *ring) {
    struct tp_mpsc_reader reader = {ring, atomic_load(&ring->head), ring->slots - 1};
    return reader;
}

/* Claims up to count_max records (at most TP_MPSC_BATCH_MAX), to be written and committed together;
 * how many: 0 when the ring is full. Only when the claim before is committed. Whenever this turns,
 * another producer has claimed. A full ring is looked at in the consumer's line, which it needs to
 * make room: pause or do something else before you ask again. */
static inline uint32_t tp_mpsc_claim(struct tp_mpsc_writer *w, uint32_t count_max) {
    struct tp_mpsc *ring = w->ring;
    uint64_t at = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t want = count_max < TP_MPSC_BATCH_MAX ? count_max : TP_MPSC_BATCH_MAX;
    for (;;) {
        uint64_t used = at - w->head_cached;
        if (used + want > w->mask + 1) {
            w->head_cached = atomic_load_explicit(&ring->head, memory_order_acquire);
            used = at - w->head_cached;
            if ((int64_t)used < 0) { /* others claimed, and it was taken, since we read tail */
                at = atomic_load_explicit(&ring->tail, memory_order_relaxed);
                continue;
            }
        }
        uint64_t room = w->mask + 1 - used;
        uint32_t count = room < want ? (uint32_t)room : want;
        if (!count)
            return 0;
        atomic_store_explicit(&ring->claims[w->producer].word, at << 8 | count,
                              memory_order_release);
        if (atomic_compare_exchange_weak_explicit(&ring->tail, &at, at + count,
                                                  memory_order_release, memory_order_relaxed)) {
            w->first = at;
            w->count = count;
            return count;
        }
    }
}

/* The index-th record of the claim. */
static inline void *tp_mpsc_record(const struct tp_mpsc_writer *w, uint32_t index) {
    return w->ring->slot[(w->first + index) & w->mask].record;
}

/* Publishes the claim's records. From the last to the first: a consumer that polls the first then
 * finds all of them, and does not take each line from under the producer. */
static inline void tp_mpsc_commit(struct tp_mpsc_writer *w) {
    while (w->count) {
        uint64_t at = w->first + --w->count;
        atomic_store_explicit(&w->ring->slot[at & w->mask].word, at + 1, memory_order_release);
    }
}

static inline int tp_mpsc_committed(const struct tp_mpsc_reader *r) {
    return atomic_load_explicit(&r->ring->slot[r->head & r->mask].word, memory_order_acquire) ==
           r->head + 1;
}

/* The oldest record, or NULL when there is none, or when it is still being written. */
static inline const void *tp_mpsc_peek(const struct tp_mpsc_reader *r) {
    if (!tp_mpsc_committed(r))
        return NULL;
    return r->ring->slot[r->head & r->mask].record;
}

/* Takes the record that peek showed. Its slot is the producers' again after tp_mpsc_release: once
 * a batch, for each release takes the head's line from them. */
static inline void tp_mpsc_consume(struct tp_mpsc_reader *r) {
    r->head++;
}

static inline void tp_mpsc_release(struct tp_mpsc_reader *r) {
    if (atomic_load_explicit(&r->ring->head, memory_order_relaxed) != r->head)
        atomic_store_explicit(&r->ring->head, r->head, memory_order_release);
}

/* A producer that may have claimed the oldest slot and not committed it; TP_MPSC_GONE when that one
 * was abandoned; TP_MPSC_NOBODY when the slot is committed, or not claimed. Reads every producer's
 * line: ask when the ring has been silent for long. */
static inline uint32_t tp_mpsc_holder(const struct tp_mpsc_reader *r) {
    /* Acquire: whoever moved tail past the slot had named itself before. */
    if (atomic_load_explicit(&r->ring->tail, memory_order_acquire) == r->head)
        return TP_MPSC_NOBODY;
    for (uint32_t i = 0; i < TP_MPSC_PRODUCERS_MAX; i++) {
        uint64_t word = atomic_load_explicit(&r->ring->claims[i].word, memory_order_acquire);
        if (r->head - (word >> 8) < (word & 0xff) && !tp_mpsc_committed(r))
            return i;
    }
    return tp_mpsc_committed(r) ? TP_MPSC_NOBODY : TP_MPSC_GONE;
}

/* Passes by what tp_mpsc_holder's dead producer held, as far as nobody else may hold it; how many
 * slots. Ask for the holder again: there may be another. */
static inline uint32_t tp_mpsc_abandon(struct tp_mpsc_reader *r, uint32_t producer) {
    uint32_t passed = 0;
    if (producer < TP_MPSC_PRODUCERS_MAX)
        atomic_store_explicit(&r->ring->claims[producer].word, 0, memory_order_relaxed);
    while (tp_mpsc_holder(r) == TP_MPSC_GONE) {
        r->head++;
        passed++;
    }
    return passed;
}

#endif
