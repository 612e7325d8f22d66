/* netmap_kernel.c: a user-space stand-in for netmap's half of the rings.
 *
 * Linked with --wrap=open,--wrap=ioctl,--wrap=close in front of pio_netmap*.c, it answers for
 * /dev/netmap and lets every other call pass. One memory file holds ports, rings and buffers;
 * a descriptor of /dev/netmap is a duplicate of it, so that mmap(2) is the real one.
 *
 * What it proves: that the C code, the same source as in the product, keeps to the rules that
 * netmap's own checks enforce (the program moves head forward within its slots, touches no slot of
 * the kernel's, says so when a slot's buffer is another, and loses and doubles no buffer), and
 * that frames come through in order. A breach is remembered as the first fault.
 *
 * What it does not prove: that netmap behaves like this. It was written from netmap's documents,
 * header and source, by those who wrote the backend, and shares their misunderstandings; there is
 * no concurrency, no interrupt, no driver, no memory of a card in it. Only the same tests over a
 * loaded module show that, and they run wherever there is one.
 */
#define _GNU_SOURCE
#include "netmap_kernel_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct port ports[PORTS_MAX];
int settings[NETMAP_KERNEL_SETTINGS];
uint8_t *memory, buffer_used[BUFFERS_MAX];
static struct binding bindings[FDS_MAX];
static uint8_t is_netmap[FDS_MAX];
static int memory_fd = -1;
static uint32_t buffer_next = NETMAP_ABI_BUFFER_FIRST;

int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_close(int fd);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_close(int fd);

/* ---- memory ---- */

static uint32_t buffer_take(void) {
    for (uint32_t tried = 0; tried < BUFFERS_MAX; tried++) {
        uint32_t index = buffer_next++;
        if (buffer_next == BUFFERS_MAX)
            buffer_next = NETMAP_ABI_BUFFER_FIRST;
        if (!buffer_used[index]) {
            buffer_used[index] = 1;
            return index;
        }
    }
    return 0;
}

static void ring_make(struct ring *ring, void *at, uint32_t slots, int is_rx, int has_buffers) {
    *ring = (struct ring){.shared = at, .count = slots};
    memset(at, 0, RING_BYTES);
    ring->shared->buffers_offset = memory + BUFFERS_AT - (uint8_t *)at;
    ring->shared->slots_count = slots;
    ring->shared->buffer_bytes = BUFFER_BYTES;
    ring->shared->direction = (uint16_t)is_rx;
    ring->hwtail = ring->pipe_tail = ring->shared->tail = is_rx ? 0 : slots - 1;
    for (uint32_t i = 0; has_buffers && i < slots; i++)
        ring->buffers[i] = ring->shared->slots[i].buffer_index = buffer_take();
}

/* Every buffer of the ring is given back; each must have been in one slot alone. */
static void ring_end(struct ring *ring, uint32_t from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++, from = next(ring, from)) {
        uint32_t index = ring->shared->slots[from].buffer_index;
        if (index >= BUFFERS_MAX || !buffer_used[index])
            complain("buffer %u of slot %u is lost or doubled", index, from);
        else
            buffer_used[index] = 0;
    }
}

/* ---- ports ---- */

static struct port *port_find(const char *name) {
    for (uint32_t i = 0; i < PORTS_MAX; i++)
        if (ports[i].kind != FREE && !strcmp(ports[i].name, name))
            return &ports[i];
    return NULL;
}

