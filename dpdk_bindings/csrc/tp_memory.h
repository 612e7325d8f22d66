/* tp_memory.h: tables that are whole from the start.
 *
 * Zeroed, page-aligned, on huge pages where the kernel gives them, and faulted in before the first
 * frame when asked: nothing below the loop ever waits for a page.
 */
#ifndef TICKPATH_MEMORY_H
#define TICKPATH_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TP_MEMORY_HUGE_BYTES ((size_t)2 << 20)

static inline size_t tp_memory_round(size_t bytes) {
    size_t unit = bytes >= TP_MEMORY_HUGE_BYTES ? TP_MEMORY_HUGE_BYTES : (size_t)4096;
    return (bytes + unit - 1) & ~(unit - 1);
}

#ifdef __SANITIZE_ADDRESS__
/* From the heap, so that the sanitizer sees the end of a table. */
static inline void *tp_memory_map(size_t bytes, int populate) {
    (void)populate;
    return calloc(1, bytes);
}

static inline void tp_memory_unmap(void *base, size_t bytes) {
    (void)bytes;
    free(base);
}
#else
/* NULL when there is not that much memory. */
static inline void *tp_memory_map(size_t bytes, int populate) {
    size_t size = tp_memory_round(bytes);
    uint8_t *base = (uint8_t *)mmap(NULL, size, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    madvise(base, size, MADV_HUGEPAGE); /* advice: without huge pages, small ones do */
    if (populate)
        for (size_t at = 0; at < size; at += 4096)
            *(volatile uint8_t *)(base + at) = 0;
    return base;
}

static inline void tp_memory_unmap(void *base, size_t bytes) {
    if (base)
        munmap(base, tp_memory_round(bytes));
}
#endif

#endif
