/* pio_host.h: the state of a host queue, shared by its bursts (pio_host.c) and what opens, closes
 * and asks it (pio_host_open.c). Consumers never see it.
 */
#ifndef TICKPATH_PIO_HOST_H
#define TICKPATH_PIO_HOST_H

#include "net_host.h"
#include "pio_internal.h"

/* Control frames that wait for service. A query and an ARP flurry are a few; power of two. */
#define HOST_INBOX_FRAMES 32u
/* Control frames that wait to be given back behind frames the caller holds. One more than these is
 * handed on to the caller, who passes it by. Power of two. */
#define HOST_HELD_FRAMES PIO_BURST_MAX
/* Data frames received while an address is being resolved: a millisecond of a busy feed. */
#define HOST_BACKLOG_FRAMES 1024u

enum host_extra {
    HOST_ARP,
    HOST_ICMP,
    HOST_IGMP,
    HOST_SENT,
    HOST_MALFORMED,
    HOST_LIMITED,
    HOST_FULL,
    HOST_CONFLICTS,
};

/* A control frame not yet given back to the wrapped queue: it goes after `before` data frames. */
struct host_held {
    struct pio_frame frame;
    uint64_t before;
};

struct host {
    struct pio_queue *inner;
    uint32_t type_at;    /* where the ethertype stands in a frame of our VLAN */
    uint32_t held_count;
    uint32_t backlog_count;
    uint32_t tx_lent;    /* to the caller */
    uint64_t pulled;     /* data frames ever received from the wrapped queue */
    uint64_t released;   /* of these, given back to it */
    uint64_t clock_ns, elapsed_ns; /* service's time, and our own, which never steps back */
    uint64_t attend_ns;   /* when service has more to do than the wrapped queue's */
    uint64_t tx_settled;  /* frames that the wrapped queue was last seen to have sent or refused */
    uint32_t inner_link;  /* as last seen */
    uint64_t sent, sent_bytes, refused; /* our own frames; asked of tx_lend and not given */
    uint64_t backlog_lost;
    uint32_t held_head, backlog_head;
    uint32_t inbox_head, inbox_tail;
    struct host_held held[HOST_HELD_FRAMES];
    struct pio_frame backlog[HOST_BACKLOG_FRAMES]; /* a ring: received, not yet handed on */
    struct net_host_frame inbox[HOST_INBOX_FRAMES];
    struct net_host net;
};

void host_hot_set(struct pio_queue *queue);
/* Follows the link, handles what waits in the inbox, does what is due, and sends. Bounded. */
void host_attend(struct host *host, struct pio_info *info);
/* Receives one burst for the resolver; data frames go to the backlog. */
void host_pull(struct host *host);
/* Sends what is in the outbox, `count_max` frames at most. */
void host_outbox_send(struct host *host, uint32_t count_max);

#endif
