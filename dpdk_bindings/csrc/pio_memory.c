/* pio_memory.c: frames between two processes, or within one, through shared memory.
 *
 * A link is a segment with two rings of frame slots, one a direction. Whoever opens the name first
 * is end 0, the second is end 1; a third is refused. Frames are written and read in place: the
 * sender is lent slots of its outgoing ring, the receiver is lent the same slots.
 *
 * A slot says itself that its frame is there: its first word has the slot's position, written last,
 * and lies in one cache line with the frame's headers. An idle receiver polls that line, so that a
 * frame comes to its core with the word that announces it.
 *
 * Invariant: slots [head, tail) belong to the receiver, the rest to the sender. A slot's word has
 * the sequence of its position once it is sent, and until then that of the lap before. head is
 * written by the receiver alone, tail by the sender alone, after the words. Nobody waits for tail:
 * it tells how far to look ahead in a backlog, and where to go on after a peer's nonsense. An end
 * whose process died can be opened again and goes on where it was; a link nobody holds starts
 * empty.
 */
#include "pio_internal.h"
#include "tp_segment.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINK_MAGIC UINT64_C(0x334b4e494c505401) /* "\1TPLINK3" */
#define SLOTS_DEFAULT 4096u
#define SLOTS_MAX (1u << 20)
#define FRAME_BYTES_DEFAULT 2048u
#define FRAME_BYTES_MAX 16384u
#define RINGS_OFFSET 4096u /* the link's own page, then the rings */
#define LINE 64u           /* a cache line */
/* Frames looked ahead while a burst is received: their lines come from the other core's cache. */
#define LOOK_AHEAD 3u
/* Where a frame begins in its slot: Ethernet, IPv4 and UDP headers end with the first line. */
#define DATA_OFFSET (LINE - 42u)

/* Stands at the start of a slot. */
struct descriptor {
    _Atomic uint64_t word; /* sequence << 32 | flags << 16 | length; written last */
    uint64_t timestamp_ns;
};
_Static_assert(sizeof(struct descriptor) <= DATA_OFFSET, "the frame is behind its descriptor");
_Static_assert(FRAME_BYTES_MAX <= UINT16_MAX && PIO_FRAME_TRUNCATED <= UINT16_MAX, "16 bits each");

/* Two lines apart: a core that takes a line may take its neighbour, too. */
struct direction {
    _Alignas(128) _Atomic uint64_t tail; /* slots ever sent */
    _Alignas(128) _Atomic uint64_t head; /* slots ever released */
};

struct link {
    uint64_t magic;
    uint32_t slots; /* a direction; power of two */
    uint32_t frame_bytes;
    uint32_t stride_bytes; /* from one slot to the next */
    int32_t owner_pid[2];  /* for the refusal's text only; the claim is a lock */
    _Atomic uint32_t open[2];
    struct direction directions[2]; /* directions[n] is sent by end n */
};

struct end {
    uint8_t *slots;
    struct direction *shared;
    uint64_t position; /* tx: slots sent; rx: slots lent out */
    uint64_t cached;   /* the other side's position as far as it is known */
    uint32_t lent;     /* tx: slots lent and not sent; rx: frames lent and not released */
    uint32_t silent;   /* rx: the last poll found nothing */
};

struct memory {
    struct end rx, tx;
    uint32_t mask;
    uint32_t stride_bytes;
    struct link *link;
    uint32_t index; /* which end we are */
    struct tp_segment segment;
};

static inline struct descriptor *slot_at(const struct memory *m, const struct end *e,
                                         uint64_t position) {
    return (struct descriptor *)(e->slots + (size_t)(position & m->mask) * m->stride_bytes);
}

static inline uint8_t *slot_data(const struct memory *m, const struct end *e, uint64_t position) {
    return (uint8_t *)slot_at(m, e, position) + DATA_OFFSET;
}

/* The part of a word that says whether the slot of this position is sent. */
static inline uint32_t sequence_of(uint64_t position) {
    return (uint32_t)position + 1;
}

/* Asks for the first two lines of a slot: to read (0) or to write (1). */
#define slot_fetch(slot, write)                                                                   \
    (__builtin_prefetch((slot), (write)), __builtin_prefetch((uint8_t *)(slot) + LINE, (write)))

/* A second frame in a row: there may be more, so it is worth the wait to look how far the sender
 * got. The frame itself is there, whatever the peer writes. */
