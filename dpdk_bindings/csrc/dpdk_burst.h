/* dpdk_burst.h: frames in Python's hands, an array of mbufs at a time.
 *
 * Invariant: an mbuf's reference count is its number of holders. A burst is one; each view of a
 * frame's bytes is one more. So a burst may be released, and its port closed, while views are out:
 * the mbuf returns to its pool when the last of them is gone, and the pool waits for it
 * (dpdk_pool.h). A frame is handed to a device only when the burst is its one holder.
 *
 * Threads that share a burst take turns. A forked child shares the parent's frames and holds none
 * of them: whatever it lets go stays the parent's.
 */
#ifndef TICKPATH_DPDK_BURST_H
#define TICKPATH_DPDK_BURST_H

#include "dpdk_pool.h"

#include <pthread.h>

/* The most frames of a burst. */
#define DPDK_BURST_FRAMES_MAX 1024u

struct dpdk_burst {
    pthread_mutex_t lock;
    uint32_t first, count; /* mbufs[first, first + count) are held */
    struct rte_mbuf *mbufs[];
};

/* An mbuf counts its holders in sixteen bits; what is left is for those that look before. */
#define DPDK_HOLDERS_MAX 65000u

struct dpdk_held {
    struct rte_mbuf *mbuf;
    uint8_t *data;
    uint32_t length;
};

/* A pool of Python's own. */
struct dpdk_lender {
    pthread_mutex_t lock;
    struct rte_mempool *pool; /* NULL once closed */
};

struct dpdk_pool_counts {
    uint32_t count, available, in_use, frame_bytes;
};

/* 1 in a process forked from the one whose frames these are. */
int dpdk_in_child(void);

/* Takes over `count` mbufs. NULL when there is no memory: they are given back. */
struct dpdk_burst *dpdk_burst_make(struct rte_mbuf *const *mbufs, uint32_t count);
/* Lets go of its frames. */
void dpdk_burst_release(struct dpdk_burst *burst);
/* The same, and of the burst itself: for whoever holds it last. */
void dpdk_burst_free(struct dpdk_burst *burst);
uint32_t dpdk_burst_count(struct dpdk_burst *burst);

/* One more holder of a frame, until dpdk_frame_drop. 0; -ENOENT when there is no such frame;
 * -EMFILE when it has DPDK_HOLDERS_MAX. */
int dpdk_frame_hold(struct dpdk_burst *burst, uint32_t index, struct dpdk_held *held);
/* `data` is ignored: a destructor of CFFI's passes what it guards. */
void dpdk_frame_drop(struct rte_mbuf *mbuf, uint8_t *data);

/* The following answer with the number of frames, or -errno. */
int dpdk_burst_lengths(struct dpdk_burst *burst, uint32_t *lengths, uint32_t count);
/* ns of Unix time; 0 where the device gave none. */
int dpdk_burst_timestamps(struct dpdk_burst *burst, uint64_t *timestamps_ns, uint32_t count);
/* Copies [offset, offset + width) of each frame to a row of `rows`; what a frame lacks is 0. */
int dpdk_burst_read(struct dpdk_burst *burst, uint32_t offset, uint32_t width, uint8_t *rows,
                    uint32_t count);
/* Writes the same bytes to each frame. -ERANGE, and nothing written, when one is too short. */
int dpdk_burst_write(struct dpdk_burst *burst, uint32_t offset, const uint8_t *bytes,
                     uint32_t width);
/* 0; -EBUSY while a view of the frame is out; -ERANGE when its mbuf has no such room. */
int dpdk_frame_resize(struct dpdk_burst *burst, uint32_t index, uint32_t length);
/* The same, and the bytes with it. */
int dpdk_frame_fill(struct dpdk_burst *burst, uint32_t index, const uint8_t *bytes,
                    uint32_t length);
/* Moves the frames at these indices, which ascend, to a burst of their own. */
int dpdk_burst_take(struct dpdk_burst *burst, const uint32_t *indices, uint32_t count,
                    struct dpdk_burst **taken);

/* Up to `count` frames of `length` bytes, undefined ones; -ERANGE when they have no such room.
 * With whatever guards the pool held. */
int dpdk_frames_lend(struct rte_mempool *pool, uint32_t count, uint32_t length,
                     struct dpdk_burst **burst);
void dpdk_pool_count(struct rte_mempool *pool, struct dpdk_pool_counts *counts);

int dpdk_lender_open(uint32_t count, uint32_t frame_bytes, int node, struct dpdk_lender **lender,
                     struct pio_error *error);
int dpdk_lender_lend(struct dpdk_lender *lender, uint32_t count, uint32_t length,
                     struct dpdk_burst **burst);
/* -ENODEV once it is closed. */
int dpdk_lender_counts(struct dpdk_lender *lender, struct dpdk_pool_counts *counts);
/* The pool is freed when its last frame is back. */
void dpdk_lender_close(struct dpdk_lender *lender);
/* The same, and the lender itself. */
void dpdk_lender_free(struct dpdk_lender *lender);

#endif
