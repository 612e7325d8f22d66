/* pio_netmap.c: frames of netmap's rings, in the buffers that netmap itself moves.
 *
 * The rings lie in memory shared with the kernel, which looks at them in our system calls alone:
 * NIOCRXSYNC takes what we released and shows what came, NIOCTXSYNC takes what we send and shows
 * what is sent. tx_burst makes the second, service the first when nothing is left to be read, and
 * the second again while sent slots have not come back.
 *
 * Invariant, of a receive ring: slots [head, next) are the caller's, or were passed by; they go
 * back in order, and the kernel is told at the next sync. Of the transmit ring: [told, head) wait
 * for the sync, [head, head + gap) are free again, [head + gap, head + gap + lent) are lent, in
 * no order; lent_slots finds a lent buffer's slot. A buffer is always in exactly one slot: to put
 * one elsewhere is to exchange two. So a frame that cannot be sent leaves no hole, and a received
 * frame is sent without a copy, its slot getting a free buffer in return.
 *
 * Both ends of a pipe map the same memory, so nothing read from a slot or a ring is believed:
 * indexes and lengths are read once and held against what was true at open. A ring that the kernel
 * has set back, or that makes no sense, is given up: the link is gone.
 *
 * While the link is down nothing is put into the ring, and what a failing sync did not take is
 * taken out again, since netmap would send it when the link returns: a late order is worse than
 * none.
 */
#include "pio_netmap.h"

#include <linux/if_ether.h>

/* How often service asks for link, MTU and missed frames: some 3 us of system calls. */
#define HOUSEKEEPING_NS UINT64_C(10000000)
/* A part of a receive ring that is given back although there is more to read: a quarter leaves
 * the kernel three quarters, and costs one system call for at least 64 frames of 256. */
#define RETURN_PART 4u

/* A cookie is a lent buffer's index, or of a received frame its ring, slot and number. */
#define RECEIVED (UINT64_C(1) << 63)

static inline uint32_t wrap(uint32_t slot, uint32_t slots_count) {
    return slot >= slots_count ? slot - slots_count : slot;
}

static inline uint32_t distance(uint32_t from, uint32_t to, uint32_t slots_count) {
    return to >= from ? to - from : to + slots_count - from;
}

/* Shared memory is read once where it is read: what was checked is what is used. */
static inline uint32_t tail_of(const struct netmap_abi_ring *ring) {
    return __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}

/* A slot's buffer; 0, which is in no slot, when it cannot be one. */
static inline uint32_t buffer_of(const struct netmap *n, const struct netmap_abi_slot *slot) {
    uint32_t index = __atomic_load_n(&slot->buffer_index, __ATOMIC_RELAXED);
    return index >= NETMAP_ABI_BUFFER_FIRST && index < n->buffer_count ? index : 0;
}

static inline uint8_t *buffer_at(const struct netmap *n, uint32_t index) {
    return n->buffers + (size_t)index * n->buffer_bytes;
}

/* The rings cannot be trusted from here on. */
static __attribute__((cold, noinline)) void give_up(struct pio_queue *queue) {
    queue->info->stats.extra[NETMAP_RING_RESETS] += queue->info->link != PIO_LINK_GONE;
    queue->info->link = PIO_LINK_GONE;
}

static __attribute__((cold, noinline)) void sync_failed(struct pio_queue *queue) {
    struct netmap *n = queue->state;
    queue->info->stats.extra[NETMAP_SYNC_ERRORS]++;
    n->stopped = 1;
    netmap_device_read(queue);
}

static __attribute__((cold, noinline)) void sync_resumed(struct pio_queue *queue) {
    struct netmap *n = queue->state;
    n->stopped = 0;
    netmap_device_read(queue);
}

/* ---- receive ---- */