static void rx_look_ahead(struct memory *m) {
    struct end *rx = &m->rx;
    uint64_t ready = atomic_load_explicit(&rx->shared->tail, memory_order_relaxed) - rx->position;
    if (ready - 1 > m->mask) /* the sender is just about to write it, or nonsense */
        ready = 1;
    rx->cached = rx->position + ready;
    for (uint32_t i = 0; i < LOOK_AHEAD && i < ready; i++)
        slot_fetch(slot_at(m, rx, rx->position + i), 0);
}

/* The word is neither this lap's nor the last one's: nonsense. There is no telling what else is:
 * all that is sent is passed by. */
static void rx_resume(struct memory *m, struct pio_stats *stats) {
    struct end *rx = &m->rx;
    uint64_t tail = atomic_load_explicit(&rx->shared->tail, memory_order_acquire);
    stats->rx_malformed += tail != rx->position;
    rx->position = rx->cached = tail;
    if (!rx->lent)
        atomic_store_explicit(&rx->shared->head, tail, memory_order_release);
}

/* Whether the next slot is sent, of which nothing is known. After a silence one frame is enough:
 * it is not made to wait for the line that would tell of a second. */
static int rx_poll(struct memory *m, struct pio_stats *stats) {
    struct end *rx = &m->rx;
    struct descriptor *d = slot_at(m, rx, rx->position);
    if (!rx->silent)
        __builtin_prefetch(&rx->shared->tail); /* for rx_look_ahead, along with the slot's line */
    uint32_t ahead = sequence_of(rx->position) -
                     (uint32_t)(atomic_load_explicit(&d->word, memory_order_relaxed) >> 32);
    if (__builtin_expect(!ahead, 0)) {
        if (rx->silent) {
            __builtin_prefetch((uint8_t *)d + LINE);
            rx->cached = rx->position + 1;
            rx->silent = 0;
        } else {
            rx_look_ahead(m);
        }
        return 1;
    }
    rx->silent = 1;
    if (__builtin_expect(ahead != m->mask + 1, 0))
        rx_resume(m, stats);
    return 0;
}

static uint32_t memory_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                                uint32_t count_max) {
    struct memory *m = queue->state;
    struct end *rx = &m->rx;
    struct pio_stats *stats = &queue->info->stats;
    uint32_t count = 0;
    if (rx->position == rx->cached && !rx_poll(m, stats))
        return 0;
    while (count < count_max && rx->position != rx->cached) {
        struct descriptor *d = slot_at(m, rx, rx->position);
        struct pio_frame *frame = &frames[count];
        if (rx->cached - rx->position > LOOK_AHEAD)
            slot_fetch(slot_at(m, rx, rx->position + LOOK_AHEAD), 0);
        /* Read once: the peer can write here, and the length checked must be the length used. */
        uint64_t word = atomic_load_explicit(&d->word, memory_order_acquire);
        if (__builtin_expect((uint32_t)(word >> 32) != sequence_of(rx->position), 0)) {
            rx->cached = rx->position; /* tail was nonsense */
            break;
        }
        uint32_t length = (uint16_t)word;
        frame->data = slot_data(m, rx, rx->position);
        frame->flags = (uint16_t)(word >> 16);
        frame->timestamp_ns = d->timestamp_ns;
        frame->cookie = rx->position++;
        if (__builtin_expect(length < PIO_FRAME_BYTES_MIN, 0)) {
            stats->rx_malformed += length != 0;
            continue;
        }
        if (__builtin_expect(length > queue->info->frame_bytes_max, 0)) {
            /* The peer wrote nonsense: never read past the slot. */
            stats->rx_malformed++;
            length = queue->info->frame_bytes_max;
            frame->flags |= PIO_FRAME_TRUNCATED;
            stats->rx_truncated++;
        }
        frame->length = length;
        stats->rx_bytes += length;
        count++;
    }
    rx->lent += count;
    stats->rx_frames += count;
    if (__builtin_expect(!rx->lent, 0)) /* all passed by: nobody will release these slots */
        atomic_store_explicit(&rx->shared->head, rx->position, memory_order_release);
    return count;
}

static void memory_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                              uint32_t count) {
    struct end *rx = &((struct memory *)queue->state)->rx;
    if (!count)
        return;
    rx->lent -= count < rx->lent ? count : rx->lent;
    /* With the last frame go the slots passed by after it. */
    uint64_t head = rx->lent ? frames[count - 1].cookie + 1 : rx->position;
    atomic_store_explicit(&rx->shared->head, head, memory_order_release);
}

