/* net_host_arp.c: answers ARP, announces our address, and finds the neighbours' (RFC 826, 5227).
 *
 * A neighbour is kept because we asked for it. Its Ethernet address is believed from an answer to
 * our question, or from a question that it puts to us; an announcement that contradicts what is
 * known only makes us ask. What is known is asked after by itself, before it is too old to be
 * used (RFC 1122, 2.3.2.1).
 */
#include "net_host_parts.h"

#include <errno.h>

#define ARP_BYTES 28u
#define ARP_REQUEST 1u
#define ARP_REPLY 2u
/* RFC 1122, 2.3.2.1: not more than once a second to the same address. */
#define ASK_INTERVAL_NS SECOND_NS
#define ASK_TRIES 3u
/* "On the order of a minute" (ibid.), with the tries that follow. */
#define FRESH_NS (45 * SECOND_NS)
/* How long EHOSTUNREACH stands before one who asks again makes us ask again. */
#define FAILED_NS (5 * SECOND_NS)
/* RFC 5227, 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL. */
#define ANNOUNCEMENTS 2u
#define ANNOUNCE_INTERVAL_NS (2 * SECOND_NS)
#define DEFEND_INTERVAL_NS (10 * SECOND_NS)

static const uint8_t EVERYBODY[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t NOBODY[MAC_BYTES];

/* ---- out ---- */

static void arp_send(struct net_host *h, const uint8_t *to, uint32_t operation,
                     const uint8_t *target_mac, uint32_t target) {
    uint8_t *arp = net_host_frame_open(h, to, TYPE_ARP, ARP_BYTES);
    if (!arp)
        return;
    store16(arp, 1); /* Ethernet */
    store16(arp + 2, TYPE_IP);
    arp[4] = MAC_BYTES, arp[5] = 4;
    store16(arp + 6, operation);
    memcpy(arp + 8, h->config.mac, MAC_BYTES);
    store32(arp + 14, h->config.address);
    memcpy(arp + 18, target_mac, MAC_BYTES);
    store32(arp + 24, target);
}

static void announce(struct net_host *h) {
    arp_send(h, EVERYBODY, ARP_REQUEST, NOBODY, h->config.address);
}

/* ---- neighbours ---- */

static struct net_host_neighbour *neighbour_of(struct net_host *h, uint32_t address) {
    for (uint32_t i = 0; i < NET_HOST_NEIGHBOURS_MAX; i++)
        if (h->neighbours[i].state != NET_HOST_FREE && h->neighbours[i].address == address)
            return &h->neighbours[i];
    return NULL;
}

/* A place for a neighbour: a free one, or that of one that did not answer. */
static struct net_host_neighbour *neighbour_place(struct net_host *h) {
    struct net_host_neighbour *failed = NULL;
    for (uint32_t i = 0; i < NET_HOST_NEIGHBOURS_MAX; i++) {
        if (h->neighbours[i].state == NET_HOST_FREE)
            return &h->neighbours[i];
        if (h->neighbours[i].state == NET_HOST_FAILED)
            failed = &h->neighbours[i];
    }
    return failed;
}

static void become(struct net_host *h, struct net_host_neighbour *n, uint32_t state,
                   uint64_t next_ns) {
    n->state = state;
    n->tries = 0;
    n->next_ns = next_ns;
    due_at(h, next_ns);
}

static void learn(struct net_host *h, struct net_host_neighbour *n, const uint8_t *mac,
                  uint64_t now_ns) {
    memcpy(n->mac, mac, MAC_BYTES);
    become(h, n, NET_HOST_KNOWN, now_ns + FRESH_NS);
}

static void neighbour_tick(struct net_host *h, struct net_host_neighbour *n, uint64_t now_ns) {
    if (n->state == NET_HOST_FAILED) {
        n->state = NET_HOST_FREE;
        return;
    }
    if (n->state == NET_HOST_KNOWN)
        become(h, n, NET_HOST_VERIFYING, now_ns);
    if (n->tries == ASK_TRIES && n->state == NET_HOST_ASKING) {
        become(h, n, NET_HOST_FAILED, now_ns + FAILED_NS);
        return;
    }
    if (n->tries == ASK_TRIES)
        become(h, n, NET_HOST_ASKING, now_ns);
    int known = n->state == NET_HOST_VERIFYING;
    arp_send(h, known ? n->mac : EVERYBODY, ARP_REQUEST, NOBODY, n->address);
    n->tries++;
    n->next_ns = now_ns + ASK_INTERVAL_NS;
}

int net_host_resolve(struct net_host *h, uint32_t address, uint8_t mac[6], uint64_t now_ns) {
    if (is_broadcast(h, address)) {
        memcpy(mac, EVERYBODY, MAC_BYTES);
        return 0;
    }
    if (is_multicast(address)) {
        net_host_group_mac(address, mac);
        return 0;
    }
    if (!is_on_link(h, address))
        address = h->config.gateway;
    if (!is_station(address) || address == h->config.address)
        return ENETUNREACH;
    struct net_host_neighbour *n = neighbour_of(h, address);
    if (!n) {
        n = neighbour_place(h);
        if (!n) {
            h->drops[NET_HOST_NEIGHBOURS_FULL]++;
            return ENOBUFS;
        }
        n->address = address;
        become(h, n, NET_HOST_ASKING, now_ns);
    }
    if (n->state == NET_HOST_FAILED)
        return EHOSTUNREACH;
    if (n->state == NET_HOST_ASKING)
        return EAGAIN;
    memcpy(mac, n->mac, MAC_BYTES);
    return 0;
}

/* ---- in ---- */

/* RFC 5227, 2.4 (b): claim the address once, and not again for a while, lest two claim forever. */
static void conflict(struct net_host *h, uint64_t now_ns) {
    h->conflict_count++;
    if (h->conflict_count > 1 && now_ns - h->defended_ns < DEFEND_INTERVAL_NS)
        return;
    h->defended_ns = now_ns;
    announce(h);
}

/* What is wrong with it, or NET_HOST_DROP_COUNT. */
static enum net_host_drop arp_check(const struct net_host *h, const uint8_t *arp,
                                    uint32_t length) {
    if (length < ARP_BYTES)
        return NET_HOST_ARP_SHORT;
    uint32_t operation = load16(arp + 6), sender = load32(arp + 14);
    if (load16(arp) != 1 || load16(arp + 2) != TYPE_IP || arp[4] != MAC_BYTES || arp[5] != 4 ||
        (operation != ARP_REQUEST && operation != ARP_REPLY))
        return NET_HOST_ARP_KIND;
    int probe = operation == ARP_REQUEST && !sender; /* RFC 5227, 2.1.1 */
    if ((arp[8] & 1) || !memcmp(arp + 8, NOBODY, MAC_BYTES) ||
        (!probe && (!is_station(sender) || is_broadcast(h, sender))))
        return NET_HOST_ARP_SENDER;
    return NET_HOST_DROP_COUNT;
}

void net_host_arp_receive(struct net_host *h, const uint8_t *arp, uint32_t length,
                          uint64_t now_ns) {
    enum net_host_drop why = arp_check(h, arp, length);
    if (why != NET_HOST_DROP_COUNT) {
        h->drops[why]++;
        return;
    }
    const uint8_t *sender_mac = arp + 8;
    uint32_t operation = load16(arp + 6), sender = load32(arp + 14), target = load32(arp + 24);
    struct net_host_neighbour *n = neighbour_of(h, sender);
    if (sender == h->config.address) {
        if (memcmp(sender_mac, h->config.mac, MAC_BYTES))
            conflict(h, now_ns);
    } else if (operation == ARP_REPLY) {
        int asking = n && (n->state == NET_HOST_ASKING || n->state == NET_HOST_VERIFYING);
        if (!asking || !n->tries || target != h->config.address) {
            h->drops[NET_HOST_ARP_UNSOLICITED]++;
            return;
        }
        learn(h, n, sender_mac, now_ns);
    } else if (target == h->config.address) {
        if (n)
            learn(h, n, sender_mac, now_ns);
        arp_send(h, sender_mac, ARP_REPLY, sender_mac, sender);
    } else if (n && n->state == NET_HOST_KNOWN && memcmp(n->mac, sender_mac, MAC_BYTES)) {
        /* It speaks from another address than it had: in doubt until it has answered us. */
        become(h, n, NET_HOST_ASKING, now_ns);
    }
    h->arp_count++;
}

/* ---- time and link ---- */

void net_host_arp_tick(struct net_host *h, uint64_t now_ns) {
    if (h->announcements_left && h->announce_ns <= now_ns) {
        announce(h);
        h->announcements_left--;
        h->announce_ns = h->announcements_left ? now_ns + ANNOUNCE_INTERVAL_NS : NET_HOST_NEVER;
    }
    due_at(h, h->announce_ns);
    for (uint32_t i = 0; i < NET_HOST_NEIGHBOURS_MAX; i++) {
        struct net_host_neighbour *n = &h->neighbours[i];
        if (n->state == NET_HOST_FREE)
            continue;
        if (n->next_ns <= now_ns)
            neighbour_tick(h, n, now_ns);
        if (n->state != NET_HOST_FREE)
            due_at(h, n->next_ns);
    }
}

void net_host_arp_link_up(struct net_host *h, uint64_t now_ns) {
    h->announcements_left = ANNOUNCEMENTS;
    h->announce_ns = now_ns;
    for (uint32_t i = 0; i < NET_HOST_NEIGHBOURS_MAX; i++) {
        struct net_host_neighbour *n = &h->neighbours[i];
        if (n->state == NET_HOST_KNOWN || n->state == NET_HOST_VERIFYING)
            become(h, n, NET_HOST_VERIFYING, now_ns);
        else if (n->state == NET_HOST_ASKING)
            become(h, n, NET_HOST_ASKING, now_ns);
        else
            n->state = NET_HOST_FREE;
    }
}
