/* dpdk_burst.c: frames in Python's hands (see dpdk_burst.h). */
#include "dpdk_burst.h"

#include "dpdk_eal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The dynamic field is one a process, wherever it was registered. -1: no port has asked for it. */
static int timestamp_field(uint64_t *flag) {
    int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, NULL);
    *flag = bit < 0 ? 0 : UINT64_C(1) << bit;
    return bit < 0 ? -1 : rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
}

int dpdk_in_child(void) {
    return dpdk_eal_forked();
}

/* ---- bursts ---- */

static void let_go(struct rte_mbuf **mbufs, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        rte_pktmbuf_free(mbufs[i]);
}

struct dpdk_burst *dpdk_burst_make(struct rte_mbuf *const *mbufs, uint32_t count) {
    struct dpdk_burst *burst = malloc(sizeof *burst + count * sizeof *mbufs);
    if (!burst) {
        let_go((struct rte_mbuf **)(uintptr_t)mbufs, count);
        return NULL;
    }
    pthread_mutex_init(&burst->lock, NULL);
    burst->first = 0;
    burst->count = count;
    memcpy(burst->mbufs, mbufs, count * sizeof *mbufs);
    return burst;
}

void dpdk_burst_release(struct dpdk_burst *burst) {
    if (dpdk_in_child())
        return;
    pthread_mutex_lock(&burst->lock);
    let_go(&burst->mbufs[burst->first], burst->count);
    burst->count = 0;
    pthread_mutex_unlock(&burst->lock);
}

void dpdk_burst_free(struct dpdk_burst *burst) {
    if (dpdk_in_child())
        return;
    dpdk_burst_release(burst);
    pthread_mutex_destroy(&burst->lock);
    free(burst);
}

/* Its frames in *mbufs, to itself until closed; their number, or -ECHILD in a forked child. */
static int open_frames(struct dpdk_burst *burst, struct rte_mbuf ***mbufs) {
    if (dpdk_in_child())
        return -ECHILD;
    pthread_mutex_lock(&burst->lock);
    *mbufs = &burst->mbufs[burst->first];
    return (int)burst->count;
}

static int close_frames(struct dpdk_burst *burst, int result) {
    pthread_mutex_unlock(&burst->lock);
    return result;
}

uint32_t dpdk_burst_count(struct dpdk_burst *burst) {
    return __atomic_load_n(&burst->count, __ATOMIC_RELAXED);
}

int dpdk_frame_hold(struct dpdk_burst *burst, uint32_t index, struct dpdk_held *held) {
    struct rte_mbuf **mbufs;
    int count = open_frames(burst, &mbufs);
    if (count < 0)
        return count;
    if (index >= (uint32_t)count)
        return close_frames(burst, -ENOENT);
    struct rte_mbuf *m = mbufs[index];
    if (rte_mbuf_refcnt_read(m) >= DPDK_HOLDERS_MAX)
        return close_frames(burst, -EMFILE);
    rte_mbuf_refcnt_update(m, 1);
    *held = (struct dpdk_held){m, rte_pktmbuf_mtod(m, uint8_t *), m->data_len};
    return close_frames(burst, 0);
}

void dpdk_frame_drop(struct rte_mbuf *mbuf, uint8_t *data) {
    (void)data;
    if (!dpdk_in_child())
        rte_pktmbuf_free(mbuf);
}

int dpdk_burst_lengths(struct dpdk_burst *burst, uint32_t *lengths, uint32_t count) {
    struct rte_mbuf **mbufs;
    int held = open_frames(burst, &mbufs);
    if (held < 0)
        return held;
    int rows = held < (int)count ? held : (int)count;
    for (int i = 0; i < rows; i++)
        lengths[i] = mbufs[i]->data_len;
    return close_frames(burst, rows);
}

int dpdk_burst_timestamps(struct dpdk_burst *burst, uint64_t *timestamps_ns, uint32_t count) {
    struct rte_mbuf **mbufs;
    uint64_t flag;
    int offset = timestamp_field(&flag);
    int held = open_frames(burst, &mbufs);
    if (held < 0)
        return held;
    int rows = held < (int)count ? held : (int)count;
    for (int i = 0; i < rows; i++)
        timestamps_ns[i] = offset >= 0 && mbufs[i]->ol_flags & flag
                               ? *RTE_MBUF_DYNFIELD(mbufs[i], offset, const uint64_t *)
                               : 0;
    return close_frames(burst, rows);
}

int dpdk_burst_read(struct dpdk_burst *burst, uint32_t offset, uint32_t width, uint8_t *rows,
                    uint32_t count) {
    struct rte_mbuf **mbufs;
    int held = open_frames(burst, &mbufs);
    if (held < 0)
        return held;
    int done = held < (int)count ? held : (int)count;
    for (int i = 0; i < done; i++, rows += width) {
        uint32_t length = mbufs[i]->data_len;
        uint32_t there = length <= offset ? 0 : length - offset < width ? length - offset : width;
        memcpy(rows, rte_pktmbuf_mtod(mbufs[i], uint8_t *) + (there ? offset : 0), there);
        memset(rows + there, 0, width - there);
    }
    return close_frames(burst, done);
}

