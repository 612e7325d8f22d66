/* pio_netmap_open.c: opens and closes netmap queues: names, refusals, rings.
 *
 * A descriptor of /dev/netmap is bound to a port, with its rings for itself alone, and the memory
 * that the port's rings and buffers are in is mapped whole. From then on an interface is ours: the
 * kernel sees no frame of it. Closing the descriptor gives it back, however the process ends.
 *
 * What the kernel describes is checked before it is used: every ring lies within the mapping, and
 * all rings have the same buffers, which is what lets a received frame be sent without a copy.
 */
#include "pio_netmap.h"

#include "tp_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICE "/dev/netmap"
#define SLOTS_MIN 16u
/* A slot tells its length in 16 bits. */
#define FRAME_BYTES_MAX 65535u
#define VLAN_BYTES 4u

/* What a device string asks for. */
struct options {
    char port[NETMAP_ABI_NAME_BYTES]; /* as the kernel is told: without the choice of rings */
    enum netmap_kind kind;
    enum netmap_abi_rings rings;
    uint64_t ring_index;
    uint64_t rx_slots, tx_slots; /* 0: what the port has */
    uint64_t promiscuous, native;
};

/* ---- names ---- */

/* The number that ends a name, as in "eth0-3": 0 and the name without it, or an errno. */
static int ring_number(struct options *o, char *suffix, struct pio_error *error) {
    char *end;
    o->ring_index = strtoull(suffix + 1, &end, 10);
    if (suffix[1] < '0' || suffix[1] > '9' || *end || o->ring_index >= NETMAP_SLOTS_MAX)
        return pio_refuse(error, EINVAL, "name a ring by its number, as in netmap:eth0-1",
                          "'%.60s' ends in no ring's number", o->port);
    *suffix = '\0';
    return 0;
}

/* netmap's own names: eth0, eth0-1, eth0^, eth0^1, vale0:a, NAME{1, NAME}1. */
static int port_read(struct options *o, struct pio_error *error) {
    size_t length = strlen(o->port);
    char *pipe = strpbrk(o->port, "{}"), *suffix;
    o->rings = NETMAP_ABI_ALL_NIC;
    if (pipe) {
        o->kind = NETMAP_PIPE;
        if (pipe == o->port || !pipe[1])
            return pio_refuse(error, EINVAL, "name a pipe's ends as in feed{1 and feed}1",
                              "'%.60s' is no end of a pipe", o->port);
    } else if (!strncmp(o->port, "vale", 4) && strchr(o->port, ':')) {
        o->kind = NETMAP_VALE;
    } else if ((suffix = strpbrk(o->port, "*+/@"))) {
        return pio_refuse(error, EINVAL,
                          "open an interface and its host rings as two queues, eth0 and eth0^",
                          "'%.60s': a port's '%c' is not known here", o->port, *suffix);
    } else if ((suffix = strchr(o->port, '^'))) {
        o->kind = NETMAP_STACK;
        o->rings = suffix[1] ? NETMAP_ABI_ONE_HOST : NETMAP_ABI_ALL_HOST;
        if (suffix[1])
            return ring_number(o, suffix, error);
        *suffix = '\0';
    } else if ((suffix = strrchr(o->port, '-')) && !if_nametoindex(o->port)) {
        /* An interface's own name may have a hyphen, too. */
        o->rings = NETMAP_ABI_ONE_NIC;
        return ring_number(o, suffix, error);
    }
    if (length)
        return 0;
    return pio_refuse(error, EINVAL, "write netmap:eth0, netmap:vale0:a or netmap:feed{1",
                      "the queue names no port");
}

static int options_read(struct options *o, const char *device, struct pio_error *error) {
    *o = (struct options){.promiscuous = 1};
    int number = pio_option_check(device, "rx_slots tx_slots promiscuous native", error);
    if (!number)
        number = pio_option_u64(device, "rx_slots", SLOTS_MIN, NETMAP_SLOTS_MAX, &o->rx_slots,
                                error);
    if (!number)
        number = pio_option_u64(device, "tx_slots", SLOTS_MIN, NETMAP_SLOTS_MAX, &o->tx_slots,
                                error);
    if (!number)
        number = pio_option_u64(device, "promiscuous", 0, 1, &o->promiscuous, error);
    if (!number)
        number = pio_option_u64(device, "native", 0, 1, &o->native, error);
    if (!number)
        number = pio_option_name(device, o->port, sizeof o->port, error);
    return number ? number : port_read(o, error);
}

