/* dpdk_handle.c: opens and closes whole ports, and moves bursts over their queues. */
#include "dpdk_handle.h"

#include "dpdk_eal.h"
#include "dpdk_keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Closing takes what the device still holds, twice its largest ring at most. */
#define DRAINS_MAX 256u

struct lane {
    pthread_mutex_t lock; /* held through a burst */
    struct dpdk_port *port; /* NULL once closed */
    struct dpdk_handle_counts counts;
};

/* Written with the keeper's lock held, except for what a lane's own lock guards. */
struct dpdk_handle {
    struct dpdk_port *port; /* NULL once closed */
    uint16_t queues;
    struct lane lanes[DPDK_QUEUES_MAX];
};

/* ---- a lane's turn ---- */

static int device_claim(struct dpdk_port *port, uint16_t queue) {
    return dpdk_guard_enter(&port->guards[queue]);
}

static void device_leave(struct dpdk_port *port, uint16_t queue) {
    dpdk_guard_leave(&port->guards[queue]);
}

/* 1 and the lane to ourselves; 0 when the keeper wants the device; -errno. Else as before. */
static int lane_enter(struct dpdk_handle *handle, uint16_t queue, struct lane **entered) {
    if (dpdk_in_child())
        return -ECHILD;
    if (queue >= handle->queues)
        return -ENXIO;
    struct lane *lane = *entered = &handle->lanes[queue];
    pthread_mutex_lock(&lane->lock);
    if (!lane->port) {
        pthread_mutex_unlock(&lane->lock);
        return -ENODEV;
    }
    return device_claim(lane->port, queue);
}

static int lane_leave(struct lane *lane, uint16_t queue, int result) {
    device_leave(lane->port, queue);
    pthread_mutex_unlock(&lane->lock);
    return result;
}

void dpdk_handle_silence(struct dpdk_handle *handle) {
    for (uint16_t i = 0; i < handle->queues; i++)
        pthread_mutex_lock(&handle->lanes[i].lock);
}

void dpdk_handle_resume(struct dpdk_handle *handle) {
    for (uint16_t i = 0; i < handle->queues; i++)
        pthread_mutex_unlock(&handle->lanes[i].lock);
}

void dpdk_handle_count(struct dpdk_handle *handle, struct dpdk_handle_counts *counts) {
    memset(counts, 0, sizeof *counts);
    for (uint16_t i = 0; i < handle->queues; i++) {
        counts->rx_copied += handle->lanes[i].counts.rx_copied;
        counts->rx_oversize += handle->lanes[i].counts.rx_oversize;
        counts->rx_no_frame += handle->lanes[i].counts.rx_no_frame;
    }
}

/* ---- control ---- */

struct dpdk_port *dpdk_handle_control(struct dpdk_handle *handle, int *number) {
    *number = -ECHILD;
    if (dpdk_in_child())
        return NULL;
    dpdk_keeper_lock();
    if (!handle->port)
        *number = dpdk_handle_done(-ENODEV);
    return handle->port;
}

int dpdk_handle_done(int number) {
    dpdk_keeper_unlock();
    return number;
}

/* ---- open and close ---- */

int dpdk_handle_open(const char *device, const struct dpdk_port_options *options,
                     struct dpdk_handle **handle, struct pio_error *error) {
    struct dpdk_handle *made = calloc(1, sizeof *made);
    if (!made)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a port");
    if (dpdk_in_child()) {
        free(made);
        return pio_refuse(error, ECHILD, "start new processes by spawn, not fork",
                          "this process was forked from one that runs DPDK, which stays there");
    }
    for (uint16_t queue = 0; queue < options->queues; queue++) {
        int number = dpdk_port_open(device, options, queue, &made->port, error);
        if (number) {
            while (queue--)
                dpdk_port_close(made->lanes[queue].port, queue);
            free(made);
            return number;
        }
        pthread_mutex_init(&made->lanes[queue].lock, NULL);
        made->lanes[queue].port = made->port;
    }
    made->port->keeps_mbufs = 0; /* bursts outlive ports: their memory stays, and is missed */
    made->queues = options->queues;
    *handle = made;
    return 0;
}

/* What the device still holds for us would keep its pool from being whole. */
static void drain(struct lane *lane, uint16_t queue) {
    struct rte_mbuf *left[PIO_BURST_MAX];
    for (uint32_t i = 0; i < DRAINS_MAX; i++) {
        uint16_t count = rte_eth_rx_burst(lane->port->id, queue, left, PIO_BURST_MAX);
        rte_pktmbuf_free_bulk(left, count);
        if (!count)
            break;
    }
}

void dpdk_handle_close(struct dpdk_handle *handle) {
    int number;
    struct dpdk_port *port = dpdk_handle_control(handle, &number);
    if (!port)
        return;
    handle->port = NULL;
    dpdk_handle_done(0);
    for (uint16_t queue = 0; queue < handle->queues; queue++) {
        struct lane *lane = &handle->lanes[queue];
        pthread_mutex_lock(&lane->lock);
        if (device_claim(port, queue))
            drain(lane, queue);
        device_leave(port, queue);
        lane->port = NULL;
        pthread_mutex_unlock(&lane->lock);
    }
    rte_flow_flush(port->id, NULL); /* rules whose handles were collected along with this one */
    for (uint16_t queue = 0; queue < handle->queues; queue++)
        dpdk_port_close(port, queue);
}

