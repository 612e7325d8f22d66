/* pio_dpdk.c: bursts of a DPDK port, behind the contract.
 *
 * DPDK's bursts are static inline functions over arrays of mbuf pointers; here those arrays are
 * windows of two rings, one a direction, so that a received burst lands where it is remembered and
 * is released from there, with no copy of pointers in between.
 *
 * Invariant: rx[rx_released, rx_lent) are with the caller in the order lent; tx[tx_sent, tx_lent)
 * likewise, and tx[tx_lent, tx_filled) are empty mbufs at hand. A position is an index modulo
 * DPDK_LENT_MAX; no window wraps within one burst.
 *
 * A received mbuf may also be sent from there: forwarding costs no copy and no pool.
 *
 * An empty mbuf comes raw from its pool, where it lies with one owner, one segment and no next;
 * what else the driver reads is set when it is sent. Nothing here asks the device for registers:
 * link and statistics are what the keeper published (dpdk_port.h).
 */
#include "pio_dpdk.h"

#include <string.h>

#define MASK (DPDK_LENT_MAX - 1u)
/* Mbufs looked ahead while a burst is received: from net_ring they come untouched. */
#define AHEAD 4u
#define at_most(a, b) ((a) < (b) ? (a) : (b))

/* ---- giving mbufs back ---- */

#define ATTACHED (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

/* Nothing but to be put back into its pool: one owner, one segment, its own memory. */
static inline int simple(const struct rte_mbuf *m) {
    return dpdk_owners_and_segments(m) == DPDK_ONE_AND_ONE && !(m->ol_flags & ATTACHED);
}

/* Runs of simple mbufs of one pool together, others one by one. */
static void mbufs_free(struct rte_mbuf **mbufs, uint32_t count) {
    uint32_t first = 0;
    while (first < count) {
        struct rte_mempool *pool = mbufs[first]->pool;
        uint32_t end = first;
        while (end < count && mbufs[end]->pool == pool && simple(mbufs[end]))
            end++;
        if (end > first)
            rte_mempool_put_bulk(pool, (void *const *)&mbufs[first], end - first);
        else
            rte_pktmbuf_free(mbufs[end++]);
        first = end;
    }
}

void dpdk_give_back_all(struct dpdk_queue *q) {
    for (; q->rx_released != q->rx_lent; q->rx_released++)
        rte_pktmbuf_free(q->rx[q->rx_released & MASK]);
    for (; q->tx_sent != q->tx_filled; q->tx_sent++)
        rte_pktmbuf_free(q->tx[q->tx_sent & MASK]);
    q->tx_lent = q->tx_filled;
}

/* ---- receive ---- */

static inline uint32_t flags_of(uint64_t ol_flags) {
    const uint64_t mask = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    return (ol_flags & mask) == good ? PIO_FRAME_CHECKSUM_GOOD : 0;
}

static uint64_t timestamp_of(const struct dpdk_port *port, const struct rte_mbuf *m) {
    if (port->timestamp_offset < 0 || !(m->ol_flags & port->timestamp_flag))
        return 0;
    return dpdk_clock_ns(&port->clock,
                         *RTE_MBUF_DYNFIELD(m, port->timestamp_offset, const uint64_t *));
}

