/* pio_fault.c: any queue, made worse by a seed.
 *
 *   "fault(loss=0.05,duplicate=0.05,reorder=0.05,corrupt=0.01,truncate=0.01,short_send=0.1,
 *          seed=1,depth=8,stride=1,phase=0):memory:feed-a"
 *
 * Each received frame is lost, or else copied into a buffer of this backend, perhaps cut short,
 * perhaps with one byte changed, perhaps twice, perhaps held back past up to `depth` later frames.
 * The wrapped queue's own frames go back to it at once and in order. Sent frames pass through in
 * the wrapped queue's buffers; a short send makes tx_lend give or tx_burst take fewer than asked.
 * Loss takes only frames whose number modulo stride is phase, so that two lines can be made to lose
 * at random, and yet never the same frame.
 *
 * Every received frame draws the same number of times whatever befalls it, and sending draws from a
 * stream of its own, so the same frames meet the same fate however they are polled. The one
 * exception: a held-back frame that nothing follows comes out after HOLD_NS_MAX or
 * HOLD_SERVICES_MAX, or when the link is down.
 *
 * Buffers are handed out by index from a stack. A frame is pulled from the wrapped queue only
 * while there is a buffer for it and for its duplicate, so none is ever lost for want of one.
 */
#include "pio_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Eight bursts may be out at once, held-back frames and duplicates included. Power of two. */
#define SLOTS (8u * PIO_BURST_MAX)
#define DEPTH_DEFAULT 8u
#define DEPTH_MAX PIO_BURST_MAX
/* A millisecond: longer than the gaps within a busy feed, shorter than a rewind's time-out. */
#define HOLD_NS_MAX UINT64_C(1000000)
/* For a caller whose clock stands still: at 100 ns a loop this is 6 ms. */
#define HOLD_SERVICES_MAX 65536u

enum {
    EXTRA_LOST,
    EXTRA_DUPLICATED,
    EXTRA_REORDERED,
    EXTRA_CORRUPTED,
    EXTRA_TRUNCATED,
    EXTRA_SHORT_SEND,
};

struct slot {
    uint32_t length;
    uint32_t flags;
    uint64_t timestamp_ns;
};

struct held {
    uint32_t index;   /* of the slot */
    uint64_t due;     /* comes out once that many frames were received */
    uint64_t held_ns; /* as service was last told when it was held */
    uint64_t held_services;
};

struct fault {
    struct pio_queue *inner;
    uint64_t rx_random, tx_random; /* states of splitmix64 */
    uint64_t loss, duplicate, reorder, corrupt, truncate, short_send; /* of 2^53 */
    uint32_t depth;
    uint32_t stride, phase; /* loss takes only frames whose number modulo stride is phase */
    uint32_t held_count;
    uint32_t free_count;
    uint64_t received; /* frames taken from the wrapped queue */
    uint64_t now_ns, services;
    uint64_t ready_head, ready_tail; /* of `ready`, a ring */
    size_t stride_bytes;
    uint8_t *data;
    struct held held[DEPTH_MAX]; /* in the order held */
    uint32_t ready[SLOTS];       /* slots in the order to be lent */
    uint32_t free[SLOTS];        /* a stack */
    struct slot slots[SLOTS];
};

/* splitmix64 (Steele, Lea, Flood 2014): full period, and good from any seed. */
static inline uint64_t draw(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline int chance(uint64_t *state, uint64_t of_2_53) {
    return draw(state) >> 11 < of_2_53;
}

/* Evenly from 0 to bound - 1; the bias is below bound / 2^32. */
static inline uint32_t below(uint64_t random, uint32_t bound) {
    return (uint32_t)((random >> 32) * bound >> 32);
}

/* ---- receiving ---- */

static inline void make_ready(struct fault *f, uint32_t index) {
    f->ready[f->ready_tail++ & (SLOTS - 1)] = index;
}

/* Lets out what is due, the longest held first. */
static void let_out(struct fault *f, int all) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->held_count; i++) {
        if (all || f->held[i].due <= f->received)
            make_ready(f, f->held[i].index);
        else
            f->held[kept++] = f->held[i];
    }
    f->held_count = kept;
}

