/* pio_host.c: any queue, with what a station owes its network (net_host.h) done beside the bursts.
 *
 *   "host(address=10.0.0.2/24,gateway=10.0.0.1,groups=233.54.12.111+233.49.196.111):dpdk:net_tap0"
 *
 * A burst is the wrapped queue's own, less the control frames in it: ARP, IGMP, and ICMP to our
 * address. Those are copied into a bounded inbox and handled by service, a few at a time. Data
 * frames are handed on where they lie. Replies are sent by service, and only while the caller holds
 * no lent frame, since a queue sends in the order lent.
 *
 * Invariant: frames go back to the wrapped queue in the order it lent them. Data frames are counted
 * as they are pulled and released; a control frame waits (`held`) until the data frames pulled
 * before it are released. So data frames [released, pulled) are out, the last backlog_count of them
 * here and the rest at the caller, and every held frame's `before` is within (released, pulled].
 */
#include "pio_host.h"

#include <string.h>

/* What service does at most in one turn of a loop: some 100 ns each. */
#define HANDLED_PER_SERVICE 4u
#define SENT_PER_SERVICE 4u
/* The least that surely holds the protocol of an IPv4 frame, after the ethertype's place. */
#define PROTOCOL_AT 11u
#define PROTOCOL_CONTROL_LAST 2u /* ICMP is 1, IGMP is 2 */

/* ---- giving back ---- */

static void held_release(struct host *h) {
    while (h->held_count && (int64_t)(h->held[h->held_head].before - h->released) <= 0) {
        h->inner->rx_release(h->inner, &h->held[h->held_head].frame, 1);
        h->held_head = (h->held_head + 1) & (HOST_HELD_FRAMES - 1);
        h->held_count--;
    }
}

/* Gives data frames back, and the control frames between them. */
static __attribute__((noinline)) void release_around(struct host *h,
                                                     const struct pio_frame *frames,
                                                     uint32_t count) {
    while (count) {
        uint64_t run = h->held_count ? h->held[h->held_head].before - h->released : count;
        uint32_t part = run < count ? (uint32_t)run : count;
        h->inner->rx_release(h->inner, frames, part);
        h->released += part;
        frames += part;
        count -= part;
        held_release(h);
    }
}

static void host_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    struct host *h = queue->state;
    if (__builtin_expect(h->held_count != 0, 0)) {
        release_around(h, frames, count);
        return;
    }
    h->released += count;
    h->inner->rx_release(h->inner, frames, count);
}

/* ---- receiving ---- */

/* 1 for IPv4 that is neither ICMP nor IGMP: nearly every frame, and nothing to us. */
static inline int surely_data(const struct pio_frame *frame, uint32_t type_at) {
    const uint8_t *at = frame->data + type_at;
    return frame->length > type_at + PROTOCOL_AT && at[0] == 0x08 && at[1] == 0x00 &&
           at[PROTOCOL_AT] > PROTOCOL_CONTROL_LAST;
}

static void inbox_put(struct host *h, const struct pio_frame *frame) {
    struct net_host_frame *slot = &h->inbox[h->inbox_tail & (HOST_INBOX_FRAMES - 1)];
    if (frame->length > sizeof slot->data) {
        h->net.drops[NET_HOST_ICMP_LONG]++; /* neither ARP nor IGMP is ever so long */
    } else if (h->inbox_tail - h->inbox_head == HOST_INBOX_FRAMES) {
        h->net.drops[NET_HOST_INBOX_FULL]++;
    } else {
        memcpy(slot->data, frame->data, frame->length);
        slot->length = frame->length;
        h->inbox_tail++;
        h->attend_ns = 0;
    }
}

/* Takes the control frames out of a burst, from `at` on; how many are left. */
static __attribute__((noinline)) uint32_t sift(struct host *h, struct pio_frame *frames,
                                               uint32_t at, uint32_t count) {
    uint32_t kept = at;
    for (; at < count; at++) {
        struct host_held taken = {frames[at], h->pulled + kept};
        int full = h->held_count == HOST_HELD_FRAMES;
        if (!full && net_host_wants(&h->net, frames[at].data, frames[at].length)) {
            inbox_put(h, &frames[at]);
            h->held[(h->held_head + h->held_count++) & (HOST_HELD_FRAMES - 1)] = taken;
            held_release(h);
        } else {
            frames[kept++] = frames[at];
        }
    }
    return kept;
}

