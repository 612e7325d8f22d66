/* netmap_kernel.h: the user-space stand-in for netmap's half of the rings, and what a test tells
 * it. See netmap_kernel.c.
 */
#ifndef TICKPATH_NETMAP_KERNEL_H
#define TICKPATH_NETMAP_KERNEL_H

#include "netmap_abi.h"

enum netmap_kernel_setting {
    NETMAP_KERNEL_OPEN_ERRNO,     /* what open("/dev/netmap") fails with; 0: it does not */
    NETMAP_KERNEL_REGISTER_ERRNO, /* as above, of binding to a port */
    NETMAP_KERNEL_SYNC_ERRNO,     /* as above, of both syncs */
    NETMAP_KERNEL_RINGS,          /* of interfaces and of the host, in each direction */
    NETMAP_KERNEL_SLOTS,          /* of rings for which no wish was made */
    NETMAP_KERNEL_RESET,          /* not 0: the next sync sets the port's first ring back */
    NETMAP_KERNEL_LAYOUT,         /* what is wrong in what the next port describes; 0: nothing */
    NETMAP_KERNEL_SETTINGS,
};

#define NETMAP_KERNEL_LAYOUTS 7 /* wrong ones, numbered from 1 */

void netmap_kernel_set(enum netmap_kernel_setting setting, int value);
/* What the program under test did that a kernel would have taken amiss; NULL: nothing. */
const char *netmap_kernel_fault(void);
/* Forgets the fault and every setting. */
void netmap_kernel_forget(void);
/* Of the port of that name: the structure of a ring, as the program sees it; NULL: none. */
struct netmap_abi_ring *netmap_kernel_ring(const char *name, int receive, uint32_t index);
uint32_t netmap_kernel_syncs(void); /* system calls that moved frames, so far */
uint64_t netmap_kernel_dropped(void); /* frames that a receive ring had no room for, so far */

#endif