/* 1 when the slot became a frame; else counts the reason and returns 0. */
static inline int slot_lend(struct netmap *n, struct netmap_rx *rx, struct pio_frame *frame,
                            struct pio_info *info) {
    const struct netmap_abi_slot *slot = &rx->ring->slots[rx->next];
    uint32_t index = buffer_of(n, slot);
    uint32_t length = __atomic_load_n(&slot->length, __ATOMIC_RELAXED);
    uint32_t more = __atomic_load_n(&slot->flags, __ATOMIC_RELAXED) & NETMAP_ABI_MORE;
    if (__builtin_expect(more | rx->chained, 0)) {
        info->stats.rx_oversize += !rx->chained;
        rx->chained = more;
        return 0;
    }
    if (__builtin_expect(!index, 0)) {
        info->stats.rx_malformed++;
        return 0;
    }
    if (__builtin_expect(length > info->frame_bytes_max, 0)) {
        info->stats.rx_oversize++;
        return 0;
    }
    if (__builtin_expect(length < PIO_FRAME_BYTES_MIN, 0)) {
        info->stats.extra[length ? NETMAP_RX_UNDERSIZE : NETMAP_RX_BLANKS]++;
        return 0;
    }
    uint64_t ring = (uint64_t)(rx - n->rx);
    *frame = (struct pio_frame){buffer_at(n, index), length, 0, 0,
                                RECEIVED | ring << 48 | (uint64_t)rx->next << 32 | n->rx_next};
    info->stats.rx_bytes += length;
    return 1;
}

static inline uint32_t ring_receive(struct pio_queue *queue, struct netmap_rx *rx,
                                    struct pio_frame *frames, uint32_t count_max) {
    struct netmap *n = queue->state;
    uint32_t count = 0, tail = tail_of(rx->ring);
    if (__builtin_expect(tail >= rx->slots_count, 0)) {
        give_up(queue);
        return 0;
    }
    for (; count < count_max && rx->next != tail; rx->next = wrap(rx->next + 1, rx->slots_count))
        if (slot_lend(n, rx, &frames[count], queue->info)) {
            n->rx_next++;
            rx->lent++;
            count++;
        }
    if (!rx->lent)
        rx->head = rx->next;
    return count;
}

static uint32_t netmap_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                                uint32_t count_max) {
    struct netmap *n = queue->state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->rx_count && count < count_max; i++) {
        count += ring_receive(queue, &n->rx[n->rx_at], frames + count, count_max - count);
        n->rx_at = wrap(n->rx_at + 1, n->rx_count);
    }
    queue->info->stats.rx_frames += count;
    return count;
}

/* The oldest held frame's slot goes back, and those passed by before the next. */
static inline void frame_release(struct netmap *n, const struct pio_frame *frame) {
    struct netmap_rx *rx = &n->rx[frame->cookie >> 48 & (NETMAP_RX_RINGS_MAX - 1)];
    n->rx_oldest = (uint32_t)frame->cookie + 1;
    rx->lent--;
    rx->head = rx->lent ? wrap((uint32_t)(frame->cookie >> 32 & 0xffff) + 1, rx->slots_count)
                        : rx->next;
}

static void netmap_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                              uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        frame_release(queue->state, &frames[i]);
}

/* 1 when nothing is left to be read, or much is to be given back. */
static inline int rx_wants_sync(const struct netmap *n) {
    int is_read = 1;
    for (uint32_t i = 0; i < n->rx_count; i++) {
        const struct netmap_rx *rx = &n->rx[i];
        is_read &= rx->next == tail_of(rx->ring);
        if (distance(rx->told, rx->head, rx->slots_count) >= rx->slots_count / RETURN_PART)
            return 1;
    }
    return is_read;
}

static void rx_sync(struct pio_queue *queue) {
    struct netmap *n = queue->state;
    for (uint32_t i = 0; i < n->rx_count; i++)
        n->rx[i].ring->head = n->rx[i].ring->cur = n->rx[i].told = n->rx[i].head;
    if (__builtin_expect(ioctl(n->fd, NETMAP_ABI_RX_SYNC, NULL) != 0, 0))
        sync_failed(queue);
    else if (__builtin_expect(n->stopped, 0))
        sync_resumed(queue);
    for (uint32_t i = 0; i < n->rx_count; i++)
        if (__builtin_expect(n->rx[i].ring->head != n->rx[i].head, 0))
            give_up(queue);
}

/* ---- transmit ---- */

static inline uint32_t tx_slots_free(const struct netmap_tx *tx) {
    uint32_t tail = tail_of(tx->ring), used = tx->gap + tx->lent;
    if (__builtin_expect(tail >= tx->slots_count, 0))
        return 0;
    uint32_t ours = distance(tx->head, tail, tx->slots_count);
    return ours > used ? ours - used : 0;
}

static inline void buffer_put(struct netmap *n, uint32_t at, uint32_t index) {
    struct netmap_abi_slot *slot = &n->tx.ring->slots[at];
    slot->buffer_index = index;
    slot->flags = NETMAP_ABI_BUFFER_CHANGED;
    if (n->lent_slots[index])
        n->lent_slots[index] = at + 1;
}