/* Copies a chain into one mbuf. NULL, and the reason counted, when that cannot be had. */
static __attribute__((cold, noinline)) struct rte_mbuf *bounce(struct pio_queue *queue,
                                                               struct rte_mbuf *chain) {
    struct dpdk_queue *q = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    uint32_t length = rte_pktmbuf_pkt_len(chain);
    struct rte_mbuf *whole = NULL;
    if (length > queue->info->frame_bytes_max)
        stats->rx_oversize++;
    else if (!(whole = rte_pktmbuf_alloc(q->tx_pool)))
        q->rx_missed++, stats->rx_missed++;
    else if (length) {
        const void *bytes =
            rte_pktmbuf_read(chain, 0, length, rte_pktmbuf_mtod(whole, uint8_t *));
        if (bytes != rte_pktmbuf_mtod(whole, uint8_t *))
            memcpy(rte_pktmbuf_mtod(whole, uint8_t *), bytes, length);
        whole->data_len = (uint16_t)length;
        whole->pkt_len = length;
        whole->ol_flags = chain->ol_flags & ~ATTACHED;
        if (q->port->timestamp_offset >= 0)
            *RTE_MBUF_DYNFIELD(whole, q->port->timestamp_offset, uint64_t *) =
                *RTE_MBUF_DYNFIELD(chain, q->port->timestamp_offset, uint64_t *);
        stats->extra[DPDK_RX_CHAINED]++;
    }
    rte_pktmbuf_free(chain);
    return whole;
}

/* For this queue, by destination? Only queues that filter ask; see dpdk_flow.c. */
static int wanted(const struct dpdk_queue *q, const struct rte_mbuf *m) {
    const uint8_t *d = rte_pktmbuf_mtod(m, const uint8_t *);
    uint32_t at = 14, length = rte_pktmbuf_data_len(m);
    if (length >= 18 && d[12] == 0x81 && d[13] == 0x00)
        at = 18;
    /* What is not IPv4 is the network's own business (ARP) and passes. */
    if (length < at + 20 || d[at - 2] != 0x08 || d[at - 1] != 0x00 || d[at] >> 4 != 4)
        return 1;
    if (d[at + 9] != 17)
        return 1;
    uint32_t header = (d[at] & 15u) * 4u;
    int later_fragment = (d[at + 6] & 0x1f) | d[at + 7]; /* it has no ports: the address decides */
    if (length < at + header + 4 && !later_fragment)
        return 0;
    uint32_t address = (uint32_t)d[at + 16] << 24 | (uint32_t)d[at + 17] << 16 |
                       (uint32_t)d[at + 18] << 8 | d[at + 19];
    uint16_t port = later_fragment ? 0 : (uint16_t)(d[at + header + 2] << 8 | d[at + header + 3]);
    for (uint32_t i = 0; i < q->filter_count; i++)
        if (q->filter[i].address == address &&
            (!q->filter[i].port || q->filter[i].port == port || later_fragment))
            return 1;
    return 0;
}

/* What is not one mbuf of a fitting length, or might not be for us: the mbuf to hand on, or NULL
 * with its reason counted. */
static __attribute__((cold, noinline)) struct rte_mbuf *look_closer(struct pio_queue *queue,
                                                                    struct rte_mbuf *m) {
    struct dpdk_queue *q = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    if (m->nb_segs != 1 && !(m = bounce(queue, m)))
        return NULL;
    uint64_t *reason = NULL;
    if (m->pkt_len > queue->info->frame_bytes_max)
        reason = &stats->rx_oversize;
    else if (m->pkt_len < PIO_FRAME_BYTES_MIN)
        reason = &stats->rx_malformed;
    else if (q->filter_count && !wanted(q, m))
        reason = &stats->extra[DPDK_RX_FILTERED];
    if (!reason)
        return m;
    ++*reason;
    rte_pktmbuf_free(m);
    return NULL;
}

static inline void frame_lend(struct rte_mbuf *m, struct pio_frame *frame, uint64_t timestamp_ns) {
    frame->data = rte_pktmbuf_mtod(m, uint8_t *);
    frame->length = m->pkt_len;
    frame->flags = flags_of(m->ol_flags);
    frame->timestamp_ns = timestamp_ns;
    frame->cookie = (uintptr_t)m;
}

