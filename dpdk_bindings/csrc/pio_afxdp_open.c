/* pio_afxdp_open.c: opens and closes AF_XDP queues (see pio_afxdp.h).
 *
 * Two halves. A grant is made with privileges (pio_afxdp_grant.c), or adopted: another process
 * made it and handed over its file descriptors. Attaching to it maps memory and rings, and needs
 * no privilege at all.
 */
#include "pio_afxdp.h"
#include "pio_afxdp_opener.h"
#include "pio_afxdp_statistics.h"
#include "pio_interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- attaching ---- */

static int ring_map(struct afxdp_ring *ring, int fd, uint64_t offset,
                    const struct xdp_ring_offset *at, uint64_t slots, size_t entry_bytes,
                    struct pio_error *error) {
    size_t bytes = at->desc + slots * entry_bytes;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                     (off_t)offset);
    if (map == MAP_FAILED)
        return pio_refuse(error, errno,
                          errno == EBUSY ? "open it here, with privileges, or use Linux 6.4"
                                         : "free some memory, or ask for fewer slots",
                          "the rings of the AF_XDP socket cannot be mapped: %s", strerror(errno));
    uint8_t *base = map;
    ring->map = map;
    ring->map_bytes = bytes;
    ring->producer = (uint32_t *)(base + at->producer);
    ring->consumer = (uint32_t *)(base + at->consumer);
    ring->flags = (uint32_t *)(base + at->flags);
    ring->entries = base + at->desc;
    ring->mask = (uint32_t)slots - 1;
    ring->at = ring->seen = 0;
    return 0;
}

int afxdp_rings_map(struct afxdp *a, const struct afxdp_options *o, struct pio_error *error) {
    struct xdp_mmap_offsets at;
    socklen_t bytes = sizeof at;
    a->fd = a->grant.fds[AFXDP_FD_SOCKET];
    if (getsockopt(a->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &bytes) || bytes != sizeof at)
        return pio_refuse(error, EINVAL, "use Linux 5.11 or newer",
                          "descriptor %d is no AF_XDP socket whose rings are known", a->fd);
    int number = ring_map(&a->rx, a->fd, XDP_PGOFF_RX_RING, &at.rx, o->rx_slots,
                          sizeof(struct xdp_desc), error);
    if (!number)
        number = ring_map(&a->tx.ring, a->fd, XDP_PGOFF_TX_RING, &at.tx, o->tx_slots,
                          sizeof(struct xdp_desc), error);
    if (!number)
        number = ring_map(&a->fill, a->fd, XDP_UMEM_PGOFF_FILL_RING, &at.fr, o->rx_slots,
                          sizeof(uint64_t), error);
    if (!number)
        number = ring_map(&a->tx.completions, a->fd, XDP_UMEM_PGOFF_COMPLETION_RING, &at.cr,
                          o->tx_slots, sizeof(uint64_t), error);
    return number;
}

/* Frames [0, rx_slots) of our part are lent to the kernel, the rest are for sending. */
static int frames_share(struct afxdp *a, const struct afxdp_options *o, struct pio_error *error) {
    uint64_t chunk = afxdp_chunk_bytes(a->grant.frame_bytes);
    uint64_t base = a->grant.part * (uint64_t)afxdp_part_bytes(o, a->grant.frame_bytes);
    uint64_t *fill = a->fill.entries;
    struct afxdp_tx *tx = &a->tx;
    tx->unused = calloc(o->tx_slots, sizeof *tx->unused);
    tx->positions = calloc(o->tx_slots, sizeof *tx->positions);
    tx->sent = calloc(o->tx_slots, sizeof *tx->sent);
    if (!tx->unused || !tx->positions || !tx->sent)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    if (*a->fill.producer || *a->rx.producer || *tx->ring.producer)
        return pio_refuse(error, EBUSY, "have the opener open another",
                          "the AF_XDP socket on '%s' was used already", o->interface);
    for (uint64_t i = 0; i < o->rx_slots; i++)
        fill[i] = base + i * chunk;
    tx->base = base + o->rx_slots * chunk;
    for (uint32_t i = 0; i < o->tx_slots; i++)
        tx->unused[i] = i;
    tx->tail = (uint32_t)o->tx_slots;
    a->chunk_mask = chunk - 1;
    a->chunk_shift = (uint32_t)__builtin_ctzll(chunk);
    a->fill.at = (uint32_t)o->rx_slots;
    __atomic_store_n(a->fill.producer, a->fill.at, __ATOMIC_RELEASE);
    return 0;
}

