/* pio_dpdk.h: a queue of a DPDK port, shared by pio_dpdk.c (bursts) and pio_dpdk_open.c. */
#ifndef TICKPATH_PIO_DPDK_H
#define TICKPATH_PIO_DPDK_H

#include "dpdk_pool.h"
#include "dpdk_port.h"

/* Empty mbufs are fetched from the pool so many at a time; divides DPDK_LENT_MAX. */
#define DPDK_REFILL 32u

enum dpdk_extra {
    DPDK_RX_CHAINED,  /* frames of several mbufs, copied into one */
    DPDK_RX_FILTERED, /* not for the destinations this queue was opened for, and dropped */
    DPDK_RX_ERRORS,   /* as the device counts them */
    DPDK_RESTARTS,    /* of the port, to find its peer again */
    DPDK_LINK_LOSSES, /* times the link was up and then not */
};

struct dpdk_queue {
    struct dpdk_port *port;
    uint16_t port_id, queue_id;
    struct dpdk_guard *guard;
    uint32_t closer;      /* 1: every received frame is looked at closer (filter, timestamps) */
    uint32_t foreign;     /* 1: some lent mbuf is not simply to be put into rx_pool */
    uint32_t filter_count;
    uint64_t rx_missed;   /* by us, for want of an mbuf, beside what the device missed */
    uint64_t rearm;       /* of an mbuf to be sent */
    uint64_t generation;  /* of what the keeper published, last taken over */
    /* Received mbufs [rx_released, rx_lent) are with the caller, in this order. */
    uint64_t rx_lent, rx_released;
    /* Empty mbufs [tx_sent, tx_lent) are with the caller, [tx_lent, tx_filled) wait for it. */
    uint64_t tx_sent, tx_lent, tx_filled;
    struct rte_mempool *rx_pool, *tx_pool;
    struct dpdk_steer filter[DPDK_STEERS_MAX];
    struct rte_mbuf *rx[DPDK_LENT_MAX];
    struct rte_mbuf *tx[DPDK_LENT_MAX];
};

/* Fills in the six hot members. */
void dpdk_hot_set(struct pio_queue *queue);
/* Gives every mbuf back that this queue holds. */
void dpdk_give_back_all(struct dpdk_queue *q);

#endif
