/* pio_afxdp.c: frames of a network interface through AF_XDP's four rings.
 *
 * Half of the frames are for receiving, and each of them is the kernel's (in the fill ring, or
 * being written, or in the receive ring) or the caller's. The other half are for sending, and each
 * of them is unused, lent, or in flight: from tx_burst until the kernel completes it.
 *
 * Invariant: transmit positions [settled, at) are those that the kernel has not said it passed;
 * there are never more of them than the ring has. A frame comes back to `unused` exactly once: by
 * its completion, or, where it became a hole, when the kernel has passed its position. Nothing
 * waits for completions: a driver may keep them for as long as it likes.
 *
 * In copy and skb mode one call moves at most 32 frames (EAGAIN: call again), and EBUSY says that
 * one frame was taken and dropped, which the ring's consumer may tell only later. When the link is
 * lost there, what waits is overwritten with descriptors that the kernel steps over, lest it be
 * sent late. After open no capability is needed.
 */
#include "pio_afxdp.h"
#include "pio_interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_xdp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How often service asks the kernel for drops, link, MTU and program: five system calls, and
 * one more with busy polling; some 3 us. */
#define HOUSEKEEPING_NS UINT64_C(10000000)
#define LINK_INFO_BYTES 512u /* the kernel's text about a link is some 150 bytes */
/* A burst takes two calls in copy mode; the rest is for frames dropped and for holes, which newer
 * kernels step over one a call. */
#define KICKS_MAX 8u
/* The address of a hole: in no memory, and no option is set, lest the next frame be taken for the
 * rest of this one. Newer kernels complete it, like a frame. */
#define HOLE_ADDRESS (UINT64_MAX << 12)

/* ---- rings ---- */

static inline uint32_t ring_peek(struct afxdp_ring *ring) {
    if (ring->seen == ring->at)
        ring->seen = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    return ring->seen - ring->at;
}

static inline int wants_wakeup(const struct afxdp_ring *ring) {
    return __atomic_load_n(ring->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

/* ---- receive ---- */

/* The sum of 16-bit words in network order, folded. */
static inline uint32_t sum_words(const uint8_t *data, uint32_t bytes) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < bytes; i += 2)
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    return sum;
}

static inline uint32_t fold(uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* A datagram whose checksum is no more than its pseudo-header's sum was left to hardware by its
 * sender: AF_XDP itself does not tell. */
static int checksum_is_partial(const uint8_t *data, uint32_t length) {
    uint32_t at = 2 * ETH_ALEN;
    for (int tag = 0; tag < 2 && length >= at + 4 && (data[at] == 0x81 || data[at] == 0x88) &&
                      (data[at + 1] == 0x00 || data[at + 1] == 0xa8); tag++)
        at += AFXDP_VLAN_BYTES;
    if (length < at + 2 + 20 + 8 || data[at] != ETH_P_IP >> 8 || data[at + 1] != 0)
        return 0;
    const uint8_t *ip = data + at + 2;
    uint32_t header_bytes = (ip[0] & 15u) * 4u;
    if (ip[9] != IPPROTO_UDP || header_bytes < 20 || length < at + 2 + header_bytes + 8)
        return 0;
    const uint8_t *udp = ip + header_bytes;
    uint32_t stated = (uint32_t)udp[6] << 8 | udp[7];
    return stated && stated == fold(sum_words(ip + 12, 8) + sum_words(udp + 4, 2) + IPPROTO_UDP);
}

static inline void fill_one(struct afxdp *a, uint64_t address) {
    ((uint64_t *)a->fill.entries)[a->fill.at++ & a->fill.mask] = address;
}

static uint32_t afxdp_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                               uint32_t count_max) {
    struct afxdp *a = queue->state;
    struct pio_info *info = queue->info;
    uint32_t ready = ring_peek(&a->rx), count = 0, oversize = 0;
    if (!ready)
        return 0;
    uint64_t bytes = 0;
    const struct xdp_desc *ring = a->rx.entries;
    for (; ready && count < count_max; ready--) {
        const struct xdp_desc *one = &ring[a->rx.at++ & a->rx.mask];
        struct pio_frame *frame = &frames[count];
        uint64_t chunk = one->addr & ~a->chunk_mask;
        if (__builtin_expect(one->len > info->frame_bytes_max, 0)) {
            fill_one(a, chunk);
            oversize++;
            continue;
        }
        frame->data = a->umem + one->addr;
        __builtin_prefetch(frame->data);
        frame->length = one->len;
        frame->flags = 0;
        frame->timestamp_ns = 0;
        frame->cookie = chunk;
        bytes += one->len;
        count++;
    }
    __atomic_store_n(a->rx.consumer, a->rx.at, __ATOMIC_RELEASE);
    uint32_t unstamped = 0;
    for (uint32_t i = 0; a->stamps && i < count; i++) {
        uint64_t stamp;
        memcpy(&stamp, frames[i].data - AFXDP_STAMP_BYTES, sizeof stamp);
        frames[i].timestamp_ns = stamp ? stamp + (uint64_t)a->clock_offset_ns : 0;
        unstamped += !stamp;
    }
    for (uint32_t i = 0; a->partial_checksums && i < count; i++)
        if (checksum_is_partial(frames[i].data, frames[i].length))
            frames[i].flags = PIO_FRAME_CHECKSUM_PARTIAL;
    if (__builtin_expect(oversize, 0))
        __atomic_store_n(a->fill.producer, a->fill.at, __ATOMIC_RELEASE);
    info->stats.rx_oversize += oversize;
    info->stats.extra[AFXDP_RX_UNSTAMPED] += unstamped;
    info->stats.rx_frames += count;
    info->stats.rx_bytes += bytes;
    return count;
}

