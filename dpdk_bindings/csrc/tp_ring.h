/* tp_ring.h: a single-producer single-consumer ring of records of any size, in shared memory.
 *
 * The producer claims room, writes in place, and commits; several claims may share one commit.
 * The consumer peeks at the oldest record and consumes it; several may share one release. Neither
 * waits for the other: a claim that does not fit returns NULL, a peek at nothing returns NULL.
 * Records are contiguous: one that would cross the end is preceded by a filler, so a record may be
 * at most half the ring.
 *
 * Each record begins with a word that says whether it is there: the consumer polls the very cache
 * line that brings the record, and one line of the other core's is all it waits for.
 * Invariant: the word behind the last commit is 0. The claims of a commit become visible together,
 * because the first one's word is written last; whatever lies behind a 0 is nobody's.
 *
 * struct tp_ring is the shared part and starts a segment; writer and reader are each private to
 * their side, and may be made anew after a crash: the reader resumes from the shared position, the
 * writer behind the last committed record. What was claimed and not committed never was.
 */
#ifndef TICKPATH_RING_H
#define TICKPATH_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TP_RING_ALIGN 8u
#define TP_RING_FILLER 0x80000000u              /* in a record's word: skip this one */
#define TP_RING_COMMITTED (UINT64_C(1) << 63)   /* in a record's word: it is there */
/* How far ahead of a record the consumer asks for lines: four, which covers the way from the other
 * core while they are read. More would take them from the producer before they are written. */
#define TP_RING_AHEAD_BYTES 256u

struct tp_ring {
    uint64_t capacity_bytes; /* power of two */
    uint8_t pad0[56];
    _Atomic uint64_t head; /* bytes ever consumed; the consumer's line */
    uint8_t pad1[56];
    uint8_t data[];
};
_Static_assert(sizeof(struct tp_ring) == 128, "two cache lines, then the records");

struct tp_ring_writer {
    struct tp_ring *ring;
    uint64_t tail;        /* bytes claimed */
    uint64_t committed;   /* bytes committed */
    uint64_t word;        /* of the first record that is claimed and not committed */
    uint64_t head_cached; /* the consumer's position when last looked at */
};

struct tp_ring_reader {
    struct tp_ring *ring;
    uint64_t head;
};

static inline _Atomic uint64_t *tp_ring_word(struct tp_ring *ring, uint64_t position) {
    return (_Atomic uint64_t *)(ring->data + (position & (ring->capacity_bytes - 1)));
}

/* Bytes a record of `bytes` takes, its word included. */
static inline uint64_t tp_ring_record_bytes(uint32_t bytes) {
    const uint64_t low = TP_RING_ALIGN - 1;
    return ((uint64_t)bytes + sizeof(uint64_t) + low) & ~low;
}

static inline void tp_ring_init(struct tp_ring *ring, uint64_t capacity_bytes) {
    ring->capacity_bytes = capacity_bytes;
    atomic_store_explicit(tp_ring_word(ring, 0), 0, memory_order_relaxed);
    atomic_store_explicit(&ring->head, 0, memory_order_release);
}

/* From the record with this word to the next one. */
static inline uint64_t tp_ring_step(uint64_t word) {
    return word & TP_RING_FILLER ? (uint32_t)word & (TP_RING_FILLER - 1)
                                 : tp_ring_record_bytes((uint32_t)word);
}

/* Walks from the shared head to the first word that is not committed. */
static inline struct tp_ring_writer tp_ring_write(struct tp_ring *ring) {
    uint64_t head = atomic_load(&ring->head), tail = head, word;
    while (tail - head < ring->capacity_bytes &&
           (word = atomic_load(tp_ring_word(ring, tail))) & TP_RING_COMMITTED)
        tail += tp_ring_step(word);
    struct tp_ring_writer writer = {ring, tail, tail, 0, head};
    return writer;
}

static inline struct tp_ring_reader tp_ring_read(struct tp_ring *ring) {
    struct tp_ring_reader reader = {ring, atomic_load(&ring->head)};
    return reader;
}