static struct port *port_make(const char *name, enum kind kind,
                              const struct netmap_abi_register *wish) {
    struct port *port = ports;
    while (port < ports + PORTS_MAX && port->kind != FREE)
        port++;
    if (port == ports + PORTS_MAX)
        return NULL;
    uint8_t *at = memory + (size_t)(port - ports) * PORT_BYTES;
    struct netmap_abi_port *shared = (void *)at;
    uint32_t plain = settings[NETMAP_KERNEL_SLOTS] ? (uint32_t)settings[NETMAP_KERNEL_SLOTS] : 256;
    uint32_t rings = settings[NETMAP_KERNEL_RINGS] ? (uint32_t)settings[NETMAP_KERNEL_RINGS] : 1;
    uint32_t tx_slots = wish->tx_slots && kind != INTERFACE ? wish->tx_slots : plain;
    uint32_t rx_slots = wish->rx_slots && kind != INTERFACE ? wish->rx_slots : plain;
    memset(port, 0, sizeof *port);
    memset(at, 0, 4096);
    port->kind = kind;
    snprintf(port->name, sizeof port->name, "%s", name);
    port->rings = kind == INTERFACE ? rings : 1;
    port->host_rings = kind == INTERFACE ? rings : 0;
    shared->tx_rings = shared->rx_rings = port->rings;
    shared->host_tx_rings = shared->host_rx_rings = port->host_rings;
    uint32_t all = port->rings + port->host_rings;
    for (uint32_t i = 0; i < 2 * all; i++) {
        uint8_t *ring_at = at + 4096 + i * RING_BYTES;
        shared->ring_offsets[i] = ring_at - at;
        uint32_t slots = i < all ? tx_slots : rx_slots;
        ring_make(i < all ? &port->tx[i] : &port->rx[i - all], ring_at,
                  slots < SLOTS_MAX ? slots : SLOTS_MAX, i >= all, i < all || kind != PIPE);
    }
    return port;
}

/* A pipe's ends share what is in flight: it is in the transmit ring or in the peer's receive. */
static void pipe_end(struct port *port) {
    struct ring *tx = &port->tx[0], *rx = &port->peer->rx[0];
    uint32_t in_flight = span(rx, rx->hwcur, rx->pipe_tail);
    ring_end(rx, rx->hwcur, in_flight);
    ring_end(tx, rx->pipe_tail, tx->count - in_flight);
}

static void port_close(struct port *port) {
    if (--port->opened)
        return;
    if (port->kind == PIPE) {
        if (port->peer->opened)
            return;
        pipe_end(port);
        pipe_end(port->peer);
        port->peer->kind = FREE;
    } else {
        for (uint32_t i = 0; i < port->rings + port->host_rings; i++) {
            ring_end(&port->tx[i], 0, port->tx[i].count);
            ring_end(&port->rx[i], 0, port->rx[i].count);
        }
    }
    port->kind = FREE;
}

static struct port *pipe_open(const char *name, const struct netmap_abi_register *wish) {
    char other[NETMAP_ABI_NAME_BYTES];
    struct port *port = port_find(name), *peer;
    if (port)
        return port;
    struct netmap_abi_register swapped = {.tx_slots = wish->rx_slots, .rx_slots = wish->tx_slots};
    snprintf(other, sizeof other, "%s", name);
    char *brace = strpbrk(other, "{}");
    *brace = *brace == '{' ? '}' : '{';
    port = port_make(name, PIPE, wish);
    peer = port ? port_make(other, PIPE, &swapped) : NULL;
    if (!peer)
        return NULL;
    port->peer = peer;
    peer->peer = port;
    return port;
}

/* What a kernel gone mad, or another version of it, might describe. */
static void layout_spoil(struct netmap_abi_port *port, struct netmap_abi_register *request) {
    struct netmap_abi_ring *ring = (void *)((uint8_t *)port + port->ring_offsets[0]);
    int which = settings[NETMAP_KERNEL_LAYOUT];
    settings[NETMAP_KERNEL_LAYOUT] = 0;
    switch (which) {
    case 1: request->port_offset = request->map_bytes; break;
    case 2: port->ring_offsets[0] = (int64_t)request->map_bytes; break;
    case 3: port->ring_offsets[1] = -(int64_t)request->map_bytes; break;
    case 4: ring->slots_count = 1; break;
    case 5: ring->buffers_offset = (int64_t)request->map_bytes; break;
    case 6: ring->offset_mask = 0xffff; break;
    case 7: port->tx_rings = UINT32_MAX; break;
    default: break;
    }
}