static uint32_t copy_in(struct fault *f, const struct pio_frame *frame, const uint8_t *data) {
    uint32_t index = f->free[--f->free_count];
    struct slot slot = {frame->length, frame->flags, frame->timestamp_ns};
    f->slots[index] = slot;
    memcpy(f->data + index * f->stride_bytes, data, frame->length);
    return index;
}

/* What befalls one frame. All draws are made first, so that each frame takes as many. */
static void suffer(struct fault *f, struct pio_stats *stats, const struct pio_frame *arrived) {
    uint64_t *r = &f->rx_random;
    int lost = chance(r, f->loss), twice = chance(r, f->duplicate), late = chance(r, f->reorder);
    int corrupt = chance(r, f->corrupt), cut = chance(r, f->truncate);
    uint64_t where = draw(r), what = draw(r), distance = draw(r), length = draw(r);
    struct pio_frame frame = *arrived;
    int exposed = f->received % f->stride == f->phase;
    f->received++;
    if (lost && exposed) {
        stats->extra[EXTRA_LOST]++;
        let_out(f, 0);
        return;
    }
    if (cut && frame.length > PIO_FRAME_BYTES_MIN) {
        frame.length =
            PIO_FRAME_BYTES_MIN + below(length, frame.length - PIO_FRAME_BYTES_MIN);
        frame.flags &= ~(uint32_t)PIO_FRAME_CHECKSUM_GOOD;
        stats->extra[EXTRA_TRUNCATED]++;
    }
    if (corrupt)
        frame.flags &= ~(uint32_t)PIO_FRAME_CHECKSUM_GOOD;
    uint32_t index = copy_in(f, &frame, arrived->data);
    uint8_t *copy = f->data + index * f->stride_bytes;
    if (corrupt && frame.length) {
        copy[below(where, frame.length)] ^= (uint8_t)(1 + below(what, 255));
        stats->extra[EXTRA_CORRUPTED]++;
    }
    if (late && f->held_count < f->depth) {
        struct held held = {index, f->received + 1 + below(distance, f->depth), f->now_ns,
                            f->services};
        f->held[f->held_count++] = held;
        stats->extra[EXTRA_REORDERED]++;
    } else {
        make_ready(f, index);
    }
    if (twice) {
        make_ready(f, copy_in(f, &frame, copy));
        stats->extra[EXTRA_DUPLICATED]++;
    }
    let_out(f, 0);
}

/* Counters that the wrapped queue keeps for both; what it received is not what we hand over. */
static void mirror(struct fault *f, struct pio_info *info) {
    const struct pio_info *inner = f->inner->info;
    struct pio_stats *stats = &info->stats;
    stats->rx_missed = inner->stats.rx_missed;
    stats->rx_oversize = inner->stats.rx_oversize;
    stats->rx_malformed = inner->stats.rx_malformed;
    stats->tx_frames = inner->stats.tx_frames;
    stats->tx_bytes = inner->stats.tx_bytes;
    stats->tx_full = inner->stats.tx_full;
    stats->tx_oversize = inner->stats.tx_oversize;
    stats->tx_undersize = inner->stats.tx_undersize;
    stats->tx_error = inner->stats.tx_error;
    info->link = inner->link;
    if (inner->link == PIO_LINK_DOWN && (f->held_count || f->ready_head != f->ready_tail))
        info->link = PIO_LINK_UP; /* there is more to come */
}

