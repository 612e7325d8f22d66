/* dpdk_api.h: what the extension dpdk_bindings._dpdk offers to Python. */
#ifndef TICKPATH_DPDK_API_H
#define TICKPATH_DPDK_API_H

#include "dpdk_burst.h"
#include "dpdk_eal.h"
#include "dpdk_handle.h"
#include "dpdk_pool.h"
#include "dpdk_port.h"
#include "dpdk_xstats.h"

extern const struct pio_backend pio_backend_dpdk;

/* For pio_register, across extensions. */
static inline uintptr_t dpdk_backend_address(void) {
    return (uintptr_t)&pio_backend_dpdk;
}

#endif
