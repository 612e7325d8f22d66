/* net_host.c: frames in and out, ICMP echo, and what is due when (see net_host.h). */
#include "net_host_parts.h"

#define ICMP_BYTES 8u
#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO_REQUEST 8u
#define TTL_DEFAULT 64u /* RFC 1700 */
/* A thousand echoes a second, and fifty at once: enough for any ping, and a stranger cannot make
 * the loop work for him. */
#define ECHO_INTERVAL_NS UINT64_C(1000000)
#define ECHO_BURST 50u

static const char *const DROP_NAMES[NET_HOST_DROP_COUNT] = {
    [NET_HOST_NOT_CONTROL] = "not_control",
    [NET_HOST_OTHER_STATION] = "other_station",
    [NET_HOST_OWN_FRAME] = "own_frame",
    [NET_HOST_LINK_DOWN] = "link_down",
    [NET_HOST_ARP_UNSOLICITED] = "arp_unsolicited",
    [NET_HOST_ICMP_OTHER] = "icmp_other",
    [NET_HOST_ICMP_GROUP] = "icmp_group",
    [NET_HOST_IGMP_OTHER] = "igmp_other",
    [NET_HOST_ETHER_SOURCE] = "ether_source",
    [NET_HOST_ARP_SHORT] = "arp_short",
    [NET_HOST_ARP_KIND] = "arp_kind",
    [NET_HOST_ARP_SENDER] = "arp_sender",
    [NET_HOST_IP_HEADER] = "ip_header",
    [NET_HOST_IP_CHECKSUM] = "ip_checksum",
    [NET_HOST_IP_FRAGMENT] = "ip_fragment",
    [NET_HOST_IP_SOURCE] = "ip_source",
    [NET_HOST_ICMP_MALFORMED] = "icmp_malformed",
    [NET_HOST_ICMP_CHECKSUM] = "icmp_checksum",
    [NET_HOST_IGMP_LENGTH] = "igmp_length",
    [NET_HOST_IGMP_CHECKSUM] = "igmp_checksum",
    [NET_HOST_IGMP_GROUP] = "igmp_group",
    [NET_HOST_ICMP_LIMITED] = "icmp_limited",
    [NET_HOST_ICMP_LONG] = "icmp_long",
    [NET_HOST_INBOX_FULL] = "inbox_full",
    [NET_HOST_OUTBOX_FULL] = "outbox_full",
    [NET_HOST_NEIGHBOURS_FULL] = "neighbours_full",
};

const char *net_host_drop_name(uint32_t drop) {
    return drop < NET_HOST_DROP_COUNT ? DROP_NAMES[drop] : NULL;
}

void net_host_init(struct net_host *h, const struct net_host_config *config) {
    memset(h, 0, sizeof *h);
    h->config = *config;
    if (config->frame_bytes_max > NET_HOST_FRAME_BYTES)
        h->config.frame_bytes_max = NET_HOST_FRAME_BYTES;
    h->next_due_ns = NET_HOST_NEVER;
    h->general_ns = NET_HOST_NEVER;
    h->announce_ns = NET_HOST_NEVER;
    h->igmp_version = 3;
    h->robustness = 2; /* RFC 3376, 8.1 */
    h->echo_tokens_ns = ECHO_BURST * ECHO_INTERVAL_NS;
    /* What differs between the stations of a link spreads their answers. */
    h->random = (uint64_t)load16(config->mac) << 48 | (uint64_t)load32(config->mac + 2) << 16;
    h->random ^= config->address;
    for (uint32_t i = 0; i < config->group_count; i++) {
        h->groups[i].address = config->groups[i];
        h->groups[i].report_ns = h->groups[i].answer_ns = NET_HOST_NEVER;
    }
}

/* ---- out ---- */

