/* pio_afpacket.c: frames of a network interface through the kernel's AF_PACKET rings.
 *
 * One socket, one mapping: the receive ring, then the transmit ring. The receive ring is made of
 * blocks. In version 3 a block holds as many frames as fit, and the kernel hands it over when it is
 * full or timeout_ms after it last did, 1 ms at the shortest: a burst is packed tightly, but a lone
 * frame waits up to that long (and more on kernels whose timer ticks slowly). A block still being
 * filled is never read: the kernel publishes nothing until it closes it. In version 2 (the default,
 * docs/decisions.md) a block is a slot for one frame, handed over at once.
 *
 * Invariant: blocks [returned, reading) are read to their end and ours until every frame lent from
 * them is released; they go back to the kernel in order. Transmit slots [settled, position) wait
 * for the kernel, [position, position + lent) belong to the caller.
 *
 * The kernel takes transmit slots strictly in order and stops at one that is not asked for, so a
 * frame that cannot be sent is marked as a hole, which PACKET_LOSS makes the kernel step over.
 * Frames that wait when the link is lost become holes too: a late order is worse than none.
 *
 * A VLAN tag that the kernel took out is put back, so frames are what the wire carried. Frames
 * that the host itself sends are not received. After open no capability is needed.
 */
#include "pio_afpacket.h"
#include "pio_interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

/* How often service asks the kernel for drops, link and MTU: four system calls, some 2 us. */
#define HOUSEKEEPING_NS UINT64_C(10000000)
/* The length of a slot that the kernel is to step over: negative to it, so never a frame. */
#define HOLE UINT32_MAX

/* A received frame, whichever version described it. */
struct packet {
    uint8_t *data;
    uint32_t status, length, captured, vlan_tci, vlan_tpid;
    uint64_t timestamp_ns;
};

/* ---- receive ---- */

static inline uint32_t *block_status(uint8_t *block, int version) {
    return version == 3 ? &((struct tpacket_block_desc *)block)->hdr.bh1.block_status
                        : &((struct tpacket2_hdr *)block)->tp_status;
}

static inline void blocks_return(struct afpacket_rx *rx, int version) {
    while (rx->returned != rx->reading && !rx->lent[rx->returned & rx->mask]) {
        uint8_t *block = rx->base + (size_t)(rx->returned & rx->mask) * rx->stride_bytes;
        __atomic_store_n(block_status(block, version), TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        rx->returned++;
    }
}

/* 1 when the next block is ours and has frames. */
static inline int block_open(struct afpacket_rx *rx, int version) {
    uint8_t *block = rx->base + (size_t)(rx->reading & rx->mask) * rx->stride_bytes;
    if (rx->reading - rx->returned > rx->mask)
        return 0; /* every block is lent out; this one still has its old frames */
    if (!(__atomic_load_n(block_status(block, version), __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return 0;
    rx->next = block;
    rx->left = 1;
    if (version == 3) {
        const struct tpacket_hdr_v1 *header = &((struct tpacket_block_desc *)block)->hdr.bh1;
        rx->next = block + header->offset_to_first_pkt;
        rx->left = header->num_pkts;
    }
    return 1;
}

static inline struct packet packet_next(struct afpacket_rx *rx, int version) {
    struct packet packet;
    if (version == 3) {
        const struct tpacket3_hdr *h = (const struct tpacket3_hdr *)rx->next;
        packet = (struct packet){rx->next + h->tp_mac, h->tp_status, h->tp_len, h->tp_snaplen,
                                 h->hv1.tp_vlan_tci, h->hv1.tp_vlan_tpid,
                                 h->tp_sec * UINT64_C(1000000000) + h->tp_nsec};
        rx->next += h->tp_next_offset;
        __builtin_prefetch(rx->next);
    } else {
        const struct tpacket2_hdr *h = (const struct tpacket2_hdr *)rx->next;
        packet = (struct packet){rx->next + h->tp_mac, h->tp_status, h->tp_len, h->tp_snaplen,
                                 h->tp_vlan_tci, h->tp_vlan_tpid,
                                 h->tp_sec * UINT64_C(1000000000) + h->tp_nsec};
    }
    return packet;
}

static inline void vlan_restore(struct packet *packet) {
    uint32_t has_tpid = packet->status & TP_STATUS_VLAN_TPID_VALID;
    uint16_t tag[2] = {htons((uint16_t)(has_tpid ? packet->vlan_tpid : ETH_P_8021Q)),
                       htons((uint16_t)packet->vlan_tci)};
    memmove(packet->data - AFPACKET_VLAN_BYTES, packet->data, 2 * ETH_ALEN);
    packet->data -= AFPACKET_VLAN_BYTES;
    packet->length += AFPACKET_VLAN_BYTES;
    memcpy(packet->data + 2 * ETH_ALEN, tag, sizeof tag);
}

/* 1 when the packet became a frame; else counts the reason and returns 0. */
static inline int packet_lend(struct packet *packet, struct pio_frame *frame,
                              struct pio_info *info) {
    int whole = packet->captured == packet->length;
    if (packet->status & TP_STATUS_VLAN_VALID)
        vlan_restore(packet);
    if (__builtin_expect(!whole || packet->length > info->frame_bytes_max, 0)) {
        info->stats.rx_oversize++;
        return 0;
    }
    frame->data = packet->data;
    frame->length = packet->length;
    frame->flags = packet->status & TP_STATUS_CSUMNOTREADY ? PIO_FRAME_CHECKSUM_PARTIAL
                   : packet->status & TP_STATUS_CSUM_VALID ? PIO_FRAME_CHECKSUM_GOOD
                                                           : 0;
    frame->timestamp_ns = packet->timestamp_ns;
    info->stats.rx_bytes += packet->length;
    return 1;
}

static inline __attribute__((always_inline)) uint32_t
receive(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max, int version) {
    struct afpacket_rx *rx = &((struct afpacket *)queue->state)->rx;
    uint32_t count = 0;
    while (count < count_max && (rx->left || block_open(rx, version))) {
        if (rx->left) {
            struct packet packet = packet_next(rx, version);
            rx->left--;
            if (packet_lend(&packet, &frames[count], queue->info)) {
                frames[count++].cookie = rx->reading;
                rx->lent[rx->reading & rx->mask]++;
            }
        }
        if (!rx->left) {
            rx->reading++;
            blocks_return(rx, version);
        }
    }
    queue->info->stats.rx_frames += count;
    return count;
}

static inline __attribute__((always_inline)) void
release(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count, int version) {
    struct afpacket_rx *rx = &((struct afpacket *)queue->state)->rx;
    for (uint32_t i = 0; i < count; i++)
        rx->lent[frames[i].cookie & rx->mask]--;
    blocks_return(rx, version);
}

static uint32_t v3_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                            uint32_t count_max) {
    return receive(queue, frames, count_max, 3);
}

static void v3_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                          uint32_t count) {
    release(queue, frames, count, 3);
}

static uint32_t v2_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                            uint32_t count_max) {
    return receive(queue, frames, count_max, 2);
}

static void v2_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                          uint32_t count) {
    release(queue, frames, count, 2);
}