static uint32_t memory_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                               uint32_t count_max) {
    struct memory *m = queue->state;
    struct end *tx = &m->tx;
    uint64_t used = tx->position + tx->lent - tx->cached;
    uint32_t slots = m->mask + 1;
    if (slots - used < count_max) {
        tx->cached = atomic_load_explicit(&tx->shared->head, memory_order_acquire);
        used = tx->position + tx->lent - tx->cached;
    }
    uint32_t count = slots - used < count_max ? (uint32_t)(slots - used) : count_max;
    /* A receiver that polls has its line: ask for it back while the frame is being made. */
    if (count)
        slot_fetch(slot_at(m, tx, tx->position + tx->lent), 1);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position = tx->position + tx->lent + i;
        struct pio_frame frame = {slot_data(m, tx, position), queue->info->frame_bytes_max, 0, 0,
                                  position};
        frames[i] = frame;
    }
    tx->lent += count;
    queue->info->stats.tx_full += count_max - count;
    return count;
}

static uint32_t memory_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                                uint32_t count) {
    struct memory *m = queue->state;
    struct end *tx = &m->tx;
    struct pio_info *info = queue->info;
    uint32_t taken = 0;
    for (; taken < count && taken < tx->lent; taken++) {
        const struct pio_frame *frame = &frames[taken];
        if (frame->cookie != tx->position + taken)
            break; /* not in the order lent: the rest stays the caller's */
        int good = pio_tx_sendable(info, frame);
        uint32_t length = good ? frame->length : 0; /* 0: nothing here, pass it by */
        struct descriptor *d = slot_at(m, tx, frame->cookie);
        d->timestamp_ns = frame->timestamp_ns;
        atomic_store_explicit(&d->word,
                              (uint64_t)sequence_of(frame->cookie) << 32 |
                                  (uint64_t)(uint16_t)frame->flags << 16 | length,
                              memory_order_release);
        info->stats.tx_frames += (uint32_t)good;
        info->stats.tx_bytes += length;
    }
    tx->position += taken;
    tx->lent -= taken;
    if (taken) {
        atomic_store_explicit(&tx->shared->tail, tx->position, memory_order_release);
        /* The next slot was last in the receiver's cache: ask for it before it is needed. */
        slot_fetch(slot_at(m, tx, tx->position + tx->lent), 1);
    }
    return taken;
}

static void memory_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                             uint32_t count) {
    struct memory *m = queue->state;
    (void)frames;
    m->tx.lent -= count < m->tx.lent ? count : m->tx.lent;
}

static void memory_service(struct pio_queue *queue, uint64_t now_ns) {
    struct memory *m = queue->state;
    (void)now_ns;
    queue->info->link =
        atomic_load_explicit(&m->link->open[!m->index], memory_order_relaxed) ? PIO_LINK_UP
                                                                              : PIO_LINK_DOWN;
}

static int memory_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    if (access("/dev/shm", W_OK))
        return pio_refuse(error, errno, "mount it: mount -t tmpfs tmpfs /dev/shm",
                          "/dev/shm is not there or not writable");
    snprintf(mode, mode_bytes, "shared");
    return 0;
}

/* An odd number of cache lines, so that the heads of slots spread over all cache sets. */
static uint32_t stride_of(uint32_t frame_bytes) {
    uint32_t lines = (DATA_OFFSET + frame_bytes + LINE - 1) / LINE;
    return (lines | 1u) * LINE;
}

static size_t ring_bytes(uint32_t slots, uint32_t stride_bytes) {
    return (size_t)slots * stride_bytes;
}

static void end_init(struct memory *m, struct end *e, uint32_t sender) {
    e->slots = m->segment.base + RINGS_OFFSET + sender * ring_bytes(m->mask + 1, m->stride_bytes);
    e->shared = &m->link->directions[sender];
}

/* Every slot of both directions as of the lap before the first: not sent. */
static void slots_init(uint8_t *at, uint32_t slots, uint32_t stride_bytes) {
    for (uint32_t i = 0; i < 2 * slots; i++, at += stride_bytes)
        atomic_store_explicit(&((struct descriptor *)at)->word,
                              (uint64_t)(uint32_t)(sequence_of(i % slots) - slots) << 32,
                              memory_order_relaxed);
}

/* Where the sender before us got: it may have died between its last word and tail. */
static uint64_t tx_resume(const struct memory *m) {
    uint64_t position = atomic_load(&m->tx.shared->tail);
    for (uint32_t i = 0; i <= m->mask; i++, position++)
        if (atomic_load(&slot_at(m, &m->tx, position)->word) >> 32 != sequence_of(position))
            break;
    return position;
}