static inline uint64_t tp_ring_bytes_free(struct tp_ring_writer *w) {
    w->head_cached = atomic_load_explicit(&w->ring->head, memory_order_acquire);
    return w->ring->capacity_bytes - (w->tail - w->head_cached);
}

/* Takes `need` bytes for a record with this word. */
static inline void tp_ring_take(struct tp_ring_writer *w, uint64_t need, uint64_t word) {
    atomic_store_explicit(tp_ring_word(w->ring, w->tail + need), 0, memory_order_relaxed);
    if (w->tail == w->committed)
        w->word = word;
    else
        atomic_store_explicit(tp_ring_word(w->ring, w->tail), word, memory_order_relaxed);
    w->tail += need;
}

/* Asks for the lines that the next records will be written to. */
static inline void tp_ring_prefetch(const struct tp_ring_writer *w) {
    for (uint64_t ahead = 0; ahead < TP_RING_AHEAD_BYTES; ahead += 64)
        __builtin_prefetch(tp_ring_word(w->ring, w->tail + ahead), 1);
    __asm__ volatile(""); /* gcc leaves out calls of what only prefetches */
}

/* Whether so many bytes are free, without a look at the consumer while there surely are. */
static inline int tp_ring_has_room(struct tp_ring_writer *w, uint64_t bytes) {
    return w->ring->capacity_bytes - (w->tail - w->head_cached) >= bytes ||
           tp_ring_bytes_free(w) >= bytes;
}

/* Room for `bytes`, 8-byte aligned, or NULL when the ring is full or the record too large. */
static inline void *tp_ring_claim(struct tp_ring_writer *w, uint32_t bytes) {
    uint64_t capacity = w->ring->capacity_bytes;
    uint64_t need = tp_ring_record_bytes(bytes);
    uint64_t at = w->tail & (capacity - 1);
    uint64_t filler = at + need > capacity ? capacity - at : 0;
    uint64_t all = filler + need + sizeof(uint64_t); /* the 0 behind it, too */
    if (need > capacity / 2 || need >= TP_RING_FILLER) /* a filler is shorter than its record */
        return NULL;
    if (capacity - (w->tail - w->head_cached) < all && tp_ring_bytes_free(w) < all)
        return NULL;
    if (filler) {
        tp_ring_take(w, filler, TP_RING_COMMITTED | TP_RING_FILLER | filler);
        at = 0;
    }
    tp_ring_take(w, need, TP_RING_COMMITTED | bytes);
    return w->ring->data + at + sizeof(uint64_t);
}

/* Publishes every claim made so far. */
static inline void tp_ring_commit(struct tp_ring_writer *w) {
    if (w->tail == w->committed)
        return;
    atomic_store_explicit(tp_ring_word(w->ring, w->committed), w->word, memory_order_release);
    w->committed = w->tail;
}

/* The oldest record and its size, or NULL when there is none. */
static inline const void *tp_ring_peek(struct tp_ring_reader *r, uint32_t *bytes) {
    for (;;) {
        _Atomic uint64_t *at = tp_ring_word(r->ring, r->head);
        uint64_t word = atomic_load_explicit(at, memory_order_acquire);
        if (!(word & TP_RING_COMMITTED))
            return NULL;
        if (!(word & TP_RING_FILLER)) {
            __builtin_prefetch((const void *)tp_ring_word(r->ring, r->head + TP_RING_AHEAD_BYTES));
            *bytes = (uint32_t)word;
            return at + 1;
        }
        r->head += tp_ring_step(word);
    }
}

/* Takes the record that peek showed. The room is the producer's again after tp_ring_release. */
static inline void tp_ring_consume(struct tp_ring_reader *r, uint32_t bytes) {
    r->head += tp_ring_record_bytes(bytes);
}

static inline void tp_ring_release(struct tp_ring_reader *r) {
    atomic_store_explicit(&r->ring->head, r->head, memory_order_release);
}

#endif
