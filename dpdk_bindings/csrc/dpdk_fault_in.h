/* dpdk_fault_in.h: faults in what a peer shares, before a polling core would have to. */
#ifndef TICKPATH_DPDK_FAULT_IN_H
#define TICKPATH_DPDK_FAULT_IN_H

#include "dpdk_port.h"

/* The keeper's look at a port, with its lock held, after the link's state was published. */
void dpdk_fault_in_look(const struct dpdk_port *port);

#endif
