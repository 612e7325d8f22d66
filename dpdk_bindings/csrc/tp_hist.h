/* tp_hist.h: an HDR histogram that one thread records into and anybody may read while it does.
 *
 * The bucket layout is HdrHistogram's own (hdrhistogram.org) with unit 1 and three significant
 * digits, so counts copy straight into any HdrHistogram library. Values are ns from 0 to
 * TP_HIST_VALUE_MAX; larger ones are recorded there and counted as saturated. Recording is an
 * increment at an index found by one bit scan. Readers see each counter whole, and the set of them
 * as of some moment within their copy.
 */
#ifndef TICKPATH_HIST_H
#define TICKPATH_HIST_H

#include <stdint.h>

#define TP_HIST_HALF_BITS 10u /* 2^11 sub-buckets: three significant digits */
#define TP_HIST_MASK ((2u << TP_HIST_HALF_BITS) - 1u)
#define TP_HIST_VALUE_BITS 36u /* 68.7 s */
#define TP_HIST_VALUE_MAX ((UINT64_C(1) << TP_HIST_VALUE_BITS) - 1u)
#define TP_HIST_COUNTS ((TP_HIST_VALUE_BITS - TP_HIST_HALF_BITS + 1u) << TP_HIST_HALF_BITS)

struct tp_hist {
    uint64_t total_count;
    uint64_t saturated_count;
    uint64_t value_max; /* exact */
    uint64_t value_sum;
    uint64_t pad[4];
    uint64_t counts[TP_HIST_COUNTS];
};

static inline uint32_t tp_hist_index(uint64_t value) {
    uint32_t bucket =
        (64u - (uint32_t)__builtin_clzll(value | TP_HIST_MASK)) - (TP_HIST_HALF_BITS + 1u);
    return (bucket << TP_HIST_HALF_BITS) + (uint32_t)(value >> bucket);
}

/* The lowest value that shares the index's counter. */
static inline uint64_t tp_hist_value(uint32_t index) {
    uint32_t bucket = index >> TP_HIST_HALF_BITS;
    if (bucket < 2)
        return index;
    bucket -= 1;
    return (uint64_t)(index - (bucket << TP_HIST_HALF_BITS)) << bucket;
}

static inline void tp_hist_record(struct tp_hist *hist, uint64_t value) {
    if (__builtin_expect(value > TP_HIST_VALUE_MAX, 0)) {
        hist->saturated_count++;
        value = TP_HIST_VALUE_MAX;
    }
    hist->counts[tp_hist_index(value)]++;
    hist->total_count++;
    hist->value_sum += value;
    if (value > hist->value_max)
        hist->value_max = value;
}

#endif
