/* share_driver.c: members of one queue against a simple model, under the sanitizers.
 *
 * share_driver SEED ROUNDS LINK: numbered frames for three members and the one with the rest, sent
 * over LINK among tags, options, fragments and other protocols. The model of a member is the list
 * of what was sent to it: it receives that, in order, less what its counters say was lost. Members
 * hold and release at random, sleep, close and open again; and send, each its own numbers, which
 * must arrive whole and in order. All frames must go back to the wrapped queue as it lent them.
 * Prints how many frames the members received, how many were lost (share_full, share_unread,
 * share_unclaimed), and how many were sent by them.
 */
#include "pio_share.h"
#include "random_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 4u /* the last one has the rest */
#define HELD_MAX 192u
#define NUMBER_AT 6u /* in place of the source's Ethernet address */
#define MODEL_MAX (1u << 22)

static const char *const HEARS[MEMBERS] = {
    "share(hears=233.54.12.111:26477+10.0.0.2:26400):",
    "share(hears=10.0.0.3):",
    "share(hears=0.0.0.0:7):",
    "share():",
};

struct kind {
    uint32_t owner, tags, words, address, port, fragment, protocol, length;
    uint16_t type;
};

/* Who gets what, as somebody would say it who never saw the code. */
static const struct kind KINDS[] = {
    {0, 0, 5, 0xe9360c6f, 26477, 0, 17, 64, 0x0800},
    {0, 0, 5, 0x0a000002, 26400, 0, 17, 64, 0x0800},
    {0, 1, 5, 0xe9360c6f, 26477, 0, 17, 64, 0x0800},
    {0, 2, 7, 0xe9360c6f, 26477, 0, 17, 80, 0x0800},
    {0, 0, 6, 0x0a000002, 26400, 0x2000, 17, 64, 0x0800}, /* the first of several fragments */
    {0, 0, 5, 0xe9360c6f, 26477, 0x4000, 17, 38, 0x0800}, /* cut behind the ports */
    {1, 0, 5, 0x0a000003, 1, 0, 17, 64, 0x0800},
    {1, 0, 5, 0x0a000003, 7, 0, 17, 64, 0x0800}, /* an address goes before any address */
    {2, 0, 5, 0x0a000009, 7, 0, 17, 64, 0x0800},
    {2, 1, 15, 0xe9360c6f, 7, 0, 17, 96, 0x0800},
    {3, 0, 5, 0xe9360c6f, 26478, 0, 17, 64, 0x0800},
    {3, 0, 5, 0xe9360c6e, 26477, 0, 17, 64, 0x0800},
    {3, 0, 5, 0xe9360c6f, 26477, 0x0001, 17, 64, 0x0800}, /* a later fragment */
    {3, 0, 5, 0xe9360c6f, 26477, 0x2100, 17, 64, 0x0800},
    {3, 0, 5, 0xe9360c6f, 26477, 0, 6, 64, 0x0800},
    {3, 0, 4, 0xe9360c6f, 26477, 0, 17, 64, 0x0800},
    {3, 3, 5, 0xe9360c6f, 26477, 0, 17, 64, 0x0800},
    {3, 0, 5, 0xe9360c6f, 26477, 0, 17, 64, 0x86dd},
    {3, 0, 5, 0xe9360c6f, 26477, 0, 17, 37, 0x0800}, /* cut within the ports */
    {3, 0, 15, 0xe9360c6f, 26477, 0, 17, 64, 0x0800},
    {3, 2, 5, 0xe9360c6f, 26477, 0, 17, 20, 0x0800},
    {3, 0, 5, 0xe9360c6f, 26477, 0, 17, 14, 0x0800},
};

static struct pio_queue *opened(const char *wrap, const char *link) {
    char name[256];
    struct pio_queue *queue;
    struct pio_error error;
    snprintf(name, sizeof name, "%s%s", wrap, link);
    if (pio_open(name, &queue, &error)) {
        fprintf(stderr, "%s; %s\n", error.why, error.remedy);
        exit(1);
    }
    return queue;
}

struct member {
    struct pio_queue *queue;
    uint32_t *model;        /* numbers sent to it */
    uint32_t sent, at;      /* of these, passed by: received or lost */
    uint32_t lost;          /* passed by without being received */
    uint64_t counted;       /* said by its counters to be lost, before it was opened again */
    uint64_t excused;       /* set aside when it was closed, or nobody's */
    uint32_t asleep;        /* rounds that it does nothing */
    uint32_t held, tx_lent;
    uint32_t numbers;       /* of its own frames */
    struct pio_frame frames[HELD_MAX], tx_frames[HELD_MAX];
};

static struct member members[MEMBERS];
static uint64_t received, lost[3], sent_by_members;

