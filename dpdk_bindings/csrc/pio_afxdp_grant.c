/* pio_afxdp_grant.c: the part of opening an AF_XDP queue that needs privileges (see pio_afxdp.h).
 *
 * Order matters. Memory and rings first; then the program, which passes everything on while no
 * socket is there; then the bind, in the best mode that program and driver allow; the socket goes
 * into the program's table last, so that nothing is ever given to a socket that is not ready.
 * The rings are left empty: whoever attaches fills them, be it another process.
 */
#define _GNU_SOURCE
#include "pio_afxdp_site.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUGE_BYTES ((size_t)2 << 20)
/* The kernel lets go of a closed socket's queue a little later, in a worker of its own. */
#define BIND_TRIES 100u
#define BIND_PAUSE_US 2000u

const char *const afxdp_mode_names[] = {"auto", "zerocopy", "copy", "skb"};

size_t afxdp_part_bytes(const struct afxdp_options *o, uint32_t frame_bytes) {
    return (size_t)(o->rx_slots + o->tx_slots) * afxdp_chunk_bytes(frame_bytes);
}

size_t afxdp_umem_bytes(const struct afxdp_options *o, uint32_t frame_bytes) {
    size_t bytes = afxdp_part_bytes(o, frame_bytes) * o->queues;
    return (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

/* ---- refusals ---- */

static int refuse_memory(size_t bytes, struct pio_error *error) {
    int number = errno;
    struct rlimit limit = {0};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (number == ENOBUFS || number == EPERM)
        return pio_refuse(error, number,
                          "raise it (ulimit -l unlimited; in systemd: LimitMEMLOCK=infinity), give "
                          "CAP_IPC_LOCK, or ask for fewer slots",
                          "the %zu MiB of frames are more than this process may lock, %llu KiB "
                          "(RLIMIT_MEMLOCK)", bytes >> 20,
                          (unsigned long long)limit.rlim_cur >> 10);
    return pio_refuse(error, number, "free some memory, or ask for fewer slots",
                      "the kernel does not take %zu MiB of frames: %s", bytes >> 20,
                      strerror(number));
}

static int refuse_bind(const struct afxdp_options *o, struct pio_error *error) {
    int number = errno;
    char remedy[sizeof error->remedy];
    if (number == EBUSY)
        return pio_refuse(error, number, "end the process that has it, or open another queue",
                          "queue %llu of '%s' has an AF_XDP socket already",
                          (unsigned long long)o->queue, o->interface);
    if (o->mode == AFXDP_ZEROCOPY) {
        snprintf(remedy, sizeof remedy, "take what there is: leave mode=zerocopy out");
        return pio_refuse(error, number, remedy,
                          "the driver of '%s' gives no zero-copy on queue %llu: %s", o->interface,
                          (unsigned long long)o->queue, strerror(number));
    }
    snprintf(remedy, sizeof remedy, "see that it is up and has that queue: ethtool -l %s",
             o->interface);
    return pio_refuse(error, number, remedy, "queue %llu of '%s' cannot be bound: %s",
                      (unsigned long long)o->queue, o->interface, strerror(number));
}

static int option_set(int fd, int level, int option, const char *what, const void *value,
                      socklen_t bytes, struct pio_error *error) {
    if (!setsockopt(fd, level, option, value, bytes))
        return 0;
    int number = errno;
    return pio_refuse(error, number,
                      number == EPERM ? "run as root, or give CAP_NET_ADMIN"
                                      : "use Linux 5.11 or newer, the oldest that has all of them",
                      "the kernel refuses %s: %s", what, strerror(number));
}

/* ---- socket and memory ---- */

static int socket_make(struct pio_error *error) {
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), number = errno;
    if (fd >= 0)
        return fd;
    if (number == EAFNOSUPPORT)
        pio_refuse(error, number, "use Linux 5.11 or newer with CONFIG_XDP_SOCKETS",
                   "this kernel has no AF_XDP sockets");
    else if (number == EPERM)
        pio_refuse(error, number, "run as root, or give CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF",
                   "no permission to open an AF_XDP socket");
    else
        pio_refuse(error, number, "free some of that resource", "no AF_XDP socket: %s",
                   strerror(number));
    errno = number;
    return -1;
}

/* Tells the socket where its frames lie. The kernel keeps the pages; our mapping may go. */
static int memory_register(int fd, const struct afxdp_pool *pool, struct pio_error *error) {
    struct xdp_umem_reg umem;
    void *map = mmap(NULL, pool->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                     pool->fd, 0);
    if (map == MAP_FAILED)
        return refuse_memory(pool->bytes, error);
    memset(&umem, 0, sizeof umem); /* padding included: the kernel looks at it */
    umem.addr = (uintptr_t)map;
    umem.len = pool->bytes;
    umem.chunk_size = pool->chunk_bytes;
    int number = setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem)
                     ? refuse_memory(pool->bytes, error)
                     : 0;
    munmap(map, pool->bytes);
    return number;
}

