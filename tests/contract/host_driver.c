/* host_driver.c: a host queue among data and damaged control frames, under the sanitizers.
 *
 * host_driver SEED ROUNDS SENDER RECEIVER: the receiver's name wraps one in host(...), its address
 * 10.0.0.2, mac 02:00:00:00:00:02 and group 233.54.12.111. The sender is the plain other end and
 * sends numbered data frames among control frames, whole, cut, and with bytes changed. Every data
 * frame must arrive, in order, and all frames must go back to the wrapped queue as it lent them.
 * Prints how many data frames arrived and how many frames the host refused and sent.
 */
#include "pio_host.h"
#include "random_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX 256u
#define DATA_BYTES 64u

/* ARP request and reply, echo request, IGMPv3 queries with and without sources, v2 and v1 ones. */
static const char *const CONTROL[] = {
    "ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002",
    "020000000002020000000001080600010800060400020200000000010a0000010200000000020a000002",
    "0200000000020200000000010800450000200001000040" "0166da0a0000010a000002"
    "0800210412340001" "61626364",
    "01005e00000102000000000108004600002400004000010200000a000001e000000194040000"
    "1164000000000000027d0000",
    "01005e360c6f02000000000108004600002c00004000010200000a000001e9360c6f94040000"
    "11640000e9360c6f027d00020a0000010a000003",
    "01005e00000102000000000108004600002000004000010200000a000001e000000194040000"
    "1164000000000000",
    "01005e00000102000000000108004600002000004000010200000a000001e000000194040000"
    "1100000000000000",
    "01005e360c6f02000000000108004600002000004000010200000a000001e9360c6f94040000"
    "16640000e9360c6f",
};

static void checksum_put(uint8_t *bytes, uint32_t length, uint32_t at) {
    uint32_t sum = 0;
    bytes[at] = bytes[at + 1] = 0;
    for (uint32_t i = 0; i < length; i++)
        sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    bytes[at] = (uint8_t)(~sum >> 8), bytes[at + 1] = (uint8_t)~sum;
}

/* Mostly with right checksums again after the damage, so that it is looked at more deeply. */
static uint32_t control_write(uint8_t *frame) {
    const char *hex = CONTROL[draw(sizeof CONTROL / sizeof *CONTROL)];
    uint32_t length = (uint32_t)strlen(hex) / 2, whole = length;
    for (uint32_t i = 0; i < length; i++)
        sscanf(hex + 2 * i, "%2hhx", frame + i);
    for (uint32_t damage = draw(3); damage; damage--)
        frame[(draw(4) ? 14 : 0) + draw(whole - 14)] = (uint8_t)draw(256);
    uint32_t header = (frame[14] & 0xfu) * 4;
    if (frame[12] == 8 && frame[13] == 0 && draw(8) && 14 + header + 8 <= whole && header >= 20) {
        checksum_put(frame + 14, header, 10);
        checksum_put(frame + 14 + header, whole - 14 - header, 2);
    }
    return draw(6) ? length : PIO_FRAME_BYTES_MIN + draw(length - PIO_FRAME_BYTES_MIN);
}

static void data_write(uint8_t *frame, uint32_t number) {
    memset(frame, (int)(number & 0xff), DATA_BYTES);
    frame[0] = 2, frame[6] = 2; /* stations */
    frame[12] = 8, frame[13] = 0, frame[14] = 0x45, frame[23] = 17;
    memcpy(frame + 40, &number, sizeof number);
}

static uint32_t number_of(const struct pio_frame *frame) {
    uint32_t number;
    memcpy(&number, frame->data + 40, sizeof number);
    return number;
}

static void send_some(struct pio_queue *queue, uint32_t *numbered) {
    struct pio_frame frames[PIO_BURST_MAX];
    uint32_t count = queue->tx_lend(queue, frames, draw(PIO_BURST_MAX + 1));
    for (uint32_t i = 0; i < count; i++) {
        frames[i].length = DATA_BYTES;
        if (draw(4))
            data_write(frames[i].data, (*numbered)++);
        else
            frames[i].length = control_write(frames[i].data);
    }
    require(queue->tx_burst(queue, frames, count) == count, "memory takes what it lent");
}

static void (*inner_release)(struct pio_queue *, const struct pio_frame *, uint32_t);
static uint64_t released; /* slots of the wrapped queue */

/* Stands before the wrapped queue's own: queues may count, and not look at what they are given. */
static void release_checked(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        require(frames[i].cookie == released++, "frames go back in the order lent, each once");
    inner_release(queue, frames, count);
}

struct held {
    struct pio_frame frames[HELD_MAX];
    uint32_t count, first;
};

/* Data among what arrived must be the next number; damaged control frames may be handed on. */
static void receive_some(struct pio_queue *queue, struct held *held, uint32_t *next) {
    uint32_t room = HELD_MAX - held->count, want = draw(PIO_BURST_MAX + 1);
    uint32_t count = queue->rx_burst(queue, held->frames + held->count, want < room ? want : room);
    for (uint32_t i = 0; i < count; i++) {
        const struct pio_frame *frame = &held->frames[held->count + i];
        if (frame->length != DATA_BYTES || frame->data[23] != 17 || frame->data[12] != 8)
            continue;
        require(number_of(frame) == (*next)++, "data frames arrive in order and none is missing");
    }
    held->count += count;
    for (uint32_t i = 1; i < held->count; i++)
        require(held->frames[i].cookie > held->frames[i - 1].cookie, "slots in order, none twice");
    uint32_t release = draw(held->count + 1);
    queue->rx_release(queue, held->frames, release);
    held->count -= release;
    memmove(held->frames, held->frames + release, held->count * sizeof *held->frames);
}

static void peer_poll(struct pio_queue *queue, uint64_t *sent) {
    struct pio_frame frames[PIO_BURST_MAX];
    uint32_t count = queue->rx_burst(queue, frames, PIO_BURST_MAX);
    for (uint32_t i = 0; i < count; i++)
        require(!memcmp(frames[i].data + 6, "\2\0\0\0\0\2", 6), "the host sends from its address");
    queue->rx_release(queue, frames, count);
    *sent += count;
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

int main(int argc, char **argv) {
    static struct held held;
    uint64_t now_ns = 1, sent = 0, refused = 0, count;
    uint32_t numbered = 0, next = 0, idle = 0;
    uint8_t mac[6];
    if (argc != 5)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    struct pio_queue *sender = opened(argv[3]), *receiver = opened(argv[4]);
    struct pio_queue *inner = ((struct host *)receiver->state)->inner;
    inner_release = inner->rx_release;
    inner->rx_release = release_checked;
    for (long rounds = atol(argv[2]); rounds; rounds--) {
        send_some(sender, &numbered);
        receive_some(receiver, &held, &next);
        sender->service(sender, now_ns);
        receiver->service(receiver, now_ns += (uint64_t)draw(1000) * 1000000);
        if (draw(50) == 0)
            pio_resolve(receiver, 0x0a000001 + draw(40), mac);
        peer_poll(sender, &sent);
    }
    while (next < numbered) {
        uint32_t before = next;
        receive_some(receiver, &held, &next);
        idle = next == before ? idle + 1 : 0;
        require(idle < 1000, "every data frame arrives");
    }
    for (uint32_t i = 0; pio_host_drop(receiver, i, &count); i++)
        refused += count;
    printf("%u data %llu refused %llu sent\n", next, (unsigned long long)refused,
           (unsigned long long)sent);
    pio_close(receiver);
    pio_close(sender);
    return 0;
}