static int memory_map(struct afxdp *a, const struct afxdp_options *o, struct pio_info *info,
                      struct pio_error *error) {
    int umem = a->grant.fds[AFXDP_FD_UMEM], counts = a->grant.fds[AFXDP_FD_COUNTS];
    struct stat file;
    struct statfs system;
    a->umem_bytes = afxdp_umem_bytes(o, a->grant.frame_bytes);
    if (fstat(umem, &file) || fstatfs(umem, &system) || (size_t)file.st_size != a->umem_bytes)
        return pio_refuse(error, EINVAL, "pass on the queue name that the opener was given",
                          "descriptor %d is no memory of %zu bytes", umem, a->umem_bytes);
    void *map = mmap(NULL, a->umem_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, umem,
                     0);
    if (map == MAP_FAILED)
        return pio_refuse(error, errno, "free some memory, or ask for fewer slots",
                          "%zu MiB of frames cannot be mapped: %s", a->umem_bytes >> 20,
                          strerror(errno));
    a->umem = map;
    if (system.f_type == HUGETLBFS_MAGIC)
        info->stats.extra[AFXDP_HUGE_PAGES] = a->umem_bytes / (uint64_t)system.f_bsize;
    map = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, counts, 0);
    if (map == MAP_FAILED)
        return pio_refuse(error, errno, "use Linux 5.11 or newer",
                          "the counter of the XDP program cannot be mapped: %s", strerror(errno));
    a->counts = map;
    a->elsewhere_before = a->counts[0];
    return 0;
}

/* The kernel joins the groups, and says so to routers, for as long as a socket of its own is
 * open. It is bound to no port and hears nothing. */
static int groups_join(struct afxdp *a, const struct afxdp_options *o, struct pio_error *error) {
    for (uint32_t i = 0; o->join && i < o->rule_count; i++) {
        struct ip_mreqn member = {.imr_multiaddr.s_addr = htonl(o->rules[i].address),
                                  .imr_ifindex = a->interface_index};
        if (!IN_MULTICAST(o->rules[i].address))
            continue;
        if (a->membership < 0)
            a->membership = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (a->membership < 0 ||
            (setsockopt(a->membership, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member) &&
             errno != EADDRINUSE))
            return pio_refuse(error, errno,
                              errno == ENOBUFS ? "raise net.ipv4.igmp_max_memberships"
                                               : "see that it has IPv4, or say join=0",
                              "the kernel does not join %s on '%s': %s",
                              inet_ntoa(member.imr_multiaddr), o->interface, strerror(errno));
    }
    return 0;
}

static int attach(struct pio_queue *queue, const struct afxdp_options *o,
                  struct pio_error *error) {
    struct afxdp *a = queue->state;
    struct pio_info *info = queue->info;
    struct afxdp_device device;
    int number = afxdp_device_find(a->grant.fds[AFXDP_FD_CONTROL], o->interface, &device, error);
    if (number)
        return number;
    a->interface_index = device.index;
    a->stamps = (uint8_t)o->stamps;
    a->busy_polls = o->busy_poll_us > 0;
    int partial = o->partial_checksums;
    a->partial_checksums = (uint8_t)(partial >= 0 ? partial : afxdp_device_partial(device.driver));
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fdinfo/%d", a->grant.fds[AFXDP_FD_LINK]);
    a->link_info = open(link, O_RDONLY | O_CLOEXEC);
    memcpy(info->mac, device.mac, sizeof info->mac);
    info->frame_bytes_max = a->grant.frame_bytes;
    number = memory_map(a, o, info, error);
    if (!number && o->adopts)
        number = afxdp_rings_map(a, o, error);
    if (!number && o->adopts)
        number = afxdp_grant_bind(&a->grant, o, device.index, a->grant.fds[AFXDP_FD_SHARED],
                                  error);
    if (!number)
        number = groups_join(a, o, error);
    if (!number)
        number = frames_share(a, o, error);
    if (number)
        return number;
    int poll_fd = a->grant.fds[AFXDP_FD_POLL];
    /* Its own socket, where binding told it what to poll, wakes the driver for its rings, too. */
    a->poll_fd = poll_fd >= 0 && !afxdp_napi_of(a->fd) ? poll_fd : a->fd;
    info->stats.extra[AFXDP_BUSY_POLLED] = a->busy_polls && afxdp_napi_of(a->poll_fd);
    afxdp_clock_read(a);
    afxdp_device_read(queue);
    afxdp_hot_set(queue);
    snprintf(info->mode, sizeof info->mode, "%s", afxdp_mode_names[a->grant.mode]);
    return 0;
}

/* ---- open and close ---- */

static void release_all(struct afxdp *a) {
    struct afxdp_ring *rings[] = {&a->rx, &a->fill, &a->tx.ring, &a->tx.completions};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        if (rings[i]->map)
            munmap(rings[i]->map, rings[i]->map_bytes);
    if (a->umem)
        munmap(a->umem, a->umem_bytes);
    if (a->counts)
        munmap((void *)a->counts, (size_t)sysconf(_SC_PAGESIZE));
    if (a->membership >= 0)
        close(a->membership);
    if (a->link_info >= 0)
        close(a->link_info);
    afxdp_grant_release(&a->grant);
    free(a->tx.unused);
    free(a->tx.positions);
    free(a->tx.sent);
    free(a);
}