static int rings_make(int fd, const struct afxdp_options *o, struct pio_error *error) {
    const int rx = (int)o->rx_slots, tx = (int)o->tx_slots;
    int number = option_set(fd, SOL_XDP, XDP_UMEM_FILL_RING, "a fill ring", &rx, sizeof rx, error);
    if (!number)
        number = option_set(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, "a completion ring", &tx,
                            sizeof tx, error);
    if (!number)
        number = option_set(fd, SOL_XDP, XDP_RX_RING, "a receive ring", &rx, sizeof rx, error);
    if (!number)
        number = option_set(fd, SOL_XDP, XDP_TX_RING, "a transmit ring", &tx, sizeof tx, error);
    return number;
}

static int busy_poll_set(int fd, const struct afxdp_options *o, struct pio_error *error) {
    const int prefer = 1, us = (int)o->busy_poll_us, budget = (int)o->busy_poll_budget;
    if (!us)
        return 0;
    int number = option_set(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, "busy polling", &prefer,
                            sizeof prefer, error);
    if (!number)
        number = option_set(fd, SOL_SOCKET, SO_BUSY_POLL, "busy polling", &us, sizeof us, error);
    if (!number)
        number = option_set(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, "a busy-poll budget", &budget,
                            sizeof budget, error);
    return number;
}

int afxdp_grant_bind(struct afxdp_grant *g, const struct afxdp_options *o, int index, int shared,
                     struct pio_error *error) {
    int fd = g->fds[AFXDP_FD_SOCKET];
    struct xdp_options got = {0};
    socklen_t bytes = sizeof got;
    struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_ifindex = (uint32_t)index,
                                   .sxdp_queue_id = (uint32_t)o->queue};
    if (shared >= 0) {
        address.sxdp_flags = XDP_SHARED_UMEM;
        address.sxdp_shared_umem_fd = (uint32_t)shared;
    } else {
        /* With neither flag the kernel takes zero-copy if the driver has it. */
        address.sxdp_flags = XDP_USE_NEED_WAKEUP;
        if (g->mode == AFXDP_ZEROCOPY)
            address.sxdp_flags |= XDP_ZEROCOPY;
        else if (g->mode != AFXDP_AUTO)
            address.sxdp_flags |= XDP_COPY;
    }
    for (uint32_t tries = 1; bind(fd, (struct sockaddr *)&address, sizeof address); tries++) {
        if (errno != EBUSY || tries == BIND_TRIES)
            return refuse_bind(o, error);
        usleep(BIND_PAUSE_US);
    }
    if (getsockopt(fd, SOL_XDP, XDP_OPTIONS, &got, &bytes))
        got.flags = 0;
    if (got.flags & XDP_OPTIONS_ZEROCOPY)
        g->mode = AFXDP_ZEROCOPY;
    else if (g->mode != AFXDP_SKB)
        g->mode = AFXDP_COPY;
    return 0;
}

