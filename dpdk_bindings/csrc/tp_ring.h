/* tp_ring.h: a single-producer single-consumer ring of records of any size, in shared memory.
 *
 * The producer claims room, writes in place, and commits; several claims may share one commit.
 * The consumer peeks at the oldest record and consumes it. Neither waits for the other: a claim
 * that does not fit returns NULL, a peek at nothing returns NULL. Records are contiguous: one that
 * would cross the end is preceded by a filler, so a record may be at most half the ring.
 *
 * struct tp_ring is the shared part and starts a segment; writer and reader are each private to
 * their side, and may be made anew after a crash: they resume from the shared positions.
 */
#ifndef TICKPATH_RING_H
#define TICKPATH_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TP_RING_ALIGN 8u
#define TP_RING_FILLER 0x80000000u /* in a record's length word: skip this one */

struct tp_ring {
    uint64_t capacity_bytes; /* power of two */
    uint8_t pad0[56];
    _Atomic uint64_t tail; /* bytes ever committed; the producer's line */
    uint8_t pad1[56];
    _Atomic uint64_t head; /* bytes ever consumed; the consumer's line */
    uint8_t pad2[56];
    uint8_t data[];
};
_Static_assert(sizeof(struct tp_ring) == 192, "three cache lines, then the records");

struct tp_ring_writer {
    struct tp_ring *ring;
    uint64_t tail;        /* bytes claimed */
    uint64_t head_cached; /* the consumer's position when last looked at */
};

struct tp_ring_reader {
    struct tp_ring *ring;
    uint64_t head;
    uint64_t tail_cached;
};

static inline void tp_ring_init(struct tp_ring *ring, uint64_t capacity_bytes) {
    ring->capacity_bytes = capacity_bytes;
    atomic_store_explicit(&ring->head, 0, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, 0, memory_order_release);
}

static inline struct tp_ring_writer tp_ring_write(struct tp_ring *ring) {
    struct tp_ring_writer writer = {ring, atomic_load(&ring->tail), atomic_load(&ring->head)};
    return writer;
}

static inline struct tp_ring_reader tp_ring_read(struct tp_ring *ring) {
    struct tp_ring_reader reader = {ring, atomic_load(&ring->head), atomic_load(&ring->tail)};
    return reader;
}

/* Bytes a record of `bytes` takes, its length word included. */
static inline uint64_t tp_ring_record_bytes(uint32_t bytes) {
    const uint64_t low = TP_RING_ALIGN - 1;
    return ((uint64_t)bytes + sizeof(uint64_t) + low) & ~low;
}

static inline uint64_t tp_ring_bytes_free(struct tp_ring_writer *w) {
    w->head_cached = atomic_load_explicit(&w->ring->head, memory_order_acquire);
    return w->ring->capacity_bytes - (w->tail - w->head_cached);
}

/* Room for `bytes`, 8-byte aligned, or NULL when the ring is full or the record too large. */
static inline void *tp_ring_claim(struct tp_ring_writer *w, uint32_t bytes) {
    uint64_t capacity = w->ring->capacity_bytes;
    uint64_t need = tp_ring_record_bytes(bytes);
    uint64_t at = w->tail & (capacity - 1);
    uint64_t filler = at + need > capacity ? capacity - at : 0;
    if (need > capacity / 2 || need >= TP_RING_FILLER) /* a filler is shorter than its record */
        return NULL;
    if (capacity - (w->tail - w->head_cached) < need + filler &&
        tp_ring_bytes_free(w) < need + filler)
        return NULL;
    if (filler) {
        *(uint64_t *)(w->ring->data + at) = TP_RING_FILLER | filler;
        w->tail += filler;
        at = 0;
    }
    *(uint64_t *)(w->ring->data + at) = bytes;
    w->tail += need;
    return w->ring->data + at + sizeof(uint64_t);
}

/* Publishes every claim made so far. */
static inline void tp_ring_commit(struct tp_ring_writer *w) {
    atomic_store_explicit(&w->ring->tail, w->tail, memory_order_release);
}

/* The oldest record and its size, or NULL when there is none. */
static inline const void *tp_ring_peek(struct tp_ring_reader *r, uint32_t *bytes) {
    for (;;) {
        uint64_t at = r->head & (r->ring->capacity_bytes - 1), word;
        if (r->head == r->tail_cached) {
            r->tail_cached = atomic_load_explicit(&r->ring->tail, memory_order_acquire);
            if (r->head == r->tail_cached)
                return NULL;
        }
        word = *(const uint64_t *)(r->ring->data + at);
        if (!(word & TP_RING_FILLER)) {
            *bytes = (uint32_t)word;
            return r->ring->data + at + sizeof(uint64_t);
        }
        r->head += word & (TP_RING_FILLER - 1);
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
