/* pio_share.c: one queue for several consumers in one thread, each with frames of its own.
 *
 *   "share(hears=233.54.12.111:26477):afxdp:eth0,steer=..." and "share:afxdp:eth0,steer=..."
 *
 * A member's burst is what others found for it and set aside, or else a burst of the inner queue,
 * sorted: its own are handed on where they lie, the others' set aside where they lie. A destination
 * is IPv4, UDP, address and port, VLAN tags stepped over; what has none that a member hears, what
 * cannot be told and later fragments are for the member that hears all the rest.
 *
 * Invariant: [head, tail) of `frames` are all that the inner queue has out, in the order lent. Each
 * is lent to a member's caller (in its `lent`), set aside (in a member's `aside`), or done; what
 * is done at the head goes back at once. A member sees its frames in the order of the inner queue.
 *
 * Members that keep up lose nothing: while more than a burst is set aside for them nobody pulls,
 * and frames wait in the inner queue. One that does not keep up holds up nobody for long. When all
 * places are taken, what was set aside the longest is lost for the newest (share_full); and what
 * waits for a member that did not ask while all together asked 65,536 times is lost (share_unread),
 * however few frames the inner queue has. Frames that a caller holds are its own business, as with
 * any queue.
 *
 * Sending: one member lends at a time, since a queue sends in the order lent. Others are refused
 * (tx_full) until all is sent or given back.
 */
#include "pio_share.h"

#include <arpa/inet.h>
#include <string.h>

#define MASK (SHARE_FRAMES - 1)
/* Bursts that a member pulls until one has a frame of its own: others are to have theirs soon. */
#define PULLS_MAX 8u
#define TAG_BYTES 4u
#define TAGS_MAX 2u
#define IPV4_BYTES 20u
/* In so many bytes the ethertype is found, whatever tags there are. */
#define SHORTEST_TELLING (12u + TAGS_MAX * TAG_BYTES + 2u)

/* ---- places ---- */

static inline void place_put(struct share_places *places, uint32_t at) {
    places->at[places->tail++ & MASK] = (uint16_t)at;
}

static inline uint32_t place_take(struct share_places *places) {
    uint32_t at = places->at[places->head++ & MASK];
    if (places->head == places->tail)
        places->head = places->tail = 0; /* the same few lines are used again */
    return at;
}

static inline uint32_t place_count(const struct share_places *places) {
    return places->tail - places->head;
}

/* ---- giving back ---- */

void share_settle(struct share *s) {
    uint32_t end = s->head;
    while (end != s->tail && s->marks[end & MASK] == SHARE_DONE)
        end++;
    while (s->head != end) {
        uint32_t at = s->head & MASK, run = end - s->head;
        run = run < SHARE_FRAMES - at ? run : SHARE_FRAMES - at;
        s->inner->rx_release(s->inner, s->frames + at, run);
        s->head += run;
    }
    if (s->head == s->tail)
        s->head = s->tail = 0;
}

static void share_rx_release(struct pio_queue *queue, const struct pio_frame *frames,
                             uint32_t count) {
    struct share_member *m = queue->state;
    struct share *s = m->share;
    (void)frames;
    /* Releasing more than was lent is the caller's fault, and must not become our overflow. */
    count = count < place_count(&m->lent) ? count : place_count(&m->lent);
    for (; count; count--)
        s->marks[place_take(&m->lent)] = SHARE_DONE;
    share_settle(s);
}

/* ---- losing ---- */

static void lose_first(struct share_member *m, enum share_extra why) {
    struct pio_stats *stats = &m->queue->info->stats;
    m->share->marks[place_take(&m->aside)] = SHARE_DONE;
    m->share->aside_count--;
    stats->extra[why]++;
    stats->rx_missed++;
}

/* Room for `want` more frames, be it at the cost of the oldest that nobody fetched; how many. */
static __attribute__((noinline)) uint32_t make_room(struct share *s, uint32_t want) {
    uint32_t room;
    while ((room = SHARE_FRAMES - (s->tail - s->head)) < want) {
        uint32_t slot = s->marks[s->head & MASK];
        if (slot >= SHARE_MEMBERS_MAX)
            return room; /* its holder's */
        lose_first(s->members[slot], SHARE_FULL);
        share_settle(s);
    }
    return want;
}

/* Gives up what nobody fetches; 1 when others are to fetch theirs before there is more. */
static __attribute__((noinline)) int look_aside(struct share *s) {
    int wait = 0;
    for (uint32_t i = 0; i < SHARE_MEMBERS_MAX; i++) {
        struct share_member *m = s->members[i];
        if (!m || !place_count(&m->aside))
            continue;
        uint64_t since = s->asks - m->asked_at;
        wait |= since < SHARE_ASKS_SLOW;
        if (since < SHARE_ASKS_UNREAD)
            continue;
        while (place_count(&m->aside))
            lose_first(m, SHARE_UNREAD);
        share_settle(s);
    }
    return wait && s->aside_count > SHARE_ASIDE_MAX;
}