uint8_t *net_host_frame_open(struct net_host *h, const uint8_t destination[6], uint32_t type,
                             uint32_t length) {
    struct net_host_frame *frame = &h->outbox[h->outbox_tail & (NET_HOST_OUTBOX_FRAMES - 1)];
    uint8_t *at = frame->data + 2 * MAC_BYTES;
    if (h->outbox_tail - h->outbox_head == NET_HOST_OUTBOX_FRAMES) {
        h->drops[NET_HOST_OUTBOX_FULL]++;
        return NULL;
    }
    h->outbox_tail++;
    memcpy(frame->data, destination, MAC_BYTES);
    memcpy(frame->data + MAC_BYTES, h->config.mac, MAC_BYTES);
    if (h->config.vlan) {
        store16(at, TYPE_VLAN);
        store16(at + 2, h->config.vlan);
        at += VLAN_BYTES;
    }
    store16(at, type);
    frame->length = (uint32_t)(at + 2 - frame->data) + length;
    return at + 2;
}

/* ---- in ---- */

/* Where the ethertype of a frame of our VLAN stands; 0 for one of another. Within no VLAN, a tag
 * that says only the priority (802.1Q, VLAN 0) counts as none. */
static uint32_t type_offset(const struct net_host *h, const uint8_t *data, uint32_t length) {
    if (length < ETHER_BYTES)
        return 0;
    if (load16(data + 12) != TYPE_VLAN)
        return h->config.vlan ? 0 : 12;
    if (length < ETHER_BYTES + VLAN_BYTES || (load16(data + 14) & 0xfff) != h->config.vlan)
        return 0;
    return 12 + VLAN_BYTES;
}

int net_host_wants(const struct net_host *h, const uint8_t *data, uint32_t length) {
    uint32_t at = type_offset(h, data, length);
    if (!at)
        return 0;
    uint32_t type = load16(data + at), left = length - at - 2;
    const uint8_t *ip = data + at + 2;
    if (type != TYPE_IP || left < IP_BYTES)
        return type == TYPE_ARP;
    return ip[9] == PROTOCOL_IGMP ||
           (ip[9] == PROTOCOL_ICMP && load32(ip + 16) == h->config.address);
}

/* The length that the header claims, if the header can be true; 0, and counted, if not. */
static uint32_t ip_length(struct net_host *h, const uint8_t *ip, uint32_t left) {
    uint32_t header = (ip[0] & 0xfu) * 4, total = load16(ip + 2);
    enum net_host_drop why;
    if (ip[0] >> 4 != 4 || header < IP_BYTES || header > left || total < header || total > left)
        why = NET_HOST_IP_HEADER;
    else if (checksum(ip, header))
        why = NET_HOST_IP_CHECKSUM;
    else if (load16(ip + 6) & 0x3fff) /* more to come, or not the first */
        why = NET_HOST_IP_FRAGMENT;
    else
        return total;
    h->drops[why]++;
    return 0;
}

static int echo_allowed(struct net_host *h, uint64_t now_ns) {
    uint64_t full = ECHO_BURST * ECHO_INTERVAL_NS, passed = now_ns - h->echo_filled_ns;
    h->echo_filled_ns = now_ns;
    h->echo_tokens_ns = passed < full - h->echo_tokens_ns ? h->echo_tokens_ns + passed : full;
    if (h->echo_tokens_ns < ECHO_INTERVAL_NS)
        return 0;
    h->echo_tokens_ns -= ECHO_INTERVAL_NS;
    return 1;
}

/* RFC 792: the same bytes back, from the address they were sent to. */
static void echo_answer(struct net_host *h, const uint8_t *frame, const uint8_t *ip,
                        const uint8_t *icmp, uint32_t length) {
    uint8_t *out = net_host_frame_open(h, frame + MAC_BYTES, TYPE_IP, IP_BYTES + length);
    if (!out)
        return;
    memset(out, 0, IP_BYTES);
    out[0] = 0x45;
    out[1] = ip[1]; /* the same type of service (RFC 1349, 5.1) */
    store16(out + 2, IP_BYTES + length);
    store16(out + 6, 0x4000);
    out[8] = TTL_DEFAULT;
    out[9] = PROTOCOL_ICMP;
    store32(out + 12, h->config.address);
    store32(out + 16, load32(ip + 12));
    store16(out + 10, checksum(out, IP_BYTES));
    memcpy(out + IP_BYTES, icmp, length);
    out[IP_BYTES] = ICMP_ECHO_REPLY;
    store16(out + IP_BYTES + 2, 0);
    store16(out + IP_BYTES + 2, checksum(out + IP_BYTES, length));
}