void dpdk_handle_free(struct dpdk_handle *handle) {
    if (dpdk_in_child())
        return;
    dpdk_handle_close(handle);
    for (uint16_t i = 0; i < handle->queues; i++)
        pthread_mutex_destroy(&handle->lanes[i].lock);
    free(handle);
}

/* ---- receive ---- */

/* A chain, or a frame in memory that goes with its device, as one mbuf of our own pool. NULL, and
 * the reason counted, when that cannot be had. */
static __attribute__((cold, noinline)) struct rte_mbuf *whole(struct lane *lane, uint16_t queue,
                                                              struct rte_mbuf *chain) {
    uint32_t length = rte_pktmbuf_pkt_len(chain);
    struct rte_mbuf *copy = NULL;
    if (length > lane->port->options.frame_bytes)
        lane->counts.rx_oversize++;
    else if (!(copy = rte_pktmbuf_copy(chain, lane->port->tx_pools[queue], 0, UINT32_MAX)))
        lane->counts.rx_no_frame++;
    else
        lane->counts.rx_copied++;
    rte_pktmbuf_free(chain);
    return copy;
}

/* The device's ticks become ns where they are, so that a burst outlives its port. */
static void timestamps_convert(const struct dpdk_port *port, struct rte_mbuf *m) {
    if (!(m->ol_flags & port->timestamp_flag))
        return;
    uint64_t *ticks = RTE_MBUF_DYNFIELD(m, port->timestamp_offset, uint64_t *);
    *ticks = dpdk_clock_ns(&port->clock, *ticks);
}

int dpdk_handle_receive(struct dpdk_handle *handle, uint16_t queue, uint32_t count,
                        struct dpdk_burst **burst) {
    struct rte_mbuf *mbufs[DPDK_BURST_FRAMES_MAX];
    struct lane *lane;
    int entered = lane_enter(handle, queue, &lane);
    if (entered < 0)
        return entered;
    if (!entered)
        return lane_leave(lane, queue, 0);
    const struct dpdk_port *port = lane->port;
    if (count > DPDK_BURST_FRAMES_MAX)
        count = DPDK_BURST_FRAMES_MAX;
    uint32_t got = rte_eth_rx_burst(port->id, queue, mbufs, (uint16_t)count), kept = 0;
    for (uint32_t i = 0; i < got; i++) {
        struct rte_mbuf *m = mbufs[i];
        if (m->nb_segs != 1 || RTE_MBUF_HAS_EXTBUF(m))
            m = whole(lane, queue, m);
        if (m)
            mbufs[kept++] = m;
    }
    if (port->timestamp_offset >= 0)
        for (uint32_t i = 0; i < kept; i++)
            timestamps_convert(port, mbufs[i]);
    lane_leave(lane, queue, 0);
    if (kept && !(*burst = dpdk_burst_make(mbufs, kept)))
        return -ENOMEM;
    return (int)kept;
}

/* ---- transmit ---- */

int dpdk_handle_transmit(struct dpdk_handle *handle, uint16_t queue, struct dpdk_burst *burst,
                         uint32_t *culprit) {
    struct lane *lane;
    int entered = lane_enter(handle, queue, &lane);
    if (entered < 0)
        return entered;
    pthread_mutex_lock(&burst->lock);
    struct rte_mbuf **mbufs = &burst->mbufs[burst->first];
    int result = 0;
    for (uint32_t i = 0; !result && i < burst->count; i++) {
        *culprit = i;
        if (rte_mbuf_refcnt_read(mbufs[i]) != 1)
            result = -EBUSY;
        else if (mbufs[i]->data_len < PIO_FRAME_BYTES_MIN)
            result = -EINVAL;
        else if (mbufs[i]->pkt_len > lane->port->frame_bytes_max)
            result = -EMSGSIZE;
    }
    if (!result && entered && burst->count) {
        result = rte_eth_tx_burst(lane->port->id, queue, mbufs, (uint16_t)burst->count);
        burst->first += (uint32_t)result;
        burst->count -= (uint32_t)result;
    }
    pthread_mutex_unlock(&burst->lock);
    return lane_leave(lane, queue, result);
}

int dpdk_handle_lend(struct dpdk_handle *handle, uint16_t queue, uint32_t count, uint32_t length,
                     struct dpdk_burst **burst) {
    struct lane *lane;
    int entered = lane_enter(handle, queue, &lane);
    if (entered < 0)
        return entered;
    return lane_leave(lane, queue,
                      dpdk_frames_lend(lane->port->tx_pools[queue], count, length, burst));
}

int dpdk_handle_pool(struct dpdk_handle *handle, uint16_t queue, int transmitting,
                     struct dpdk_pool_counts *counts) {
    struct lane *lane;
    int entered = lane_enter(handle, queue, &lane);
    if (entered < 0)
        return entered;
    dpdk_pool_count(transmitting ? lane->port->tx_pools[queue] : lane->port->rx_pools[queue],
                    counts);
    return lane_leave(lane, queue, 0);
}