/* ---- the device ---- */

/* Link and MTU as they are now. An interface that is gone stays gone: its index is not reused. */
void afpacket_device_read(struct pio_queue *queue) {
    struct afpacket *a = queue->state;
    uint32_t mtu;
    if (queue->info->link == PIO_LINK_GONE)
        return;
    queue->info->link = pio_interface_look(a->fd, a->interface_index, &mtu);
    if (mtu)
        a->tx.wire_bytes_max = mtu + ETH_HLEN;
}

/* The kernel's own drop counts; reading clears them there. TP_STATUS_LOSING on a frame says no
 * more than that they are not zero, so nothing looks at it. */
static void drops_read(struct pio_queue *queue) {
    struct afpacket *a = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    union tpacket_stats_u counts = {0};
    socklen_t bytes = sizeof counts;
    if (getsockopt(a->fd, SOL_PACKET, PACKET_STATISTICS, &counts, &bytes))
        return;
    stats->rx_missed += counts.stats3.tp_drops;
    stats->extra[AFPACKET_RX_FREEZES] += counts.stats3.tp_freeze_q_cnt;
}

/* ---- transmit ---- */

static inline uint8_t *tx_slot(const struct afpacket_tx *tx, uint64_t position) {
    return tx->base + (size_t)(position & tx->mask) * tx->stride_bytes;
}

static inline uint32_t *tx_length(const struct afpacket_tx *tx, uint64_t position) {
    return (uint32_t *)(tx_slot(tx, position) + tx->length_at);
}

static inline uint32_t *tx_status(const struct afpacket_tx *tx, uint64_t position) {
    return (uint32_t *)(tx_slot(tx, position) + tx->status_at);
}

/* The kernel's rule: MTU and header, and four bytes more for a frame with an 802.1Q tag. */
static inline int device_takes(const struct afpacket_tx *tx, const uint8_t *data,
                               uint32_t length) {
    uint32_t tagged = data[2 * ETH_ALEN] == ETH_P_8021Q >> 8 && data[2 * ETH_ALEN + 1] == 0;
    return length <= tx->wire_bytes_max + tagged * AFPACKET_VLAN_BYTES;
}

/* Without a link, what waits for the kernel becomes holes, lest it be sent late. */
static void tx_abandon(struct pio_queue *queue) {
    struct afpacket_tx *tx = &((struct afpacket *)queue->state)->tx;
    if (queue->info->link == PIO_LINK_UP)
        return;
    for (uint64_t at = tx->settled; at != tx->position; at++) {
        queue->info->stats.tx_error += *tx_length(tx, at) != HOLE;
        *tx_length(tx, at) = HOLE;
    }
}