static void afxdp_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                             uint32_t count) {
    struct afxdp *a = queue->state;
    for (uint32_t i = 0; i < count; i++)
        fill_one(a, frames[i].cookie);
    if (count)
        __atomic_store_n(a->fill.producer, a->fill.at, __ATOMIC_RELEASE);
}

/* ---- the device ---- */

/* Without a link, what waits for the kernel becomes holes, lest it be sent late. A driver in
 * zero-copy mode may be reading just then: what waits there is its own to send or to drop. */
static void tx_abandon(struct pio_queue *queue) {
    const struct afxdp *a = queue->state;
    const struct afxdp_tx *tx = &a->tx;
    struct xdp_desc *ring = tx->ring.entries;
    if (queue->info->link == PIO_LINK_UP ||
        (a->grant.mode == AFXDP_ZEROCOPY && queue->info->link != PIO_LINK_GONE))
        return;
    for (uint32_t at = tx->settled; at != tx->ring.at; at++) {
        struct afxdp_sent *sent = &tx->sent[at & tx->ring.mask];
        if (sent->fate != AFXDP_WAITS)
            continue;
        sent->fate = AFXDP_HOLE;
        ring[at & tx->ring.mask] = (struct xdp_desc){HOLE_ADDRESS, 1, 0};
        queue->info->stats.tx_error++;
    }
}

/* Root may take the program off its interface (`bpftool link detach`), and nothing but the link's
 * entry in /proc tells: bpf(2) would, and is not for a process without privileges. */
static int program_holds(const struct afxdp *a) {
    char text[LINK_INFO_BYTES];
    ssize_t bytes = pread(a->link_info, text, sizeof text - 1, 0);
    text[bytes > 0 ? bytes : 0] = '\0';
    return !strstr(text, "\nifindex:\t0\n");
}

/* An interface that is gone stays gone: its index is not reused. */
void afxdp_device_read(struct pio_queue *queue) {
    struct afxdp *a = queue->state;
    uint32_t mtu;
    if (queue->info->link == PIO_LINK_GONE)
        return;
    queue->info->link =
        pio_interface_look(a->grant.fds[AFXDP_FD_CONTROL], a->interface_index, &mtu);
    /* Taken down, it has other poll routines when it is up again, and nobody tells which. */
    if (queue->info->link == PIO_LINK_DOWN && a->busy_polls &&
        pio_interface_is_off(a->grant.fds[AFXDP_FD_CONTROL], a->interface_index))
        a->busy_polls = 0;
    if (!program_holds(a))
        queue->info->link = PIO_LINK_GONE;
    if (mtu)
        a->tx.wire_bytes_max = mtu + ETH_HLEN;
}

