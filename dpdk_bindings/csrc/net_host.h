/* net_host.h: what a station on an IPv4 Ethernet owes its neighbours, as functions over bytes.
 *
 * A port without a kernel behind it still has to answer ARP (RFC 826, 5227), find its neighbours'
 * Ethernet addresses, join the feed's groups (IGMPv3, RFC 3376, or IGMPv2 and v1 when such a router
 * speaks) and answer pings (RFC 792). This does that and no I/O: frames go in by net_host_receive,
 * what is to be sent waits in the outbox, and time is told. pio_host.c puts it around a queue.
 *
 * Invariants: nothing is allocated; every table is fixed; a frame that is refused changes nothing
 * but the counter of the reason; nobody can make us keep an Ethernet address that we did not ask
 * for, so the neighbour table cannot be filled from outside.
 *
 * Addresses are IPv4 as numbers (10.0.0.1 is 0x0a000001). Times are ns of one clock that never
 * steps back. Source filters are not kept: a join is EXCLUDE{}, every source.
 */
#ifndef TICKPATH_NET_HOST_H
#define TICKPATH_NET_HOST_H

#include <stddef.h>
#include <stdint.h>

#define NET_HOST_NEVER UINT64_MAX
/* The longest frame taken or sent: an echo of a whole Ethernet frame, and what an mbuf holds. */
#define NET_HOST_FRAME_BYTES 2048u
/* The longest that has to fit whatever comes: a report of all groups, 14 + 4 + 24 + 8 + 16 * 8. */
#define NET_HOST_FRAME_BYTES_MIN 192u
/* Both lines of a feed with some more; a v3 report of all of them is one frame. Power of two. */
#define NET_HOST_GROUPS_MAX 16u
/* Sources of a query that are remembered for its answer; beyond, the whole group is answered. */
#define NET_HOST_SOURCES_MAX 16u
/* Venues and gateways. All of them are asked for by us. */
#define NET_HOST_NEIGHBOURS_MAX 32u
/* Twice what one moment can bring: a report for every group in IGMPv2. Power of two. */
#define NET_HOST_OUTBOX_FRAMES (2u * NET_HOST_GROUPS_MAX)

/* Why a frame was refused or passed by, or an answer not sent. Names: net_host_drop_name. */
enum net_host_drop {
    NET_HOST_NOT_CONTROL,     /* none of ARP, IGMP and ICMP to our address, or of another VLAN */
    NET_HOST_OTHER_STATION,   /* to another station's Ethernet address */
    NET_HOST_OWN_FRAME,       /* from our own Ethernet address: a loop in the network */
    NET_HOST_LINK_DOWN,       /* waited to be sent when the link went */
    NET_HOST_ARP_UNSOLICITED, /* a reply that we did not ask for */
    NET_HOST_ICMP_OTHER,      /* no echo request */
    NET_HOST_ICMP_GROUP,      /* an echo request to a group or to everybody */
    NET_HOST_IGMP_OTHER,      /* an IGMP message that is nothing to a host */
    NET_HOST_ETHER_SOURCE,    /* from a group's Ethernet address. From here on: malformed */
    NET_HOST_ARP_SHORT,       /* cut */
    NET_HOST_ARP_KIND,        /* not Ethernet and IPv4, or neither request nor reply */
    NET_HOST_ARP_SENDER,      /* a sender that is no station */
    NET_HOST_IP_HEADER,       /* version, header length or total length */
    NET_HOST_IP_CHECKSUM,
    NET_HOST_IP_FRAGMENT,     /* not the whole datagram: nothing is put together here */
    NET_HOST_IP_SOURCE,       /* a sender that is no station */
    NET_HOST_ICMP_MALFORMED,  /* cut, or of a code that there is not */
    NET_HOST_ICMP_CHECKSUM,
    NET_HOST_IGMP_LENGTH,     /* of no version's length */
    NET_HOST_IGMP_CHECKSUM,
    NET_HOST_IGMP_GROUP,      /* about no group, or sent where such a query is not sent */
    NET_HOST_ICMP_LIMITED,    /* echo requests beyond the rate. From here on: not malformed */
    NET_HOST_ICMP_LONG,       /* an echo that does not fit a frame of ours */
    NET_HOST_INBOX_FULL,      /* more control frames at once than wait here */
    NET_HOST_OUTBOX_FULL,     /* more answers at once than wait here */
    NET_HOST_NEIGHBOURS_FULL, /* another neighbour asked for than there is room for */
    NET_HOST_DROP_COUNT
};
#define NET_HOST_MALFORMED_FIRST NET_HOST_ETHER_SOURCE
#define NET_HOST_MALFORMED_LAST NET_HOST_IGMP_GROUP

