/* journal.h: the header of a journal record, as journal/record.py describes it. */
#ifndef TICKPATH_JOURNAL_H
#define TICKPATH_JOURNAL_H

#include <stdint.h>

enum journal_kind {
    JOURNAL_START = 1,
    JOURNAL_FRAME = 2,
    JOURNAL_COMMAND = 3,
    JOURNAL_TICK = 4,
    JOURNAL_ORDER = 5,
    JOURNAL_END = 6,
};

struct journal_record {
    uint16_t kind;
    uint16_t role;
    uint32_t length; /* of the payload that follows */
    uint64_t now_ns;
    uint64_t number;
    uint32_t flags;
    uint32_t reserved;
};
_Static_assert(sizeof(struct journal_record) == 32, "as record.py says");

#endif