/* One burst of the wrapped queue's data frames. Adds up their bytes. */
static inline uint32_t receive(struct host *h, struct pio_frame *frames, uint32_t count_max,
                               uint64_t *bytes) {
    uint32_t count = h->inner->rx_burst(h->inner, frames, count_max), at = 0;
    for (; at < count && __builtin_expect(surely_data(&frames[at], h->type_at), 1); at++)
        *bytes += frames[at].length;
    if (__builtin_expect(at < count, 0)) {
        count = sift(h, frames, at, count);
        for (; at < count; at++)
            *bytes += frames[at].length;
    }
    h->pulled += count;
    return count;
}

static __attribute__((noinline)) uint32_t backlog_take(struct host *h, struct pio_frame *frames,
                                                       uint32_t count_max, uint64_t *bytes) {
    uint32_t count = h->backlog_count < count_max ? h->backlog_count : count_max;
    for (uint32_t i = 0; i < count; i++) {
        frames[i] = h->backlog[(h->backlog_head + i) & (HOST_BACKLOG_FRAMES - 1)];
        *bytes += frames[i].length;
    }
    h->backlog_head += count;
    h->backlog_count -= count;
    h->attend_ns = 0; /* the link may have waited for this */
    return count;
}

static uint32_t host_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                              uint32_t count_max) {
    struct host *h = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    uint64_t bytes = 0;
    uint32_t count;
    if (__builtin_expect(h->backlog_count != 0, 0))
        count = backlog_take(h, frames, count_max, &bytes);
    else
        count = receive(h, frames, count_max, &bytes);
    if (count) {
        stats->rx_frames += count;
        stats->rx_bytes += bytes;
    }
    return count;
}

/* When the backlog is full the oldest frames are lost, as they would be in a full ring: what is
 * asked for now is behind them. Not while the caller holds older ones. */
void host_pull(struct host *h) {
    struct pio_frame frames[PIO_BURST_MAX];
    uint64_t bytes = 0; /* counted when they are handed on */
    if (h->backlog_count + PIO_BURST_MAX > HOST_BACKLOG_FRAMES) {
        if (h->pulled - h->released != h->backlog_count)
            return;
        uint32_t count = backlog_take(h, frames, PIO_BURST_MAX, &bytes);
        release_around(h, frames, count);
        h->backlog_lost += count;
    }
    uint32_t count = receive(h, frames, PIO_BURST_MAX, &bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = h->backlog_head + h->backlog_count++;
        h->backlog[at & (HOST_BACKLOG_FRAMES - 1)] = frames[i];
    }
}

/* ---- sending ---- */

/* The wrapped queue's counters of what was sent, less what we sent ourselves. */
static inline void mirror_tx(struct host *h, struct pio_stats *stats) {
    const struct pio_stats *inner = &h->inner->info->stats;
    /* A queue may count a frame some time after it took it. */
    stats->tx_frames = inner->tx_frames > h->sent ? inner->tx_frames - h->sent : 0;
    stats->tx_bytes = inner->tx_bytes > h->sent_bytes ? inner->tx_bytes - h->sent_bytes : 0;
    stats->tx_full = inner->tx_full - h->refused;
    stats->tx_oversize = inner->tx_oversize;
    stats->tx_undersize = inner->tx_undersize;
    stats->tx_error = inner->tx_error;
    h->tx_settled = inner->tx_frames + inner->tx_error;
}

static uint32_t host_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                             uint32_t count_max) {
    struct host *h = queue->state;
    uint32_t count = h->inner->tx_lend(h->inner, frames, count_max);
    h->tx_lent += count;
    queue->info->stats.tx_full = h->inner->info->stats.tx_full - h->refused;
    return count;
}

static uint32_t host_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                              uint32_t count) {
    struct host *h = queue->state;
    uint32_t taken = h->inner->tx_burst(h->inner, frames, count);
    h->tx_lent -= taken;
    mirror_tx(h, &queue->info->stats);
    return taken;
}

static void host_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                           uint32_t count) {
    struct host *h = queue->state;
    h->tx_lent -= count < h->tx_lent ? count : h->tx_lent;
    h->inner->tx_return(h->inner, frames, count);
}