static inline void buffers_exchange(struct netmap *n, uint32_t first, uint32_t second) {
    if (__builtin_expect(first == second, 1))
        return;
    uint32_t index = buffer_of(n, &n->tx.ring->slots[first]);
    buffer_put(n, first, buffer_of(n, &n->tx.ring->slots[second]));
    buffer_put(n, second, index);
}

/* Hands over what was put into the ring; what a failing call leaves is taken out again. */
static void tx_sync(struct pio_queue *queue) {
    struct netmap *n = queue->state;
    struct netmap_tx *tx = &n->tx;
    struct pio_stats *stats = &queue->info->stats;
    uint32_t frames = distance(tx->told, tx->head, tx->slots_count);
    tx->ring->head = tx->ring->cur = tx->head;
    if (__builtin_expect(ioctl(n->fd, NETMAP_ABI_TX_SYNC, NULL) != 0, 0)) {
        stats->tx_error += frames;
        tx->gap += frames;
        tx->head = tx->ring->head = tx->ring->cur = tx->told;
        sync_failed(queue);
    } else {
        stats->tx_frames += frames;
        stats->tx_bytes += tx->bytes;
        tx->told = tx->head;
    }
    tx->bytes = 0;
    if (__builtin_expect(tx->ring->head != tx->head || tail_of(tx->ring) >= tx->slots_count, 0))
        give_up(queue);
}

static uint32_t netmap_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                               uint32_t count_max) {
    struct netmap *n = queue->state;
    struct netmap_tx *tx = &n->tx;
    uint32_t free = queue->info->link == PIO_LINK_GONE ? 0 : tx_slots_free(tx), count = 0;
    /* Without a lent frame the free slots begin at head again. */
    if (!tx->lent) {
        free += tx->gap;
        tx->gap = 0;
    }
    for (; count < count_max && count < free; count++, tx->lent++) {
        uint32_t at = wrap(wrap(tx->head + tx->gap, tx->slots_count) + tx->lent, tx->slots_count);
        uint32_t index = buffer_of(n, &tx->ring->slots[at]);
        if (__builtin_expect(!index || n->lent_slots[index], 0)) {
            give_up(queue);
            break;
        }
        n->lent_slots[index] = at + 1;
        frames[count] = (struct pio_frame){buffer_at(n, index), queue->info->frame_bytes_max, 0, 0,
                                           index};
    }
    queue->info->stats.tx_full += count_max - count;
    return count;
}

/* A lent frame's slot, brought to the beginning of those lent and no longer one; or -1. */
static inline int64_t lent_slot_take(struct netmap *n, const struct pio_frame *frame) {
    struct netmap_tx *tx = &n->tx;
    uint32_t index = frame->cookie < n->buffer_count ? (uint32_t)frame->cookie : 0;
    uint32_t at = n->lent_slots[index];
    if (__builtin_expect(!at, 0))
        return -1;
    uint32_t first = wrap(tx->head + tx->gap, tx->slots_count);
    n->lent_slots[index] = 0;
    buffers_exchange(n, at - 1, first);
    tx->lent--;
    return first;
}

/* The device's rule: MTU and header, and four bytes more for a frame with an 802.1Q tag. */
static inline int device_takes(const struct pio_queue *queue, const uint8_t *data,
                               uint32_t length) {
    const struct netmap *n = queue->state;
    uint32_t tagged = data[2 * ETH_ALEN] == ETH_P_8021Q >> 8 && data[2 * ETH_ALEN + 1] == 0;
    return queue->info->link == PIO_LINK_UP && length <= n->tx.wire_bytes_max + 4 * tagged;
}

/* The slot at head is the next to be sent. */
static inline void slot_send(struct netmap *n, uint32_t length) {
    struct netmap_tx *tx = &n->tx;
    struct netmap_abi_slot *slot = &tx->ring->slots[tx->head];
    slot->length = (uint16_t)length;
    slot->flags &= NETMAP_ABI_BUFFER_CHANGED;
    tx->bytes += length;
    tx->head = wrap(tx->head + 1, tx->slots_count);
}