static uint32_t pull(struct fault *f, struct pio_info *info, uint32_t count_max) {
    struct pio_frame frames[PIO_BURST_MAX];
    uint32_t want = f->free_count / 2 < count_max ? f->free_count / 2 : count_max;
    want = want < PIO_BURST_MAX ? want : PIO_BURST_MAX;
    uint32_t count = want ? f->inner->rx_burst(f->inner, frames, want) : 0;
    for (uint32_t i = 0; i < count; i++)
        suffer(f, &info->stats, &frames[i]);
    if (count)
        f->inner->rx_release(f->inner, frames, count);
    else if (want && f->held_count && f->inner->info->link != PIO_LINK_UP)
        let_out(f, 1);
    return count;
}

static uint32_t lend_ready(struct fault *f, struct pio_stats *stats, struct pio_frame *frames,
                           uint32_t count_max) {
    uint32_t count = 0;
    for (; count < count_max && f->ready_head != f->ready_tail; count++) {
        uint32_t index = f->ready[f->ready_head++ & (SLOTS - 1)];
        const struct slot *slot = &f->slots[index];
        struct pio_frame frame = {f->data + index * f->stride_bytes, slot->length, slot->flags,
                                  slot->timestamp_ns, index};
        frames[count] = frame;
        stats->rx_bytes += slot->length;
        stats->rx_truncated += (slot->flags & PIO_FRAME_TRUNCATED) != 0;
    }
    stats->rx_frames += count;
    return count;
}

static uint32_t fault_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                               uint32_t count_max) {
    struct fault *f = queue->state;
    struct pio_info *info = queue->info;
    uint32_t count = lend_ready(f, &info->stats, frames, count_max);
    while (count < count_max) {
        uint32_t pulled = pull(f, info, count_max - count);
        count += lend_ready(f, &info->stats, frames + count, count_max - count);
        if (!pulled)
            break;
    }
    mirror(f, info);
    return count;
}

static void fault_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                             uint32_t count) {
    struct fault *f = queue->state;
    /* Releasing more than was lent is the caller's fault, and must not become our overflow. */
    for (uint32_t i = 0; i < count && f->free_count < SLOTS; i++)
        f->free[f->free_count++] = (uint32_t)frames[i].cookie & (SLOTS - 1);
}

static void fault_service(struct pio_queue *queue, uint64_t now_ns) {
    struct fault *f = queue->state;
    f->inner->service(f->inner, now_ns);
    f->now_ns = now_ns;
    f->services++;
    if (f->held_count && (now_ns - f->held[f->held_count - 1].held_ns >= HOLD_NS_MAX ||
                          f->services - f->held[0].held_services >= HOLD_SERVICES_MAX))
        let_out(f, 1);
    mirror(f, queue->info);
}

/* ---- sending ---- */

static uint32_t fault_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                              uint32_t count_max) {
    struct fault *f = queue->state;
    uint32_t want = count_max;
    if (f->short_send && count_max && chance(&f->tx_random, f->short_send)) {
        want = below(draw(&f->tx_random), count_max);
        queue->info->stats.extra[EXTRA_SHORT_SEND]++;
    }
    uint32_t count = want ? f->inner->tx_lend(f->inner, frames, want) : 0;
    mirror(f, queue->info);
    return count;
}

static uint32_t fault_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                               uint32_t count) {
    struct fault *f = queue->state;
    uint32_t offered = count;
    if (f->short_send && count && chance(&f->tx_random, f->short_send)) {
        offered = below(draw(&f->tx_random), count);
        queue->info->stats.extra[EXTRA_SHORT_SEND]++;
    }
    uint32_t taken = offered ? f->inner->tx_burst(f->inner, frames, offered) : 0;
    mirror(f, queue->info);
    return taken;
}

static void fault_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    struct fault *f = queue->state;
    f->inner->tx_return(f->inner, frames, count);
}

/* ---- opening ---- */

