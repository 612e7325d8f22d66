/* dpdk_keeper.h: looks after open ports from EAL's own thread (what it does: dpdk_port.h). */
#ifndef TICKPATH_DPDK_KEEPER_H
#define TICKPATH_DPDK_KEEPER_H

#include "dpdk_port.h"

/* Held by whoever opens, closes or looks after ports. */
void dpdk_keeper_lock(void);
void dpdk_keeper_unlock(void);
/* With the lock held: sees to it that the keeper runs, for as long as a port is open. */
void dpdk_keeper_start(void);
/* Reads link and statistics and publishes them. */
void dpdk_keeper_look(struct dpdk_port *port);
/* With the lock held: runs `work` on EAL's interrupt thread, between its handlers, and waits. */
void dpdk_keeper_run(void (*work)(struct dpdk_port *), struct dpdk_port *port);
/* Called on the interrupt thread with what memif's driver says before it acts on a message from its
 * peer: when this returns, no burst of a memif port is under way or will be before the driver is
 * done. */
void dpdk_keeper_beware(const char *line, size_t bytes);

#endif