/* From now on the program gives it frames, as soon as it is bound. */
static int socket_enlist(const struct afxdp_grant *g, const struct afxdp_options *o,
                         struct pio_error *error) {
    if (!afxdp_sockets_put(g->site->sockets, (uint32_t)o->queue, g->fds[AFXDP_FD_SOCKET]))
        return 0;
    return pio_refuse(error, errno, "name a lower queue",
                      "the XDP program takes no socket for queue %llu: %s",
                      (unsigned long long)o->queue, strerror(errno));
}

/* ---- the grant ---- */

static int frame_bytes_choose(struct afxdp_grant *g, const struct afxdp_options *o,
                              const struct afxdp_device *device, struct pio_error *error) {
    uint32_t wire = device->mtu + ETH_HLEN + AFXDP_VLAN_BYTES;
    char remedy[sizeof error->remedy];
    g->frame_bytes = (uint32_t)o->frame_bytes;
    if (!g->frame_bytes && wire > AFXDP_FRAME_BYTES_MAX) {
        uint32_t mtu = AFXDP_FRAME_BYTES_MAX - ETH_HLEN - AFXDP_VLAN_BYTES;
        snprintf(remedy, sizeof remedy, "ip link set dev %s mtu %u; or say frame_bytes=%u, and "
                 "lose longer ones; or take afpacket:%s", o->interface, mtu, AFXDP_FRAME_BYTES_MAX,
                 o->interface);
        return pio_refuse(error, EMSGSIZE, remedy,
                          "the MTU of '%s' is %u, and a frame of AF_XDP holds %u", o->interface,
                          device->mtu, mtu);
    }
    if (!g->frame_bytes)
        g->frame_bytes = wire;
    return 0;
}

static int pool_join(struct afxdp_grant *g, const struct afxdp_options *o, int *shared,
                     struct pio_error *error) {
    int number = afxdp_pool_find(&g->pool, &g->part, g->site, o, g->frame_bytes, error);
    if (number)
        return number;
    *shared = -1;
    for (uint32_t i = 0; i < g->pool->parts; i++)
        if (g->pool->members[i] >= 0)
            *shared = g->pool->members[i];
    if (*shared < 0)
        number = memory_register(g->fds[AFXDP_FD_SOCKET], g->pool, error);
    return number;
}

/* The grant's own descriptors of what the site and the pool have. */
static int descriptors_copy(struct afxdp_grant *g, int shared, struct pio_error *error) {
    const int from[AFXDP_FDS] = {[AFXDP_FD_UMEM] = g->pool->fd, [AFXDP_FD_SOCKET] = -1,
                                 [AFXDP_FD_LINK] = g->site->link,
                                 [AFXDP_FD_COUNTS] = g->site->counts, [AFXDP_FD_CONTROL] = -1,
                                 [AFXDP_FD_SHARED] = shared, [AFXDP_FD_POLL] = -1};
    for (int i = 0; i < AFXDP_FDS; i++)
        if (from[i] >= 0 && (g->fds[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3)) < 0)
            return pio_refuse(error, errno, "raise the limit: ulimit -n",
                              "no file descriptor for the queue: %s", strerror(errno));
    return 0;
}

/* For another process: whoever has a packet socket may bind it to any interface, hear what passes
 * there and send whatever they like. What asks the kernel about an interface can be any socket of
 * its namespace, so the other gets one that reaches no network; or, where memberships hang on it,
 * a packet socket that never hears anything again. */
