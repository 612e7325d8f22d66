/* dpdk_pool.c: memory pools of mbufs (see dpdk_pool.h). */
#include "dpdk_pool.h"

#include "dpdk_eal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A cache may hold one and a half times its size before it gives back. */
#define CACHED_MAX (DPDK_CACHE_MBUFS + DPDK_CACHE_MBUFS / 2)
#define LINE_BYTES 64u

static pthread_mutex_t retired_lock = PTHREAD_MUTEX_INITIALIZER;
static struct retired {
    struct retired *next;
    struct rte_mempool *pool;
} *retired;

struct rte_mempool *dpdk_pool_make(uint32_t count, uint32_t frame_bytes, int node) {
    static uint32_t made; /* by several threads */
    char name[RTE_MEMPOOL_NAMESIZE];
    snprintf(name, sizeof name, "tickpath-%u",
             __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED));
    uint32_t lines = (frame_bytes + DPDK_DEVICE_ROOM_BYTES + LINE_BYTES - 1) / LINE_BYTES;
    uint32_t room = RTE_PKTMBUF_HEADROOM + lines * LINE_BYTES;
    return rte_pktmbuf_pool_create(name, count + CACHED_MAX, DPDK_CACHE_MBUFS, 0, (uint16_t)room,
                                   node < 0 ? SOCKET_ID_ANY : node);
}

int dpdk_pool_refuse(struct pio_error *error) {
    const char *remedy =
        dpdk_eal_huge_pages()
            ? "set aside more huge pages: echo 512 > /proc/sys/vm/nr_hugepages; or ask for fewer "
              "rx_slots and tx_slots"
            : "raise memory_mib in [dpdk], or ask for fewer rx_slots and tx_slots";
    return pio_refuse(error, ENOMEM, remedy, "DPDK has no memory left for a queue's frames");
}

void dpdk_pool_retire(struct rte_mempool *pool) {
    struct retired *entry = pool ? malloc(sizeof *entry) : NULL;
    if (entry) {
        pthread_mutex_lock(&retired_lock);
        *entry = (struct retired){retired, pool};
        retired = entry;
        pthread_mutex_unlock(&retired_lock);
    }
    dpdk_pools_missing();
}

void dpdk_pool_drop(struct rte_mempool *pool) {
    rte_mempool_free(pool);
}

uint32_t dpdk_pools_missing(void) {
    uint32_t missing = 0;
    pthread_mutex_lock(&retired_lock);
    for (struct retired **at = &retired; *at;) {
        struct retired *entry = *at;
        uint32_t out = rte_mempool_in_use_count(entry->pool);
        missing += out;
        if (out) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        rte_mempool_free(entry->pool);
        free(entry);
    }
    pthread_mutex_unlock(&retired_lock);
    return missing;
}
