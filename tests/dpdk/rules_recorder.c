/* rules_recorder.c: stands before DPDK's rte_flow and tells what it was asked, for no virtual
 * device makes rules without the help of a kernel module. Preloaded by test_dpdk_rules.py. */
#include <rte_flow.h>
#include <stdint.h>
#include <stdio.h>

static intptr_t made;

struct rte_flow *rte_flow_create(uint16_t port_id, const struct rte_flow_attr *attr,
                                 const struct rte_flow_item pattern[],
                                 const struct rte_flow_action actions[],
                                 struct rte_flow_error *error) {
    printf("port %u%s:", port_id, attr->ingress ? " in" : "");
    for (; pattern->type != RTE_FLOW_ITEM_TYPE_END; pattern++) {
        const struct rte_flow_item_ipv4 *ip = pattern->spec, *ip_mask = pattern->mask;
        const struct rte_flow_item_udp *udp = pattern->spec, *udp_mask = pattern->mask;
        if (pattern->type == RTE_FLOW_ITEM_TYPE_ETH)
            printf(" eth");
        else if (pattern->type == RTE_FLOW_ITEM_TYPE_IPV4)
            printf(" ipv4 %08x/%08x", rte_be_to_cpu_32(ip->hdr.dst_addr),
                   rte_be_to_cpu_32(ip_mask->hdr.dst_addr));
        else if (pattern->type == RTE_FLOW_ITEM_TYPE_UDP)
            printf(" udp %u/%04x", rte_be_to_cpu_16(udp->hdr.dst_port),
                   rte_be_to_cpu_16(udp_mask->hdr.dst_port));
    }
    for (; actions->type != RTE_FLOW_ACTION_TYPE_END; actions++) {
        const struct rte_flow_action_queue *queue = actions->conf;
        if (actions->type == RTE_FLOW_ACTION_TYPE_QUEUE)
            printf(" -> queue %u", queue->index);
        else if (actions->type == RTE_FLOW_ACTION_TYPE_DROP)
            printf(" -> drop");
    }
    printf("\n");
    fflush(stdout);
    if (made == 4)
        error->message = "the table is full";
    return made == 4 ? NULL : (struct rte_flow *)++made;
}

int rte_flow_destroy(uint16_t port_id, struct rte_flow *flow, struct rte_flow_error *error) {
    (void)error;
    printf("port %u: rule %d ends\n", port_id, (int)(intptr_t)flow);
    fflush(stdout);
    return 0;
}
