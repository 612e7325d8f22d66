/* tp_clock.h: nanoseconds since the Unix epoch from the time-stamp counter.
 *
 * Invariant: a clock never runs backwards and, once calibrated, is never written again, so any
 * thread or process may read it. tp_clock_calibrate (tp_clock.c) measures the counter's rate
 * against CLOCK_MONOTONIC_RAW and its offset against CLOCK_REALTIME, once; later steps of the
 * host's clock are not followed. Where the counter is not constant, or there is none, the clock is
 * CLOCK_MONOTONIC plus that offset: right, but a vDSO call a read.
 */
#ifndef TICKPATH_CLOCK_H
#define TICKPATH_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

enum tp_clock_source { TP_CLOCK_MONOTONIC = 0, TP_CLOCK_TSC = 1, TP_CLOCK_CNTVCT = 2 };

struct tp_clock {
    uint64_t ticks_base; /* counter at calibration */
    uint64_t ns_base;    /* ns since the epoch at ticks_base; for MONOTONIC the offset to add */
    uint64_t ns_per_tick_q32; /* fixed point, 32 fractional bits */
    uint32_t source;          /* enum tp_clock_source */
    uint32_t error_ppb;       /* calibration error bound, parts per 10^9 */
};

/* Calibrates over duration_ms (clipped to 1..1000). Never fails: falls back to MONOTONIC. */
void tp_clock_calibrate(struct tp_clock *clock, uint32_t duration_ms);

static inline uint64_t tp_ticks(void) {
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return 0;
#endif
}

static inline uint64_t tp_clock_now(const struct tp_clock *clock) {
    if (__builtin_expect(clock->source != TP_CLOCK_MONOTONIC, 1)) {
        uint64_t ticks = tp_ticks() - clock->ticks_base;
        return clock->ns_base +
               (uint64_t)(((unsigned __int128)ticks * clock->ns_per_tick_q32) >> 32);
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return clock->ns_base + (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
