/* dpdk_clock.h: a device's receive timestamps as ns of Unix time.
 *
 * A card stamps frames with a clock of its own: ns of Unix time where PTP keeps it, else ticks
 * since some moment, at some rate. The second kind is tied to the system's clock: read side by
 * side when the port is opened, and again by the keeper, ever further apart, so that the rate
 * becomes exact.
 * Two ties take turns: the one that bursts use is never written.
 */
#ifndef TICKPATH_DPDK_CLOCK_H
#define TICKPATH_DPDK_CLOCK_H

#include <stdint.h>

struct dpdk_clock_tie {
    uint64_t ticks, ns; /* the same moment */
    uint64_t ns_per_tick_q32;
};

struct dpdk_clock {
    uint32_t current, follows; /* follows: 1 when the keeper is to tie it again */
    uint64_t looked_ns;
    struct dpdk_clock_tie first, ties[2];
};

static inline uint64_t dpdk_clock_ns(const struct dpdk_clock *clock, uint64_t ticks) {
    const struct dpdk_clock_tie *tie =
        &clock->ties[__atomic_load_n(&clock->current, __ATOMIC_ACQUIRE)];
    __int128 elapsed = (int64_t)(ticks - tie->ticks);
    return tie->ns + (uint64_t)(elapsed * (__int128)tie->ns_per_tick_q32 >> 32);
}

/* Learns what the clock of this port is; takes 10 ms where it has to be watched. */
void dpdk_clock_prepare(struct dpdk_clock *clock, uint16_t port_id, const char *driver);
/* Ties it again, once a second; for the keeper. */
void dpdk_clock_look(struct dpdk_clock *clock, uint16_t port_id);

#endif
