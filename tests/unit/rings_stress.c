/* rings_stress.c: both rings between threads, for the sanitizers. rings_stress COUNT
 * Prints the records that went through each; aborts at the first that is wrong. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tp_mpsc.h"
#include "tp_ring.h"

#define RING_BYTES 4096u
#define SLOTS 64u
#define PRODUCERS 4u
#define RECORD_WORDS_MAX 30u
#define CLAIM_MAX 9u
#define DEATH_RECORDS 3u /* what each producer claims last and never commits */

static uint64_t count;
static struct tp_ring *ring;
static struct tp_mpsc *mpsc;
static _Atomic uint32_t held; /* slots that the dead have claimed */

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "rings_stress: %s\n", what);
        abort();
    }
}

static void *spsc_producer(void *unused) {
    struct tp_ring_writer w = tp_ring_write(ring);
    for (uint64_t number = 0; number < count;) {
        uint64_t batch = 1 + number % 7;
        for (uint64_t i = 0; i < batch && number < count; i++) {
            uint32_t words = 1 + (uint32_t)(number % RECORD_WORDS_MAX);
            uint64_t *record = tp_ring_claim(&w, words * 8);
            if (!record)
                break;
            for (uint32_t at = 0; at < words; at++)
                record[at] = number * 31 + at;
            number++;
        }
        tp_ring_commit(&w);
        if (number % 1009 == 0) /* a writer that was made anew finds its place */
            w = tp_ring_write(ring);
    }
    return unused;
}

static void spsc(void) {
    pthread_t thread;
    struct tp_ring_reader r;
    ring = aligned_alloc(64, sizeof *ring + RING_BYTES);
    tp_ring_init(ring, RING_BYTES);
    r = tp_ring_read(ring);
    pthread_create(&thread, NULL, spsc_producer, NULL);
    for (uint64_t number = 0; number < count;) {
        uint32_t bytes;
        const uint64_t *record;
        while ((record = tp_ring_peek(&r, &bytes))) {
            check(bytes == 8 * (1 + number % RECORD_WORDS_MAX), "a record's size");
            for (uint32_t at = 0; at < bytes / 8; at++)
                check(record[at] == number * 31 + at, "a record's content");
            tp_ring_consume(&r, bytes);
            if (++number % 5 == 0)
                break;
        }
        tp_ring_release(&r);
    }
    pthread_join(thread, NULL);
    free(ring);
}

/* Claims of 1 to CLAIM_MAX, the last of which is never committed: the thread is as good as dead. */
static void *mpsc_producer(void *number) {
    uint32_t producer = (uint32_t)(uintptr_t)number, got = 0;
    struct tp_mpsc_writer w = tp_mpsc_write(mpsc, producer);
    for (uint64_t i = 0; i < count; tp_mpsc_commit(&w)) {
        got = tp_mpsc_claim(&w, 1 + (uint32_t)(i % CLAIM_MAX));
        for (uint32_t at = 0; at < got; at++, i++) {
            uint64_t *record = tp_mpsc_record(&w, at);
            for (uint32_t word = 0; word < TP_MPSC_RECORD_BYTES / 8; word++)
                record[word] = (uint64_t)producer << 32 | i;
        }
    }
    while (!(got = tp_mpsc_claim(&w, DEATH_RECORDS)))
        ;
    atomic_fetch_add(&held, got);
    return NULL;
}

static uint64_t many(void) {
    pthread_t threads[PRODUCERS];
    uint64_t next[PRODUCERS] = {0}, taken = 0, passed = 0;
    uint32_t joined = 0, producer;
    struct tp_mpsc_reader r;
    mpsc = aligned_alloc(64, sizeof *mpsc + SLOTS * sizeof(struct tp_mpsc_slot));
    tp_mpsc_init(mpsc, SLOTS);
    r = tp_mpsc_read(mpsc);
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        pthread_create(&threads[i], NULL, mpsc_producer, (void *)i);
    while (joined != (1u << PRODUCERS) - 1 || tp_mpsc_holder(&r) != TP_MPSC_NOBODY) {
        const uint64_t *record;
        while ((record = tp_mpsc_peek(&r))) {
            producer = (uint32_t)(record[0] >> 32);
            check(producer < PRODUCERS, "a producer's number");
            for (uint32_t at = 0; at < TP_MPSC_RECORD_BYTES / 8; at++)
                check(record[at] == ((uint64_t)producer << 32 | next[producer]), "a record");
            next[producer]++;
            taken++;
            tp_mpsc_consume(&r);
        }
        tp_mpsc_release(&r);
        producer = tp_mpsc_holder(&r);
        if (producer == TP_MPSC_GONE) {
            passed += tp_mpsc_abandon(&r, producer);
        } else if (producer != TP_MPSC_NOBODY && next[producer] >= count) {
            if (!(joined >> producer & 1)) /* it is dead for certain */
                pthread_join(threads[producer], NULL);
            joined |= 1u << producer;
            passed += tp_mpsc_abandon(&r, producer);
        }
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        check(next[i] >= count && next[i] < count + CLAIM_MAX, "a producer's count");
    check(passed == atomic_load(&held), "what the dead held");
    free(mpsc);
    return taken;
}

int main(int arguments, char **values) {
    count = arguments > 1 ? strtoull(values[1], NULL, 10) : 100000;
    spsc();
    printf("%llu %llu\n", (unsigned long long)count, (unsigned long long)many());
    return 0;
}