/* ---- refusals ---- */

/* A descriptor that is bound to nothing yet, or -1 with errno and the error. */
static int device_open(struct pio_error *error) {
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    int number = errno;
    if (fd >= 0)
        return fd;
    if (number == ENOENT || number == ENXIO || number == ENODEV)
        pio_refuse(error, number, "modprobe netmap", "netmap is not loaded");
    else if (number == EACCES || number == EPERM)
        pio_refuse(error, number, "run as root, or let your group have it: chgrp and chmod g+rw",
                   "no permission to open " DEVICE);
    else
        pio_refuse(error, number, "see what its module says: dmesg", DEVICE ": %s",
                   strerror(number));
    errno = number;
    return -1;
}

static int refuse_register(const struct options *o, int number, struct pio_error *error) {
    const char *port = o->port;
    if (number == EBUSY)
        return pio_refuse(error, number,
                          "close the other program, or detach the port from its switch",
                          "netmap port '%s' is in use", port);
    if (number == ENOMEM)
        return pio_refuse(error, number,
                          "give netmap more: /sys/module/netmap/parameters/buf_num and ring_num",
                          "netmap has no memory left for port '%s'", port);
    if (number == EOPNOTSUPP)
        return pio_refuse(error, number,
                          "load a driver with netmap in it, or allow the emulated adapter: "
                          "echo 0 > /sys/module/netmap/parameters/admode",
                          "the driver of '%s' has no netmap, and the emulation is not allowed",
                          port);
    if (number == ENXIO || number == ENODEV)
        return pio_refuse(error, number, "name an interface, a VALE port or an end of a pipe",
                          "netmap finds no port '%s'", port);
    if (number == EACCES || number == EPERM)
        return pio_refuse(error, number, "ask whoever made the switch",
                          "no permission to open netmap port '%s'", port);
    return pio_refuse(error, number,
                      "see why: dmesg; the ring must exist, and netmap be of 2019 or newer",
                      "netmap refuses port '%s': %s", port, strerror(number));
}

static int refuse_layout(struct pio_error *error) {
    return pio_refuse(error, EPROTO, "use a netmap whose interface has version 14 (2019 on)",
                      "netmap describes rings that cannot be");
}

static int refuse_mtu(const struct netmap *n, const struct options *o, uint64_t buffer_bytes,
                      struct pio_error *error) {
    char remedy[224];
    snprintf(remedy, sizeof remedy,
             "make it smaller: ip link set %s mtu 1500; or the buffers larger, with no port open: "
             "echo 9216 > /sys/module/netmap/parameters/buf_size", o->port);
    return pio_refuse(error, EMSGSIZE, remedy,
                      "the MTU of '%s' makes frames of %u bytes, and netmap's buffers have %u",
                      o->port, n->tx.wire_bytes_max, (unsigned)buffer_bytes);
}

/* ---- open ---- */

static int port_register(struct netmap *n, const struct options *o,
                         struct netmap_abi_register *request, struct pio_error *error) {
    struct netmap_abi_header header = {.version = NETMAP_ABI_VERSION,
                                       .request = NETMAP_ABI_REGISTER,
                                       .body = (uintptr_t)request};
    *request = (struct netmap_abi_register){.rx_slots = (uint32_t)o->rx_slots,
                                            .tx_slots = (uint32_t)o->tx_slots,
                                            .rings = o->rings,
                                            .ring_index = (uint16_t)o->ring_index,
                                            .flags = NETMAP_ABI_EXCLUSIVE};
    memcpy(header.name, o->port, sizeof header.name);
    if (ioctl(n->fd, NETMAP_ABI_CONTROL, &header))
        return refuse_register(o, errno, error);
    const struct {
        const char *key;
        uint64_t wanted, obtained;
    } slots[] = {{"rx_slots", o->rx_slots, request->rx_slots},
                 {"tx_slots", o->tx_slots, request->tx_slots}};
    for (size_t i = 0; i < 2; i++)
        if (slots[i].wanted && slots[i].wanted != slots[i].obtained) {
            char remedy[80];
            snprintf(remedy, sizeof remedy, "leave %s out, or set a card's own: ethtool -G",
                     slots[i].key);
            return pio_refuse(error, EINVAL, remedy, "netmap gives port '%s' %s=%llu", o->port,
                              slots[i].key, (unsigned long long)slots[i].obtained);
        }
    return 0;
}