/* ---- the wrapped queue ---- */

static void (*inner_release)(struct pio_queue *, const struct pio_frame *, uint32_t);
static uint64_t released;

/* Stands before the wrapped queue's own: queues may count, and not look at what they are given. */
static void release_checked(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        require(frames[i].cookie == released++, "frames go back in the order lent, each once");
    inner_release(queue, frames, count);
}

static void (*inner_service)(struct pio_queue *, uint64_t);
static uint64_t services;

static void service_counted(struct pio_queue *queue, uint64_t now_ns) {
    services++;
    inner_service(queue, now_ns);
}

/* Once a turn, however many members a turn has, and whichever of them is asked. */
static void services_check(void) {
    for (uint32_t asked = 1; asked < 1u << MEMBERS; asked++) {
        uint64_t before = services;
        for (uint32_t turn = 0; turn < 100; turn++)
            for (uint32_t i = 0; i < MEMBERS; i++)
                if (asked >> i & 1)
                    members[i].queue->service(members[i].queue, 1);
        require(services - before >= 99 && services - before <= 101, "served once a turn");
    }
}

/* ---- the other end ---- */

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}

static void frame_write(struct pio_frame *frame, const struct kind *kind, uint32_t number) {
    uint8_t whole[128] = {0}, *at = whole + 12;
    memcpy(whole + NUMBER_AT, &number, sizeof number);
    for (uint32_t i = 0; i < kind->tags; i++, at += 4)
        put16(at, i ? 0x8100 : 0x88a8), put16(at + 2, 5);
    put16(at, kind->type);
    at += 2;
    at[0] = (uint8_t)(0x40 | kind->words), at[9] = (uint8_t)kind->protocol;
    put16(at + 6, kind->fragment);
    put16(at + 16, kind->address >> 16), put16(at + 18, kind->address);
    put16(at + 4 * kind->words + 2, kind->port);
    memcpy(frame->data, whole, kind->length);
    frame->length = kind->length;
}

static void send_some(struct pio_queue *far, uint32_t most) {
    static uint32_t number;
    struct pio_frame frames[PIO_BURST_MAX];
    uint32_t count = far->tx_lend(far, frames, draw(most + 1));
    for (uint32_t i = 0; i < count; i++) {
        const struct kind *kind = &KINDS[draw(sizeof KINDS / sizeof *KINDS)];
        struct member *m = &members[kind->owner];
        require(m->sent < MODEL_MAX, "the driver's own list is long enough");
        m->model[m->sent++] = number;
        frame_write(&frames[i], kind, number++);
    }
    require(far->tx_burst(far, frames, count) == count, "memory takes what it lent");
}

/* What members send is "MEMBER, NUMBER"; each member's numbers come in order, none is missing. */
static void far_receive(struct pio_queue *far) {
    static uint32_t next[MEMBERS];
    struct pio_frame frames[PIO_BURST_MAX];
    uint32_t count = far->rx_burst(far, frames, PIO_BURST_MAX), words[2];
    for (uint32_t i = 0; i < count; i++) {
        memcpy(words, frames[i].data, sizeof words);
        require(words[0] < MEMBERS && words[1] == next[words[0]]++, "sent frames, in order");
    }
    far->rx_release(far, frames, count);
    sent_by_members += count;
}

/* ---- a member ---- */

/* Frames of its own that a member does not receive: all are accounted for. */
static uint64_t told(const struct member *m) {
    const struct pio_stats *stats = &m->queue->info->stats;
    const uint64_t *extra = stats->extra;
    require(stats->rx_missed == extra[SHARE_FULL] + extra[SHARE_UNREAD] + extra[SHARE_UNCLAIMED],
            "rx_missed has each loss once");
    return m->counted + m->excused + extra[SHARE_FULL] + extra[SHARE_UNREAD];
}

static void receive_some(struct member *m) {
    uint32_t room = HELD_MAX - m->held, want = draw(PIO_BURST_MAX + 1);
    uint32_t count = m->queue->rx_burst(m->queue, m->frames + m->held, want < room ? want : room);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number;
        memcpy(&number, m->frames[m->held + i].data + NUMBER_AT, sizeof number);
        while (m->at < m->sent && m->model[m->at] != number)
            m->at++, m->lost++;
        require(m->at++ < m->sent, "a member receives what was sent to it, in order, once");
    }
    require(m->lost <= told(m), "what is lost is counted");
    m->held += count;
    received += count;
    uint32_t release = draw(3) ? draw(m->held + 1) : 0;
    m->queue->rx_release(m->queue, m->frames, release);
    m->held -= release;
    memmove(m->frames, m->frames + release, m->held * sizeof *m->frames);
}