/* A burst with something out of the ordinary in it, frame by frame; how many are lent. */
static __attribute__((noinline)) uint32_t lend_closely(struct pio_queue *queue,
                                                       struct rte_mbuf **mbufs, uint32_t got,
                                                       struct pio_frame *frames) {
    struct dpdk_queue *q = queue->state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < got; i++) {
        struct rte_mbuf *m = look_closer(queue, mbufs[i]);
        if (!m)
            continue;
        frame_lend(m, &frames[count], timestamp_of(q->port, m));
        q->foreign |= m->pool != q->rx_pool || !simple(m);
        queue->info->stats.rx_bytes += m->pkt_len;
        mbufs[count++] = m;
    }
    return count;
}

static uint32_t dpdk_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                              uint32_t count_max) {
    struct dpdk_queue *q = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    const uint32_t longest = queue->info->frame_bytes_max - PIO_FRAME_BYTES_MIN;
    const struct rte_mempool *pool = q->rx_pool;
    uint32_t first = (uint32_t)q->rx_lent & MASK;
    uint32_t room = DPDK_LENT_MAX - (uint32_t)(q->rx_lent - q->rx_released);
    if (!dpdk_guard_enter(q->guard))
        return 0;
    room = at_most(room, DPDK_LENT_MAX - first);
    struct rte_mbuf **mbufs = &q->rx[first];
    uint32_t got = rte_eth_rx_burst(q->port_id, q->queue_id, mbufs,
                                    (uint16_t)at_most(at_most(room, count_max), PIO_BURST_MAX));
    dpdk_guard_leave(q->guard);
    uint32_t odd = q->closer;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < got; i++) {
        struct rte_mbuf *m = mbufs[i];
        if (i + AHEAD < got)
            __builtin_prefetch(mbufs[i + AHEAD]);
        frame_lend(m, &frames[i], 0);
        bytes += m->pkt_len;
        odd |= (uint32_t)(m->pkt_len - PIO_FRAME_BYTES_MIN > longest) | (m->pool != pool) |
               (uint32_t)!simple(m);
    }
    if (__builtin_expect(odd, 0))
        got = lend_closely(queue, mbufs, got, frames);
    else
        stats->rx_bytes += bytes;
    q->rx_lent += got;
    stats->rx_frames += got;
    return got;
}

static void dpdk_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    struct dpdk_queue *q = queue->state;
    (void)frames; /* we know what we lent, and in which order */
    count = (uint32_t)at_most((uint64_t)count, q->rx_lent - q->rx_released);
    while (count) {
        uint32_t first = (uint32_t)q->rx_released & MASK;
        uint32_t run = at_most(count, DPDK_LENT_MAX - first);
        if (__builtin_expect(q->foreign, 0))
            mbufs_free(&q->rx[first], run);
        else
            rte_mempool_put_bulk(q->rx_pool, (void *const *)&q->rx[first], run);
        q->rx_released += run;
        count -= run;
    }
    q->foreign = q->foreign && q->rx_released != q->rx_lent;
}

/* ---- transmit ---- */

static inline int refill(struct dpdk_queue *q) {
    if (q->tx_filled - q->tx_sent > DPDK_LENT_MAX - DPDK_REFILL)
        return 0;
    if (rte_mempool_get_bulk(q->tx_pool, (void **)&q->tx[q->tx_filled & MASK], DPDK_REFILL))
        return 0;
    q->tx_filled += DPDK_REFILL;
    return 1;
}

