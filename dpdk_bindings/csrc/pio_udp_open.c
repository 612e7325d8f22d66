/* pio_udp_open.c: opens and closes UDP queues: options, refusals, buffers.
 *
 * The socket is bound to one interface, one address and one port, so what it hears needs no
 * filter. A group is joined on that interface and heard by any number of queues; any other address
 * must be the interface's own, and is one queue's.
 */
#define _GNU_SOURCE
#include "pio_interface.h"
#include "pio_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_MIN 64u
#define SLOTS_MAX (1u << 16)
#define RX_SLOTS_DEFAULT 1024u
#define TX_SLOTS_DEFAULT 256u
#define FRAME_BYTES_MIN 64u
#define FRAME_BYTES_MAX 16384u /* a 9,000-byte jumbo frame and more */
/* 13 ms of a 10 Gbit/s line at full rate: longer than a hiccup. */
#define RX_KIB_DEFAULT 16384u
#define RX_KIB_MAX (1u << 20)
#define BUSY_POLL_US_DEFAULT 50u /* as the kernel's own documentation suggests */
#define BUSY_POLL_US_MAX 1000u
#define BUDGET_DEFAULT 64u /* one NAPI poll */
#define BUDGET_MAX 512u
#define LINE_BYTES 64u

struct options {
    char interface[IFNAMSIZ], address_text[INET_ADDRSTRLEN];
    uint32_t address;
    int is_group, asked_to_poll;
    uint64_t port, rx_slots, tx_slots, rx_kib, frame_bytes, busy_poll_us, busy_poll_budget,
        timestamps;
};

/* ---- options ---- */

static int address_read(struct options *o, const char *device, struct pio_error *error) {
    struct in_addr address;
    int number = pio_option_text(device, "address", o->address_text, sizeof o->address_text,
                                 error);
    if (number)
        return number;
    if (!o->address_text[0] || !o->port)
        return pio_refuse(error, EINVAL,
                          "write udp:eth0,address=233.54.12.111,port=26477 for a feed, and our own "
                          "address and port for orders",
                          "a udp queue needs the address and port that it hears");
    if (inet_pton(AF_INET, o->address_text, &address) != 1 || !address.s_addr)
        return pio_refuse(error, EINVAL, "write four numbers, as in 10.77.0.2",
                          "address=%s is not an IPv4 address", o->address_text);
    o->address = ntohl(address.s_addr);
    o->is_group = o->address >> 28 == 0xe;
    return 0;
}

static int options_read(struct options *o, const char *device, struct pio_error *error) {
    const uint64_t unset = UINT64_MAX;
    *o = (struct options){.rx_slots = RX_SLOTS_DEFAULT, .tx_slots = TX_SLOTS_DEFAULT,
                          .rx_kib = RX_KIB_DEFAULT, .busy_poll_us = unset,
                          .busy_poll_budget = BUDGET_DEFAULT, .timestamps = 1};
    const struct {
        const char *key;
        uint64_t low, high, *value;
    } numbers[] = {
        {"port", 1, 65535, &o->port},
        {"rx_slots", SLOTS_MIN, SLOTS_MAX, &o->rx_slots},
        {"tx_slots", SLOTS_MIN, SLOTS_MAX, &o->tx_slots},
        {"rx_kib", 4, RX_KIB_MAX, &o->rx_kib},
        {"frame_bytes", FRAME_BYTES_MIN, FRAME_BYTES_MAX, &o->frame_bytes},
        {"busy_poll_us", 0, BUSY_POLL_US_MAX, &o->busy_poll_us},
        {"busy_poll_budget", 1, BUDGET_MAX, &o->busy_poll_budget},
        {"timestamps", 0, 1, &o->timestamps},
    };
    int number = pio_option_check(device,
                                  "address port rx_slots tx_slots rx_kib frame_bytes busy_poll_us "
                                  "busy_poll_budget timestamps",
                                  error);
    for (size_t i = 0; !number && i < sizeof numbers / sizeof *numbers; i++)
        number = pio_option_u64(device, numbers[i].key, numbers[i].low, numbers[i].high,
                                numbers[i].value, error);
    if (!number)
        number = pio_option_power_of_two(o->rx_slots, "rx_slots", error);
    if (!number)
        number = pio_option_power_of_two(o->tx_slots, "tx_slots", error);
    if (!number)
        number = address_read(o, device, error);
    if (!number)
        number = pio_option_name(device, o->interface, sizeof o->interface, error);
    o->asked_to_poll = o->busy_poll_us != unset;
    if (!o->asked_to_poll)
        o->busy_poll_us = BUSY_POLL_US_DEFAULT;
    return number;
}

