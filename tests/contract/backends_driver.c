/* backends_driver.c: queues driven at random, within the contract, under the sanitizers.
 *
 * backends_driver SEED ROUNDS SENDER RECEIVER: opens both names ("-": the sender receives, too),
 * then draws what to do next: lend, send a part, give back, receive, forward or release a part,
 * service. Checks what the contract promises of each result, closes with frames still lent, and
 * prints what was moved.
 */
#include "backends_driver.h"
#include "pio.h"
#include "random_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENT_MAX (2u * PIO_BURST_MAX)

struct lent {
    struct pio_frame frames[LENT_MAX];
    uint32_t count;
};

static void drop_first(struct lent *lent, uint32_t count) {
    lent->count -= count;
    memmove(lent->frames, lent->frames + count, lent->count * sizeof *lent->frames);
}

/* Mostly sendable frames, written from end to end; some too short, some too long. */
static void send_some(struct pio_queue *queue, struct lent *lent) {
    uint32_t longest = queue->info->frame_bytes_max;
    uint32_t room = LENT_MAX - lent->count;
    uint32_t want = draw((room < PIO_BURST_MAX ? room : PIO_BURST_MAX) + 1);
    uint32_t given = queue->tx_lend(queue, lent->frames + lent->count, want);
    require(given <= want, "tx_lend gave more than asked");
    for (uint32_t i = 0; i < given; i++) {
        struct pio_frame *frame = &lent->frames[lent->count + i];
        require(frame->length == longest, "a lent frame's length is its capacity");
        memset(frame->data, (int)draw(256), frame->length);
        frame->length = draw(20) ? PIO_FRAME_BYTES_MIN + draw(200) : draw(PIO_FRAME_BYTES_MIN);
        frame->length = draw(50) ? frame->length : longest + draw(2);
    }
    lent->count += given;
    uint32_t offered = draw((lent->count < PIO_BURST_MAX ? lent->count : PIO_BURST_MAX) + 1);
    uint32_t taken = queue->tx_burst(queue, lent->frames, offered);
    require(taken <= offered, "tx_burst took more than offered");
    drop_first(lent, taken);
    if (draw(4) == 0) {
        queue->tx_return(queue, lent->frames, lent->count);
        lent->count = 0;
    }
}

static uint64_t receive_some(struct pio_queue *queue, struct lent *lent) {
    uint32_t room = LENT_MAX - lent->count;
    uint32_t want = draw((room < PIO_BURST_MAX ? room : PIO_BURST_MAX) + 1);
    uint32_t count = queue->rx_burst(queue, lent->frames + lent->count, want);
    volatile uint8_t sum = 0;
    require(count <= want, "rx_burst gave more than asked");
    lent->count += count;
    for (uint32_t i = 0; i < lent->count; i++) {
        const struct pio_frame *frame = &lent->frames[i];
        require(frame->length >= PIO_FRAME_BYTES_MIN, "a received frame has a header");
        require(frame->length <= queue->info->frame_bytes_max, "a received frame fits");
        for (uint32_t at = 0; at < frame->length; at++)
            sum = (uint8_t)(sum + frame->data[at]);
    }
    if (queue->info->forwards && draw(4) == 0) {
        uint32_t offered = draw((lent->count < PIO_BURST_MAX ? lent->count : PIO_BURST_MAX) + 1);
        uint32_t taken = queue->tx_burst(queue, lent->frames, offered);
        require(taken <= offered, "tx_burst forwarded more than offered");
        drop_first(lent, taken);
    }
    uint32_t release = draw(lent->count + 1);
    queue->rx_release(queue, lent->frames, release);
    drop_first(lent, release);
    return count;
}

static struct pio_queue *opened(const char *name) {
    struct pio_queue *queue;
    struct pio_error error;
    if (pio_open(name, &queue, &error)) {
        fprintf(stderr, "%s; %s\n", error.why, error.remedy);
        exit(1);
    }
    return queue;
}

void __attribute__((weak)) driver_prepare(void) {
}

void __attribute__((weak)) driver_ready(struct pio_queue *sender, struct pio_queue *receiver) {
    (void)sender, (void)receiver;
}

uint32_t __attribute__((weak)) driver_end(void) {
    return 0;
}

int main(int argc, char **argv) {
    static struct lent sending, received;
    uint64_t now_ns = 1, frames = 0;
    if (argc != 5)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    driver_prepare();
    int is_loop = !strcmp(argv[4], "-");
    struct pio_queue *receiver = is_loop ? NULL : opened(argv[4]); /* who serves, is there first */
    struct pio_queue *sender = opened(argv[3]);
    receiver = is_loop ? sender : receiver;
    driver_ready(sender, receiver);
    for (long rounds = atol(argv[2]); rounds; rounds--) {
        send_some(sender, &sending);
        frames += receive_some(receiver, &received);
        sender->service(sender, now_ns += draw(100000));
        receiver->service(receiver, now_ns);
    }
    require(frames == receiver->info->stats.rx_frames, "rx_frames counts what was lent");
    printf("%llu sent %llu received\n", (unsigned long long)sender->info->stats.tx_frames,
           (unsigned long long)frames);
    pio_close(sender);
    if (!is_loop)
        pio_close(receiver);
    require(driver_end() == 0, "every frame came back");
    return 0;
}
