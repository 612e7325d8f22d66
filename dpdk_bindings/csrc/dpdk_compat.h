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

/* Experimental to this day, and so marked deprecated in every use. */
static inline int dpdk_read_clock(uint16_t port_id, uint64_t *ticks) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return rte_eth_read_clock(port_id, ticks);
#pragma GCC diagnostic pop
}

#endif
