/* pio_udp.c: datagrams of a plain kernel socket as frames, where nothing else is allowed.
 *
 * The kernel keeps the headers, so those of a received frame are made here: the peer's address and
 * port are its own, the rest is what any sender might have written, with right checksums where
 * there are any (the kernel has verified those of the wire). Of a frame to send only the
 * destination and the payload are used; one that is no datagram of this socket's own address and
 * port cannot be sent and is counted.
 *
 * Invariant: receive slots [released, position) are the caller's, the rest are ready for the
 * kernel. Transmit slots [position, position + lent) are the caller's; the kernel copies what is
 * taken, so all others are free. recvmmsg and sendmmsg are the kicks: both are told not to wait.
 */
#define _GNU_SOURCE
#include "pio_interface.h"
#include "pio_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <time.h>

/* How often service asks the kernel for drops and link: three system calls, some 1 us. */
#define HOUSEKEEPING_NS UINT64_C(10000000)
#define ETHER_BYTES 14u
#define IP_BYTES 20u
#define FRAGMENT_BITS 0x3fffu /* more fragments, and the offset */

/* ---- receive ---- */

static inline void store16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}

static inline uint32_t load16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint64_t timestamp_of(struct msghdr *message) {
    const struct cmsghdr *control = CMSG_FIRSTHDR(message);
    struct timespec at;
    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
        return 0;
    memcpy(&at, CMSG_DATA(control), sizeof at);
    return (uint64_t)at.tv_sec * UINT64_C(1000000000) + (uint64_t)at.tv_nsec;
}

/* The sum of the header's words, RFC 1071. */
static inline uint32_t header_checksum(const uint8_t *ip) {
    uint32_t sum = 0;
    for (uint32_t at = 0; at < IP_BYTES; at += 2)
        sum += load16(ip + at);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~(sum + (sum >> 16)) & 0xffff;
}

static inline void headers_make(const struct udp *u, uint8_t *frame,
                                const struct sockaddr_in *peer, uint32_t payload_bytes) {
    uint8_t *ip = frame + ETHER_BYTES;
    memcpy(frame, u->headers, UDP_HEADERS_BYTES);
    store16(ip + 2, IP_BYTES + 8 + payload_bytes);
    memcpy(ip + 12, &peer->sin_addr, 4);
    store16(ip + 10, header_checksum(ip));
    memcpy(ip + IP_BYTES, &peer->sin_port, 2);
    store16(ip + IP_BYTES + 4, 8 + payload_bytes);
}

/* Slots in a row that the kernel may fill: the ring's end cuts a burst. */
static inline uint32_t rx_room(const struct udp_ring *rx, uint32_t count_max) {
    uint32_t at = (uint32_t)rx->position & rx->mask;
    uint32_t free_count = rx->mask + 1 - (uint32_t)(rx->position - rx->released);
    uint32_t row = rx->mask + 1 - at;
    uint32_t room = free_count < row ? free_count : row;
    return room < count_max ? room : count_max;
}

static inline void message_reset(struct msghdr *message) {
    message->msg_namelen = sizeof(struct sockaddr_in);
    message->msg_controllen = UDP_CONTROL_BYTES;
    message->msg_flags = 0;
}

static uint32_t udp_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                             uint32_t count_max) {
    struct udp *u = queue->state;
    struct udp_ring *rx = &u->rx;
    struct pio_stats *stats = &queue->info->stats;
    uint32_t room = rx_room(rx, count_max), count = 0;
    struct mmsghdr *messages = &rx->messages[rx->position & rx->mask];
    int received = room ? recvmmsg(u->fd, messages, room, MSG_DONTWAIT, NULL) : 0;
    if (received <= 0)
        return 0;
    for (int i = 0; i < received; i++, rx->position++) {
        uint32_t slot = (uint32_t)rx->position & rx->mask;
        struct msghdr *message = &messages[i].msg_hdr;
        uint8_t *data = rx->base + (size_t)slot * rx->stride_bytes + UDP_ALIGN_BYTES;
        int cut = message->msg_flags & MSG_TRUNC;
        uint64_t timestamp_ns = timestamp_of(message);
        message_reset(message);
        stats->rx_oversize += cut != 0;
        if (cut)
            continue; /* its slot goes back with its neighbours */
        headers_make(u, data, &rx->peers[slot], messages[i].msg_len);
        uint32_t length = UDP_HEADERS_BYTES + messages[i].msg_len;
        frames[count++] = (struct pio_frame){data, length, PIO_FRAME_CHECKSUM_GOOD, timestamp_ns,
                                             rx->position};
        stats->rx_bytes += length;
    }
    rx->lent += count;
    if (!rx->lent)
        rx->released = rx->position;
    stats->rx_frames += count;
    return count;
}

static void udp_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                           uint32_t count) {
    struct udp_ring *rx = &((struct udp *)queue->state)->rx;
    if (!count)
        return;
    rx->lent -= count;
    rx->released = rx->lent ? frames[count - 1].cookie + 1 : rx->position;
}

/* ---- transmit ---- */

static uint32_t udp_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                            uint32_t count_max) {
    struct udp_ring *tx = &((struct udp *)queue->state)->tx;
    uint32_t count = 0;
    for (; count < count_max && tx->lent <= tx->mask; count++, tx->lent++) {
        uint64_t position = tx->position + tx->lent;
        uint8_t *slot = tx->base + (size_t)(position & tx->mask) * tx->stride_bytes;
        frames[count] = (struct pio_frame){slot + UDP_ALIGN_BYTES, queue->info->frame_bytes_max,
                                           0, 0, position};
    }
    queue->info->stats.tx_full += count_max - count;
    return count;
}

