/* dpdk_port.h: DPDK's ports of this process: attached, configured, kept, closed. Control plane.
 *
 * A port is configured by the first queue opened from it and closed with the last one. Its memory
 * pools outlive it while frames of theirs are still with another port: what is not back is kept,
 * counted by dpdk_pools_missing, and freed when it is.
 *
 * The keeper, an alarm on EAL's own interrupt thread, asks each port for its link and statistics
 * every KEEPER_US and publishes them, so that no polling core ever waits for a device's registers.
 * It also brings back a port whose peer left (memif's client connects only when it starts).
 *
 * A burst runs within its queue's guard, and whoever is about to take a device's memory away halts
 * the guards first: bursts begun have ended then, and later ones do nothing. That is for memif,
 * whose driver unmaps its rings on the interrupt thread as soon as the peer is gone, whatever the
 * polling threads do meanwhile (dpdk_keeper.c).
 */
#ifndef TICKPATH_DPDK_PORT_H
#define TICKPATH_DPDK_PORT_H

#include "dpdk_clock.h"
#include "dpdk_compat.h"
#include "pio_internal.h"

#define DPDK_PORTS_MAX 32u
#define DPDK_QUEUES_MAX 16u
#define DPDK_STEERS_MAX 16u
#define DPDK_DEVICE_BYTES 200u
#define DPDK_GROUPS_MAX 64u

/* A destination whose datagrams are steered to a queue. Host byte order. */
struct dpdk_steer {
    uint32_t address;
    uint16_t port; /* 0: every port */
    uint16_t queue; /* or DPDK_STEER_DROP */
};
#define DPDK_STEER_DROP UINT16_MAX

/* How a port is to be set up. Every queue opened from it must ask for the same. */
struct dpdk_port_options {
    uint16_t queues;
    uint16_t rx_slots, tx_slots; /* descriptors a queue */
    uint32_t frame_bytes;        /* longest frame */
    uint32_t segment_bytes;      /* room of one received mbuf; shorter than a frame: chains */
    uint8_t promiscuous, checksums, timestamps;
    uint8_t forwards;  /* sends frames of any pool, and holds some of them itself */
    uint32_t lent_max; /* received frames that may be out at once, beside the ring's; 0: the most
                          that a queue lends */
};

/* What the keeper last saw; written by it alone. */
struct dpdk_published {
    _Alignas(64) uint64_t generation; /* grows with every look */
    uint64_t link; /* enum pio_link */
    uint64_t rx_missed, rx_errors, tx_errors, restarts, link_losses;
};

/* `busy` is the polling thread's, `halted` the keeper's. */
struct dpdk_guard {
    _Alignas(64) uint32_t busy;
    uint32_t halted;
};

/* 0: do not touch the device. No fence orders the two: whoever halts makes every core pass one. */
static inline int dpdk_guard_enter(struct dpdk_guard *guard) {
    __atomic_store_n(&guard->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(!__atomic_load_n(&guard->halted, __ATOMIC_ACQUIRE), 1))
        return 1;
    __atomic_store_n(&guard->busy, 0, __ATOMIC_RELEASE);
    return 0;
}

static inline void dpdk_guard_leave(struct dpdk_guard *guard) {
    __atomic_store_n(&guard->busy, 0, __ATOMIC_RELEASE);
}

struct dpdk_port {
    uint16_t id;
    uint8_t attached, started, reconnects, hardware_tx_checksums;
    uint8_t scattered, is_memif, was_up, keeps_mbufs;
    uint32_t memif_id;
    uint16_t looks_waited; /* for a peer's answer, since the port was started */
    int timestamp_offset; /* of the mbuf's dynamic field; -1: none */
    uint64_t timestamp_flag;
    struct dpdk_clock clock;
    char device[DPDK_DEVICE_BYTES];
    char name[64];
    struct dpdk_port_options asked, options; /* options: as the device could have them */
    uint32_t frame_bytes_max;                /* longest frame that it sends whole */
    uint8_t mac[6];
    uint32_t open_queues; /* bit k: queue k is open */
    struct dpdk_guard guards[DPDK_QUEUES_MAX];
    struct rte_mempool *rx_pools[DPDK_QUEUES_MAX], *tx_pools[DPDK_QUEUES_MAX];
    struct rte_ether_addr groups[DPDK_GROUPS_MAX];
    uint32_t group_count;
    struct rte_flow *flows[DPDK_STEERS_MAX * 2];
    uint32_t flow_count;
    struct dpdk_published published;
};

/* Claims queue `queue` of the port of `device`, attaching and starting that if need be. */
int dpdk_port_open(const char *device, const struct dpdk_port_options *options, uint16_t queue,
                   struct dpdk_port **port, struct pio_error *error);
void dpdk_port_close(struct dpdk_port *port, uint16_t queue);
/* Hears frames to an Ethernet group address. */
int dpdk_port_hear(struct dpdk_port *port, const uint8_t group[6], struct pio_error *error);
/* For the keeper: the ports that there may be; those in use are `attached`. */
extern struct dpdk_port dpdk_ports[DPDK_PORTS_MAX];
/* Every how many microseconds the keeper looks. */
#define DPDK_KEEPER_US 50000u

/* Mbufs of closed ports that have not come back yet. Looks again. */
uint32_t dpdk_pools_missing(void);

/* Steers datagrams to queues in the device. 0 when it does; ENOTSUP when it cannot. dpdk_flow.c */
int dpdk_flow_steer(struct dpdk_port *port, const struct dpdk_steer *steers, uint32_t count,
                    struct pio_error *error);
void dpdk_flow_clear(struct dpdk_port *port);
/* One rule, its maker's to end. NULL when the device cannot. */
struct rte_flow *dpdk_flow_make(uint16_t port_id, const struct dpdk_steer *steer,
                                struct rte_flow_error *why);

#endif