/* Descriptors that are not what they should be are not ours to close. */
static int adopt(struct afxdp_grant *g, const struct afxdp_options *o, struct pio_error *error) {
    int domains[2] = {0, 0}, poll_fd = g->fds[AFXDP_FD_POLL];
    socklen_t bytes = sizeof domains[0];
    g->mode = o->mode;
    g->frame_bytes = (uint32_t)o->frame_bytes;
    if (!getsockopt(g->fds[AFXDP_FD_SOCKET], SOL_SOCKET, SO_DOMAIN, &domains[0], &bytes) &&
        !getsockopt(g->fds[AFXDP_FD_CONTROL], SOL_SOCKET, SO_DOMAIN, &domains[1], &bytes) &&
        domains[0] == AF_XDP && (domains[1] == AF_UNIX || domains[1] == AF_PACKET) &&
        (poll_fd < 0 || afxdp_napi_is_listener(poll_fd)))
        return 0;
    for (int i = 0; i < AFXDP_FDS; i++)
        g->fds[i] = -1;
    return pio_refuse(error, EBADF, "hand over what the opener opened, under the same numbers",
                      "fds= and poll_fd= name no descriptors of an AF_XDP queue");
}

static int afxdp_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct afxdp_options options;
    struct afxdp *a = aligned_alloc(64, (sizeof *a + 63) & ~(size_t)63);
    if (!a)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    memset(a, 0, sizeof *a);
    a->membership = a->link_info = -1;
    a->grant = (struct afxdp_grant){.fds = AFXDP_NO_FDS};
    int number = afxdp_options_read(&options, &a->grant, device, error);
    if (number) {
        free(a);
        return number;
    }
    queue->state = a;
    if (options.adopts)
        number = adopt(&a->grant, &options, error);
    else
        number = afxdp_grant_make(&a->grant, &options, a, error);
    if (!number)
        number = attach(queue, &options, error);
    if (number)
        release_all(a);
    return number;
}

static void afxdp_close(struct pio_queue *queue) {
    release_all(queue->state);
}

/* The kernel forgets the membership when the socket is closed. */
static int afxdp_hear(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error) {
    const struct afxdp *a = queue->state;
    return pio_interface_hear(a->grant.fds[AFXDP_FD_CONTROL], a->interface_index, group,
                              "see that it exists: ip link", error);
}

/* Makes what does not touch an interface: a socket, a table, a program. */
static int afxdp_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    int number = afxdp_grant_probe(error);
    if (!number)
        snprintf(mode, mode_bytes, "zerocopy, copy or skb");
    return number;
}

/* ---- for others to read ---- */

void afxdp_statistics_write(const struct pio_queue *queue) {
    struct tp_statistics *table = ((const struct afxdp *)queue->state)->statistics;
    const char *const *names = queue->info->backend->extra_names;
    if (!table)
        return;
    tp_statistics_begin(table);
    for (uint32_t i = 0; i < PIO_STATS_EXTRA_MAX && names[i]; i++)
        tp_statistics_add(table, names[i], queue->info->stats.extra[i]);
    tp_statistics_end(table);
}

int afxdp_statistics_to(struct pio_queue *queue, struct tp_statistics *table) {
    queue = pio_innermost(queue);
    if (queue->info->backend->close != afxdp_close)
        return ENOTSUP;
    ((struct afxdp *)queue->state)->statistics = table;
    afxdp_statistics_write(queue);
    return 0;
}

/* ---- for a privileged opener ---- */

int afxdp_opener_open(const char *device, int hears, struct afxdp_opened *opened,
                      struct pio_error *error) {
    struct afxdp_options options;
    struct afxdp_grant *grant = calloc(1, sizeof *grant);
    if (!grant)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    int number = afxdp_options_read(&options, grant, device, error);
    if (!number && options.adopts)
        number = pio_refuse(error, EINVAL, "leave fds= out", "a queue with fds= is opened already");
    options.hears = hears;
    if (!number)
        number = afxdp_grant_make(grant, &options, NULL, error);
    if (number) {
        free(grant);
        return number;
    }
    opened->grant = grant;
    memcpy(opened->fds, grant->fds, sizeof opened->fds);
    opened->frame_bytes = grant->frame_bytes;
    opened->part = grant->part;
    snprintf(opened->mode, sizeof opened->mode, "%s", afxdp_mode_names[grant->mode]);
    return 0;
}

void afxdp_opener_close(struct afxdp_opened *opened) {
    if (!opened->grant)
        return;
    afxdp_grant_release(opened->grant);
    free(opened->grant);
    opened->grant = NULL;
}

const struct pio_backend pio_backend_afxdp = {
    .name = "afxdp",
    .summary = "a network interface through AF_XDP, past most of the kernel; root, or three "
               "capabilities",
    .extra_names = {"rx_elsewhere", "rx_fill_empty", "tx_retries", "tx_invalid", "huge_pages",
                    "rx_unstamped", "busy_polled"},
    .probe = afxdp_probe,
    .open = afxdp_open,
    .close = afxdp_close,
    .hear = afxdp_hear,
};