/* ---- the socket ---- */

static int refuse_bind(const struct options *o, int number, struct pio_error *error) {
    if (number == EADDRINUSE)
        return pio_refuse(error, number, "see who has it: ss -ulnp; or choose another port",
                          "%s port %d is somebody else's", o->address_text, (int)o->port);
    if (number == EADDRNOTAVAIL) {
        pio_refuse(error, number, "", "%s is no address of interface '%s'", o->address_text,
                   o->interface);
        snprintf(error->remedy, sizeof error->remedy, "give it: ip address add %s/24 dev %s",
                 o->address_text, o->interface);
        return number;
    }
    if (number == EACCES || number == EPERM)
        return pio_refuse(error, number, "choose a port from 1024 on, or give CAP_NET_BIND_SERVICE",
                          "no permission for port %d", (int)o->port);
    return pio_refuse(error, number, "see that it exists and is up: ip link",
                      "%s port %d of interface '%s' cannot be had: %s", o->address_text,
                      (int)o->port, o->interface, strerror(number));
}

static int socket_bind(const struct udp *u, const struct options *o, struct pio_error *error) {
    const int one = 1, zero = 0, discover = IP_PMTUDISC_DO;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port),
                                  .sin_addr.s_addr = htonl(o->address)};
    struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(o->address),
                             .imr_ifindex = u->interface_index};
    /* Several may hear a group; any other address is one queue's. */
    int failed = (o->is_group &&
                  setsockopt(u->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)) ||
                 setsockopt(u->fd, SOL_SOCKET, SO_BINDTODEVICE, o->interface,
                            (socklen_t)strlen(o->interface)) ||
                 setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof zero) ||
                 setsockopt(u->fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group) ||
                 setsockopt(u->fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover) ||
                 bind(u->fd, (struct sockaddr *)&address, sizeof address);
    if (!failed && o->is_group)
        failed = setsockopt(u->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
    return failed ? refuse_bind(o, errno, error) : 0;
}

