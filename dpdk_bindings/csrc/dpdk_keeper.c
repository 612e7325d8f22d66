/* dpdk_keeper.c: looks after open ports from EAL's own thread (what it does: dpdk_port.h).
 *
 * memif's driver, told by its socket that the peer is gone, unmaps the shared rings right there, on
 * EAL's interrupt thread; a polling thread within a burst then dies of SIGSEGV. DPDK has no hook
 * before that, but the driver logs each message, and the end of the connection, before it acts
 * (21.11 to this day). dpdk_eal.c has it log at that level and calls dpdk_keeper_beware from within
 * the log, which halts the guards of memif's ports. An alarm lets them go on: it runs on the same
 * thread, so the driver is done then. For the same reason memif ports are stopped and closed on
 * that thread only: the driver does not expect both at once.
 */
#define _GNU_SOURCE
#include "dpdk_keeper.h"

#include "dpdk_eal.h"
#include "dpdk_fault_in.h"
#include "dpdk_xstats.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A client that was started is given this many looks, a minute, to hear from its server. No less: a
 * server stumbles over a connection that is closed before it was accepted, and DPDK's panics. */
#define ANSWER_LOOKS 1200u
/* One that was turned away, or whose server died meanwhile, tries again after so many. */
#define RETRY_LOOKS 4u
/* A burst that lasts longer waits for the very log line that waits for it. */
#define BURST_NS_MAX INT64_C(2000000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int running;

void dpdk_keeper_lock(void) {
    pthread_mutex_lock(&lock);
}

void dpdk_keeper_unlock(void) {
    pthread_mutex_unlock(&lock);
}

#define publish(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

void dpdk_keeper_look(struct dpdk_port *port) {
    struct rte_eth_link link = {0};
    struct rte_eth_stats stats;
    struct dpdk_published *p = &port->published;
    uint64_t before = p->link, now = PIO_LINK_DOWN;
    if (rte_eth_link_get_nowait(port->id, &link) == -ENODEV)
        now = PIO_LINK_GONE;
    else if (port->started && link.link_status == RTE_ETH_LINK_UP)
        now = PIO_LINK_UP;
    publish(p->link, now);
    if (before == PIO_LINK_UP && now != PIO_LINK_UP)
        publish(p->link_losses, p->link_losses + 1);
    if (!rte_eth_stats_get(port->id, &stats)) {
        publish(p->rx_missed, stats.imissed + stats.rx_nombuf);
        publish(p->rx_errors, stats.ierrors);
        publish(p->tx_errors, stats.oerrors);
    }
    dpdk_clock_look(&port->clock, port->id);
    __atomic_add_fetch(&p->generation, 1, __ATOMIC_RELEASE);
}

/* ---- guards ---- */

static void halted_set(struct dpdk_port *port, uint32_t halted) {
    for (uint32_t i = 0; i < port->options.queues; i++)
        __atomic_store_n(&port->guards[i].halted, halted, __ATOMIC_RELEASE);
}

/* Every thread of ours has passed a memory barrier when this returns. */
static void fence_everyone(void) {
    static int registered;
    const struct timespec longer_than_any_store_waits = {0, 1000000};
    if (!registered)
        registered = !syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0))
        nanosleep(&longer_than_any_store_waits, NULL);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void bursts_wait(const struct dpdk_port *port) {
    const struct timespec moment = {0, 1000};
    int64_t deadline = now_ns() + BURST_NS_MAX;
    for (uint32_t i = 0; i < port->options.queues; i++)
        while (__atomic_load_n(&port->guards[i].busy, __ATOMIC_ACQUIRE) && now_ns() < deadline)
            nanosleep(&moment, NULL);
}

static void let_go_on(void *none) {
    /* Whoever holds the lock may be stopping a port: later. */
    if (pthread_mutex_trylock(&lock)) {
        rte_eal_alarm_set(1000, let_go_on, none);
        return;
    }
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++)
        if (dpdk_ports[i].attached && dpdk_ports[i].started)
            halted_set(&dpdk_ports[i], 0);
    pthread_mutex_unlock(&lock);
}

/* Without the lock, whose holder may be waiting for this thread: what is set here of a port that is
 * just being opened or closed, let_go_on or the next opening puts right. */
void dpdk_keeper_beware(const char *line, size_t bytes) {
    static const char lost[] = "Disconnected, id: ";
    const char *said = memmem(line, bytes, lost, sizeof lost - 1);
    uint32_t lost_id = said ? (uint32_t)strtoul(said + sizeof lost - 1, NULL, 10) : 0;
    int found = 0;
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++) {
        struct dpdk_port *port = &dpdk_ports[i];
        if (!port->is_memif)
            continue;
        halted_set(port, 1);
        found = 1;
        if (said && port->memif_id == lost_id &&
            port->looks_waited < ANSWER_LOOKS - RETRY_LOOKS)
            port->looks_waited = ANSWER_LOOKS - RETRY_LOOKS;
    }
    if (!found)
        return;
    fence_everyone();
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++)
        if (dpdk_ports[i].is_memif)
            bursts_wait(&dpdk_ports[i]);
    rte_eal_alarm_set(1, let_go_on, NULL);
}

/* ---- the interrupt thread's work ---- */

static void reconnect(struct dpdk_port *port) {
    if (port->started && port->published.link == PIO_LINK_UP) {
        port->was_up = 1;
        return;
    }
    if (port->started && !port->was_up && port->looks_waited++ < ANSWER_LOOKS)
        return;
    if (port->started) {
        halted_set(port, 1);
        fence_everyone();
        bursts_wait(port);
        if (rte_eth_dev_stop(port->id))
            return;
        port->started = 0;
    }
    port->was_up = 0;
    port->looks_waited = 0;
    dpdk_log_hush(1); /* it would say twenty times a second that nobody is there */
    int result = rte_eth_dev_start(port->id);
    dpdk_log_hush(0);
    if (result)
        return;
    port->started = 1;
    publish(port->published.restarts, port->published.restarts + 1);
    halted_set(port, 0);
}

static void look_after_all(void *none) {
    int open = 1;
    /* Whoever holds the lock opens or closes; the next look is soon enough. */
    if (!pthread_mutex_trylock(&lock)) {
        open = 0;
        for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++) {
            struct dpdk_port *port = &dpdk_ports[i];
            if (!port->attached)
                continue;
            open = 1;
            dpdk_keeper_look(port);
            dpdk_fault_in_look(port);
            dpdk_xstats_look(port);
            if (port->reconnects)
                reconnect(port);
        }
        running = open;
        pthread_mutex_unlock(&lock);
    }
    if (open)
        rte_eal_alarm_set(DPDK_KEEPER_US, look_after_all, none);
}

void dpdk_keeper_start(void) {
    if (!running)
        running = !rte_eal_alarm_set(DPDK_KEEPER_US, look_after_all, NULL);
}

struct errand {
    void (*work)(struct dpdk_port *);
    struct dpdk_port *port;
    uint32_t done;
};

static void errand_run(void *argument) {
    struct errand *errand = argument;
    errand->work(errand->port);
    __atomic_store_n(&errand->done, 1, __ATOMIC_RELEASE);
}

void dpdk_keeper_run(void (*work)(struct dpdk_port *), struct dpdk_port *port) {
    const struct timespec moment = {0, 20000};
    struct errand errand = {work, port, 0};
    if (dpdk_thread_is_intr() || rte_eal_alarm_set(1, errand_run, &errand)) {
        work(port);
        return;
    }
    while (!__atomic_load_n(&errand.done, __ATOMIC_ACQUIRE))
        nanosleep(&moment, NULL);
}
