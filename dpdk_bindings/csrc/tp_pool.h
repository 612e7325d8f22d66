/* tp_pool.h: a fixed number of equal objects, handed out by index, last freed first.
 *
 * The caller brings the memory. A free object's first four bytes hold the index of the next free
 * one; nothing else is touched, so a freed object is warm when it comes back. Exhaustion is
 * TP_POOL_NONE, which the caller counts.
 */
#ifndef TICKPATH_POOL_H
#define TICKPATH_POOL_H

#include <stdint.h>
#include <string.h>

#define TP_POOL_NONE UINT32_MAX

struct tp_pool {
    uint8_t *base;
    uint32_t object_bytes; /* at least 4 */
    uint32_t count_max;
    uint32_t free_index; /* first of the free chain */
    uint32_t used_count;
    uint32_t used_count_max; /* high-water mark */
    uint32_t fresh_index;    /* objects from here on were never handed out */
};

static inline void tp_pool_init(struct tp_pool *pool, void *base, uint32_t object_bytes,
                                uint32_t count_max) {
    struct tp_pool fresh = {(uint8_t *)base, object_bytes, count_max, TP_POOL_NONE, 0, 0, 0};
    *pool = fresh;
}

static inline void *tp_pool_at(const struct tp_pool *pool, uint32_t index) {
    return pool->base + (size_t)index * pool->object_bytes;
}

static inline uint32_t tp_pool_take(struct tp_pool *pool) {
    uint32_t index = pool->free_index;
    if (index != TP_POOL_NONE)
        memcpy(&pool->free_index, tp_pool_at(pool, index), sizeof(uint32_t));
    else if (pool->fresh_index < pool->count_max)
        index = pool->fresh_index++;
    else
        return TP_POOL_NONE;
    if (++pool->used_count > pool->used_count_max)
        pool->used_count_max = pool->used_count;
    return index;
}

static inline void tp_pool_give(struct tp_pool *pool, uint32_t index) {
    memcpy(tp_pool_at(pool, index), &pool->free_index, sizeof(uint32_t));
    pool->free_index = index;
    pool->used_count--;
}

#endif