/* The program stamps in atomic time, which steps never move; leap seconds lie between the two. What
 * a card's clock is set to is its owner's affair: its times are handed on as they are. */
void afxdp_clock_read(struct afxdp *a) {
    struct timespec tai, unix_time;
    if (a->stamps != AFXDP_STAMPS_KERNEL)
        return;
    clock_gettime(CLOCK_TAI, &tai);
    clock_gettime(CLOCK_REALTIME, &unix_time);
    int64_t apart_ns = (int64_t)(unix_time.tv_sec - tai.tv_sec) * 1000000000 + unix_time.tv_nsec -
                       tai.tv_nsec;
    /* Whole seconds: the rest is the time between the two calls. */
    a->clock_offset_ns = (apart_ns - (apart_ns < 0) * 500000000) / 1000000000 * 1000000000;
}

/* The socket counts a frame that finds nothing in the fill ring as dropped, too, except in
 * zero-copy mode, where the driver asks ahead. What else it drops was too long. */
static void drops_read(struct pio_queue *queue) {
    struct afxdp *a = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    struct xdp_statistics now = {0};
    socklen_t bytes = sizeof now;
    stats->extra[AFXDP_RX_ELSEWHERE] =
        __atomic_load_n(a->counts, __ATOMIC_RELAXED) - a->elsewhere_before;
    if (getsockopt(a->fd, SOL_XDP, XDP_STATISTICS, &now, &bytes))
        return;
    uint64_t empty = now.rx_fill_ring_empty_descs, dropped = now.rx_dropped;
    uint64_t longer = a->grant.mode != AFXDP_ZEROCOPY && dropped > empty ? dropped - empty : 0;
    stats->rx_missed = dropped - longer + now.rx_ring_full;
    stats->rx_oversize += longer - a->longer_before;
    a->longer_before = longer;
    stats->extra[AFXDP_RX_FILL_EMPTY] = empty;
    stats->extra[AFXDP_TX_INVALID] = now.tx_invalid_descs;
}

/* ---- transmit ---- */

static inline void unused_put(struct afxdp_tx *tx, uint32_t frame) {
    tx->unused[tx->tail++ & tx->ring.mask] = frame;
}

/* Takes back what was completed. */
static void completions_take(struct afxdp *a) {
    struct afxdp_tx *tx = &a->tx;
    struct afxdp_ring *ring = &tx->completions;
    const uint64_t *entries = ring->entries;
    ring->seen = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
    if (ring->seen == ring->at)
        return;
    for (; ring->at != ring->seen; ring->at++) {
        uint64_t frame = (entries[ring->at & ring->mask] - tx->base) >> a->chunk_shift;
        if (__builtin_expect(frame > tx->ring.mask, 0))
            continue; /* a hole */
        uint32_t position = tx->positions[frame];
        struct afxdp_sent *sent = &tx->sent[position & tx->ring.mask];
        /* A hole that the kernel had taken before it became one: this is its only way back. */
        if (__builtin_expect(sent->fate == AFXDP_HOLE, 0) && sent->frame == frame &&
            position - tx->settled < tx->ring.at - tx->settled)
            sent->fate = AFXDP_DROPPED;
        unused_put(tx, (uint32_t)frame);
    }
    __atomic_store_n(ring->consumer, ring->at, __ATOMIC_RELEASE);
}

