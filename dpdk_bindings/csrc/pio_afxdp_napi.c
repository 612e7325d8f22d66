/* pio_afxdp_napi.c: which of the kernel's poll routines (NAPI) a queue's frames come through (see
 * pio_afxdp.h).
 *
 * Busy polling asks the kernel, through a socket, to run the routine whose id the socket knows. An
 * AF_XDP socket in zero-copy mode is told when it is bound. In copy mode it learned the id from
 * the first frame before Linux 6.13, and never does since; from 6.15 on it is told when it is
 * bound, too, but by those drivers alone that name their queues' routines to the kernel, as veth
 * does not (docs/decisions.md). A UDP socket still learns it from a datagram. So one that hears a
 * destination of the queue's own waits for a datagram, before the program takes them all, and the
 * driver is polled through that socket from then on: a line of a feed has a heartbeat a second.
 *
 * It takes nothing from anybody: a port that another program's socket has is left alone, unless
 * both hear a group, where each gets its own. Once it knows, it hears nothing and sends nothing,
 * for good: it may be handed to a process that is to reach no network.
 */
#define _GNU_SOURCE
#include "pio_afxdp.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MAX 65536u /* datagrams: more than any receive buffer holds */
#define WAIT_MS_GROUP 1500u /* a feed's heartbeat comes every second */

uint32_t afxdp_napi_of(int fd) {
    uint32_t id = 0;
    socklen_t bytes = sizeof id;
    return getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &bytes) ? 0 : id;
}

/* Does an AF_XDP socket that copies learn the id by itself? */
static int kernel_tells(void) {
    struct utsname system;
    unsigned major = 0, minor = 0;
    if (uname(&system) || sscanf(system.release, "%u.%u", &major, &minor) != 2)
        return 0;
    return major < 6 || (major == 6 && minor < 13);
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The destination whose datagram is waited for: the first group, else the first that has a port. */
static const struct afxdp_rule *destination(const struct afxdp_options *o) {
    const struct afxdp_rule *first = NULL;
    for (uint32_t i = 0; i < o->rule_count; i++) {
        const struct afxdp_rule *rule = &o->rules[i];
        if (rule->port && IN_MULTICAST(rule->address))
            return rule;
        if (rule->port && !first)
            first = rule;
    }
    return first;
}

/* A socket that hears the destination; -1 when it cannot, as where its port is somebody else's.
 * A port is shared with others for groups only: of a station's, the last to come would have all. */
static int listener_make(const struct afxdp_options *o, const struct afxdp_rule *rule, int index) {
    const int on = 1, us = (int)o->busy_poll_us, budget = (int)o->busy_poll_budget;
    int group = IN_MULTICAST(rule->address);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(rule->port),
                               .sin_addr.s_addr = htonl(rule->address)};
    struct ip_mreqn member = {.imr_multiaddr = here.sin_addr, .imr_ifindex = index};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = fd < 0 ||
                 (group && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) ||
                 setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->interface,
                            (socklen_t)strlen(o->interface)) ||
                 setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) ||
                 setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us) ||
                 setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) ||
                 bind(fd, (struct sockaddr *)&here, sizeof here) ||
                 (group && o->join &&
                  setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member));
    if (failed && fd >= 0)
        close(fd);
    return failed ? -1 : fd;
}

/* From now on it is good for polling alone. Connected to nobody (RFC 5737, the discard port), it
 * is no match for a datagram, which goes to whom it went without it and is not counted as an error
 * of UDP's; the filter is for when it cannot be. 0, or -1: it could still hear or send. */
static int silence(int fd) {
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog filter = {1, &nothing};
    const int locked = 1;
    const struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9),
                                       .sin_addr.s_addr = htonl(0xc0000201)};
    char byte;
    connect(fd, (const struct sockaddr *)&nobody, sizeof nobody);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) ||
        setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &locked, sizeof locked) ||
        (shutdown(fd, SHUT_WR) && errno != ENOTCONN)) /* shut all the same */
        return -1;
    for (uint32_t i = 0; i < DRAIN_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++)
        ;
    return 0;
}

int afxdp_napi_is_listener(int fd) {
    int family = 0, protocol = 0, locked = 0;
    socklen_t bytes = sizeof family;
    return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) && family == AF_INET &&
           !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes) &&
           protocol == IPPROTO_UDP &&
           !getsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &locked, &bytes) && locked;
}

int afxdp_napi_listen(const struct afxdp_options *o, int index, int socket) {
    const struct afxdp_rule *rule = destination(o);
    uint64_t wait_ms = o->busy_poll_wait_ms;
    if (wait_ms == AFXDP_WAIT_BY_DESTINATION)
        wait_ms = rule && IN_MULTICAST(rule->address) ? WAIT_MS_GROUP : 0;
    if (!o->busy_poll_us || !rule || !wait_ms || o->mode == AFXDP_ZEROCOPY ||
        afxdp_napi_of(socket) || kernel_tells())
        return -1;
    int fd = listener_make(o, rule, index), interrupted = 0;
    char byte;
    uint64_t end = now_ms() + wait_ms, now;
    while (fd >= 0 && !interrupted && !afxdp_napi_of(fd) && (now = now_ms()) < end) {
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        int ready = poll(&waits, 1, (int)(end - now));
        interrupted = ready < 0 && errno == EINTR; /* Ctrl-C, most likely */
        if (ready > 0)
            recv(fd, &byte, 1, MSG_DONTWAIT);
    }
    if (fd >= 0 && (!afxdp_napi_of(fd) || silence(fd))) {
        close(fd);
        fd = -1;
    }
    return fd;
}
