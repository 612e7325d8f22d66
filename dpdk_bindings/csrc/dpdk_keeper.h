/* dpdk_keeper.h: looks after open ports from EAL's own thread (what it does: dpdk_port.h). */
#ifndef TICKPATH_DPDK_KEEPER_H
#define TICKPATH_DPDK_KEEPER_H

#include "dpdk_port.h"

/* Held by whoever opens, closes or looks after ports. */
void dpdk_keeper_lock(void);
void dpdk_keeper_unlock(void);
/* With the lock held: sees to it that the keeper runs. */
void dpdk_keeper_start(void);
/* Without the lock: it does not run any more when this returns. */
void dpdk_keeper_stop(void);
/* Reads link and statistics and publishes them. */
void dpdk_keeper_look(struct dpdk_port *port);
/* 1 for a device that finds its peer only when it is started: memif's client. */
int dpdk_keeper_reconnects(const char *device, const char *driver);

#endif
