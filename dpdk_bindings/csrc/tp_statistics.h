/* tp_statistics.h: a table of named numbers that one thread writes and any process may read.
 *
 * A device has statistics whose names only it knows. The table lies in shared memory of whoever
 * wants them; a sequence lock tells a reader that it looked while they were being written.
 */
#ifndef TICKPATH_STATISTICS_H
#define TICKPATH_STATISTICS_H

#include <stdint.h>
#include <string.h>

/* Cards have some hundred, and some more for each queue. */
#define TP_STATISTICS_MAX 511u
#define TP_STATISTICS_NAME_BYTES 64u

struct tp_statistic {
    char name[TP_STATISTICS_NAME_BYTES]; /* ends in a NUL */
    uint64_t value;
};

struct tp_statistics {
    uint64_t sequence; /* odd while being written; 0: never was */
    uint32_t count;    /* rows that are filled */
    uint32_t left_out; /* that there was no room for */
    uint64_t reserved[6];
    struct tp_statistic rows[TP_STATISTICS_MAX];
};
_Static_assert(sizeof(struct tp_statistics) ==
                   64 + 72 * TP_STATISTICS_MAX, "as statistics.py says");

static inline void tp_statistics_begin(struct tp_statistics *table) {
    __atomic_store_n(&table->sequence, table->sequence | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    table->count = table->left_out = 0;
}

static inline void tp_statistics_add(struct tp_statistics *table, const char *name,
                                     uint64_t value) {
    if (table->count == TP_STATISTICS_MAX) {
        table->left_out++;
        return;
    }
    struct tp_statistic *row = &table->rows[table->count++];
    size_t length = strnlen(name, sizeof row->name - 1);
    memcpy(row->name, name, length);
    memset(row->name + length, 0, sizeof row->name - length);
    row->value = value;
}

static inline void tp_statistics_end(struct tp_statistics *table) {
    __atomic_store_n(&table->sequence, table->sequence + 1, __ATOMIC_RELEASE);
}

#endif
