/* dpdk_control.c: what Python asks of a port and tells it, beside bursts (see dpdk_handle.h). */
#include "dpdk_handle.h"

#include "dpdk_eal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_BITS RTE_ETH_RETA_GROUP_SIZE
#define TABLE_MAX 2048u
#define NAME_BYTES ((size_t)RTE_ETH_XSTATS_NAME_SIZE)

/* ---- what it is ---- */

int dpdk_handle_info(struct dpdk_handle *handle, struct dpdk_device_info *info) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    struct rte_eth_dev_info device;
    uint16_t mtu = 0;
    if (!port)
        return number;
    number = rte_eth_dev_info_get(port->id, &device);
    if (number)
        return dpdk_handle_done(number);
    rte_eth_dev_get_mtu(port->id, &mtu);
    memset(info, 0, sizeof *info);
    snprintf(info->driver, sizeof info->driver, "%s", device.driver_name);
    memcpy(info->mac, port->mac, sizeof info->mac);
    info->numa_node = rte_eth_dev_socket_id(port->id);
    info->rx_queues_max = device.max_rx_queues;
    info->tx_queues_max = device.max_tx_queues;
    info->rx_slots = port->options.rx_slots;
    info->tx_slots = port->options.tx_slots;
    info->mtu = mtu;
    info->mtu_min = device.min_mtu;
    info->mtu_max = device.max_mtu;
    info->rx_offloads = device.rx_offload_capa;
    info->tx_offloads = device.tx_offload_capa;
    info->rss_types = device.flow_type_rss_offloads;
    info->rss_table_size = device.reta_size;
    info->rss_key_bytes = device.hash_key_size;
    return dpdk_handle_done(0);
}

int dpdk_handle_link(struct dpdk_handle *handle, struct dpdk_link_state *state) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    struct rte_eth_link link = {0};
    if (!port)
        return number;
    number = rte_eth_link_get_nowait(port->id, &link);
    *state = (struct dpdk_link_state){port->started && link.link_status == RTE_ETH_LINK_UP,
                                      link.link_speed,
                                      link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX,
                                      link.link_autoneg == RTE_ETH_LINK_AUTONEG};
    return dpdk_handle_done(number);
}

const char *dpdk_offload_name(int transmitting, uint32_t bit) {
    const char *name = transmitting ? rte_eth_dev_tx_offload_name(UINT64_C(1) << bit)
                                    : rte_eth_dev_rx_offload_name(UINT64_C(1) << bit);
    return strcmp(name, "UNKNOWN") ? name : "";
}

const char *dpdk_rss_name(uint32_t bit) {
    static const struct {
        uint64_t type;
        const char *name;
    } names[] = {
        {RTE_ETH_RSS_IPV4, "ipv4"},
        {RTE_ETH_RSS_FRAG_IPV4, "ipv4-fragment"},
        {RTE_ETH_RSS_NONFRAG_IPV4_TCP, "ipv4-tcp"},
        {RTE_ETH_RSS_NONFRAG_IPV4_UDP, "ipv4-udp"},
        {RTE_ETH_RSS_NONFRAG_IPV4_OTHER, "ipv4-other"},
        {RTE_ETH_RSS_IPV6, "ipv6"},
        {RTE_ETH_RSS_NONFRAG_IPV6_TCP, "ipv6-tcp"},
        {RTE_ETH_RSS_NONFRAG_IPV6_UDP, "ipv6-udp"},
        {RTE_ETH_RSS_L2_PAYLOAD, "ethernet"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == UINT64_C(1) << bit)
            return names[i].name;
    return "";
}

/* ---- what it hears ---- */

int dpdk_handle_set_mtu(struct dpdk_handle *handle, uint16_t mtu) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    number = rte_eth_dev_set_mtu(port->id, mtu);
    if (number == -EBUSY) { /* only while it is stopped */
        dpdk_handle_silence(handle);
        number = rte_eth_dev_stop(port->id);
        if (!number) {
            number = rte_eth_dev_set_mtu(port->id, mtu);
            int restarted = rte_eth_dev_start(port->id);
            port->started = !restarted;
            number = number ? number : restarted;
        }
        dpdk_handle_resume(handle);
    }
    return dpdk_handle_done(number);
}

int dpdk_handle_hearing(struct dpdk_handle *handle) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    number = (rte_eth_promiscuous_get(port->id) == 1) | (rte_eth_allmulticast_get(port->id) == 1)
                                                            << 1;
    return dpdk_handle_done(number);
}

/* One of DPDK's switches of a port. */
static int port_switch(struct dpdk_handle *handle, int (*act)(uint16_t)) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    return dpdk_handle_done(act(port->id));
}

int dpdk_handle_set_promiscuous(struct dpdk_handle *handle, int on) {
    return port_switch(handle, on ? rte_eth_promiscuous_enable : rte_eth_promiscuous_disable);
}

int dpdk_handle_set_all_multicast(struct dpdk_handle *handle, int on) {
    return port_switch(handle, on ? rte_eth_allmulticast_enable : rte_eth_allmulticast_disable);
}

int dpdk_handle_groups(struct dpdk_handle *handle, uint8_t *groups, uint32_t count_max) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    for (uint32_t i = 0; i < port->group_count && i < count_max; i++)
        memcpy(groups + 6 * (size_t)i, port->groups[i].addr_bytes, 6);
    return dpdk_handle_done((int)port->group_count);
}