/* Buffers and busy polling: as much as we may have. *polls tells whether the kernel polls. */
static int socket_tune(const struct udp *u, const struct options *o, int *polls,
                       struct pio_error *error) {
    const int one = 1, bytes = (int)(o->rx_kib * 1024), stamps = (int)o->timestamps;
    const int poll_us = (int)o->busy_poll_us, budget = (int)o->busy_poll_budget;
    if (setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
        setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(u->fd, SOL_SOCKET, SO_TIMESTAMPNS, &stamps, sizeof stamps);
    *polls = 0;
    if (!poll_us)
        return 0;
    if (setsockopt(u->fd, SOL_SOCKET, SO_BUSY_POLL, &poll_us, sizeof poll_us)) {
        if (!o->asked_to_poll)
            return 0;
        return pio_refuse(error, errno,
                          "give CAP_NET_ADMIN, or raise sysctl net.core.busy_read, or leave "
                          "busy_poll_us out",
                          "the kernel does not let this process poll the device: %s",
                          strerror(errno));
    }
    *polls = 1;
#ifdef SO_PREFER_BUSY_POLL
    setsockopt(u->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &one, sizeof one);
    setsockopt(u->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget);
#else
    (void)one, (void)budget;
#endif
    return 0;
}

/* ---- buffers ---- */

static int ring_make(struct udp_ring *ring, uint64_t slots, uint32_t frame_bytes, int receives) {
    size_t stride = (UDP_ALIGN_BYTES + frame_bytes + LINE_BYTES - 1) & ~(size_t)(LINE_BYTES - 1);
    ring->mask = (uint32_t)slots - 1;
    ring->stride_bytes = (uint32_t)(stride | LINE_BYTES); /* spread over all cache sets */
    ring->base = aligned_alloc(LINE_BYTES, slots * ring->stride_bytes);
    ring->messages = calloc(slots, sizeof *ring->messages);
    ring->payloads = calloc(slots, sizeof *ring->payloads);
    ring->peers = calloc(slots, sizeof *ring->peers);
    ring->controls = receives ? calloc(slots, UDP_CONTROL_BYTES) : NULL;
    if (!ring->base || !ring->messages || !ring->payloads || !ring->peers ||
        (receives && !ring->controls))
        return ENOMEM;
    memset(ring->base, 0, slots * ring->stride_bytes); /* faulted in */
    for (size_t slot = 0; slot < slots; slot++) {
        struct msghdr *message = &ring->messages[slot].msg_hdr;
        uint8_t *frame = ring->base + slot * ring->stride_bytes + UDP_ALIGN_BYTES;
        ring->peers[slot].sin_family = AF_INET;
        ring->payloads[slot] = (struct iovec){frame + UDP_HEADERS_BYTES,
                                              frame_bytes - UDP_HEADERS_BYTES};
        *message = (struct msghdr){.msg_name = &ring->peers[slot],
                                   .msg_namelen = sizeof *ring->peers,
                                   .msg_iov = &ring->payloads[slot], .msg_iovlen = 1};
        if (receives) {
            message->msg_control = ring->controls + slot * UDP_CONTROL_BYTES;
            message->msg_controllen = UDP_CONTROL_BYTES;
        }
    }
    return 0;
}

static void ring_free(struct udp_ring *ring) {
    free(ring->base);
    free(ring->messages);
    free(ring->payloads);
    free(ring->peers);
    free(ring->controls);
}

/* What all received frames have alike: to the group's or the interface's address, from nobody's. */
static void headers_prepare(struct udp *u, const uint8_t mac[6], int is_group) {
    uint8_t *ip = u->headers + 14;
    uint32_t address = htonl(u->address);
    uint16_t port = htons(u->port);
    if (is_group) /* RFC 1112, section 6.4 */
        memcpy(u->headers, (uint8_t[]){0x01, 0x00, 0x5e, (u->address >> 16) & 0x7f,
                                       (u->address >> 8) & 0xff, u->address & 0xff}, 6);
    else
        memcpy(u->headers, mac, 6);
    u->headers[12] = 0x08;
    memcpy(ip, (uint8_t[]){0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_UDP}, 10);
    memcpy(ip + 16, &address, 4);
    memcpy(ip + 22, &port, 2);
}

static void release_all(struct udp *u) {
    if (u->fd >= 0)
        close(u->fd);
    ring_free(&u->rx);
    ring_free(&u->tx);
    free(u);
}

/* ---- open ---- */

static int attach(struct pio_queue *queue, const struct options *o, struct pio_error *error) {
    struct udp *u = queue->state;
    struct pio_info *info = queue->info;
    uint32_t mtu;
    int polls = 0;
    u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (u->fd < 0)
        return pio_refuse(error, errno, "free some of that resource", "no UDP socket: %s",
                          strerror(errno));
    int number = pio_interface_find(u->fd, o->interface, &u->interface_index, info->mac, error);
    if (number)
        return number;
    info->link = pio_interface_look(u->fd, u->interface_index, &mtu);
    uint32_t frame_bytes = o->frame_bytes ? (uint32_t)o->frame_bytes : mtu + ETH_HLEN;
    info->frame_bytes_max = frame_bytes < FRAME_BYTES_MAX ? frame_bytes : FRAME_BYTES_MAX;
    u->address = o->address;
    u->port = (uint16_t)o->port;
    headers_prepare(u, info->mac, o->is_group);
    if (ring_make(&u->rx, o->rx_slots, info->frame_bytes_max, 1) ||
        ring_make(&u->tx, o->tx_slots, info->frame_bytes_max, 0))
        return pio_refuse(error, ENOMEM, "free some memory, or ask for fewer slots",
                          "no memory for a queue");
    number = socket_tune(u, o, &polls, error);
    if (!number)
        number = socket_bind(u, o, error);
    snprintf(info->mode, sizeof info->mode, polls ? "busy-poll" : "plain");
    return number;
}

static int udp_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct options options;
    int number = options_read(&options, device, error);
    if (number)
        return number;
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    u->fd = -1;
    queue->state = u;
    number = attach(queue, &options, error);
    if (number) {
        release_all(u);
        return number;
    }
    udp_hot_set(queue);
    return 0;
}

static void udp_close(struct pio_queue *queue) {
    release_all(queue->state);
}

static int udp_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)error;
    snprintf(mode, mode_bytes, "plain");
    return 0;
}

const struct pio_backend pio_backend_udp = {
    .name = "udp",
    .summary = "a plain kernel socket on one address and port; needs no privilege",
    .extra_names = {"tx_foreign", "tx_retries"},
    .probe = udp_probe,
    .open = udp_open,
    .close = udp_close,
    /* The group that is bound is joined; a socket hears no other. */
    .hear = pio_hear_all,
};
