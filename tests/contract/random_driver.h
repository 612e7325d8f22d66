/* random_driver.h: draws from a seed, and what must be, for drivers that act at random. */
#ifndef TICKPATH_RANDOM_DRIVER_H
#define TICKPATH_RANDOM_DRIVER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state; /* the seed, before the first draw */

static inline uint32_t draw(uint32_t bound) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % bound);
}

static inline void require(int condition, const char *what) {
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    exit(1);
}

#endif
