/* itch_sort.h: messages sorted by type, so that each type is decoded in a loop of its own.
 *
 * The type switch is most of the cost of parsing one message after the other: which type comes next
 * cannot be predicted. Here a batch is walked without asking the type anything but its length; the
 * place of each message goes to the list of its kind, and then every list is decoded by a loop that
 * knows its type. A file and a MoldUDP64 packet have the same blocks (a 2-byte length, a message),
 * so one walk serves both. Rows of one kind keep the order of the feed; between kinds the rows'
 * numbers tell it. Nothing here reads past `size`.
 */
#ifndef TICKPATH_ITCH_SORT_H
#define TICKPATH_ITCH_SORT_H

#include "rows.h"

enum {
    ITCH_BLOCK_BYTES = 2, /* the length in front of a message */
    /* Messages in a batch: their bytes and their rows stay in the first-level cache. */
    ITCH_BATCH_MAX = 128,
    /* How far ahead of the walk memory is asked for: a page, with its translation. */
    ITCH_AHEAD_BYTES = 4096,
    /* A place has 16 bits for an offset; behind this one no block begins. */
    ITCH_BATCH_BYTES = 0xFFFF - ITCH_BLOCK_BYTES,
};

/* Why a walk ended. */
enum {
    ITCH_WALK_END = 0,   /* where the data ends */
    ITCH_WALK_FULL,      /* the batch is: decode it, begin a new one, go on */
    ITCH_WALK_MARK,      /* at a block of length 0, which is not taken */
    ITCH_WALK_TRUNCATED, /* at a block that runs past the data */
    ITCH_WALK_LENGTH,    /* at a known type with a length that it does not have */
};

/* A batch: `places[kind]` has `counts[kind]` messages. Of unknown ones only the count is of use. */
typedef struct itch_batch {
    uint32_t counts[ITCH_KINDS];
    uint32_t messages;
    uint32_t places[ITCH_KINDS][ITCH_BATCH_MAX];
} itch_batch;

static inline void itch_batch_begin(itch_batch *batch) {
    memset(batch->counts, 0, sizeof batch->counts);
    batch->messages = 0;
}

/* Takes blocks from data[*offset] on into a batch that has begun; *offset is then behind the last
 * one taken. An unknown type and, if `empty` is wanted, a block without content are kind 0. */
static inline int itch_batch_walk(itch_batch *batch, const uint8_t *data, uint64_t size,
                                  uint64_t *offset, int empty) {
    const uint8_t *base = data + *offset, *block = base, *end = data + size;
    uint32_t number = 0;
    int why = ITCH_WALK_FULL;
    for (; number < ITCH_BATCH_MAX && block - base <= ITCH_BATCH_BYTES; number++) {
        if (__builtin_expect(end - block <= ITCH_BLOCK_BYTES, 0)) {
            /* At most a length is left: the end, the mark of one, or half of a block. */
            if (block == end || end - block < ITCH_BLOCK_BYTES || (block[0] | block[1])) {
                why = block == end ? ITCH_WALK_END : ITCH_WALK_TRUNCATED;
                break;
            }
            if (!empty) {
                why = ITCH_WALK_MARK;
                break;
            }
            batch->counts[0]++;
            block += ITCH_BLOCK_BYTES;
            continue;
        }
        __builtin_prefetch(block + ITCH_AHEAD_BYTES);
        /* Known messages are shorter than 256 bytes, so the next block hangs on a byte. */
        uint32_t length = block[1];
        const uint8_t letter = block[ITCH_BLOCK_BYTES];
        uint32_t kind = itch_kinds[letter];
        if (__builtin_expect(block[0] | (itch_message_bytes[letter] ^ length) | !length, 0)) {
            length |= (uint32_t)block[0] << 8;
            kind = 0;
            if (length == 0 && !empty) {
                why = ITCH_WALK_MARK;
                break;
            }
            if (length && itch_message_bytes[letter]) {
                why = end - block - ITCH_BLOCK_BYTES < (ptrdiff_t)length ? ITCH_WALK_TRUNCATED
                                                                        : ITCH_WALK_LENGTH;
                break;
            }
        }
        if (__builtin_expect(end - block - ITCH_BLOCK_BYTES < (ptrdiff_t)length, 0)) {
            why = ITCH_WALK_TRUNCATED;
            break;
        }
        batch->places[kind][batch->counts[kind]++] =
            number << 16 | (uint32_t)(block + ITCH_BLOCK_BYTES - base);
        block += ITCH_BLOCK_BYTES + length;
    }
    batch->messages = number;
    *offset += (uint64_t)(block - base);
    return why;
}

/* Decodes a batch whose first block is at `base` and whose first message has number `sequence`:
 * the rows of each kind go to rows[kind], which is moved behind them; NULL passes a kind over. */
static inline void itch_batch_rows(const itch_batch *batch, const uint8_t *base, uint64_t sequence,
                                   uint8_t *rows[ITCH_KINDS]) {
#define ITCH_ROWS(kind, name, type)                                                              \
    if (batch->counts[kind] && rows[kind]) {                                                     \
        type *row = (type *)rows[kind];                                                          \
        for (uint32_t i = 0; i < batch->counts[kind]; i++, row++) {                              \
            const uint32_t place = batch->places[kind][i];                                       \
            itch_row_##name(row, base + (place & 0xFFFF), sequence + (place >> 16));             \
        }                                                                                        \
        rows[kind] = (uint8_t *)row;                                                             \
    }
    ITCH_KINDS_EACH(ITCH_ROWS)
#undef ITCH_ROWS
}

#endif