static void lend_and_send(struct member *m) {
    struct pio_queue *queue = m->queue;
    uint32_t room = HELD_MAX - m->tx_lent, want = draw(24), index = (uint32_t)(m - members);
    m->tx_lent += queue->tx_lend(queue, m->tx_frames + m->tx_lent, want < room ? want : room);
    for (uint32_t i = 0; i < m->tx_lent; i++) {
        uint32_t words[2] = {index, m->numbers + i};
        memcpy(m->tx_frames[i].data, words, sizeof words);
        m->tx_frames[i].length = 64;
    }
    uint32_t offered = draw(m->tx_lent + 1);
    offered = offered < PIO_BURST_MAX ? offered : PIO_BURST_MAX;
    uint32_t taken = queue->tx_burst(queue, m->tx_frames, offered);
    m->numbers += taken;
    m->tx_lent -= taken;
    memmove(m->tx_frames, m->tx_frames + taken, m->tx_lent * sizeof *m->tx_frames);
    uint32_t back = draw(2) ? m->tx_lent : draw(m->tx_lent + 1); /* the last of them */
    queue->tx_return(queue, m->tx_frames + m->tx_lent - back, back);
    m->tx_lent -= back;
}

static uint64_t unclaimed(void) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < MEMBERS; i++)
        sum += members[i].queue ? members[i].queue->info->stats.extra[SHARE_UNCLAIMED] : 0;
    return sum;
}

static void add_up(const struct member *m) {
    for (int i = 0; i < 3; i++)
        lost[i] += m->queue->info->stats.extra[i];
}

/* What it holds and what is set aside for it is taken back. Without the member that has the rest,
 * the rest is nobody's, and one of the others says so. */
static void reopen(struct member *m, const char *link) {
    const struct share_member *inside = m->queue->state;
    const struct pio_stats *stats = &m->queue->info->stats;
    int is_rest = m == &members[MEMBERS - 1];
    m->excused += inside->aside.tail - inside->aside.head;
    m->counted += stats->extra[SHARE_FULL] + stats->extra[SHARE_UNREAD];
    add_up(m);
    pio_close(m->queue);
    m->queue = NULL;
    m->held = m->tx_lent = 0;
    uint64_t before = unclaimed();
    for (int i = 0; is_rest && i < 3; i++)
        receive_some(&members[i]);
    m->excused += unclaimed() - before;
    m->queue = opened(HEARS[m - members], link);
}

/* Until nothing comes any more; then what a member did not receive is what was lost of its own. */
static void drain(void) {
    for (uint32_t idle = 0; idle < 10; idle++)
        for (uint32_t i = 0; i < MEMBERS; i++) {
            uint64_t before = received;
            receive_some(&members[i]);
            members[i].queue->rx_release(members[i].queue, members[i].frames, members[i].held);
            members[i].held = 0;
            idle = received == before ? idle : 0;
        }
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    struct pio_queue *far = opened("", argv[3]);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        members[i].queue = opened(HEARS[i], argv[3]);
        members[i].model = malloc(MODEL_MAX * sizeof *members[i].model);
    }
    struct pio_queue *inner = pio_share_inner(members[0].queue);
    inner_release = inner->rx_release;
    inner->rx_release = release_checked;
    inner_service = inner->service;
    inner->service = service_counted;
    for (long rounds = atol(argv[2]); rounds; rounds--) {
        send_some(far, PIO_BURST_MAX);
        for (uint32_t i = 0; i < MEMBERS; i++) {
            struct member *m = &members[i];
            if (m->asleep) {
                m->asleep--;
                continue;
            }
            receive_some(m);
            lend_and_send(m);
            m->queue->service(m->queue, 1);
            m->asleep = draw(400) ? 0 : draw(200);
        }
        far_receive(far);
        if (draw(200) == 0)
            reopen(&members[draw(MEMBERS)], argv[3]);
        if (draw(2000) == 0) /* one alone asks, for long */
            for (uint32_t i = 0, k = draw(MEMBERS); i < 2 * SHARE_ASKS_UNREAD; i++) {
                struct pio_frame frames[4];
                uint32_t count = members[k].held ? 0 : members[k].queue->rx_burst(
                                                           members[k].queue, frames, 0);
                require(!count, "asked for nothing");
            }
    }
    drain();
    services_check();
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct member *m = &members[i];
        require(m->lost + (m->sent - m->at) == told(m), "no frame is missing in silence");
        add_up(m);
        pio_close(m->queue);
        free(m->model);
    }
    printf("%llu received %llu %llu %llu lost %llu sent\n", (unsigned long long)received,
           (unsigned long long)lost[0], (unsigned long long)lost[1], (unsigned long long)lost[2],
           (unsigned long long)sent_by_members);
    pio_close(far);
    return 0;
}