/* The kernel took less than was asked: find out why, frame by frame. */
static __attribute__((cold, noinline)) void tx_settle_slowly(struct pio_queue *queue,
                                                             uint64_t settled, int failure) {
    struct afpacket_tx *tx = &((struct afpacket *)queue->state)->tx;
    struct pio_stats *stats = &queue->info->stats;
    afpacket_device_read(queue);
    if (failure == ENXIO || failure == ENODEV)
        queue->info->link = PIO_LINK_GONE;
    for (uint64_t at = tx->settled; at != settled; at++) {
        uint32_t length = *tx_length(tx, at);
        if (length == HOLE)
            continue;
        int took = device_takes(tx, tx_slot(tx, at) + tx->data_at, length);
        stats->tx_frames += (uint32_t)took;
        stats->tx_bytes += took ? length : 0;
        stats->tx_error += (uint32_t)!took;
    }
    tx->settled = settled;
    stats->extra[AFPACKET_TX_RETRIES] += settled != tx->position;
    tx_abandon(queue);
}

/* Asks the kernel, once and without a wait, to take what tx_burst left in the ring. */
static void tx_kick(struct pio_queue *queue) {
    struct afpacket *a = queue->state;
    struct afpacket_tx *tx = &a->tx;
    ssize_t taken = sendto(a->fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
    int failure = taken < 0 ? errno : 0;
    uint64_t settled = tx->settled, frames = 0, bytes = 0;
    for (; settled != tx->position; settled++) {
        if (__atomic_load_n(tx_status(tx, settled), __ATOMIC_RELAXED) == TP_STATUS_SEND_REQUEST)
            break;
        uint32_t length = *tx_length(tx, settled);
        frames += length != HOLE;
        bytes += length != HOLE ? length : 0;
    }
    if (__builtin_expect(taken != (ssize_t)bytes || settled != tx->position, 0)) {
        tx_settle_slowly(queue, settled, failure);
    } else {
        queue->info->stats.tx_frames += frames;
        queue->info->stats.tx_bytes += bytes;
        tx->settled = settled;
    }
}

static uint32_t afpacket_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                                 uint32_t count_max) {
    struct afpacket_tx *tx = &((struct afpacket *)queue->state)->tx;
    uint32_t count = 0;
    for (; count < count_max && tx->lent <= tx->mask; count++, tx->lent++) {
        uint64_t position = tx->position + tx->lent;
        uint32_t status = __atomic_load_n(tx_status(tx, position), __ATOMIC_ACQUIRE);
        if (status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING))
            break;
        frames[count] = (struct pio_frame){tx_slot(tx, position) + tx->data_at,
                                           queue->info->frame_bytes_max, 0, 0, position};
    }
    queue->info->stats.tx_full += count_max - count;
    return count;
}

static uint32_t afpacket_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                                  uint32_t count) {
    struct afpacket_tx *tx = &((struct afpacket *)queue->state)->tx;
    uint32_t taken = 0;
    for (; taken < count && taken < tx->lent; taken++) {
        const struct pio_frame *frame = &frames[taken];
        uint64_t position = tx->position + taken;
        uint32_t length = frame->length;
        if (frame->cookie != position)
            break; /* not in the order lent: the rest stays the caller's */
        if (!pio_tx_sendable(queue->info, frame)) {
            length = HOLE;
        } else if (__builtin_expect(!device_takes(tx, frame->data, length), 0)) {
            queue->info->stats.tx_error++;
            length = HOLE;
        }
        *tx_length(tx, position) = length;
        __atomic_store_n(tx_status(tx, position), TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
    }
    tx->position += taken;
    tx->lent -= taken;
    if (taken)
        tx_kick(queue);
    return taken;
}

static void afpacket_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                               uint32_t count) {
    struct afpacket_tx *tx = &((struct afpacket *)queue->state)->tx;
    (void)frames;
    tx->lent -= count < tx->lent ? count : tx->lent;
}

static void afpacket_service(struct pio_queue *queue, uint64_t now_ns) {
    struct afpacket *a = queue->state;
    if (a->tx.settled != a->tx.position && queue->info->link == PIO_LINK_UP)
        tx_kick(queue);
    if (now_ns - a->housekept_ns >= HOUSEKEEPING_NS) {
        a->housekept_ns = now_ns;
        drops_read(queue);
        afpacket_device_read(queue);
        tx_abandon(queue);
    }
}

void afpacket_hot_set(struct pio_queue *queue, int version) {
    queue->rx_burst = version == 3 ? v3_rx_burst : v2_rx_burst;
    queue->rx_release = version == 3 ? v3_rx_release : v2_rx_release;
    queue->tx_lend = afpacket_tx_lend;
    queue->tx_burst = afpacket_tx_burst;
    queue->tx_return = afpacket_tx_return;
    queue->service = afpacket_service;
}
