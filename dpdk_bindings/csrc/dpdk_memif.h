/* dpdk_memif.h: what must be known of memif's driver besides what all drivers have in common.
 *
 * A memif device is "net_memif0,role=client,socket=PATH,id=0,...", in the driver's own words; its
 * client finds its server only when it is started, which the keeper sees to (dpdk_keeper.c).
 */
#ifndef TICKPATH_DPDK_MEMIF_H
#define TICKPATH_DPDK_MEMIF_H

#include "dpdk_port.h"

int dpdk_memif_serves(const char *device);
uint32_t dpdk_memif_id(const char *device);
/* Refuses a server on a socket of which this process is a client only: DPDK would not serve it, and
 * not say so. 0 for every other device. */
int dpdk_memif_check(const char *device, struct pio_error *error);
/* Before a server's port is closed: keeps its socket from being freed. */
void dpdk_memif_keep(const struct dpdk_port *port);

#endif
