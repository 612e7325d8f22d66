/* dpdk_pool.h: memory pools of mbufs, and what becomes of them when their port is closed.
 *
 * A received frame may come from another port's pool (net_ring hands mbufs over), so a pool is
 * freed only when every mbuf is back in it. Until then it is retired: kept, and counted as missing.
 */
#ifndef TICKPATH_DPDK_POOL_H
#define TICKPATH_DPDK_POOL_H

#include "dpdk_compat.h"
#include "pio_internal.h"

/* Frames a queue may have lent out at once, each way: sixteen bursts. Power of two. */
#define DPDK_LENT_MAX 1024u
/* Mbufs a core keeps to itself, out of the pool's shared ring: four full bursts, both ways. */
#define DPDK_CACHE_MBUFS 256u
/* What some devices keep beside a frame in its mbuf: virtio's header, a second VLAN tag. */
#define DPDK_DEVICE_ROOM_BYTES 64u

/* A pool of at least `count` mbufs beside the core's cache, each with room for `frame_bytes`; on
 * NUMA node `node`, or anywhere when it is negative. NULL when there is no memory. */
struct rte_mempool *dpdk_pool_make(uint32_t count, uint32_t frame_bytes, int node);
int dpdk_pool_refuse(struct pio_error *error);
/* Frees the pool, now or when all of it is back. NULL is allowed. */
void dpdk_pool_retire(struct rte_mempool *pool);
/* Frees the pool whatever is missing: for a driver that keeps mbufs when it is closed. */
void dpdk_pool_drop(struct rte_mempool *pool);
/* Mbufs that retired pools still miss. Frees those that miss none. */
uint32_t dpdk_pools_missing(void);

#endif
