/* dpdk_xstats.h: devices' extended statistics, put where others can read them.
 *
 * Written by the keeper about once a second, on EAL's own thread: a card can take a millisecond to
 * answer, and no polling core waits for it.
 */
#ifndef TICKPATH_DPDK_XSTATS_H
#define TICKPATH_DPDK_XSTATS_H

#include "dpdk_port.h"
#include "tp_statistics.h"

/* From now on the statistics of the open port of `device` ("net_memif0,role=client") are written
 * to `table`, at once and then every second, until dpdk_xstats_end. 0, or ENODEV or ENOSPC. */
int dpdk_xstats_to(const char *device, struct tp_statistics *table);
/* `table` is not touched any more when this returns. Harmless when it never was. */
void dpdk_xstats_end(struct tp_statistics *table);
/* The keeper's look at a port, with its lock held. */
void dpdk_xstats_look(const struct dpdk_port *port);

#endif
