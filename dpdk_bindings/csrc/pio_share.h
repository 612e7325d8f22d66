/* pio_share.h: the state of a queue that several share, between their bursts (pio_share.c) and what
 * opens and closes them (pio_share_open.c). Consumers never see it.
 */
#ifndef TICKPATH_PIO_SHARE_H
#define TICKPATH_PIO_SHARE_H

#include "pio_internal.h"

#include <string.h>
#include <sys/types.h>

/* Line A, line B and the order session are three; a process may well trade at two venues. */
#define SHARE_MEMBERS_MAX 8u
/* Destinations of all members; each frame is compared with every one until one fits. */
#define SHARE_RULES_MAX 32u
/* Frames of the inner queue that all members together may have: lent to their callers, or set
 * aside for them. Eight full bursts, as of other wrappers. Power of two. */
#define SHARE_FRAMES (8u * PIO_BURST_MAX)
/* Frames that one member may lend to be sent: four full bursts. Power of two. */
#define SHARE_TX_FRAMES (4u * PIO_BURST_MAX)
/* With more set aside for members that keep up, nobody pulls: they fetch it first. One burst. */
#define SHARE_ASIDE_MAX PIO_BURST_MAX
/* A member keeps up that calls rx_burst once while all together call it so often. In a loop over
 * all members it is as often as there are members. */
#define SHARE_ASKS_SLOW 64u
/* And one that has not called it while all together did so often is not reading: some milliseconds
 * of a polling loop, and seconds of a script that sleeps between its polls. */
#define SHARE_ASKS_UNREAD 65536u

enum share_extra { SHARE_FULL, SHARE_UNREAD, SHARE_UNCLAIMED };

/* What has become of a frame of the inner queue; a member's slot: it is set aside there. */
enum share_mark { SHARE_LENT = 0xfe, SHARE_DONE = 0xff };
#define SHARE_NOBODY 0xffu /* in place of a slot */

/* An address and a port of an IPv4 UDP datagram, from where they lie, in the order they lie in. */
static inline uint64_t share_key(const uint8_t address[4], const uint8_t port[2]) {
    uint64_t key = 0;
    memcpy(&key, address, 4);
    memcpy((uint8_t *)&key + 4, port, 2);
    return key;
}

/* Fits where key & mask is want. */
struct share_rule {
    uint64_t mask, want; /* as share_key has them */
    uint32_t slot;
    uint16_t port; /* 0: any */
    uint8_t any_address;
};

/* A FIFO of places in share.frames. As long as these, so it is never too full. */
struct share_places {
    uint32_t head, tail;
    uint16_t at[SHARE_FRAMES];
};

struct share_member {
    struct share *share;
    struct pio_queue *queue;
    uint32_t slot;
    uint64_t turn;     /* share.turn when its service was last called */
    uint64_t asked_at; /* share.asks when its rx_burst was last called */
    struct share_places lent, aside;
};

struct share {
    struct pio_queue *inner;
    struct share_member *members[SHARE_MEMBERS_MAX]; /* NULL: no such member */
    uint32_t rest;        /* slot of the member that has all the rest, or SHARE_NOBODY */
    uint32_t teller;      /* slot of the member that tells the inner queue's own losses */
    uint32_t rule_count;
    uint32_t head, tail;  /* of frames and marks, which are rings */
    uint32_t aside_count; /* set aside for all */
    uint64_t turn;
    uint64_t asks;        /* calls of rx_burst, of all members */
    struct share_rule rules[SHARE_RULES_MAX]; /* those that say most first */
    uint8_t marks[SHARE_FRAMES];
    struct pio_frame frames[SHARE_FRAMES];    /* [head, tail) are out, in the order lent */
    uint32_t tx_owner;         /* slot of who lends, or who lent last */
    uint32_t tx_head, tx_tail; /* [head, tail) of tx_frames, a ring, are lent to it */
    struct pio_frame tx_frames[SHARE_TX_FRAMES];
    struct pio_stats seen;     /* of the inner queue's counters: what members have been told */
    /* Cold: who may attach. */
    struct share *next;
    char *name;
    uint64_t namespace;
    pid_t pid;
};

void share_hot_set(struct pio_queue *queue);
/* Gives the inner queue back what is done with, as far as the order lent allows. */
void share_settle(struct share *share);
/* Takes back all that a member has, be it set aside or lent, to receive or to send. */
void share_take_back(struct share_member *member);

#endif
