/* dpdk_handle.h: a whole port in Python's hands: bursts on each of its queues, and its control.
 *
 * A handle claims every queue of its port. Threads may share it: each queue's users take turns, and
 * so do those who control the port (under the keeper's lock). Whatever is asked of it after
 * dpdk_handle_close answers -ENODEV, and in a forked child -ECHILD.
 *
 * Nobody is within the device except in a burst, and then within its queue's guard (dpdk_port.h).
 */
#ifndef TICKPATH_DPDK_HANDLE_H
#define TICKPATH_DPDK_HANDLE_H

#include "dpdk_burst.h"
#include "dpdk_port.h"

struct dpdk_handle;

/* What is counted here, over all queues, beside what the device counts. */
struct dpdk_handle_counts {
    uint64_t rx_copied;   /* frames of several mbufs, or in the device's memory, copied into one */
    uint64_t rx_oversize; /* such frames longer than frame_bytes, dropped */
    uint64_t rx_no_frame; /* such frames for which the pool had no mbuf, dropped */
};

struct dpdk_device_info {
    char driver[64];
    uint8_t mac[6];
    int32_t numa_node; /* -1: no particular one */
    uint32_t rx_queues_max, tx_queues_max, rx_slots, tx_slots, mtu, mtu_min, mtu_max;
    uint64_t rx_offloads, tx_offloads; /* what the device could do: bits of dpdk_offload_name */
    uint64_t rss_types;                /* bits of dpdk_rss_name */
    uint32_t rss_table_size, rss_key_bytes;
};

struct dpdk_link_state {
    uint32_t up, speed_mbps, full_duplex, autonegotiated; /* UINT32_MAX Mbit/s: unknown */
};

int dpdk_handle_open(const char *device, const struct dpdk_port_options *options,
                     struct dpdk_handle **handle, struct pio_error *error);
void dpdk_handle_close(struct dpdk_handle *handle);
/* The same, and the handle itself: for whoever holds it last. */
void dpdk_handle_free(struct dpdk_handle *handle);

/* Frames received, with the burst of them if there are any; or -errno. */
int dpdk_handle_receive(struct dpdk_handle *handle, uint16_t queue, uint32_t count,
                        struct dpdk_burst **burst);
/* Hands the first k frames over to the device, takes them out of the burst, and returns k. Before
 * any is sent: -EBUSY when one has another holder, -EINVAL when one is no Ethernet frame; *culprit
 * is its index. */
int dpdk_handle_transmit(struct dpdk_handle *handle, uint16_t queue, struct dpdk_burst *burst,
                         uint32_t *culprit);
/* Empty frames of the queue's own pool. */
int dpdk_handle_lend(struct dpdk_handle *handle, uint16_t queue, uint32_t count, uint32_t length,
                     struct dpdk_burst **burst);
int dpdk_handle_pool(struct dpdk_handle *handle, uint16_t queue, int transmitting,
                     struct dpdk_pool_counts *counts);

/* dpdk_control.c. 0 or -errno, as DPDK gives it. */
int dpdk_handle_info(struct dpdk_handle *handle, struct dpdk_device_info *info);
int dpdk_handle_link(struct dpdk_handle *handle, struct dpdk_link_state *link);
int dpdk_handle_set_mtu(struct dpdk_handle *handle, uint16_t mtu);
/* What is heard beside the port's own address: bit 0 everything, bit 1 every group. */
int dpdk_handle_hearing(struct dpdk_handle *handle);
int dpdk_handle_set_promiscuous(struct dpdk_handle *handle, int on);
int dpdk_handle_set_all_multicast(struct dpdk_handle *handle, int on);
/* Group addresses, six bytes each. The getter answers with how many there are. */
int dpdk_handle_groups(struct dpdk_handle *handle, uint8_t *groups, uint32_t count_max);
int dpdk_handle_set_groups(struct dpdk_handle *handle, const uint8_t *groups, uint32_t count);
/* rx_frames, rx_bytes, rx_missed, rx_errors, rx_no_mbuf, tx_frames, tx_bytes, tx_errors. */
int dpdk_handle_stats(struct dpdk_handle *handle, uint64_t values[8],
                      struct dpdk_handle_counts *counts);
int dpdk_handle_stats_reset(struct dpdk_handle *handle);
/* How many there are; fills in as many as fit. A name has 64 bytes. */
int dpdk_handle_extended_stats(struct dpdk_handle *handle, char *names, uint64_t *values,
                               uint32_t count_max);
/* The queue of each row of the redirection table. */
int dpdk_handle_rss_table(struct dpdk_handle *handle, uint16_t *queues, uint32_t count);
int dpdk_handle_set_rss_table(struct dpdk_handle *handle, const uint16_t *queues, uint32_t count);
/* What is hashed, and with what key (NULL: not asked for). */
int dpdk_handle_rss(struct dpdk_handle *handle, uint64_t *types, uint8_t *key, uint32_t key_bytes);
/* Steers datagrams by a rule of the device; to a queue, or DPDK_STEER_DROP. */
int dpdk_handle_flow(struct dpdk_handle *handle, const struct dpdk_steer *steer,
                     struct rte_flow **flow, struct pio_error *error);
int dpdk_handle_flow_end(struct dpdk_handle *handle, struct rte_flow *flow);
/* "" where there is none of that number. */
const char *dpdk_offload_name(int transmitting, uint32_t bit);
const char *dpdk_rss_name(uint32_t bit);

/* For dpdk_control.c: the open port with the keeper's lock held, or NULL with *number set and no
 * lock held; then with the device to itself. */
struct dpdk_port *dpdk_handle_control(struct dpdk_handle *handle, int *number);
int dpdk_handle_done(int number);
void dpdk_handle_silence(struct dpdk_handle *handle);
void dpdk_handle_resume(struct dpdk_handle *handle);
void dpdk_handle_count(struct dpdk_handle *handle, struct dpdk_handle_counts *counts);

#endif