int dpdk_burst_write(struct dpdk_burst *burst, uint32_t offset, const uint8_t *bytes,
                     uint32_t width) {
    struct rte_mbuf **mbufs;
    int count = open_frames(burst, &mbufs);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++)
        if (mbufs[i]->data_len < offset || mbufs[i]->data_len - offset < width)
            return close_frames(burst, -ERANGE);
    for (int i = 0; i < count; i++)
        memcpy(rte_pktmbuf_mtod(mbufs[i], uint8_t *) + offset, bytes, width);
    return close_frames(burst, count);
}

/* ---- a frame of a burst ---- */

static int resize(struct rte_mbuf *m, uint32_t length) {
    if (rte_mbuf_refcnt_read(m) != 1)
        return -EBUSY;
    if (length + m->data_off + DPDK_DEVICE_ROOM_BYTES > m->buf_len)
        return -ERANGE;
    m->data_len = (uint16_t)length;
    m->pkt_len = length;
    return 0;
}

int dpdk_frame_fill(struct dpdk_burst *burst, uint32_t index, const uint8_t *bytes,
                    uint32_t length) {
    struct rte_mbuf **mbufs;
    int count = open_frames(burst, &mbufs);
    if (count < 0)
        return count;
    int result = index < (uint32_t)count ? resize(mbufs[index], length) : -ENOENT;
    if (!result && bytes)
        memcpy(rte_pktmbuf_mtod(mbufs[index], uint8_t *), bytes, length);
    return close_frames(burst, result);
}

int dpdk_frame_resize(struct dpdk_burst *burst, uint32_t index, uint32_t length) {
    return dpdk_frame_fill(burst, index, NULL, length);
}

int dpdk_burst_take(struct dpdk_burst *burst, const uint32_t *indices, uint32_t count,
                    struct dpdk_burst **taken) {
    struct rte_mbuf **mbufs, **stay;
    if (!(*taken = malloc(sizeof **taken + count * sizeof *mbufs)))
        return -ENOMEM;
    pthread_mutex_init(&(*taken)->lock, NULL);
    (*taken)->first = (*taken)->count = 0;
    int held = open_frames(burst, &mbufs);
    if (held < 0) {
        free(*taken);
        return held;
    }
    stay = mbufs;
    for (uint32_t i = 0, next = 0; i < (uint32_t)held; i++) {
        if (next < count && indices[next] == i)
            (*taken)->mbufs[next++] = mbufs[i];
        else
            *stay++ = mbufs[i];
        (*taken)->count = next;
    }
    burst->count = (uint32_t)(stay - mbufs);
    return close_frames(burst, (int)(*taken)->count);
}

/* ---- pools ---- */

static uint32_t frame_room(struct rte_mempool *pool) {
    return rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM - DPDK_DEVICE_ROOM_BYTES;
}

int dpdk_frames_lend(struct rte_mempool *pool, uint32_t count, uint32_t length,
                     struct dpdk_burst **burst) {
    struct rte_mbuf *mbufs[DPDK_BURST_FRAMES_MAX];
    uint32_t got = 0;
    if (length > frame_room(pool))
        return -ERANGE;
    if (count > DPDK_BURST_FRAMES_MAX)
        count = DPDK_BURST_FRAMES_MAX;
    while (got < count && (mbufs[got] = rte_pktmbuf_alloc(pool))) {
        mbufs[got]->data_len = (uint16_t)length;
        mbufs[got++]->pkt_len = length;
    }
    *burst = dpdk_burst_make(mbufs, got);
    return *burst ? (int)got : -ENOMEM;
}

void dpdk_pool_count(struct rte_mempool *pool, struct dpdk_pool_counts *counts) {
    counts->count = pool->size;
    counts->available = rte_mempool_avail_count(pool);
    counts->in_use = pool->size - counts->available;
    counts->frame_bytes = frame_room(pool);
}

int dpdk_lender_open(uint32_t count, uint32_t frame_bytes, int node, struct dpdk_lender **lender,
                     struct pio_error *error) {
    struct dpdk_lender *made = malloc(sizeof *made);
    if (made)
        made->pool = dpdk_pool_make(count, frame_bytes, node);
    if (!made || !made->pool) {
        free(made);
        return dpdk_pool_refuse(error);
    }
    pthread_mutex_init(&made->lock, NULL);
    *lender = made;
    return 0;
}

int dpdk_lender_lend(struct dpdk_lender *lender, uint32_t count, uint32_t length,
                     struct dpdk_burst **burst) {
    if (dpdk_in_child())
        return -ECHILD;
    pthread_mutex_lock(&lender->lock);
    int result = lender->pool ? dpdk_frames_lend(lender->pool, count, length, burst) : -ENODEV;
    pthread_mutex_unlock(&lender->lock);
    return result;
}

int dpdk_lender_counts(struct dpdk_lender *lender, struct dpdk_pool_counts *counts) {
    if (dpdk_in_child())
        return -ECHILD;
    pthread_mutex_lock(&lender->lock);
    int result = lender->pool ? 0 : -ENODEV;
    if (!result)
        dpdk_pool_count(lender->pool, counts);
    pthread_mutex_unlock(&lender->lock);
    return result;
}

void dpdk_lender_close(struct dpdk_lender *lender) {
    if (dpdk_in_child())
        return;
    pthread_mutex_lock(&lender->lock);
    dpdk_pool_retire(lender->pool);
    lender->pool = NULL;
    pthread_mutex_unlock(&lender->lock);
}

void dpdk_lender_free(struct dpdk_lender *lender) {
    if (dpdk_in_child())
        return;
    dpdk_lender_close(lender);
    pthread_mutex_destroy(&lender->lock);
    free(lender);
}
