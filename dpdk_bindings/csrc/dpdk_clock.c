/* dpdk_clock.c: a device's receive timestamps as ns of Unix time (see dpdk_clock.h). */
#include "dpdk_clock.h"

#include "dpdk_compat.h"

#include <string.h>
#include <time.h>

#define ONE_Q32 (UINT64_C(1) << 32)
#define SECOND_NS UINT64_C(1000000000)
/* How long a clock is first watched: a part in 10^4 of error from 1 us of jitter, until the keeper
 * looks again. */
#define WATCH_NS 10000000L
/* A clock this near to Unix time is one: PTP's may be TAI, 37 s ahead. */
#define UNIX_NS_MAX (UINT64_C(100) * SECOND_NS)

static uint64_t unix_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Both clocks at one moment: the system's is taken between two looks at the device's. */
static int tie_read(uint16_t port_id, struct dpdk_clock_tie *tie) {
    uint64_t before, after;
    if (dpdk_read_clock(port_id, &before))
        return -1;
    tie->ns = unix_ns();
    if (dpdk_read_clock(port_id, &after))
        return -1;
    tie->ticks = before + (after - before) / 2;
    return 0;
}

static void tie_rate(struct dpdk_clock_tie *tie, const struct dpdk_clock_tie *first) {
    unsigned __int128 elapsed_ns = tie->ns - first->ns;
    if (tie->ticks > first->ticks && tie->ns > first->ns)
        tie->ns_per_tick_q32 = (uint64_t)((elapsed_ns << 32) / (tie->ticks - first->ticks));
}

void dpdk_clock_prepare(struct dpdk_clock *clock, uint16_t port_id, const char *driver) {
    const struct timespec watch = {0, WATCH_NS};
    struct dpdk_clock_tie *tie = &clock->ties[0];
    memset(clock, 0, sizeof *clock);
    tie->ns_per_tick_q32 = ONE_Q32;
    if (!strcmp(driver, "net_pcap")) {
        tie->ns_per_tick_q32 = 1000 * ONE_Q32; /* microseconds of the capture's clock */
        return;
    }
    if (tie_read(port_id, &clock->first))
        return; /* it cannot be read: drivers without rte_eth_read_clock stamp in Unix time */
    uint64_t apart = clock->first.ns > clock->first.ticks ? clock->first.ns - clock->first.ticks
                                                          : clock->first.ticks - clock->first.ns;
    if (apart < UNIX_NS_MAX)
        return;
    nanosleep(&watch, NULL);
    if (tie_read(port_id, tie))
        return;
    tie_rate(tie, &clock->first);
    clock->looked_ns = tie->ns;
    clock->follows = 1;
}

void dpdk_clock_look(struct dpdk_clock *clock, uint16_t port_id) {
    uint32_t next = !clock->current;
    struct dpdk_clock_tie *tie = &clock->ties[next];
    if (!clock->follows || unix_ns() - clock->looked_ns < SECOND_NS || tie_read(port_id, tie))
        return;
    tie->ns_per_tick_q32 = clock->ties[clock->current].ns_per_tick_q32;
    tie_rate(tie, &clock->first);
    clock->looked_ns = tie->ns;
    __atomic_store_n(&clock->current, next, __ATOMIC_RELEASE);
}
