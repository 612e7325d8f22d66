/* pio_afpacket_open.c: opens and closes AF_PACKET queues: options, refusals, rings.
 *
 * Order matters. The socket is made with protocol 0 and so hears nothing; rings and options come
 * next; the bind at the end names the interface and the protocol together, so that no frame of
 * another interface is ever seen.
 */
#include "pio_afpacket.h"
#include "pio_interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES_MIN 64u
#define FRAME_BYTES_MAX 16384u /* a 9,000-byte jumbo frame and more; larger is segment offload */
/* Room before each received frame to put a tag back; 16 rather than 4 keeps IP headers aligned. */
#define VLAN_ROOM_BYTES 16u
/* 64 blocks of 256 KiB hold 13 ms of a 10 Gbit/s line at full rate: longer than a hiccup. */
#define BLOCKS_DEFAULT 64u
#define BLOCKS_MAX 4096u
#define BLOCK_KIB_DEFAULT 256u
#define BLOCK_KIB_MIN 64u   /* the largest page of any Linux, and longer than any frame */
#define BLOCK_KIB_MAX 4096u /* the largest piece the kernel's page allocator gives */
#define TIMEOUT_MS_DEFAULT 1u /* the shortest there is */
#define TIMEOUT_MS_MAX 1000u
#define RX_SLOTS_DEFAULT 8192u /* about as many bytes as version 3's blocks */
#define TX_SLOTS_DEFAULT 1024u
#define SLOTS_MAX (1u << 16)
#define LINE_BYTES 64u
#define NO_FD UINT64_MAX

/* What a device string asks for. */
struct options {
    char interface[IFNAMSIZ];
    uint64_t version, blocks, block_kib, timeout_ms, rx_slots, tx_slots;
    uint64_t frame_bytes; /* 0: what the MTU needs */
    uint64_t promiscuous, qdisc_bypass, hardware_timestamps;
    uint64_t fd; /* a packet socket that somebody with the right to has made */
};

/* ---- options ---- */

/* The smallest count of slots of whole lines that fills whole pages, since a ring is one block. */
static uint64_t slots_min(void) {
    return (uint64_t)sysconf(_SC_PAGESIZE) / LINE_BYTES;
}

static int options_read(struct options *o, const char *device, struct pio_error *error) {
    const struct {
        const char *key;
        uint64_t low, high, *value;
        int ring; /* counts must be powers of two */
    } numbers[] = {
        {"version", 2, 3, &o->version, 0},
        {"blocks", 2, BLOCKS_MAX, &o->blocks, 1},
        {"block_kib", BLOCK_KIB_MIN, BLOCK_KIB_MAX, &o->block_kib, 1},
        {"timeout_ms", 1, TIMEOUT_MS_MAX, &o->timeout_ms, 0},
        {"rx_slots", slots_min(), SLOTS_MAX, &o->rx_slots, 1},
        {"tx_slots", slots_min(), SLOTS_MAX, &o->tx_slots, 1},
        {"frame_bytes", FRAME_BYTES_MIN, FRAME_BYTES_MAX, &o->frame_bytes, 0},
        {"promiscuous", 0, 1, &o->promiscuous, 0},
        {"qdisc_bypass", 0, 1, &o->qdisc_bypass, 0},
        {"hardware_timestamps", 0, 1, &o->hardware_timestamps, 0},
        {"fd", 0, INT_MAX, &o->fd, 0},
    };
    *o = (struct options){.version = 2, .blocks = BLOCKS_DEFAULT, .block_kib = BLOCK_KIB_DEFAULT,
                          .timeout_ms = TIMEOUT_MS_DEFAULT, .rx_slots = RX_SLOTS_DEFAULT,
                          .tx_slots = TX_SLOTS_DEFAULT, .promiscuous = 1, .qdisc_bypass = 1,
                          .fd = NO_FD};
    int number = 0;
    for (size_t i = 0; !number && i < sizeof numbers / sizeof *numbers; i++) {
        number = pio_option_u64(device, numbers[i].key, numbers[i].low, numbers[i].high,
                                numbers[i].value, error);
        if (!number && numbers[i].ring)
            number = pio_option_power_of_two(*numbers[i].value, numbers[i].key, error);
    }
    /* The receive ring is sized by blocks in version 3, by slots in version 2. */
    if (!number)
        number = pio_option_check(device,
                                  o->version == 3
                                      ? "version blocks block_kib timeout_ms tx_slots frame_bytes "
                                        "promiscuous qdisc_bypass hardware_timestamps fd"
                                      : "version rx_slots tx_slots frame_bytes promiscuous "
                                        "qdisc_bypass hardware_timestamps fd",
                                  error);
    if (!number)
        number = pio_option_name(device, o->interface, sizeof o->interface, error);
    return number;
}

/* ---- refusals ---- */

