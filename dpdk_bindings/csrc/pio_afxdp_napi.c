/* pio_afxdp_napi.c: which of the kernel's poll routines (NAPI) a queue's frames come through (see
 * pio_afxdp.h).
 *
 * Busy polling asks the kernel, through a socket, to run the routine whose id the socket knows. An
 * AF_XDP socket in zero-copy mode is told when it is bound. In copy mode it learned the id from
 * the first frame before Linux 6.13, and never does since; from 6.15 on it is told when it is
 * bound, too, but by those drivers alone that name their queues' routines to the kernel, as veth
 * does not (docs/decisions.md). A UDP socket still learns it from each datagram. So one that hears
 * the queue's own destinations waits for a datagram, before the program takes them all, and the
 * driver is polled through that socket from then on: a line of a feed has a heartbeat a second.
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

/* A socket that hears the first of the destinations that has a port, and the groups with the same
 * port; -1 when there is none, or the port is somebody's who does not share it. */
static int listener_make(const struct afxdp_options *o, int index) {
    uint32_t first = 0;
    const int on = 1, us = (int)o->busy_poll_us, budget = (int)o->busy_poll_budget;
    while (first < o->rule_count && !o->rules[first].port)
        first++;
    if (first == o->rule_count)
        return -1;
    uint16_t port = o->rules[first].port;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = fd < 0 ||
                 setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
                 setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->interface,
                            (socklen_t)strlen(o->interface)) ||
                 setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) ||
                 setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us) ||
                 setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) ||
                 bind(fd, (struct sockaddr *)&any, sizeof any);
    for (uint32_t i = first; !failed && i < o->rule_count; i++) {
        struct ip_mreqn member = {.imr_multiaddr.s_addr = htonl(o->rules[i].address),
                                  .imr_ifindex = index};
        if (o->rules[i].port == port && IN_MULTICAST(o->rules[i].address))
            failed = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member) &&
                     errno != EADDRINUSE;
    }
    if (failed && fd >= 0)
        close(fd);
    return failed ? -1 : fd;
}

/* Nothing more is to be heard: polling looks at an empty socket. */
static void deafen(int fd) {
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog filter = {1, &nothing};
    char byte;
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
    for (uint32_t i = 0; i < DRAIN_MAX && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; i++)
        ;
}

int afxdp_napi_listen(const struct afxdp_options *o, int index, int socket) {
    if (!o->busy_poll_us || afxdp_napi_of(socket) || kernel_tells())
        return -1;
    int fd = listener_make(o, index);
    char byte;
    uint64_t end = now_ms() + o->busy_poll_wait_ms, now;
    while (fd >= 0 && !afxdp_napi_of(fd) && (now = now_ms()) < end) {
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        if (poll(&waits, 1, (int)(end - now)) > 0)
            recv(fd, &byte, 1, MSG_DONTWAIT);
    }
    if (fd >= 0 && !afxdp_napi_of(fd)) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        deafen(fd);
    return fd;
}