static int port_bind(struct binding *binding, const struct netmap_abi_header *header) {
    struct netmap_abi_register *request = (void *)(uintptr_t)header->body;
    const char *name = header->name;
    enum kind kind = strpbrk(name, "{}") ? PIPE : strchr(name, ':') ? VALE : INTERFACE;
    if (header->version != NETMAP_ABI_VERSION || header->request != NETMAP_ABI_REGISTER)
        return EINVAL;
    if (settings[NETMAP_KERNEL_REGISTER_ERRNO])
        return settings[NETMAP_KERNEL_REGISTER_ERRNO];
    struct port *port = kind == PIPE ? pipe_open(name, request) : port_find(name);
    if (!port)
        port = port_make(name, kind, request);
    if (!port)
        return ENOMEM;
    int is_host = request->rings == NETMAP_ABI_ALL_HOST || request->rings == NETMAP_ABI_ONE_HOST;
    int is_one = request->rings == NETMAP_ABI_ONE_NIC || request->rings == NETMAP_ABI_ONE_HOST;
    uint32_t count = is_host ? port->host_rings : port->rings;
    binding->first = (is_host ? port->rings : 0) + (is_one ? request->ring_index : 0);
    binding->count = is_one ? 1 : count;
    for (int fd = 0; fd < FDS_MAX; fd++)
        if (bindings[fd].port == port && &bindings[fd] != binding &&
            bindings[fd].first < binding->first + binding->count &&
            binding->first < bindings[fd].first + bindings[fd].count)
            return EBUSY;
    if (request->ring_index >= count)
        return EINVAL;
    binding->port = port;
    port->opened++;
    request->port_offset = (uint64_t)(port - ports) * PORT_BYTES;
    request->map_bytes = MEMORY_BYTES;
    request->tx_slots = port->tx[0].count;
    request->rx_slots = port->rx[0].count;
    layout_spoil((void *)(memory + request->port_offset), request);
    return 0;
}

/* ---- system calls ---- */

int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    if (strcmp(path, "/dev/netmap"))
        return __real_open(path, flags, mode);
    errno = settings[NETMAP_KERNEL_OPEN_ERRNO];
    if (errno)
        return -1;
    if (memory_fd < 0) {
        memory_fd = memfd_create("netmap", MFD_CLOEXEC);
        if (memory_fd < 0 || ftruncate(memory_fd, (off_t)MEMORY_BYTES))
            return -1;
        memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                      memory_fd, 0);
    }
    int fd = fcntl(memory_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || fd >= FDS_MAX || memory == MAP_FAILED)
        return -1;
    is_netmap[fd] = 1;
    return fd;
}

int __wrap_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (fd < 0 || fd >= FDS_MAX || !is_netmap[fd])
        return __real_ioctl(fd, request, argument);
    errno = request == NETMAP_ABI_CONTROL   ? port_bind(&bindings[fd], argument)
            : request == NETMAP_ABI_TX_SYNC ? sync_rings(&bindings[fd], 0)
            : request == NETMAP_ABI_RX_SYNC ? sync_rings(&bindings[fd], 1)
                                            : ENOTTY;
    return errno ? -1 : 0;
}

int __wrap_close(int fd) {
    if (fd >= 0 && fd < FDS_MAX && is_netmap[fd]) {
        if (bindings[fd].port)
            port_close(bindings[fd].port);
        is_netmap[fd] = 0;
        bindings[fd] = (struct binding){0};
    }
    return __real_close(fd);
}

/* ---- what a test asks ---- */

void netmap_kernel_set(enum netmap_kernel_setting setting, int value) {
    settings[setting] = value;
}

void netmap_kernel_forget(void) {
    memset(settings, 0, sizeof settings);
    complaint_forget();
}

struct netmap_abi_ring *netmap_kernel_ring(const char *name, int receive, uint32_t index) {
    struct port *port = port_find(name);
    return port ? (receive ? port->rx : port->tx)[index].shared : NULL;
}