static int socket_make(struct pio_error *error) {
    return pio_interface_socket("run as root, or give CAP_NET_RAW: `setcap cap_net_raw+ep` on the "
                                "interpreter, or AmbientCapabilities=CAP_NET_RAW in the systemd "
                                "unit",
                                "no permission to open a packet socket", error);
}

/* A socket of another's making, which needs no capability here; what is no such is not ours. */
static int socket_adopt(int fd, struct pio_error *error) {
    int domain = 0;
    socklen_t bytes = sizeof domain;
    if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) && domain == AF_PACKET)
        return fd;
    errno = pio_refuse(error, EBADF, "hand over a packet socket under that number",
                       "fd=%d is no packet socket", fd);
    return -1;
}

static int option_set(int fd, int option, const char *what, const void *value, socklen_t bytes,
                      struct pio_error *error) {
    if (!setsockopt(fd, SOL_PACKET, option, value, bytes))
        return 0;
    int number = errno;
    if (number == ENOMEM)
        return pio_refuse(error, number, "free some memory, or ask for fewer blocks or slots",
                          "no memory for %s", what);
    return pio_refuse(error, number, "use Linux 4.20 or newer, the oldest that has all of them",
                      "the kernel refuses %s: %s", what, strerror(number));
}

/* ---- open ---- */

static int device_check(struct afpacket *a, const struct options *o, struct pio_queue *queue,
                        struct pio_error *error) {
    int number = pio_interface_find(a->fd, o->interface, &a->interface_index, queue->info->mac,
                                    error);
    if (!number)
        afpacket_device_read(queue);
    return number;
}

static int options_set(const struct afpacket *a, const struct options *o,
                       struct pio_error *error) {
    const int one = 1, bypass = (int)o->qdisc_bypass, room = VLAN_ROOM_BYTES;
    const int version = o->version == 3 ? TPACKET_V3 : TPACKET_V2;
    const int clock = SOF_TIMESTAMPING_RAW_HARDWARE;
    struct packet_mreq membership = {.mr_ifindex = a->interface_index,
                                     .mr_type = PACKET_MR_PROMISC};
    int number = option_set(a->fd, PACKET_VERSION, "PACKET_VERSION", &version, sizeof version,
                            error);
    if (!number)
        number = option_set(a->fd, PACKET_RESERVE, "PACKET_RESERVE", &room, sizeof room, error);
    if (!number)
        number = option_set(a->fd, PACKET_LOSS, "PACKET_LOSS", &one, sizeof one, error);
    if (!number)
        number = option_set(a->fd, PACKET_IGNORE_OUTGOING, "PACKET_IGNORE_OUTGOING", &one,
                            sizeof one, error);
    if (!number)
        number = option_set(a->fd, PACKET_QDISC_BYPASS, "PACKET_QDISC_BYPASS", &bypass,
                            sizeof bypass, error);
    if (!number && o->hardware_timestamps)
        number = option_set(a->fd, PACKET_TIMESTAMP, "PACKET_TIMESTAMP", &clock, sizeof clock,
                            error);
    if (!number && o->promiscuous)
        number = option_set(a->fd, PACKET_ADD_MEMBERSHIP, "promiscuous mode", &membership,
                            sizeof membership, error);
    return number;
}

/* An odd number of cache lines, so that slot heads spread over all cache sets. */
static uint32_t slot_bytes(size_t header_bytes, uint32_t frame_bytes) {
    size_t bytes = header_bytes + frame_bytes;
    return (uint32_t)(((bytes + LINE_BYTES - 1) & ~(size_t)(LINE_BYTES - 1)) | LINE_BYTES);
}

/* Where things are in a ring, from options alone. */
static void layout(struct afpacket *a, const struct options *o, uint32_t frame_bytes) {
    struct afpacket_rx *rx = &a->rx;
    struct afpacket_tx *tx = &a->tx;
    int v3 = o->version == 3;
    rx->mask = (uint32_t)(v3 ? o->blocks : o->rx_slots) - 1;
    rx->stride_bytes = v3 ? (uint32_t)o->block_kib * 1024u
                          : slot_bytes(TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + VLAN_ROOM_BYTES,
                                       frame_bytes);
    tx->mask = (uint32_t)o->tx_slots - 1;
    tx->length_at = v3 ? offsetof(struct tpacket3_hdr, tp_len)
                       : offsetof(struct tpacket2_hdr, tp_len);
    tx->status_at = v3 ? offsetof(struct tpacket3_hdr, tp_status)
                       : offsetof(struct tpacket2_hdr, tp_status);
    tx->data_at = (v3 ? TPACKET3_HDRLEN : TPACKET2_HDRLEN) - sizeof(struct sockaddr_ll);
    tx->stride_bytes = slot_bytes(tx->data_at, frame_bytes);
}