/* ---- receiving ---- */

static inline uint32_t word16(const uint8_t *at) {
    uint16_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Whose frame it is: a slot, or SHARE_NOBODY. Words are compared as they lie in the frame. */
static inline uint32_t slot_of(const struct share *s, const struct pio_frame *frame) {
    const uint8_t *at = frame->data + 12;
    uint32_t length = frame->length;
    if (__builtin_expect(length < SHORTEST_TELLING, 0))
        return s->rest;
    for (uint32_t tags = 0; __builtin_expect(word16(at) != htons(0x0800), 0); at += TAG_BYTES)
        if (tags++ == TAGS_MAX || (word16(at) != htons(0x8100) && word16(at) != htons(0x88a8)))
            return s->rest;
    at += 2;
    length -= (uint32_t)(at - frame->data);
    if (length < IPV4_BYTES)
        return s->rest;
    uint32_t header = (at[0] & 0xfu) * 4;
    if (at[0] >> 4 != 4 || header < IPV4_BYTES || length < header + 4 || at[9] != 17 ||
        word16(at + 6) & htons(0x1fff))
        return s->rest;
    uint64_t key = share_key(at + 16, at + header + 2);
    for (uint32_t i = 0; i < s->rule_count; i++)
        if ((key & s->rules[i].mask) == s->rules[i].want)
            return s->rules[i].slot;
    return s->rest;
}

static __attribute__((noinline)) void put_aside(struct share *s, uint32_t slot, uint32_t at) {
    if (slot == SHARE_NOBODY) {
        struct pio_stats *stats = &s->members[s->teller]->queue->info->stats;
        s->marks[at] = SHARE_DONE;
        stats->extra[SHARE_UNCLAIMED]++;
        stats->rx_missed++;
        return;
    }
    s->marks[at] = (uint8_t)slot;
    s->aside_count++;
    place_put(&s->members[slot]->aside, at);
}

static inline void lend(struct share_member *m, const struct pio_frame *frame, uint32_t at) {
    struct pio_stats *stats = &m->queue->info->stats;
    m->share->marks[at] = SHARE_LENT;
    place_put(&m->lent, at);
    stats->rx_frames++;
    stats->rx_bytes += frame->length;
    stats->rx_truncated += (frame->flags & PIO_FRAME_TRUNCATED) != 0;
}

/* Hands on the member's own of a burst, in place, and sets the others' aside; how many it has. */
static inline uint32_t sort_burst(struct share_member *m, struct pio_frame *frames,
                                  uint32_t count) {
    struct share *s = m->share;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = slot_of(s, &frames[i]), at = s->tail++ & MASK;
        s->frames[at] = frames[i];
        if (__builtin_expect(slot != m->slot, 0)) {
            put_aside(s, slot, at);
            continue;
        }
        lend(m, &frames[i], at);
        if (__builtin_expect(kept != i, 0))
            frames[kept] = frames[i];
        kept++;
    }
    if (__builtin_expect(kept < count, 0))
        share_settle(s); /* of what nobody claims */
    return kept;
}

/* The member's own of a burst of the inner queue; of another while it had but others'. */
static uint32_t pull(struct share_member *m, struct pio_frame *frames, uint32_t count_max) {
    struct share *s = m->share;
    uint32_t kept = 0, count = 1;
    for (uint32_t tries = 0; tries < PULLS_MAX && count && !kept; tries++) {
        uint32_t want = count_max < PIO_BURST_MAX ? count_max : PIO_BURST_MAX;
        if (__builtin_expect(s->aside_count != 0, 0) && look_aside(s))
            break;
        if (__builtin_expect(SHARE_FRAMES - (s->tail - s->head) < want, 0))
            want = make_room(s, want);
        count = want ? s->inner->rx_burst(s->inner, frames, want) : 0;
        kept = sort_burst(m, frames, count);
    }
    return kept;
}

static __attribute__((noinline)) uint32_t fetch(struct share_member *m, struct pio_frame *frames,
                                                uint32_t count_max) {
    struct share *s = m->share;
    uint32_t count = place_count(&m->aside) < count_max ? place_count(&m->aside) : count_max;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = place_take(&m->aside);
        frames[i] = s->frames[at];
        lend(m, &frames[i], at);
    }
    s->aside_count -= count;
    return count;
}

static uint32_t share_rx_burst(struct pio_queue *queue, struct pio_frame *frames,
                               uint32_t count_max) {
    struct share_member *m = queue->state;
    m->asked_at = ++m->share->asks;
    if (__builtin_expect(place_count(&m->aside) != 0, 0))
        return fetch(m, frames, count_max);
    return pull(m, frames, count_max);
}

/* ---- what the inner queue counts ---- */

static inline void tell(uint64_t counted, uint64_t *seen, uint64_t *told) {
    *told += counted - *seen;
    *seen = counted;
}

