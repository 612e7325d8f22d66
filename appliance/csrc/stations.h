/* stations.h: what each station of a tick costs, for whoever asks.
 *
 * A mark books the time since the mark before it under its own station, in the segment's
 * histograms. Nobody asks unless [engine] stations is set: a mark is then one test of a pointer.
 * -DTICKPATH_NO_STATIONS leaves not even that. A mark that books reads the clock, so the sum of
 * the stations is longer than the tick by one reading for each.
 */
#ifndef TICKPATH_STATIONS_H
#define TICKPATH_STATIONS_H

#include "state.h"
#include "tp_clock.h"
#include "tp_hist.h"

struct stations {
    struct tp_hist *timers; /* the segment's, H_*; NULL: nobody asks */
    uint64_t last_ns;
    struct tp_clock clock; /* the loop's, a copy */
};

#ifdef TICKPATH_NO_STATIONS
#define station_begin(stations) ((void)(stations))
#define station_mark(stations, timer) ((void)(stations))
#else
static inline void station_begin(struct stations *stations) {
    if (__builtin_expect(stations->timers != NULL, 0))
        stations->last_ns = tp_clock_now(&stations->clock);
}

static inline void station_mark(struct stations *stations, uint32_t timer) {
    if (__builtin_expect(stations->timers != NULL, 0)) {
        uint64_t now = tp_clock_now(&stations->clock);
        tp_hist_record(&stations->timers[timer], now - stations->last_ns);
        stations->last_ns = tp_clock_now(&stations->clock);
    }
}
#endif

#endif