static int read_options(struct fault *f, const char *options, struct pio_error *error) {
    static const char known[] =
        "loss duplicate reorder corrupt truncate short_send seed depth stride phase";
    static const char *const keys[] = {"loss",    "duplicate", "reorder",
                                       "corrupt", "truncate",  "short_send"};
    uint64_t *const chances[] = {&f->loss,    &f->duplicate, &f->reorder,
                                 &f->corrupt, &f->truncate,  &f->short_send};
    uint64_t seed = 1, depth = DEPTH_DEFAULT, stride = 1, phase = 0;
    int number = pio_option_check(options, known, error);
    for (size_t i = 0; !number && i < sizeof keys / sizeof *keys; i++) {
        double fraction = 0.0;
        number = pio_option_fraction(options, keys[i], &fraction, error);
        *chances[i] = (uint64_t)(fraction * (double)(UINT64_C(1) << 53));
    }
    if (!number)
        number = pio_option_u64(options, "seed", 0, UINT64_MAX, &seed, error);
    if (!number)
        number = pio_option_u64(options, "depth", 1, DEPTH_MAX, &depth, error);
    if (!number)
        number = pio_option_u64(options, "stride", 1, 1u << 16, &stride, error);
    if (!number)
        number = pio_option_u64(options, "phase", 0, stride - 1, &phase, error);
    f->stride = (uint32_t)stride;
    f->phase = (uint32_t)phase;
    f->depth = (uint32_t)depth;
    f->rx_random = seed;
    f->tx_random = ~seed; /* a stream of its own */
    return number;
}

static int open_inner(struct fault *f, const char *device, struct pio_error *error) {
    char options[272]; /* as long as pio_info.device, with the name before them */
    const char *inner;
    int number = pio_option_wrap(device, "fault", "fault(loss=0.05,seed=1):memory:feed-a", options,
                                 sizeof options, &inner, error);
    if (!number)
        number = read_options(f, options, error);
    return number ? number : pio_open(inner, &f->inner, error);
}

static int fault_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)error;
    snprintf(mode, mode_bytes, "fault+");
    return 0;
}

static int fault_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct fault *f = calloc(1, sizeof *f);
    if (!f)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    int number = open_inner(f, device, error);
    if (!number) {
        f->stride_bytes = (f->inner->info->frame_bytes_max + (size_t)127) & ~(size_t)63;
        f->data = aligned_alloc(64, SLOTS * f->stride_bytes);
        if (!f->data)
            number = pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    }
    if (number) {
        pio_close(f->inner);
        free(f);
        return number;
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        f->free[f->free_count++] = SLOTS - 1 - i;
    queue->rx_burst = fault_rx_burst;
    queue->rx_release = fault_rx_release;
    queue->tx_lend = fault_tx_lend;
    queue->tx_burst = fault_tx_burst;
    queue->tx_return = fault_tx_return;
    queue->service = fault_service;
    queue->state = f;
    queue->info->frame_bytes_max = f->inner->info->frame_bytes_max;
    memcpy(queue->info->mac, f->inner->info->mac, sizeof queue->info->mac);
    snprintf(queue->info->mode, sizeof queue->info->mode, "fault+%.25s", f->inner->info->mode);
    mirror(f, queue->info);
    return 0;
}

static void fault_close(struct pio_queue *queue) {
    struct fault *f = queue->state;
    pio_close(f->inner);
    free(f->data);
    free(f);
}

struct pio_queue *pio_fault_inner(struct pio_queue *queue) {
    return ((struct fault *)queue->state)->inner;
}

static int fault_hear(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error) {
    struct pio_queue *inner = pio_fault_inner(queue);
    return inner->info->backend->hear(inner, group, error);
}

const struct pio_backend pio_backend_fault = {
    .name = "fault",
    .summary = "any queue with seeded loss, duplicates, reordering, corruption and short sends",
    .extra_names = {"fault_lost", "fault_duplicated", "fault_reordered", "fault_corrupted",
                    "fault_truncated", "fault_short_send"},
    .probe = fault_probe,
    .open = fault_open,
    .close = fault_close,
    .hear = fault_hear,
};
