/* clock_driver.c: dpdk_clock.c with a made-up device behind it.
 *
 * clock_driver KIND: "ticks" counts 312.5 MHz since it was switched on, "unix" ns of Unix time,
 * "none" cannot be read. Prints how far off, in ns, timestamps of now are after the first tie and
 * after the keeper's next, and whether the keeper follows it.
 */
#include "dpdk_clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TICKS_PER_16_NS 5u

static const char *kind;
static uint64_t on_ns;

static uint64_t unix_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t stamp(void) {
    return !strcmp(kind, "ticks") ? (unix_now() - on_ns) * TICKS_PER_16_NS / 16u : unix_now();
}

int rte_eth_read_clock(uint16_t port_id, uint64_t *ticks);
int rte_eth_read_clock(uint16_t port_id, uint64_t *ticks) {
    (void)port_id;
    *ticks = stamp();
    return strcmp(kind, "none") ? 0 : -95;
}

/* The least of some, since the system may stop us between two clocks. */
static long long off_ns(const struct dpdk_clock *clock) {
    long long least = 1LL << 62;
    for (int i = 0; i < 100; i++) {
        long long off = (long long)(dpdk_clock_ns(clock, stamp()) - unix_now());
        off = off < 0 ? -off : off;
        least = off < least ? off : least;
    }
    return least;
}

int main(int argc, char **argv) {
    struct dpdk_clock clock;
    const struct timespec second = {1, 50000000};
    kind = argc > 1 ? argv[1] : "none";
    on_ns = unix_now() - UINT64_C(3600000000000);
    dpdk_clock_prepare(&clock, 0, "net_made_up");
    long long first = off_ns(&clock);
    nanosleep(&second, NULL);
    dpdk_clock_look(&clock, 0);
    printf("%lld %lld %u\n", first, off_ns(&clock), clock.follows && clock.current == 1);
    return 0;
}