static uint32_t dpdk_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                             uint32_t count_max) {
    struct dpdk_queue *q = queue->state;
    const uint32_t capacity = queue->info->frame_bytes_max;
    while (q->tx_filled - q->tx_lent < count_max && refill(q))
        ;
    uint32_t count = (uint32_t)at_most((uint64_t)count_max, q->tx_filled - q->tx_lent);
    for (uint32_t i = 0; i < count; i++) {
        struct rte_mbuf *m = q->tx[(q->tx_lent + i) & MASK];
        frames[i] = (struct pio_frame){(uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, capacity, 0,
                                       0, (uintptr_t)m};
    }
    q->tx_lent += count;
    queue->info->stats.tx_full += count_max - count;
    return count;
}

/* The sender left the checksums to the device: let it, or make them here. */
static __attribute__((cold, noinline)) void complete_checksums(const struct dpdk_port *port,
                                                               struct rte_mbuf *m) {
    uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
    uint32_t at = data[12] == 0x81 && data[13] == 0x00 ? 18 : 14;
    if (m->data_len < at + 28 || data[at - 2] != 0x08 || data[at - 1] != 0x00)
        return;
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(data + at);
    uint32_t header = (ip->version_ihl & 15u) * 4u;
    if (ip->next_proto_id != 17 || header < 20 || m->data_len < at + header + 8 ||
        rte_be_to_cpu_16(ip->total_length) > m->data_len - at)
        return;
    struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(data + at + header);
    ip->hdr_checksum = 0;
    udp->dgram_cksum = 0;
    if (port->hardware_tx_checksums) {
        m->l2_len = at;
        m->l3_len = header;
        m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;
        udp->dgram_cksum = rte_ipv4_phdr_cksum(ip, m->ol_flags);
    } else {
        ip->hdr_checksum = rte_ipv4_cksum(ip);
        udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
    }
}

/* Readies frames from the first on, up to one that was not lent next or cannot be sent. */
static inline uint32_t ready_run(struct pio_queue *queue, const struct pio_frame *frames,
                                 uint32_t count, struct rte_mbuf **mbufs) {
    struct dpdk_queue *q = queue->state;
    const uint32_t longest = queue->info->frame_bytes_max - PIO_FRAME_BYTES_MIN;
    uint32_t run = 0;
    for (; run < count; run++) {
        struct rte_mbuf *m = q->tx[(q->tx_sent + run) & MASK];
        uint32_t length = frames[run].length;
        if (__builtin_expect(frames[run].cookie != (uintptr_t)m, 0) ||
            __builtin_expect(length - PIO_FRAME_BYTES_MIN > longest, 0))
            break;
        dpdk_rearm(m, q->rearm);
        m->ol_flags = 0;
        m->data_len = (uint16_t)length;
        m->pkt_len = length;
        if (__builtin_expect(frames[run].flags & PIO_FRAME_CHECKSUM_PARTIAL, 0))
            complete_checksums(q->port, m);
        mbufs[run] = m;
    }
    return run;
}

/* Readies received frames whose length was changed, up to one that cannot be sent. */
static __attribute__((noinline)) uint32_t forward_changed(struct rte_mbuf **mbufs,
                                                          const struct pio_frame *frames,
                                                          uint32_t count) {
    uint32_t run = 0;
    for (; run < count; run++) {
        struct rte_mbuf *m = mbufs[run];
        uint32_t length = frames[run].length;
        if (frames[run].cookie != (uintptr_t)m || length > m->pkt_len ||
            length < PIO_FRAME_BYTES_MIN || !simple(m))
            break; /* it stays the caller's, to be released */
        m->data_len = (uint16_t)length;
        m->pkt_len = length;
    }
    return run;
}

/* Sends the oldest received frames still held, where they lie. What the device said of them at
 * reception are other flags than those it is told by at sending. */
static uint32_t forward(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count) {
    struct dpdk_queue *q = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    uint32_t first = (uint32_t)q->rx_released & MASK, sent = 0;
    struct rte_mbuf **mbufs = &q->rx[first];
    uint64_t bytes = 0;
    uint32_t odd = q->foreign;
    count = at_most((uint32_t)at_most((uint64_t)count, q->rx_lent - q->rx_released),
                    DPDK_LENT_MAX - first);
    for (uint32_t i = 0; i < count; i++) {
        odd |= (uint32_t)(frames[i].cookie != (uintptr_t)mbufs[i]) |
               (uint32_t)(frames[i].length != mbufs[i]->pkt_len);
        bytes += frames[i].length;
    }
    uint32_t run = __builtin_expect(odd, 0) ? forward_changed(mbufs, frames, count) : count;
    if (run && dpdk_guard_enter(q->guard)) {
        sent = rte_eth_tx_burst(q->port_id, q->queue_id, mbufs, (uint16_t)run);
        dpdk_guard_leave(q->guard);
    }
    for (uint32_t i = sent; i < count; i++)
        bytes -= frames[i].length;
    q->rx_released += sent;
    stats->tx_frames += sent;
    stats->tx_bytes += bytes;
    stats->tx_full += run - sent;
    return sent;
}

static uint32_t dpdk_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                              uint32_t count) {
    struct dpdk_queue *q = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    struct rte_mbuf *mbufs[PIO_BURST_MAX];
    uint32_t taken = 0;
    count = at_most(count, PIO_BURST_MAX);
    if (count && q->rx_released != q->rx_lent &&
        frames[0].cookie == (uintptr_t)q->rx[q->rx_released & MASK])
        return forward(queue, frames, count);
    count = (uint32_t)at_most((uint64_t)count, q->tx_lent - q->tx_sent);
    while (taken < count) {
        uint32_t run = ready_run(queue, frames + taken, count - taken, mbufs);
        uint32_t sent = 0;
        if (run && dpdk_guard_enter(q->guard)) {
            sent = rte_eth_tx_burst(q->port_id, q->queue_id, mbufs, (uint16_t)run);
            dpdk_guard_leave(q->guard);
        }
        for (uint32_t i = 0; i < sent; i++)
            stats->tx_bytes += frames[taken + i].length;
        stats->tx_frames += sent;
        q->tx_sent += sent;
        taken += sent;
        if (sent < run) {
            stats->tx_full += run - sent;
            break;
        }
        if (taken == count || frames[taken].cookie != (uintptr_t)q->tx[q->tx_sent & MASK])
            break; /* done, or not in the order lent: the rest stays the caller's */
        pio_tx_sendable(queue->info, &frames[taken]); /* counts why it is not */
        rte_pktmbuf_free(q->tx[q->tx_sent++ & MASK]);
        taken++;
    }
    return taken;
}