/* Where a ring is, or NULL when it is not within the mapping. */
static struct netmap_abi_ring *ring_at(const struct netmap *n, const struct netmap_abi_port *port,
                                       uint64_t index) {
    size_t port_at = (size_t)((const uint8_t *)port - (const uint8_t *)n->map);
    if (index >= (n->map_bytes - port_at - sizeof *port) / sizeof port->ring_offsets[0])
        return NULL;
    uint64_t at = port_at + (uint64_t)port->ring_offsets[index];
    if (!port->ring_offsets[index] || at % _Alignof(int64_t) || at >= n->map_bytes ||
        n->map_bytes - at < sizeof(struct netmap_abi_ring))
        return NULL;
    struct netmap_abi_ring *ring = (struct netmap_abi_ring *)((uint8_t *)n->map + at);
    uint64_t slots_bytes = (uint64_t)ring->slots_count * sizeof ring->slots[0];
    if (ring->slots_count < 2 || ring->slots_count > NETMAP_SLOTS_MAX || ring->offset_mask ||
        n->map_bytes - at - sizeof *ring < slots_bytes || ring->head >= ring->slots_count)
        return NULL;
    return ring;
}

/* 1 when the ring's buffers are those of all; the first ring tells which. */
static int buffers_alike(struct netmap *n, const struct netmap_abi_ring *ring) {
    uint64_t at = (uint64_t)((const uint8_t *)ring - (const uint8_t *)n->map) +
                  (uint64_t)ring->buffers_offset;
    uint32_t bytes = ring->buffer_bytes;
    if (n->buffers)
        return n->buffers == (uint8_t *)n->map + at && n->buffer_bytes == bytes;
    if (at >= n->map_bytes || bytes < 64 || (n->map_bytes - at) / bytes > UINT32_MAX)
        return 0;
    n->buffers = (uint8_t *)n->map + at;
    n->buffer_bytes = bytes;
    n->buffer_count = (uint32_t)((n->map_bytes - at) / bytes);
    return 1;
}

/* Finds the rings asked for in the mapping: one to send, and one or all to receive. */
static int rings_find(struct netmap *n, const struct options *o, uint64_t port_offset,
                      struct pio_error *error) {
    const struct netmap_abi_port *port = (const void *)((const uint8_t *)n->map + port_offset);
    if (port_offset % _Alignof(int64_t) || port_offset >= n->map_bytes ||
        n->map_bytes - port_offset < sizeof *port)
        return refuse_layout(error);
    int is_stack = o->kind == NETMAP_STACK;
    int is_one = o->rings == NETMAP_ABI_ONE_NIC || o->rings == NETMAP_ABI_ONE_HOST;
    uint32_t tx_count = is_stack ? port->host_tx_rings : port->tx_rings;
    uint32_t rx_count = is_stack ? port->host_rx_rings : port->rx_rings;
    /* Of a direction with fewer rings than named netmap takes the first. */
    uint32_t tx_at = o->ring_index < tx_count ? (uint32_t)o->ring_index : 0;
    uint32_t rx_at = o->ring_index < rx_count ? (uint32_t)o->ring_index : 0;
    uint64_t tx_first = (is_stack ? port->tx_rings : 0) + (uint64_t)tx_at;
    uint64_t rx_first = (uint64_t)port->tx_rings + port->host_tx_rings +
                        (is_stack ? port->rx_rings : 0);
    n->rx_count = is_one ? 1 : rx_count;
    if (n->rx_count > NETMAP_RX_RINGS_MAX)
        return pio_refuse(error, E2BIG, "open them one by one, as in netmap:eth0-0",
                          "netmap port '%s' has %u rings, and %u is the most of one queue",
                          o->port, n->rx_count, NETMAP_RX_RINGS_MAX);
    struct netmap_abi_ring *ring = tx_count && n->rx_count ? ring_at(n, port, tx_first) : NULL;
    if (!ring || !buffers_alike(n, ring))
        return refuse_layout(error);
    n->tx.ring = ring;
    n->tx.slots_count = ring->slots_count;
    n->tx.head = n->tx.told = ring->head;
    for (uint32_t i = 0; i < n->rx_count; i++) {
        ring = ring_at(n, port, rx_first + rx_at + i);
        if (!ring || !buffers_alike(n, ring))
            return refuse_layout(error);
        n->rx[i] = (struct netmap_rx){.ring = ring, .slots_count = ring->slots_count,
                                      .head = ring->head, .next = ring->head,
                                      .told = ring->head};
    }
    return 0;
}