static int control_weaken(struct afxdp_grant *g, const struct afxdp_options *o,
                          struct pio_error *error) {
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog filter = {1, &nothing};
    const int locked = 1;
    int control = g->fds[AFXDP_FD_CONTROL];
    if (o->promiscuous || o->hears) {
        int number = option_set(control, SOL_SOCKET, SO_ATTACH_FILTER, "a filter", &filter,
                                sizeof filter, error);
        return number ? number : option_set(control, SOL_SOCKET, SO_LOCK_FILTER,
                                            "to lock a filter", &locked, sizeof locked, error);
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return pio_refuse(error, errno, "raise the limit: ulimit -n",
                          "no file descriptor for the queue: %s", strerror(errno));
    close(control);
    g->fds[AFXDP_FD_CONTROL] = fd;
    return 0;
}

static int grant_fill(struct afxdp_grant *g, const struct afxdp_options *o, struct afxdp *maps,
                      struct pio_error *error) {
    struct afxdp_device device;
    int shared = -1, control = g->fds[AFXDP_FD_CONTROL] = afxdp_control_socket(error);
    if (control < 0)
        return errno;
    int number = afxdp_device_find(control, o->interface, &device, error);
    if (!number)
        number = afxdp_device_queues(control, o, &device, error);
    if (!number)
        number = frame_bytes_choose(g, o, &device, error);
    if (number)
        return number;
    int fd = g->fds[AFXDP_FD_SOCKET] = socket_make(error);
    if (fd < 0)
        return errno;
    struct packet_mreq promiscuous = {.mr_ifindex = device.index, .mr_type = PACKET_MR_PROMISC};
    if (o->promiscuous)
        number = option_set(control, SOL_PACKET, PACKET_ADD_MEMBERSHIP, "promiscuous mode",
                            &promiscuous, sizeof promiscuous, error);
    if (!number)
        number = busy_poll_set(fd, o, error);
    if (!number && o->stamps == AFXDP_STAMPS_HARDWARE)
        number = afxdp_device_hook(control, o, &device, error);
    if (!number)
        number = afxdp_site_join(&g->site, o, &device, error);
    if (!number)
        number = pool_join(g, o, &shared, error);
    if (!number)
        number = rings_make(fd, o, error);
    g->mode = !number && g->site->is_skb ? AFXDP_SKB : o->mode;
    if (!number && !maps) /* who binds it shall bind it here; Linux 6.6 and newer see to that */
        number = option_set(fd, SOL_SOCKET, SO_BINDTODEVICE, "to tie the socket to the interface",
                            o->interface, (socklen_t)strlen(o->interface), error);
    if (!number && maps)
        number = afxdp_rings_map(maps, o, error);
    if (!number && maps)
        number = afxdp_grant_bind(g, o, device.index, shared, error);
    if (!number)
        number = descriptors_copy(g, maps ? -1 : shared, error);
    if (!number && !maps)
        number = control_weaken(g, o, error);
    if (number)
        return number;
    /* While it waits, others may open and close theirs: what is ours is ours by now. */
    g->pool->members[g->part] = fd;
    afxdp_unlock();
    g->fds[AFXDP_FD_POLL] = afxdp_napi_listen(o, device.index, fd);
    afxdp_lock();
    return socket_enlist(g, o, error);
}

static void release_locked(struct afxdp_grant *g) {
    for (int i = 0; i < AFXDP_FDS; i++) {
        if (g->fds[i] >= 0)
            close(g->fds[i]);
        g->fds[i] = -1;
    }
    if (g->pool)
        afxdp_pool_leave(g->site, g->pool, g->part);
    if (g->site)
        afxdp_site_leave(g->site, g->queue);
    g->pool = NULL;
    g->site = NULL;
}

int afxdp_grant_make(struct afxdp_grant *grant, const struct afxdp_options *o, struct afxdp *maps,
                     struct pio_error *error) {
    *grant = (struct afxdp_grant){.fds = AFXDP_NO_FDS, .queue = (uint32_t)o->queue};
    afxdp_lock();
    int number = grant_fill(grant, o, maps, error);
    if (number)
        release_locked(grant);
    afxdp_unlock();
    return number;
}

void afxdp_grant_release(struct afxdp_grant *grant) {
    afxdp_lock();
    release_locked(grant);
    afxdp_unlock();
}

int afxdp_grant_probe(struct pio_error *error) {
    int fd = afxdp_control_socket(error);
    if (fd < 0)
        return errno;
    close(fd);
    fd = socket_make(error);
    if (fd < 0)
        return errno;
    close(fd);
    return afxdp_site_probe(error);
}