/* Takes account of how far the kernel says it is. */
static void tx_settle(struct pio_queue *queue) {
    struct afxdp *a = queue->state;
    struct afxdp_tx *tx = &a->tx;
    uint32_t consumer = __atomic_load_n(tx->ring.consumer, __ATOMIC_ACQUIRE);
    uint64_t frames = 0, bytes = 0;
    /* After the look at the consumer: a frame dropped before is completed by then. */
    completions_take(a);
    for (; tx->settled != consumer; tx->settled++) {
        const struct afxdp_sent *sent = &tx->sent[tx->settled & tx->ring.mask];
        if (__builtin_expect(sent->fate == AFXDP_WAITS, 1)) {
            frames++;
            bytes += sent->length;
        } else if (sent->fate == AFXDP_HOLE) {
            unused_put(tx, sent->frame);
        }
    }
    queue->info->stats.tx_frames += frames;
    queue->info->stats.tx_bytes += bytes;
}

/* EBUSY: the last frame taken was dropped. Where it stood is known even if the consumer is not
 * told yet: it is published only by a call that also sent something, or by the next. */
static void drop_account(struct pio_queue *queue, uint32_t consumer) {
    struct afxdp_tx *tx = &((struct afxdp *)queue->state)->tx;
    uint32_t position = consumer - 1;
    if ((int32_t)(consumer - tx->kernel_at) <= 0) {
        while (tx->kernel_at != tx->ring.at &&
               tx->sent[tx->kernel_at & tx->ring.mask].fate == AFXDP_HOLE)
            tx->kernel_at++; /* it stepped over these on its way */
        position = tx->kernel_at++;
    }
    struct afxdp_sent *sent = &tx->sent[position & tx->ring.mask];
    if (position - tx->settled >= tx->ring.at - tx->settled || sent->fate != AFXDP_WAITS)
        return;
    sent->fate = AFXDP_DROPPED;
    queue->info->stats.tx_error++;
}

/* The device took nothing for a reason of its own: see what became of it. */
static __attribute__((cold, noinline)) void tx_failed(struct pio_queue *queue, int failure) {
    afxdp_device_read(queue);
    if (failure == ENXIO || failure == ENODEV || failure == EBADF)
        queue->info->link = PIO_LINK_GONE;
    tx_abandon(queue);
}

/* Asks the kernel, without a wait and a bounded number of times, to take what is in the ring. */
static void tx_kick(struct pio_queue *queue) {
    struct afxdp *a = queue->state;
    struct afxdp_tx *tx = &a->tx;
    int failure = 0;
    for (uint32_t kick = 0; kick < KICKS_MAX && tx->settled != tx->ring.at; kick++) {
        uint32_t before = tx->settled;
        ssize_t done = sendto(a->fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
        failure = done < 0 ? errno : 0;
        uint32_t consumer = __atomic_load_n(tx->ring.consumer, __ATOMIC_ACQUIRE);
        if (__builtin_expect(failure == EBUSY, 0))
            drop_account(queue, consumer);
        if ((int32_t)(consumer - tx->kernel_at) > 0)
            tx->kernel_at = consumer;
        tx_settle(queue);
        if (failure != EBUSY && tx->settled == before)
            break;
    }
    if (__builtin_expect(failure && failure != EAGAIN && failure != EBUSY, 0))
        tx_failed(queue, failure);
    queue->info->stats.extra[AFXDP_TX_RETRIES] += tx->settled != tx->ring.at;
}

/* How many frames more may be lent: those nobody has, and no more than positions are free. */
static inline uint32_t tx_room(const struct afxdp_tx *tx) {
    uint32_t frames = tx->tail - tx->head, slots = tx->ring.mask + 1 - (tx->ring.at - tx->settled);
    uint32_t room = frames < slots ? frames : slots;
    return room > tx->lent ? room - tx->lent : 0;
}

static uint32_t afxdp_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                              uint32_t count_max) {
    struct afxdp *a = queue->state;
    struct afxdp_tx *tx = &a->tx;
    if (tx_room(tx) < count_max)
        tx_settle(queue);
    uint32_t room = tx_room(tx), count = room < count_max ? room : count_max;
    for (uint32_t i = 0; i < count; i++, tx->lent++) {
        uint64_t frame = tx->unused[(tx->head + tx->lent) & tx->ring.mask];
        uint64_t address = tx->base + (frame << a->chunk_shift);
        frames[i] = (struct pio_frame){a->umem + address, queue->info->frame_bytes_max, 0, 0,
                                       address};
    }
    queue->info->stats.tx_full += count_max - count;
    return count;
}