static int memory_join(struct memory *m, const char *name, uint32_t slots, uint32_t frame_bytes,
                       struct pio_error *error) {
    struct link *link = (struct link *)m->segment.base;
    if (!tp_segment_claimed(&m->segment, 0) && !tp_segment_claimed(&m->segment, 1)) {
        memset(link, 0, sizeof *link);
        link->magic = LINK_MAGIC;
        link->slots = slots;
        link->frame_bytes = frame_bytes;
        link->stride_bytes = stride_of(frame_bytes);
        slots_init(m->segment.base + RINGS_OFFSET, slots, link->stride_bytes);
    } else if (link->magic != LINK_MAGIC) {
        return pio_refuse(error, EBUSY, "choose another name",
                          "shared-memory segment '%s' is in use and is no memory link", name);
    } else if (link->slots != slots || link->frame_bytes != frame_bytes) {
        return pio_refuse(error, EINVAL, "give both ends the same slots= and frame_bytes=",
                          "the other end of memory link '%s' has slots=%u,frame_bytes=%u", name,
                          link->slots, link->frame_bytes);
    }
    for (m->index = 0; m->index < 2; m->index++)
        if (!tp_segment_claim(&m->segment, m->index))
            break;
    if (m->index == 2)
        return pio_refuse(error, EBUSY, "stop one of them, or choose another name",
                          "memory link '%s' is busy: both ends are open, by processes %d and %d",
                          name, link->owner_pid[0], link->owner_pid[1]);
    return 0;
}

static int memory_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    uint64_t slots = SLOTS_DEFAULT, frame_bytes = FRAME_BYTES_DEFAULT;
    char name[TP_SEGMENT_NAME_BYTES];
    int number = pio_option_check(device, "slots frame_bytes", error);
    if (!number)
        number = pio_option_u64(device, "slots", 2, SLOTS_MAX, &slots, error);
    if (!number)
        number = pio_option_u64(device, "frame_bytes", 64, FRAME_BYTES_MAX, &frame_bytes, error);
    if (!number)
        number = pio_option_name(device, name, sizeof name, error);
    if (number)
        return number;
    if (slots & (slots - 1))
        return pio_refuse(error, EINVAL, "give a power of two, as in slots=4096",
                          "slots=%llu is not a power of two", (unsigned long long)slots);
    struct memory *m = aligned_alloc(64, (sizeof *m + 63) & ~(size_t)63);
    if (!m)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    memset(m, 0, sizeof *m);
    uint32_t stride_bytes = stride_of((uint32_t)frame_bytes);
    number = tp_segment_open(&m->segment, name,
                             RINGS_OFFSET + 2 * ring_bytes((uint32_t)slots, stride_bytes), error);
    if (!number) {
        number = memory_join(m, name, (uint32_t)slots, (uint32_t)frame_bytes, error);
        if (number)
            tp_segment_close(&m->segment);
    }
    if (number) {
        free(m);
        return number;
    }
    m->link = (struct link *)m->segment.base;
    /* Our own numbers from here on, not the peer's: it can write to the link at any time. */
    m->mask = (uint32_t)slots - 1;
    m->stride_bytes = stride_bytes;
    end_init(m, &m->tx, m->index);
    end_init(m, &m->rx, !m->index);
    m->tx.position = tx_resume(m);
    m->tx.cached = atomic_load(&m->tx.shared->head);
    m->rx.position = m->rx.cached = atomic_load(&m->rx.shared->head);
    m->link->owner_pid[m->index] = (int32_t)getpid();
    atomic_store(&m->link->open[m->index], 1);
    tp_segment_ready(&m->segment);
    queue->rx_burst = memory_rx_burst;
    queue->rx_release = memory_rx_release;
    queue->tx_lend = memory_tx_lend;
    queue->tx_burst = memory_tx_burst;
    queue->tx_return = memory_tx_return;
    queue->service = memory_service;
    queue->state = m;
    queue->info->frame_bytes_max = (uint32_t)frame_bytes;
    snprintf(queue->info->mode, sizeof queue->info->mode, "shared");
    memory_service(queue, 0);
    return 0;
}

static void memory_close(struct pio_queue *queue) {
    struct memory *m = queue->state;
    atomic_store(&m->link->open[m->index], 0);
    tp_segment_close(&m->segment);
    free(m);
}

const struct pio_backend pio_backend_memory = {
    .name = "memory",
    .summary = "shared memory between two processes; no privileges",
    .probe = memory_probe,
    .open = memory_open,
    .close = memory_close,
    .hear = pio_hear_all,
};
