/* dpdk_poller.c: one DPDK queue, sent to and received from without a pause.
 *
 * dpdk_poller NAME FRAME_BYTES [EAL ARGUMENT ...]: prints "open"; for each line on stdin, and when
 * that ends, prints: frames sent, received, out of order; restarts, link losses, 1 for a link that
 * is up. At the end it closes and prints the mbufs that are missing, too. Frames are numbered; a
 * peer that began anew begins at one.
 */
#include "dpdk_eal.h"
#include "dpdk_pool.h"
#include "pio_dpdk.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct pio_backend pio_backend_dpdk;

#define LOOPS_PER_LOOK 4096u
#define BURST 32u

static uint64_t sent, received, last, disordered;

static void refused(const struct pio_error *error) {
    fprintf(stderr, "%s; %s\n", error->why, error->remedy);
    exit(1);
}

static void send_some(struct pio_queue *queue, uint32_t length) {
    struct pio_frame frames[BURST];
    uint32_t lent = queue->tx_lend(queue, frames, BURST);
    for (uint32_t i = 0; i < lent; i++) {
        uint64_t number = sent + i + 1;
        memset(frames[i].data, 0xee, length);
        memcpy(frames[i].data + PIO_FRAME_BYTES_MIN, &number, sizeof number);
        frames[i].length = length;
    }
    uint32_t taken = queue->tx_burst(queue, frames, lent);
    queue->tx_return(queue, frames + taken, lent - taken);
    sent += taken;
}

static void receive_some(struct pio_queue *queue) {
    struct pio_frame frames[BURST];
    uint32_t count = queue->rx_burst(queue, frames, BURST);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number;
        memcpy(&number, frames[i].data + PIO_FRAME_BYTES_MIN, sizeof number);
        disordered += number != last + 1 && number != 1;
        last = number;
    }
    queue->rx_release(queue, frames, count);
    received += count;
}

static void tell(const struct pio_queue *queue) {
    const struct pio_stats *stats = &queue->info->stats;
    printf("%llu %llu %llu %llu %llu %d ", (unsigned long long)stats->tx_frames,
           (unsigned long long)received, (unsigned long long)disordered,
           (unsigned long long)stats->extra[DPDK_RESTARTS],
           (unsigned long long)stats->extra[DPDK_LINK_LOSSES],
           queue->info->link == PIO_LINK_UP);
}

/* 0 when stdin has ended. */
static int asked(const struct pio_queue *queue) {
    struct pollfd asking = {STDIN_FILENO, POLLIN, 0};
    char line;
    while (poll(&asking, 1, 0) > 0) {
        if (read(STDIN_FILENO, &line, 1) != 1)
            return 0;
        tell(queue);
        printf("\n");
        fflush(stdout);
    }
    return 1;
}

int main(int argc, char **argv) {
    struct pio_queue *queue;
    struct pio_error error;
    if (argc < 3)
        return 2;
    uint32_t length = (uint32_t)atoi(argv[2]);
    argv[2] = argv[0]; /* the first of EAL's arguments is a program's name */
    if (dpdk_eal_start(argc - 2, argv + 2, &error))
        refused(&error);
    pio_register(&pio_backend_dpdk);
    if (pio_open(argv[1], &queue, &error))
        refused(&error);
    printf("open\n");
    fflush(stdout);
    for (uint64_t loops = 1; loops % LOOPS_PER_LOOK || asked(queue); loops++) {
        send_some(queue, length);
        receive_some(queue);
        queue->service(queue, loops);
    }
    tell(queue);
    pio_close(queue);
    printf("%u\n", dpdk_pools_missing());
    fflush(stdout);
    dpdk_eal_stop();
    return 0;
}