int dpdk_handle_set_groups(struct dpdk_handle *handle, const uint8_t *groups, uint32_t count) {
    struct rte_ether_addr list[DPDK_GROUPS_MAX];
    int number;
    if (count > DPDK_GROUPS_MAX)
        return -ENOSPC;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    for (uint32_t i = 0; i < count; i++)
        memcpy(list[i].addr_bytes, groups + 6 * (size_t)i, 6);
    number = rte_eth_dev_set_mc_addr_list(port->id, list, count);
    if (!number) {
        memcpy(port->groups, list, count * sizeof *list);
        port->group_count = count;
    }
    return dpdk_handle_done(number);
}

/* ---- statistics ---- */

int dpdk_handle_stats(struct dpdk_handle *handle, uint64_t values[8],
                      struct dpdk_handle_counts *counts) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    struct rte_eth_stats s = {0};
    if (!port)
        return number;
    number = rte_eth_stats_get(port->id, &s);
    const uint64_t all[8] = {s.ipackets,  s.ibytes,   s.imissed, s.ierrors,
                             s.rx_nombuf, s.opackets, s.obytes,  s.oerrors};
    memcpy(values, all, sizeof all);
    dpdk_handle_count(handle, counts);
    return dpdk_handle_done(number);
}

int dpdk_handle_stats_reset(struct dpdk_handle *handle) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    number = rte_eth_stats_reset(port->id);
    int extended = rte_eth_xstats_reset(port->id);
    return dpdk_handle_done(number ? number : extended);
}

int dpdk_handle_extended_stats(struct dpdk_handle *handle, char *names, uint64_t *values,
                               uint32_t count_max) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    int count = rte_eth_xstats_get_names(port->id, NULL, 0);
    if (count <= 0 || (uint32_t)count > count_max)
        return dpdk_handle_done(count);
    struct rte_eth_xstat *stats = calloc((size_t)count, sizeof *stats);
    struct rte_eth_xstat_name *name = (struct rte_eth_xstat_name *)(void *)names;
    number = stats ? rte_eth_xstats_get_names(port->id, name, (unsigned)count) : -ENOMEM;
    if (number == count)
        number = rte_eth_xstats_get(port->id, stats, (unsigned)count);
    for (int i = 0; i < number && i < count; i++)
        values[stats[i].id] = stats[i].value;
    free(stats);
    return dpdk_handle_done(number);
}

/* ---- RSS ---- */

static int table_size(const struct dpdk_port *port, uint32_t *size) {
    struct rte_eth_dev_info device;
    int number = rte_eth_dev_info_get(port->id, &device);
    *size = number ? 0 : device.reta_size;
    return number ? number : *size && *size <= TABLE_MAX ? 0 : -ENOTSUP;
}

int dpdk_handle_rss_table(struct dpdk_handle *handle, uint16_t *queues, uint32_t count) {
    struct rte_eth_rss_reta_entry64 table[TABLE_MAX / GROUP_BITS];
    uint32_t size;
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    memset(table, 0xff, sizeof table); /* every row is asked for */
    number = table_size(port, &size);
    if (!number)
        number = rte_eth_dev_rss_reta_query(port->id, table, (uint16_t)size);
    for (uint32_t i = 0; !number && i < size && i < count; i++)
        queues[i] = table[i / GROUP_BITS].reta[i % GROUP_BITS];
    return dpdk_handle_done(number ? number : (int)size);
}

int dpdk_handle_set_rss_table(struct dpdk_handle *handle, const uint16_t *queues, uint32_t count) {
    struct rte_eth_rss_reta_entry64 table[TABLE_MAX / GROUP_BITS];
    uint32_t size;
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    memset(table, 0xff, sizeof table);
    number = table_size(port, &size);
    if (!number && count != size)
        number = -EINVAL;
    for (uint32_t i = 0; !number && i < size; i++) {
        table[i / GROUP_BITS].reta[i % GROUP_BITS] = queues[i];
        if (queues[i] >= port->options.queues)
            number = -EINVAL;
    }
    if (!number)
        number = rte_eth_dev_rss_reta_update(port->id, table, (uint16_t)size);
    return dpdk_handle_done(number);
}

int dpdk_handle_rss(struct dpdk_handle *handle, uint64_t *types, uint8_t *key,
                    uint32_t key_bytes) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    struct rte_eth_rss_conf conf = {.rss_key = key_bytes ? key : NULL,
                                    .rss_key_len = (uint8_t)key_bytes};
    if (!port)
        return number;
    number = rte_eth_dev_rss_hash_conf_get(port->id, &conf);
    *types = conf.rss_hf;
    return dpdk_handle_done(number);
}

/* ---- rules ---- */

int dpdk_handle_flow(struct dpdk_handle *handle, const struct dpdk_steer *steer,
                     struct rte_flow **flow, struct pio_error *error) {
    int number;
    struct rte_flow_error why = {0};
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return pio_refuse(error, -number, "open it again", "the port is closed");
    *flow = dpdk_flow_make(port->id, steer, &why);
    number = *flow ? 0
                   : pio_refuse(error, ENOTSUP,
                                "look at each frame instead, with Burst.read and Burst.take",
                                "DPDK's device '%s' cannot steer datagrams: %.100s", port->name,
                                why.message ? why.message : "no rule can be made");
    return dpdk_handle_done(number);
}

int dpdk_handle_flow_end(struct dpdk_handle *handle, struct rte_flow *flow) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return number;
    return dpdk_handle_done(rte_flow_destroy(port->id, flow, NULL));
}
