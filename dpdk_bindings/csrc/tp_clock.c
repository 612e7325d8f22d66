/* tp_clock.c: calibration of the time-stamp counter (see tp_clock.h). */
#include "tp_clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Rounds of bracketed reads at each end; the tightest bracket wins, which drops interruptions. */
#define BRACKETS 32

static uint64_t clock_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Reads ticks and ns of `id` as close to each other as can be had; returns the bracket in ticks. */
static uint64_t read_pair(clockid_t id, uint64_t *ticks, uint64_t *ns) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < BRACKETS; i++) {
        uint64_t before = tp_ticks();
        uint64_t time = clock_ns(id);
        uint64_t after = tp_ticks();
        if (after - before < best) {
            best = after - before;
            *ticks = before + (after - before) / 2;
            *ns = time;
        }
    }
    return best;
}

static uint32_t constant_source(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    /* CPUID 0x80000007 EDX bit 8: invariant TSC (AMD APM vol. 3, Intel SDM vol. 2). */
    if (__get_cpuid(0x80000007u, &a, &b, &c, &d) && (d & (1u << 8)))
        return TP_CLOCK_TSC;
#elif defined(__aarch64__)
    return TP_CLOCK_CNTVCT;
#endif
    return TP_CLOCK_MONOTONIC;
}

void tp_clock_calibrate(struct tp_clock *clock, uint32_t duration_ms) {
    uint64_t ticks0 = 0, ticks1 = 0, ns0 = 0, ns1 = 0, ticks_epoch = 0, ns_epoch = 0;
    duration_ms = duration_ms < 1 ? 1 : duration_ms > 1000 ? 1000 : duration_ms;
    clock->source = constant_source();
    if (clock->source != TP_CLOCK_MONOTONIC) {
        uint64_t slack = read_pair(CLOCK_MONOTONIC_RAW, &ticks0, &ns0);
        while (clock_ns(CLOCK_MONOTONIC_RAW) - ns0 < duration_ms * 1000000ull)
            ;
        slack += read_pair(CLOCK_MONOTONIC_RAW, &ticks1, &ns1);
        read_pair(CLOCK_REALTIME, &ticks_epoch, &ns_epoch);
        if (ticks1 > ticks0) {
            clock->ns_per_tick_q32 =
                (uint64_t)(((unsigned __int128)(ns1 - ns0) << 32) / (ticks1 - ticks0));
            clock->ticks_base = ticks_epoch;
            clock->ns_base = ns_epoch;
            clock->error_ppb = (uint32_t)(slack * 1000000000ull / (ticks1 - ticks0));
            return;
        }
        clock->source = TP_CLOCK_MONOTONIC;
    }
    clock->ticks_base = 0;
    clock->ns_per_tick_q32 = 0;
    clock->error_ppb = 0;
    clock->ns_base = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}