/* 1 when the frame is a whole datagram from our own address and port; then peer and payload. */
static inline int datagram_read(const struct udp *u, const struct pio_frame *frame,
                                struct sockaddr_in *peer, struct iovec *payload) {
    const uint8_t *data = frame->data, *ip = data + ETHER_BYTES, *udp = ip + IP_BYTES;
    uint32_t ours = htonl(u->address);
    if (frame->length < UDP_HEADERS_BYTES || load16(data + 12) != ETH_P_IP || ip[0] != 0x45 ||
        ip[9] != IPPROTO_UDP || load16(ip + 6) & FRAGMENT_BITS)
        return 0;
    uint32_t bytes = load16(udp + 4);
    if (bytes < 8 || load16(ip + 2) != IP_BYTES + bytes ||
        ETHER_BYTES + IP_BYTES + bytes > frame->length || memcmp(ip + 12, &ours, 4) ||
        load16(udp) != u->port)
        return 0;
    memcpy(&peer->sin_addr, ip + 16, 4);
    memcpy(&peer->sin_port, udp + 2, 2);
    payload->iov_base = (void *)(uintptr_t)(udp + 8);
    payload->iov_len = bytes - 8;
    return 1;
}

/* Sends `count` messages that lie ready; those the kernel refuses for good are counted and stepped
 * over. How many are done with; fewer than all when the kernel has no room now. */
static uint32_t ready_send(struct pio_queue *queue, const struct pio_frame *frames,
                           uint32_t count) {
    struct udp *u = queue->state;
    struct pio_stats *stats = &queue->info->stats;
    uint32_t done = 0;
    while (done < count) {
        int sent = sendmmsg(u->fd, u->tx.messages + done, count - done,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            for (uint32_t end = done + (uint32_t)sent; done < end; done++) {
                stats->tx_frames++;
                stats->tx_bytes += frames[done].length;
            }
        } else if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) {
            stats->extra[UDP_TX_RETRIES]++;
            break;
        } else {
            stats->tx_error++;
            done++;
        }
    }
    return done;
}

/* Why a frame can never be sent, counted. */
static void refusal_count(struct pio_queue *queue, const struct pio_frame *frame) {
    if (pio_tx_sendable(queue->info, frame))
        queue->info->stats.extra[UDP_TX_FOREIGN]++;
}

static inline int fits(const struct pio_queue *queue, const struct pio_frame *frame) {
    return frame->length <= queue->info->frame_bytes_max && frame->length >= UDP_HEADERS_BYTES;
}

/* Rows of datagrams, with what can never be sent between them. A row that the kernel has no room
 * for ends the burst, before anything behind it is counted. */
static uint32_t udp_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                             uint32_t count) {
    struct udp *u = queue->state;
    struct udp_ring *tx = &u->tx;
    uint32_t offered = count < PIO_BURST_MAX ? count : PIO_BURST_MAX, taken = 0;
    if (offered > tx->lent)
        offered = tx->lent;
    while (taken < offered && frames[taken].cookie == tx->position + taken) {
        const struct pio_frame *row = &frames[taken];
        uint32_t ready = 0;
        while (taken + ready < offered && row[ready].cookie == tx->position + taken + ready &&
               fits(queue, &row[ready]) &&
               datagram_read(u, &row[ready], &tx->peers[ready], &tx->payloads[ready]))
            ready++;
        if (!ready) {
            refusal_count(queue, row);
            taken++;
            continue;
        }
        uint32_t sent = ready_send(queue, row, ready);
        taken += sent;
        if (sent < ready) {
            queue->info->stats.tx_full += offered - taken;
            break;
        }
    }
    tx->position += taken;
    tx->lent -= taken;
    return taken;
}

static void udp_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                          uint32_t count) {
    struct udp_ring *tx = &((struct udp *)queue->state)->tx;
    (void)frames;
    tx->lent -= count < tx->lent ? count : tx->lent;
}

/* ---- the device ---- */

/* The kernel's own count of losses, and the link as it is now. An interface that is gone stays
 * gone: its index is not reused. */
static void device_read(struct pio_queue *queue) {
    struct udp *u = queue->state;
    uint32_t memory[SK_MEMINFO_VARS] = {0}, mtu;
    socklen_t bytes = sizeof memory;
    if (!getsockopt(u->fd, SOL_SOCKET, SO_MEMINFO, memory, &bytes))
        queue->info->stats.rx_missed = memory[SK_MEMINFO_DROPS];
    if (queue->info->link != PIO_LINK_GONE)
        queue->info->link = pio_interface_look(u->fd, u->interface_index, &mtu);
}

static void udp_service(struct pio_queue *queue, uint64_t now_ns) {
    struct udp *u = queue->state;
    if (now_ns - u->housekept_ns >= HOUSEKEEPING_NS) {
        u->housekept_ns = now_ns;
        device_read(queue);
    }
}

void udp_hot_set(struct pio_queue *queue) {
    queue->rx_burst = udp_rx_burst;
    queue->rx_release = udp_rx_release;
    queue->tx_lend = udp_tx_lend;
    queue->tx_burst = udp_tx_burst;
    queue->tx_return = udp_tx_return;
    queue->service = udp_service;
}