/* Asks for both rings and maps them: receive, then transmit, in one piece. */
static int rings_map(struct afpacket *a, const struct options *o, struct pio_error *error) {
    uint32_t blocks = a->rx.mask + 1, slots = a->tx.mask + 1;
    struct tpacket_req3 rx = {.tp_block_size = a->rx.stride_bytes, .tp_block_nr = blocks,
                              .tp_frame_size = a->rx.stride_bytes, .tp_frame_nr = blocks,
                              .tp_retire_blk_tov = (unsigned)o->timeout_ms};
    struct tpacket_req3 tx = {.tp_block_size = slots * a->tx.stride_bytes, .tp_block_nr = 1,
                              .tp_frame_size = a->tx.stride_bytes, .tp_frame_nr = slots};
    /* Version 2 knows the first four members; its ring is one block, as the transmit ring is. */
    socklen_t bytes = o->version == 3 ? sizeof rx : sizeof(struct tpacket_req);
    if (o->version == 2) {
        rx.tp_block_size *= blocks;
        rx.tp_block_nr = 1;
    }
    int number = option_set(a->fd, PACKET_RX_RING, "the receive ring", &rx, bytes, error);
    if (!number)
        number = option_set(a->fd, PACKET_TX_RING, "the transmit ring", &tx, bytes, error);
    if (number)
        return number;
    size_t rx_bytes = (size_t)blocks * a->rx.stride_bytes;
    size_t map_bytes = rx_bytes + tx.tp_block_size;
    void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, a->fd, 0);
    if (map == MAP_FAILED)
        return pio_refuse(error, errno, "free some memory, or ask for fewer blocks or slots",
                          "the packet rings cannot be mapped: %s", strerror(errno));
    a->map = map;
    a->map_bytes = map_bytes;
    a->rx.base = a->map;
    a->tx.base = a->map + rx_bytes;
    /* Frames in flight count against the send buffer; the kernel clamps this to wmem_max. */
    int send_bytes = (int)tx.tp_block_size;
    setsockopt(a->fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    return 0;
}

static void release_all(struct afpacket *a) {
    if (a->map)
        munmap(a->map, a->map_bytes);
    if (a->fd >= 0)
        close(a->fd);
    free(a->rx.lent);
    free(a);
}

static int attach(struct pio_queue *queue, const struct options *o, struct pio_error *error) {
    struct afpacket *a = queue->state;
    a->fd = o->fd == NO_FD ? socket_make(error) : socket_adopt((int)o->fd, error);
    if (a->fd < 0)
        return errno;
    int number = device_check(a, o, queue, error);
    if (number)
        return number;
    uint32_t frame_bytes = (uint32_t)o->frame_bytes;
    if (!frame_bytes)
        frame_bytes = a->tx.wire_bytes_max + AFPACKET_VLAN_BYTES;
    if (frame_bytes > FRAME_BYTES_MAX)
        frame_bytes = FRAME_BYTES_MAX;
    queue->info->frame_bytes_max = frame_bytes;
    layout(a, o, frame_bytes);
    a->rx.lent = calloc(a->rx.mask + 1u, sizeof *a->rx.lent);
    if (!a->rx.lent)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    number = options_set(a, o, error);
    if (!number)
        number = rings_map(a, o, error);
    if (number)
        return number;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = a->interface_index};
    if (bind(a->fd, (struct sockaddr *)&address, sizeof address))
        return pio_refuse(error, errno, "see that it exists and is up: ip link",
                          "interface '%s' cannot be bound: %s", o->interface, strerror(errno));
    return 0;
}

static int afpacket_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct options options;
    int number = options_read(&options, device, error);
    if (number)
        return number;
    struct afpacket *a = calloc(1, sizeof *a);
    if (!a)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    queue->state = a;
    number = attach(queue, &options, error);
    if (number) {
        release_all(a);
        return number;
    }
    a->promiscuous = (int)options.promiscuous;
    afpacket_hot_set(queue, (int)options.version);
    snprintf(queue->info->mode, sizeof queue->info->mode, "mmap-v%d", (int)options.version);
    return 0;
}

static void afpacket_close(struct pio_queue *queue) {
    release_all(queue->state);
}

/* The kernel forgets the membership when the socket is closed. */
static int afpacket_hear(struct pio_queue *queue, const uint8_t group[6],
                         struct pio_error *error) {
    const struct afpacket *a = queue->state;
    if (a->promiscuous)
        return 0;
    return pio_interface_hear(a->fd, a->interface_index, group,
                              "see that it exists, or leave promiscuous=0 out", error);
}

static int afpacket_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    int fd = socket_make(error);
    if (fd < 0)
        return errno;
    const int version = TPACKET_V3;
    int number = option_set(fd, PACKET_VERSION, "PACKET_VERSION", &version, sizeof version, error);
    close(fd);
    if (!number)
        snprintf(mode, mode_bytes, "mmap-v2");
    return number;
}

const struct pio_backend pio_backend_afpacket = {
    .name = "afpacket",
    .summary = "a network interface through the kernel's packet rings; needs CAP_NET_RAW",
    .extra_names = {"rx_freezes", "tx_retries"},
    .probe = afpacket_probe,
    .open = afpacket_open,
    .close = afpacket_close,
    .hear = afpacket_hear,
};