/* To who sent last: a queue may count a frame some time after it took it. */
static void tell_tx(struct share *s) {
    const struct pio_stats *inner = &s->inner->info->stats;
    struct pio_stats *told = &s->members[s->tx_owner]->queue->info->stats;
    tell(inner->tx_frames, &s->seen.tx_frames, &told->tx_frames);
    tell(inner->tx_bytes, &s->seen.tx_bytes, &told->tx_bytes);
    tell(inner->tx_full, &s->seen.tx_full, &told->tx_full);
    tell(inner->tx_oversize, &s->seen.tx_oversize, &told->tx_oversize);
    tell(inner->tx_undersize, &s->seen.tx_undersize, &told->tx_undersize);
    tell(inner->tx_error, &s->seen.tx_error, &told->tx_error);
}

/* Once, by one member: whose frame it was, nobody knows. */
static void tell_rx(struct share *s) {
    const struct pio_stats *inner = &s->inner->info->stats;
    struct pio_stats *told = &s->members[s->teller]->queue->info->stats;
    tell(inner->rx_missed, &s->seen.rx_missed, &told->rx_missed);
    tell(inner->rx_oversize, &s->seen.rx_oversize, &told->rx_oversize);
    tell(inner->rx_malformed, &s->seen.rx_malformed, &told->rx_malformed);
}

/* A turn begins when a member asks the second time: then the inner queue is served. So it is served
 * as often as the member that asks the most often, and not once a member. */
static void share_service(struct pio_queue *queue, uint64_t now_ns) {
    struct share_member *m = queue->state;
    struct share *s = m->share;
    if (m->turn == s->turn) {
        s->turn++;
        s->inner->service(s->inner, now_ns);
        tell_tx(s);
        tell_rx(s);
    }
    m->turn = s->turn;
    queue->info->link = s->inner->info->link;
    if (queue->info->link == PIO_LINK_DOWN && place_count(&m->aside))
        queue->info->link = PIO_LINK_UP; /* there is more to come */
}

/* ---- sending ---- */

static inline uint32_t tx_lent(const struct share *s) {
    return s->tx_tail - s->tx_head;
}

/* Room for the member to lend; 0 while another does. The last frames' counters are told first. */
static inline uint32_t tx_room(struct share *s, const struct share_member *m) {
    if (__builtin_expect(s->tx_owner != m->slot, 0)) {
        if (tx_lent(s))
            return 0;
        tell_tx(s);
        s->tx_owner = m->slot;
    }
    return SHARE_TX_FRAMES - tx_lent(s);
}

static uint32_t share_tx_lend(struct pio_queue *queue, struct pio_frame *frames,
                              uint32_t count_max) {
    struct share_member *m = queue->state;
    struct share *s = m->share;
    uint32_t room = tx_room(s, m), want = count_max < room ? count_max : room;
    uint32_t count = want ? s->inner->tx_lend(s->inner, frames, want) : 0;
    for (uint32_t i = 0; i < count; i++)
        s->tx_frames[s->tx_tail++ & (SHARE_TX_FRAMES - 1)] = frames[i];
    if (__builtin_expect(count < count_max, 0)) {
        queue->info->stats.tx_full += count_max - want;
        if (want)
            tell_tx(s);
    }
    return count;
}

static uint32_t share_tx_burst(struct pio_queue *queue, const struct pio_frame *frames,
                               uint32_t count) {
    struct share_member *m = queue->state;
    struct share *s = m->share;
    if (s->tx_owner != m->slot)
        return 0; /* nothing is lent to it */
    uint32_t taken = s->inner->tx_burst(s->inner, frames, count);
    s->tx_head += taken < tx_lent(s) ? taken : tx_lent(s);
    tell_tx(s);
    return taken;
}

static void share_tx_return(struct pio_queue *queue, const struct pio_frame *frames,
                            uint32_t count) {
    struct share_member *m = queue->state;
    struct share *s = m->share;
    if (s->tx_owner != m->slot)
        return;
    count = count < tx_lent(s) ? count : tx_lent(s);
    s->tx_tail -= count;
    s->inner->tx_return(s->inner, frames, count);
}

/* ---- the ends ---- */

void share_take_back(struct share_member *m) {
    struct share *s = m->share;
    s->aside_count -= place_count(&m->aside);
    while (place_count(&m->aside))
        s->marks[place_take(&m->aside)] = SHARE_DONE;
    while (place_count(&m->lent))
        s->marks[place_take(&m->lent)] = SHARE_DONE;
    share_settle(s);
    for (; s->tx_owner == m->slot && tx_lent(s); s->tx_tail--)
        s->inner->tx_return(s->inner, &s->tx_frames[(s->tx_tail - 1) & (SHARE_TX_FRAMES - 1)], 1);
}

void share_hot_set(struct pio_queue *queue) {
    queue->rx_burst = share_rx_burst;
    queue->rx_release = share_rx_release;
    queue->tx_lend = share_tx_lend;
    queue->tx_burst = share_tx_burst;
    queue->tx_return = share_tx_return;
    queue->service = share_service;
}
