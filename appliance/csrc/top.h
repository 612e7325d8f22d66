/* top.h: the sequence lock around one symbol's best prices.
 *
 * One writer. The sequence is odd while the rest is being written; a reader copies, and believes
 * the copy if the sequence was even and is unchanged.
 */
#ifndef TICKPATH_TOP_H
#define TICKPATH_TOP_H

#include <stdatomic.h>

#include "state.h"

static inline void top_begin(struct state_top *top) {
    __atomic_store_n(&top->sequence, top->sequence + 1, __ATOMIC_RELAXED);
    atomic_thread_fence(memory_order_release);
}

static inline void top_end(struct state_top *top) {
    __atomic_store_n(&top->sequence, top->sequence + 1, __ATOMIC_RELEASE);
}

#endif
