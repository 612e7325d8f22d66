/* links_stress.c: one memory link between two threads. links_stress NAME COUNT
 * Frames of every length go one way, in bursts of every size and with silences between; each is
 * checked whole and in order, and released in parts. Aborts at the first that is wrong. */
#include "pio.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t count;

static void check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "links_stress: %s\n", what);
        abort();
    }
}

static uint32_t length_of(uint64_t number, const struct pio_queue *queue) {
    return PIO_FRAME_BYTES_MIN + (uint32_t)(number * 7919 % (queue->info->frame_bytes_max - 13));
}

static void *sender(void *argument) {
    struct pio_queue *queue = argument;
    struct pio_frame frames[PIO_BURST_MAX];
    for (uint64_t number = 0; number < count;) {
        uint32_t lent = queue->tx_lend(queue, frames, 1 + (uint32_t)(number % PIO_BURST_MAX));
        for (uint32_t i = 0; i < lent; i++) {
            frames[i].length = length_of(number + i, queue);
            memset(frames[i].data, (int)(uint8_t)(number + i), frames[i].length);
            frames[i].timestamp_ns = number + i;
        }
        check(queue->tx_burst(queue, frames, lent) == lent, "what was lent is sent");
        number += lent;
        if (!lent || number % 1009 == 0)
            sched_yield();
    }
    return NULL;
}

static void receive(struct pio_queue *queue) {
    struct pio_frame frames[PIO_BURST_MAX];
    for (uint64_t number = 0; number < count + PIO_BURST_MAX;) {
        uint32_t got = queue->rx_burst(queue, frames, PIO_BURST_MAX);
        for (uint32_t i = 0; i < got; i++, number++) {
            check(frames[i].length == length_of(number, queue), "a frame's length");
            check(frames[i].timestamp_ns == number, "a frame's number");
            for (uint32_t at = 0; at < frames[i].length; at++)
                check(frames[i].data[at] == (uint8_t)number, "a frame's bytes");
        }
        queue->rx_release(queue, frames, got / 2);
        queue->rx_release(queue, frames + got / 2, got - got / 2);
        if (number >= count)
            break;
        if (!got)
            sched_yield();
    }
}

int main(int arguments, char **values) {
    struct pio_queue *ends[2];
    struct pio_error error;
    pthread_t thread;
    check(arguments == 3, "give a queue and a count");
    count = strtoull(values[2], NULL, 10);
    for (int i = 0; i < 2; i++)
        check(!pio_open(values[1], &ends[i], &error), error.why);
    check(!pthread_create(&thread, NULL, sender, ends[0]), "no thread");
    receive(ends[1]);
    pthread_join(thread, NULL);
    check(!ends[1]->info->stats.rx_malformed, "nothing was malformed");
    pio_close(ends[0]);
    pio_close(ends[1]);
    return 0;
}
