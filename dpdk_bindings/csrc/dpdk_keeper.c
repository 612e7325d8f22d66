/* dpdk_keeper.c: looks after open ports from EAL's own thread (what it does: dpdk_port.h). */
#include "dpdk_keeper.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int running;

void dpdk_keeper_lock(void) {
    pthread_mutex_lock(&lock);
}

void dpdk_keeper_unlock(void) {
    pthread_mutex_unlock(&lock);
}

int dpdk_keeper_reconnects(const char *device, const char *driver) {
    return !strcmp(driver, "net_memif") &&
           (strstr(device, "role=client") || strstr(device, "role=slave"));
}

#define publish(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

void dpdk_keeper_look(struct dpdk_port *port) {
    struct rte_eth_link link = {0};
    struct rte_eth_stats stats;
    struct dpdk_published *p = &port->published;
    int gone = rte_eth_link_get_nowait(port->id, &link) == -ENODEV;
    publish(p->link, gone                                           ? PIO_LINK_GONE
                     : port->started && link.link_status == RTE_ETH_LINK_UP ? PIO_LINK_UP
                                                                            : PIO_LINK_DOWN);
    if (!rte_eth_stats_get(port->id, &stats)) {
        publish(p->rx_missed, stats.imissed + stats.rx_nombuf);
        publish(p->rx_errors, stats.ierrors);
        publish(p->tx_errors, stats.oerrors);
    }
    __atomic_add_fetch(&p->generation, 1, __ATOMIC_RELEASE);
}

static int all_parked(struct dpdk_port *port) {
    for (uint32_t i = 0; i < DPDK_QUEUES_MAX; i++)
        if (port->open_queues >> i & 1 && !__atomic_load_n(&port->parked[i], __ATOMIC_ACQUIRE))
            return 0;
    return 1;
}

/* A step a look: ask the queues to park; once they have, stop; then start until it succeeds. */
static void reconnect(struct dpdk_port *port) {
    if (port->started && port->published.link == PIO_LINK_UP)
        return;
    if (port->started && !port->parking) {
        publish(port->parking, 1);
        return;
    }
    if (port->started) {
        if (!all_parked(port) || rte_eth_dev_stop(port->id))
            return;
        port->started = 0;
    }
    if (rte_eth_dev_start(port->id))
        return;
    port->started = 1;
    port->published.restarts++;
    __atomic_store_n(&port->parking, 0, __ATOMIC_RELEASE);
}

static void look_after_all(void *none) {
    /* Whoever holds the lock opens or closes; the next look is soon enough. */
    if (!pthread_mutex_trylock(&lock)) {
        for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; id++) {
            struct dpdk_port *port = dpdk_port_at(id);
            if (!port)
                continue;
            dpdk_keeper_look(port);
            if (port->reconnects)
                reconnect(port);
        }
        pthread_mutex_unlock(&lock);
    }
    rte_eal_alarm_set(DPDK_KEEPER_US, look_after_all, none);
}

void dpdk_keeper_start(void) {
    if (!running)
        running = !rte_eal_alarm_set(DPDK_KEEPER_US, look_after_all, NULL);
}

void dpdk_keeper_stop(void) {
    pthread_mutex_lock(&lock);
    int was = running;
    running = 0;
    pthread_mutex_unlock(&lock);
    if (was)
        rte_eal_alarm_cancel(look_after_all, (void *)-1);
}