static void icmp_receive(struct net_host *h, const uint8_t *frame, const uint8_t *ip,
                         const uint8_t *icmp, uint32_t length, uint64_t now_ns) {
    uint32_t source = load32(ip + 12);
    uint32_t header_bytes = ETHER_BYTES + IP_BYTES + (h->config.vlan ? VLAN_BYTES : 0);
    enum net_host_drop why;
    if (!is_station(source) || is_broadcast(h, source) || source == h->config.address)
        why = NET_HOST_IP_SOURCE;
    else if (length < ICMP_BYTES)
        why = NET_HOST_ICMP_MALFORMED;
    else if (checksum(icmp, length))
        why = NET_HOST_ICMP_CHECKSUM;
    else if (icmp[0] != ICMP_ECHO_REQUEST)
        why = NET_HOST_ICMP_OTHER;
    else if (icmp[1])
        why = NET_HOST_ICMP_MALFORMED;
    else if (frame[0] & 1)
        why = NET_HOST_ICMP_GROUP; /* RFC 1122, 3.2.2.6 */
    else if (header_bytes + length > h->config.frame_bytes_max)
        why = NET_HOST_ICMP_LONG;
    else if (!echo_allowed(h, now_ns))
        why = NET_HOST_ICMP_LIMITED;
    else {
        h->icmp_count++;
        echo_answer(h, frame, ip, icmp, length);
        return;
    }
    h->drops[why]++;
}

static void ip_receive(struct net_host *h, const uint8_t *frame, const uint8_t *ip, uint32_t left,
                       uint64_t now_ns) {
    uint32_t total = ip_length(h, ip, left), header = (ip[0] & 0xfu) * 4;
    if (!total)
        return;
    if (ip[9] == PROTOCOL_IGMP)
        net_host_igmp_receive(h, ip, ip + header, total - header, now_ns);
    else
        icmp_receive(h, frame, ip, ip + header, total - header, now_ns);
}

void net_host_receive(struct net_host *h, const uint8_t *data, uint32_t length, uint64_t now_ns) {
    enum net_host_drop why;
    if (!net_host_wants(h, data, length))
        why = NET_HOST_NOT_CONTROL;
    else if (data[MAC_BYTES] & 1)
        why = NET_HOST_ETHER_SOURCE;
    else if (!memcmp(data + MAC_BYTES, h->config.mac, MAC_BYTES))
        why = NET_HOST_OWN_FRAME;
    else if (!(data[0] & 1) && memcmp(data, h->config.mac, MAC_BYTES))
        why = NET_HOST_OTHER_STATION;
    else {
        uint32_t at = type_offset(h, data, length) + 2;
        if (load16(data + at - 2) == TYPE_ARP)
            net_host_arp_receive(h, data + at, length - at, now_ns);
        else
            ip_receive(h, data, data + at, length - at, now_ns);
        return;
    }
    h->drops[why]++;
}

/* ---- time and link ---- */

void net_host_tick(struct net_host *h, uint64_t now_ns) {
    h->next_due_ns = NET_HOST_NEVER;
    if (!h->link_up)
        return;
    net_host_arp_tick(h, now_ns);
    net_host_igmp_tick(h, now_ns);
}

void net_host_link(struct net_host *h, int up, uint64_t now_ns) {
    h->link_up = up != 0;
    if (up) {
        net_host_arp_link_up(h, now_ns);
        net_host_igmp_link_up(h, now_ns);
        h->next_due_ns = now_ns;
    } else {
        h->drops[NET_HOST_LINK_DOWN] += h->outbox_tail - h->outbox_head;
        h->outbox_head = h->outbox_tail;
        h->next_due_ns = NET_HOST_NEVER;
    }
}
