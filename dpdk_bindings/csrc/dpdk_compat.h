/* dpdk_compat.h: DPDK's headers, and the one place that knows how its versions differ.
 *
 * Builds against 21.11, which gave the constants their RTE_ETH_ and RTE_MBUF_F_ names, and newer.
 */
#ifndef TICKPATH_DPDK_COMPAT_H
#define TICKPATH_DPDK_COMPAT_H

#include <rte_alarm.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_interrupts.h>
#include <rte_interrupts.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>
#include <rte_udp.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(21, 11, 0, 0)
#error "DPDK 21.11 or newer is needed (Debian 12 has 22.11: apt-get install libdpdk-dev)"
#endif

/* 22.11 made struct rte_device opaque and gave it accessors. */
static inline const char *dpdk_device_name(const struct rte_device *device) {
#if RTE_VERSION >= RTE_VERSION_NUM(22, 11, 0, 0)
    return rte_dev_name(device);
#else
    return device->name;
#endif
}

/* data_off, refcnt, nb_segs and port: eight bytes side by side that drivers write at once, too.
 * Their union has had more than one shape. */
static inline void dpdk_rearm(struct rte_mbuf *m, uint64_t rearm) {
    __builtin_memcpy((uint8_t *)m + offsetof(struct rte_mbuf, data_off), &rearm, sizeof rearm);
}

/* refcnt and nb_segs in one look. */
#define DPDK_ONE_AND_ONE UINT32_C(0x00010001)
static inline uint32_t dpdk_owners_and_segments(const struct rte_mbuf *m) {
    uint32_t both;
    __builtin_memcpy(&both, (const uint8_t *)m + offsetof(struct rte_mbuf, refcnt), sizeof both);
    return both;
}
_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
               "refcnt and nb_segs lie side by side");

static inline uint64_t dpdk_rearm_value(uint16_t port_id) {
    struct rte_mbuf m = {.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = port_id};
    uint64_t rearm;
    rte_mbuf_refcnt_set(&m, 1);
    __builtin_memcpy(&rearm, (uint8_t *)&m + offsetof(struct rte_mbuf, data_off), sizeof rearm);
    return rearm;
}

/* Experimental in 21.11. */
static inline int dpdk_thread_is_intr(void) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return rte_thread_is_intr();
#pragma GCC diagnostic pop
}

/* Experimental to this day, and so marked deprecated in every use. */
static inline int dpdk_read_clock(uint16_t port_id, uint64_t *ticks) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return rte_eth_read_clock(port_id, ticks);
#pragma GCC diagnostic pop
}

/* Has EAL's interrupt thread call `act` when `fd` can be read. Experimental in 22.11. */
static inline int dpdk_interrupt_set(int fd, rte_intr_callback_fn act) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
    return !handle || rte_intr_fd_set(handle, fd) ||
           rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT) ||
           rte_intr_callback_register(handle, act, NULL);
#pragma GCC diagnostic pop
}

#endif