static void mode_set(struct pio_queue *queue, const struct options *o) {
    struct netmap *n = queue->state;
    const char *modes[] = {[NETMAP_INTERFACE] = "emulated", [NETMAP_STACK] = "stack",
                           [NETMAP_VALE] = "vale", [NETMAP_PIPE] = "zerocopy"};
    const char *mode = modes[o->kind];
    if (o->kind == NETMAP_INTERFACE && netmap_device_native(n->socket, o->port))
        mode = "zerocopy";
    snprintf(queue->info->mode, sizeof queue->info->mode, "%s", mode);
}

static int attach(struct pio_queue *queue, const struct options *o, struct pio_error *error) {
    struct netmap *n = queue->state;
    struct netmap_abi_register request;
    int has_interface = o->kind == NETMAP_INTERFACE || o->kind == NETMAP_STACK, number = 0;
    n->kind = o->kind;
    n->tx.wire_bytes_max = FRAME_BYTES_MAX;
    n->fd = device_open(error);
    if (n->fd < 0)
        return errno;
    if (has_interface)
        number = netmap_device_open(queue, o->port, (int)o->promiscuous, error);
    if (number)
        return number;
    if (o->native && o->kind == NETMAP_INTERFACE && !netmap_device_native(n->socket, o->port)) {
        char remedy[96];
        snprintf(remedy, sizeof remedy, "name it, if that is what you want: netmap:%.40s", o->port);
        return pio_refuse(error, ENOTSUP, remedy,
                          "the driver of '%.40s' has no netmap in it, and the emulated adapter "
                          "would take the interface from the kernel",
                          o->port);
    }
    /* The kernel refuses this one without a reason. */
    uint64_t buffer_bytes = netmap_device_setting("buf_size");
    if (has_interface && buffer_bytes && n->tx.wire_bytes_max > buffer_bytes)
        return refuse_mtu(n, o, buffer_bytes, error);
    number = port_register(n, o, &request, error);
    if (number)
        return number;
    void *map = mmap(NULL, request.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, n->fd, 0);
    if (map == MAP_FAILED)
        return pio_refuse(error, errno, "free some memory", "netmap's rings cannot be mapped: %s",
                          strerror(errno));
    n->map = map;
    n->map_bytes = request.map_bytes;
    number = rings_find(n, o, request.port_offset, error);
    if (number)
        return number;
    if (has_interface && n->tx.wire_bytes_max > n->buffer_bytes)
        return refuse_mtu(n, o, n->buffer_bytes, error);
    n->lent_slots_bytes = (size_t)n->buffer_count * sizeof *n->lent_slots;
    n->lent_slots = tp_memory_map(n->lent_slots_bytes, 0);
    if (!n->lent_slots)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    uint32_t longest = n->tx.wire_bytes_max + (has_interface ? VLAN_BYTES : 0);
    queue->info->frame_bytes_max = longest < n->buffer_bytes ? longest : n->buffer_bytes;
    return 0;
}

static void release_all(struct netmap *n) {
    if (n->lent_slots)
        tp_memory_unmap(n->lent_slots, n->lent_slots_bytes);
    if (n->map)
        munmap(n->map, n->map_bytes);
    if (n->fd >= 0)
        close(n->fd);
    netmap_device_close(n);
    free(n);
}

static int netmap_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct options options;
    int number = options_read(&options, device, error);
    if (number)
        return number;
    struct netmap *n = calloc(1, sizeof *n);
    if (!n)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    n->fd = n->socket = n->missed_fd = -1;
    queue->state = n;
    number = attach(queue, &options, error);
    if (number) {
        release_all(n);
        return number;
    }
    netmap_hot_set(queue);
    mode_set(queue, &options);
    netmap_device_read(queue);
    queue->info->forwards = 1;
    return 0;
}

static void netmap_close(struct pio_queue *queue) {
    release_all(queue->state);
}

static int netmap_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    int fd = device_open(error);
    if (fd < 0)
        return errno;
    close(fd);
    snprintf(mode, mode_bytes, netmap_device_native_any() ? "zerocopy" : "emulated");
    return 0;
}

const struct pio_backend pio_backend_netmap = {
    .name = "netmap",
    .summary = "an interface, VALE switch port or pipe of netmap; needs its kernel module",
    .extra_names = {"rx_undersize", "rx_blanks", "sync_errors", "ring_resets"},
    .probe = netmap_probe,
    .open = netmap_open,
    .close = netmap_close,
    .hear = netmap_device_hear,
};