struct net_host_config {
    uint8_t mac[6];
    uint16_t vlan;    /* everything sent is so tagged, and only so tagged is taken; 0: untagged */
    uint32_t address;
    uint32_t prefix_bits;
    uint32_t gateway; /* 0: none */
    uint32_t frame_bytes_max; /* NET_HOST_FRAME_BYTES_MIN at least */
    uint32_t group_count;
    uint32_t groups[NET_HOST_GROUPS_MAX];
};

enum net_host_neighbour_state {
    NET_HOST_FREE,
    NET_HOST_ASKING,    /* everybody is asked; its address is not known */
    NET_HOST_KNOWN,
    NET_HOST_VERIFYING, /* known, and asked by itself whether it is still there */
    NET_HOST_FAILED,    /* did not answer; asked again when it is wanted after a while */
};

struct net_host_neighbour {
    uint32_t address;
    uint32_t state;
    uint32_t tries;
    uint8_t mac[6];
    uint64_t next_ns; /* when something is to be done about it */
};

struct net_host_group {
    uint32_t address;
    uint32_t reports_left; /* unsolicited reports still to be sent */
    uint64_t report_ns;    /* when the next of these is due */
    uint64_t answer_ns;    /* when the answer to a query is due */
    uint32_t source_count; /* of the sources that query asked about; 0: the whole group */
    uint32_t sources[NET_HOST_SOURCES_MAX];
};

struct net_host_frame {
    uint32_t length;
    uint8_t data[NET_HOST_FRAME_BYTES];
};

struct net_host {
    struct net_host_config config;
    uint64_t next_due_ns; /* net_host_tick has nothing to do before */
    uint64_t random;
    uint32_t link_up;
    /* What was taken in and understood, by protocol, and stations that claimed our address. */
    uint64_t arp_count, icmp_count, igmp_count, conflict_count;
    uint64_t drops[NET_HOST_DROP_COUNT];
    uint32_t announcements_left;
    uint64_t announce_ns, defended_ns;
    uint64_t echo_tokens_ns, echo_filled_ns; /* a bucket of time */
    uint64_t general_ns;                     /* when the answer to a general query is due */
    uint64_t v1_until_ns, v2_until_ns;       /* older routers are believed to be there */
    uint32_t igmp_version, robustness;
    struct net_host_neighbour neighbours[NET_HOST_NEIGHBOURS_MAX];
    struct net_host_group groups[NET_HOST_GROUPS_MAX];
    uint32_t outbox_head, outbox_tail; /* frames ever sent, and ever made */
    struct net_host_frame outbox[NET_HOST_OUTBOX_FRAMES];
};

void net_host_init(struct net_host *host, const struct net_host_config *config);
/* Is this frame one for net_host_receive? Looks at no more than headers. */
int net_host_wants(const struct net_host *host, const uint8_t *data, uint32_t length);
/* Takes one frame in. Answers go to the outbox, now or by a later tick. */
void net_host_receive(struct net_host *host, const uint8_t *data, uint32_t length,
                      uint64_t now_ns);
/* Does what is due and sets next_due_ns. Nothing happens while the link is down. */
void net_host_tick(struct net_host *host, uint64_t now_ns);
/* The link came (announce, join, ask again) or went (nothing waits to be sent late). */
void net_host_link(struct net_host *host, int up, uint64_t now_ns);
/* Leaves every group: the frames are in the outbox. */
void net_host_leave(struct net_host *host);
/* The Ethernet address to send to: 0 and the address, EAGAIN while asking, EHOSTUNREACH when nobody
 * answered, ENETUNREACH when there is no way there, ENOBUFS when the table is full. */
int net_host_resolve(struct net_host *host, uint32_t address, uint8_t mac[6], uint64_t now_ns);
const char *net_host_drop_name(uint32_t drop); /* NULL past the last */

/* The oldest frame to be sent, or NULL. */
static inline const struct net_host_frame *net_host_outbox(const struct net_host *host) {
    return host->outbox_head == host->outbox_tail
               ? NULL
               : &host->outbox[host->outbox_head & (NET_HOST_OUTBOX_FRAMES - 1)];
}

/* 01:00:5e and the group's low 23 bits (RFC 1112, 6.4). */
static inline void net_host_group_mac(uint32_t group, uint8_t mac[6]) {
    mac[0] = 0x01, mac[1] = 0x00, mac[2] = 0x5e;
    mac[3] = (uint8_t)(group >> 16 & 0x7f), mac[4] = (uint8_t)(group >> 8), mac[5] = (uint8_t)group;
}

#endif
