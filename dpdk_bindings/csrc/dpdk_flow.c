/* dpdk_flow.c: rules in the device that steer datagrams to queues, by rte_flow. */
#include "dpdk_port.h"

#include <errno.h>
#include <stdio.h>

/* IPv4 to this address, UDP to this port if one is named. */
struct rte_flow *dpdk_flow_make(uint16_t port_id, const struct dpdk_steer *steer,
                                struct rte_flow_error *why) {
    struct rte_flow_attr attr = {.ingress = 1};
    struct rte_flow_item_ipv4 ip = {.hdr.dst_addr = rte_cpu_to_be_32(steer->address)};
    struct rte_flow_item_ipv4 ip_mask = {.hdr.dst_addr = RTE_BE32(UINT32_MAX)};
    struct rte_flow_item_udp udp = {.hdr.dst_port = rte_cpu_to_be_16(steer->port)};
    struct rte_flow_item_udp udp_mask = {.hdr.dst_port = steer->port ? RTE_BE16(UINT16_MAX) : 0};
    struct rte_flow_item pattern[] = {
        {.type = RTE_FLOW_ITEM_TYPE_ETH},
        {.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ip, .mask = &ip_mask},
        {.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask},
        {.type = RTE_FLOW_ITEM_TYPE_END},
    };
    struct rte_flow_action_queue queue = {.index = steer->queue};
    struct rte_flow_action actions[] = {
        {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue},
        {.type = RTE_FLOW_ACTION_TYPE_END},
    };
    if (steer->queue == DPDK_STEER_DROP)
        actions[0] = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_DROP};
    return rte_flow_create(port_id, &attr, pattern, actions, why);
}

int dpdk_flow_steer(struct dpdk_port *port, const struct dpdk_steer *steers, uint32_t count,
                    struct pio_error *error) {
    uint32_t before = port->flow_count;
    struct rte_flow_error why = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct rte_flow *flow = port->flow_count < DPDK_STEERS_MAX * 2
                                    ? dpdk_flow_make(port->id, &steers[i], &why)
                                    : NULL;
        if (flow) {
            port->flows[port->flow_count++] = flow;
            continue;
        }
        while (port->flow_count > before)
            rte_flow_destroy(port->id, port->flows[--port->flow_count], NULL);
        return pio_refuse(error, ENOTSUP,
                          "give each feed line and the orders a port of their own (queues=1), "
                          "where the queue filters by itself",
                          "DPDK's device '%s' cannot steer datagrams to queues: %.100s",
                          port->name, why.message ? why.message : "no rule can be made");
    }
    return 0;
}

void dpdk_flow_clear(struct dpdk_port *port) {
    while (port->flow_count)
        rte_flow_destroy(port->id, port->flows[--port->flow_count], NULL);
}