static void dpdk_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                           uint32_t count) {
    struct dpdk_queue *q = queue->state;
    (void)frames;
    q->tx_lent -= at_most((uint64_t)count, q->tx_lent - q->tx_sent);
}

/* ---- service ---- */

#define published(field) __atomic_load_n(&q->port->published.field, __ATOMIC_RELAXED)

static __attribute__((noinline)) void take_over(struct pio_queue *queue) {
    struct dpdk_queue *q = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    queue->info->link = (uint32_t)published(link);
    /* A port counts what it lost, not a queue: the first queue tells. */
    if (q->queue_id == 0) {
        stats->rx_missed = published(rx_missed) + q->rx_missed;
        stats->tx_error = published(tx_errors);
        stats->extra[DPDK_RX_ERRORS] = published(rx_errors);
        stats->extra[DPDK_RESTARTS] = published(restarts);
        stats->extra[DPDK_LINK_LOSSES] = published(link_losses);
    }
}

static void dpdk_service(struct pio_queue *queue, uint64_t now_ns) {
    struct dpdk_queue *q = queue->state;
    (void)now_ns;
    uint64_t generation = __atomic_load_n(&q->port->published.generation, __ATOMIC_ACQUIRE);
    if (__builtin_expect(generation != q->generation, 0)) {
        q->generation = generation;
        take_over(queue);
    }
}

void dpdk_hot_set(struct pio_queue *queue) {
    queue->rx_burst = dpdk_rx_burst;
    queue->rx_release = dpdk_rx_release;
    queue->tx_lend = dpdk_tx_lend;
    queue->tx_burst = dpdk_tx_burst;
    queue->tx_return = dpdk_tx_return;
    queue->service = dpdk_service;
}
