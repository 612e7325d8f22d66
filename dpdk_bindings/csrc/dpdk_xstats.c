/* dpdk_xstats.c: devices' extended statistics in shared memory (see dpdk_xstats.h). */
#include "dpdk_xstats.h"

#include "dpdk_keeper.h"

#include <errno.h>

#define TABLES_MAX 32u
#define LOOKS_A_SECOND (1000000u / DPDK_KEEPER_US)
/* Of one device; more than any has. Theirs beyond what a table holds are counted as left out. */
#define XSTATS_MAX 4096u

static struct {
    struct tp_statistics *table; /* NULL: free */
    uint16_t port_id;
    uint32_t looks;
} targets[TABLES_MAX];

/* Used with the keeper's lock held. */
static struct rte_eth_xstat values[XSTATS_MAX];
static struct rte_eth_xstat_name names[XSTATS_MAX];

static void write_table(const struct dpdk_port *port, struct tp_statistics *table) {
    int named = rte_eth_xstats_get_names(port->id, names, XSTATS_MAX);
    int count = rte_eth_xstats_get(port->id, values, XSTATS_MAX);
    tp_statistics_begin(table);
    /* Ours first, so that a device with very many cannot crowd them out. */
    tp_statistics_add(table, "link_up",
                      __atomic_load_n(&port->published.link, __ATOMIC_RELAXED) == PIO_LINK_UP);
    tp_statistics_add(table, "link_losses",
                      __atomic_load_n(&port->published.link_losses, __ATOMIC_RELAXED));
    tp_statistics_add(table, "restarts",
                      __atomic_load_n(&port->published.restarts, __ATOMIC_RELAXED));
    /* Either is the number there would be, with nothing filled in, when that is beyond the most. */
    for (int i = 0; i < count && count <= (int)XSTATS_MAX && named <= (int)XSTATS_MAX; i++)
        if (values[i].id < (uint64_t)(named < 0 ? 0 : named))
            tp_statistics_add(table, names[values[i].id].name, values[i].value);
    tp_statistics_end(table);
}

void dpdk_xstats_look(const struct dpdk_port *port) {
    for (uint32_t i = 0; i < TABLES_MAX; i++)
        if (targets[i].table && targets[i].port_id == port->id &&
            targets[i].looks++ % LOOKS_A_SECOND == 0)
            write_table(port, targets[i].table);
}

static const struct dpdk_port *port_of(const char *device) {
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++)
        if (dpdk_ports[i].attached && !strcmp(dpdk_ports[i].device, device))
            return &dpdk_ports[i];
    return NULL;
}

int dpdk_xstats_to(const char *device, struct tp_statistics *table) {
    int number = ENOSPC;
    dpdk_keeper_lock();
    const struct dpdk_port *port = port_of(device);
    for (uint32_t i = 0; port && number && i < TABLES_MAX; i++) {
        if (targets[i].table)
            continue;
        targets[i].table = table;
        targets[i].port_id = port->id;
        targets[i].looks = 1;
        write_table(port, table);
        number = 0;
    }
    dpdk_keeper_unlock();
    return port ? number : ENODEV;
}

void dpdk_xstats_end(struct tp_statistics *table) {
    dpdk_keeper_lock();
    for (uint32_t i = 0; i < TABLES_MAX; i++)
        if (targets[i].table == table)
            targets[i].table = NULL;
    dpdk_keeper_unlock();
}