/* Exchanges the received frame's buffer for that of the slot at head, which must be free. */
static inline int frame_forward(struct netmap *n, const struct pio_frame *frame) {
    struct netmap_tx *tx = &n->tx;
    struct netmap_rx *rx = &n->rx[frame->cookie >> 48 & (NETMAP_RX_RINGS_MAX - 1)];
    struct netmap_abi_slot *slot = &rx->ring->slots[frame->cookie >> 32 & 0xffff];
    uint32_t received = buffer_of(n, slot);
    if (tx->gap)
        tx->gap--;
    else /* the first that is lent makes room, and becomes the last */
        buffers_exchange(n, tx->head, wrap(tx->head + tx->lent, tx->slots_count));
    uint32_t free = buffer_of(n, &tx->ring->slots[tx->head]);
    if (__builtin_expect(!received || !free || n->lent_slots[received] || n->lent_slots[free], 0))
        return 0;
    slot->buffer_index = free;
    slot->flags = NETMAP_ABI_BUFFER_CHANGED;
    buffer_put(n, tx->head, received);
    slot_send(n, frame->length);
    frame_release(n, frame);
    return 1;
}

static uint32_t frames_forward(struct pio_queue *queue, const struct pio_frame *frames,
                               uint32_t count) {
    struct netmap *n = queue->state;
    uint32_t taken = 0, free = tx_slots_free(&n->tx) + n->tx.gap;
    for (; taken < count && frames[taken].cookie & RECEIVED; taken++) {
        const struct pio_frame *frame = &frames[taken];
        struct netmap_rx *rx = &n->rx[frame->cookie >> 48 & (NETMAP_RX_RINGS_MAX - 1)];
        uint32_t had = rx->ring->slots[frame->cookie >> 32 & 0xffff].length;
        if ((uint32_t)frame->cookie != n->rx_oldest || n->rx_oldest == n->rx_next ||
            frame->length > had || frame->length > queue->info->frame_bytes_max ||
            frame->length < PIO_FRAME_BYTES_MIN)
            break;
        if (!device_takes(queue, frame->data, frame->length)) {
            queue->info->stats.tx_error++;
            frame_release(n, frame);
            continue;
        }
        if (!free--) {
            queue->info->stats.tx_full += count - taken;
            break;
        }
        if (!frame_forward(n, frame)) {
            give_up(queue);
            break;
        }
    }
    return taken;
}

static uint32_t frames_send(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    struct netmap *n = queue->state;
    struct netmap_tx *tx = &n->tx;
    uint32_t taken = 0;
    for (; taken < count; taken++) {
        const struct pio_frame *frame = &frames[taken];
        int64_t at = lent_slot_take(n, frame);
        if (at < 0)
            break; /* not lent: the rest stays the caller's */
        if (!pio_tx_sendable(queue->info, frame)) {
            tx->gap++;
        } else if (__builtin_expect(!device_takes(queue, frame->data, frame->length), 0)) {
            queue->info->stats.tx_error++;
            tx->gap++;
        } else {
            buffers_exchange(n, (uint32_t)at, tx->head);
            slot_send(n, frame->length);
        }
    }
    return taken;
}

static uint32_t netmap_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                                uint32_t count) {
    struct netmap *n = queue->state;
    if (!count)
        return 0;
    uint32_t taken = frames[0].cookie & RECEIVED ? frames_forward(queue, frames, count)
                                                 : frames_send(queue, frames, count);
    if (n->tx.head != n->tx.told)
        tx_sync(queue);
    return taken;
}

static void netmap_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                             uint32_t count) {
    struct netmap *n = queue->state;
    for (uint32_t i = 0; i < count; i++)
        if (lent_slot_take(n, &frames[i]) >= 0)
            n->tx.gap++;
}

static void netmap_service(struct pio_queue *queue, uint64_t now_ns) {
    struct netmap *n = queue->state;
    struct netmap_tx *tx = &n->tx;
    if (queue->info->link == PIO_LINK_GONE)
        return;
    /* Sent, and not come back: netmap keeps one slot empty, and tail stands before it. */
    if (wrap(tail_of(tx->ring) + 1, tx->slots_count) != tx->head)
        tx_sync(queue);
    if (rx_wants_sync(n))
        rx_sync(queue);
    if (now_ns - n->housekept_ns >= HOUSEKEEPING_NS) {
        n->housekept_ns = now_ns;
        netmap_device_read(queue);
    }
}

void netmap_hot_set(struct pio_queue *queue) {
    queue->rx_burst = netmap_rx_burst;
    queue->rx_release = netmap_rx_release;
    queue->tx_lend = netmap_tx_lend;
    queue->tx_burst = netmap_tx_burst;
    queue->tx_return = netmap_tx_return;
    queue->service = netmap_service;
}