void host_outbox_send(struct host *h, uint32_t count_max) {
    const struct net_host_frame *out;
    const uint64_t full_before = h->inner->info->stats.tx_full;
    struct pio_frame frame;
    if (h->tx_lent || !h->net.link_up)
        return;
    for (; count_max && (out = net_host_outbox(&h->net)); count_max--) {
        if (!h->inner->tx_lend(h->inner, &frame, 1)) {
            h->refused++;
            return;
        }
        memcpy(frame.data, out->data, out->length);
        frame.length = out->length;
        frame.flags = 0;
        frame.timestamp_ns = 0;
        if (!h->inner->tx_burst(h->inner, &frame, 1)) {
            h->inner->tx_return(h->inner, &frame, 1);
            h->refused += h->inner->info->stats.tx_full - full_before;
            return;
        }
        h->sent++;
        h->sent_bytes += out->length;
        h->net.outbox_head++;
    }
}

/* ---- service ---- */

static void extras_update(const struct host *h, struct pio_stats *stats) {
    const struct net_host *net = &h->net;
    uint64_t malformed = 0;
    for (uint32_t i = NET_HOST_MALFORMED_FIRST; i <= NET_HOST_MALFORMED_LAST; i++)
        malformed += net->drops[i];
    stats->extra[HOST_ARP] = net->arp_count;
    stats->extra[HOST_ICMP] = net->icmp_count;
    stats->extra[HOST_IGMP] = net->igmp_count;
    stats->extra[HOST_SENT] = h->sent;
    stats->extra[HOST_MALFORMED] = malformed;
    stats->extra[HOST_LIMITED] = net->drops[NET_HOST_ICMP_LIMITED] +
                                 net->drops[NET_HOST_ICMP_LONG];
    stats->extra[HOST_FULL] = net->drops[NET_HOST_INBOX_FULL] +
                              net->drops[NET_HOST_OUTBOX_FULL] +
                              net->drops[NET_HOST_NEIGHBOURS_FULL];
    stats->extra[HOST_CONFLICTS] = net->conflict_count;
}

void host_attend(struct host *h, struct pio_info *info) {
    uint32_t up = h->inner->info->link == PIO_LINK_UP;
    if (up != h->net.link_up)
        net_host_link(&h->net, (int)up, h->elapsed_ns);
    for (uint32_t i = 0; i < HANDLED_PER_SERVICE && h->inbox_head != h->inbox_tail; i++) {
        const struct net_host_frame *in = &h->inbox[h->inbox_head++ & (HOST_INBOX_FRAMES - 1)];
        net_host_receive(&h->net, in->data, in->length, h->elapsed_ns);
    }
    if (h->elapsed_ns >= h->net.next_due_ns)
        net_host_tick(&h->net, h->elapsed_ns);
    host_outbox_send(h, SENT_PER_SERVICE);
    h->attend_ns = h->net.next_due_ns;
    if (h->inbox_head != h->inbox_tail || net_host_outbox(&h->net))
        h->attend_ns = 0;
    h->inner_link = info->link = h->inner->info->link;
    if (h->backlog_count && info->link == PIO_LINK_DOWN)
        info->link = PIO_LINK_UP; /* there is more to come */
    mirror_tx(h, &info->stats);
    extras_update(h, &info->stats);
}

static void host_service(struct pio_queue *queue, uint64_t now_ns) {
    struct host *h = queue->state;
    struct pio_info *info = queue->info;
    const struct pio_info *inner = h->inner->info;
    h->inner->service(h->inner, now_ns);
    /* The caller's clock may be set back; ours then stands still for a moment. */
    uint64_t step = now_ns - h->clock_ns;
    h->clock_ns = now_ns;
    h->elapsed_ns += (int64_t)step > 0 ? step : 0;
    info->stats.rx_missed = inner->stats.rx_missed + h->backlog_lost;
    info->stats.rx_oversize = inner->stats.rx_oversize;
    info->stats.rx_truncated = inner->stats.rx_truncated;
    info->stats.rx_malformed = inner->stats.rx_malformed;
    if (__builtin_expect(inner->stats.tx_frames + inner->stats.tx_error != h->tx_settled, 0))
        mirror_tx(h, &info->stats);
    if (__builtin_expect(h->elapsed_ns >= h->attend_ns || inner->link != h->inner_link, 0))
        host_attend(h, info);
}

void host_hot_set(struct pio_queue *queue) {
    queue->rx_burst = host_rx_burst;
    queue->rx_release = host_rx_release;
    queue->tx_lend = host_tx_lend;
    queue->tx_burst = host_tx_burst;
    queue->tx_return = host_tx_return;
    queue->service = host_service;
}