/* The kernel's rule: MTU and header, and four bytes more for a frame with an 802.1Q tag. */
static inline int device_takes(const struct afxdp_tx *tx, const uint8_t *data,
                               uint32_t length) {
    uint32_t tagged = data[2 * ETH_ALEN] == ETH_P_8021Q >> 8 && data[2 * ETH_ALEN + 1] == 0;
    return length <= tx->wire_bytes_max + tagged * AFXDP_VLAN_BYTES;
}

static uint32_t afxdp_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                               uint32_t count) {
    struct afxdp *a = queue->state;
    struct afxdp_tx *tx = &a->tx;
    struct xdp_desc *ring = tx->ring.entries;
    uint32_t taken = 0, before = tx->ring.at;
    for (; taken < count && taken < tx->lent; taken++) {
        const struct pio_frame *one = &frames[taken];
        uint32_t frame = tx->unused[(tx->head + taken) & tx->ring.mask];
        uint64_t address = tx->base + ((uint64_t)frame << a->chunk_shift);
        if (one->cookie != address)
            break; /* not in the order lent: the rest stays the caller's */
        int sendable = pio_tx_sendable(queue->info, one);
        if (sendable && __builtin_expect(!device_takes(tx, one->data, one->length), 0)) {
            queue->info->stats.tx_error++;
            sendable = 0;
        }
        if (!sendable) {
            unused_put(tx, frame);
            continue;
        }
        uint32_t at = tx->ring.at++;
        ring[at & tx->ring.mask] = (struct xdp_desc){address, one->length, 0};
        tx->sent[at & tx->ring.mask] = (struct afxdp_sent){frame, one->length, AFXDP_WAITS};
        tx->positions[frame] = at;
    }
    tx->head += taken;
    tx->lent -= taken;
    if (tx->ring.at != before) {
        __atomic_store_n(tx->ring.producer, tx->ring.at, __ATOMIC_RELEASE);
        if (wants_wakeup(&tx->ring))
            tx_kick(queue);
    }
    return taken;
}

static void afxdp_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    struct afxdp_tx *tx = &((struct afxdp *)queue->state)->tx;
    (void)frames;
    tx->lent -= count < tx->lent ? count : tx->lent;
}

/* ---- service ---- */

static void afxdp_service(struct pio_queue *queue, uint64_t now_ns) {
    struct afxdp *a = queue->state;
    struct afxdp_tx *tx = &a->tx;
    if (tx->settled != tx->ring.at) {
        if (wants_wakeup(&tx->ring) && queue->info->link == PIO_LINK_UP)
            tx_kick(queue);
        else
            tx_settle(queue);
    }
    /* Polls the driver where nobody else does: asked to, or the fill ring was found empty. */
    if (queue->info->stats.extra[AFXDP_BUSY_POLLED] && !ring_peek(&a->rx))
        recvfrom(a->poll_fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    else if (wants_wakeup(&a->fill))
        recvfrom(a->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    if (now_ns - a->housekept_ns >= HOUSEKEEPING_NS) {
        a->housekept_ns = now_ns;
        drops_read(queue);
        afxdp_device_read(queue);
        afxdp_clock_read(a);
        /* Before Linux 6.13 the first frame tells the socket. */
        queue->info->stats.extra[AFXDP_BUSY_POLLED] = a->busy_polls && afxdp_napi_of(a->poll_fd);
        tx_abandon(queue);
        afxdp_statistics_write(queue);
    }
}

void afxdp_hot_set(struct pio_queue *queue) {
    queue->rx_burst = afxdp_rx_burst;
    queue->rx_release = afxdp_rx_release;
    queue->tx_lend = afxdp_tx_lend;
    queue->tx_burst = afxdp_tx_burst;
    queue->tx_return = afxdp_tx_return;
    queue->service = afxdp_service;
}
