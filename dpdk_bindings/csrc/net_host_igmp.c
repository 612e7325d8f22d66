/* net_host_igmp.c: the host's side of IGMPv3 (RFC 3376), and of v2 (RFC 2236) and v1 (RFC 1112)
 * while a router that speaks no newer is believed to be there (RFC 3376, 7.2.1).
 *
 * Every group is joined with EXCLUDE{}: from every source. In version 3 all groups go into one
 * report to 224.0.0.22; before, each group has reports of its own, sent to the group, and is quiet
 * when another member has just spoken.
 */
#include "net_host_parts.h"

#define IGMP_BYTES 8u
#define QUERY_V3_BYTES 12u
#define IP_ROUTER_ALERT_BYTES 24u /* a header with the option (RFC 2113) */
#define ROUTER_ALERT 0x94040000u
#define INTERNETWORK_CONTROL 0xc0u /* the type of service of reports (RFC 3376, 4) */

enum igmp_type {
    IGMP_QUERY = 0x11,
    IGMP_REPORT_V1 = 0x12,
    IGMP_REPORT_V2 = 0x16,
    IGMP_LEAVE = 0x17,
    IGMP_REPORT_V3 = 0x22,
};

/* RFC 3376, 4.2.12 */
enum igmp_record {
    MODE_IS_INCLUDE = 1,
    MODE_IS_EXCLUDE = 2,
    CHANGE_TO_INCLUDE = 3,
    CHANGE_TO_EXCLUDE = 4,
};

/* RFC 3376, 8.2 and 8.3: for routers that do not say theirs. */
#define QUERY_INTERVAL_NS (125 * SECOND_NS)
#define RESPONSE_INTERVAL_NS (10 * SECOND_NS)
#define TENTH_NS (SECOND_NS / 10)
/* RFC 3376, 8.11; RFC 2236, 8.10. */
#define UNSOLICITED_V3_NS SECOND_NS
#define UNSOLICITED_V2_NS (10 * SECOND_NS)

/* ---- out ---- */

/* An IGMP message's place in the outbox, IP header written; NULL when that is full. */
static uint8_t *igmp_open(struct net_host *h, uint32_t destination, uint32_t length) {
    uint8_t mac[MAC_BYTES];
    net_host_group_mac(destination, mac);
    uint8_t *ip = net_host_frame_open(h, mac, TYPE_IP, IP_ROUTER_ALERT_BYTES + length);
    if (!ip)
        return NULL;
    memset(ip, 0, IP_ROUTER_ALERT_BYTES + length);
    ip[0] = 0x46;
    ip[1] = INTERNETWORK_CONTROL;
    store16(ip + 2, IP_ROUTER_ALERT_BYTES + length);
    store16(ip + 6, 0x4000);
    ip[8] = 1; /* no router passes it on */
    ip[9] = PROTOCOL_IGMP;
    store32(ip + 12, h->config.address);
    store32(ip + 16, destination);
    store32(ip + 20, ROUTER_ALERT);
    store16(ip + 10, checksum(ip, IP_ROUTER_ALERT_BYTES));
    return ip + IP_ROUTER_ALERT_BYTES;
}

static void report_old(struct net_host *h, enum igmp_type type, uint32_t group) {
    uint32_t destination = type == IGMP_LEAVE ? ADDRESS_ALL_ROUTERS : group;
    uint8_t *igmp = igmp_open(h, destination, IGMP_BYTES);
    if (!igmp)
        return;
    igmp[0] = (uint8_t)type;
    store32(igmp + 4, group);
    store16(igmp + 2, checksum(igmp, IGMP_BYTES));
}

/* One record for each of `count` groups, with the sources that the last query asked about. */
static void report_v3(struct net_host *h, enum igmp_record record,
                      struct net_host_group *const *groups, uint32_t count) {
    uint32_t length = IGMP_BYTES;
    for (uint32_t i = 0; i < count; i++)
        length += 8 + (record == MODE_IS_INCLUDE ? 4 * groups[i]->source_count : 0);
    uint8_t *igmp = count ? igmp_open(h, ADDRESS_REPORTS_V3, length) : NULL;
    if (!igmp)
        return;
    uint8_t *at = igmp + IGMP_BYTES;
    igmp[0] = IGMP_REPORT_V3;
    store16(igmp + 6, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sources = record == MODE_IS_INCLUDE ? groups[i]->source_count : 0;
        at[0] = (uint8_t)record;
        store16(at + 2, sources);
        store32(at + 4, groups[i]->address);
        for (uint32_t s = 0; s < sources; s++)
            store32(at + 8 + 4 * s, groups[i]->sources[s]);
        at += 8 + 4 * sources;
    }
    store16(igmp + 2, checksum(igmp, length));
}

static void report_own(struct net_host *h, const struct net_host_group *group) {
    report_old(h, h->igmp_version == 1 ? IGMP_REPORT_V1 : IGMP_REPORT_V2, group->address);
}

/* ---- versions ---- */

/* RFC 3376, 7.2.1: a change of version ends what was going on in the other. */
static void version_update(struct net_host *h, uint64_t now_ns) {
    uint32_t version = now_ns < h->v1_until_ns ? 1 : now_ns < h->v2_until_ns ? 2 : 3;
    if (version == h->igmp_version)
        return;
    h->igmp_version = version;
    h->general_ns = NET_HOST_NEVER;
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        h->groups[i].answer_ns = h->groups[i].report_ns = NET_HOST_NEVER;
        h->groups[i].reports_left = 0;
    }
}

/* ---- queries ---- */

/* RFC 3376, 4.1.1: from 128 on, a small floating-point number. */
static uint32_t code_value(uint32_t code) {
    return code < 128 ? code : ((code & 0xf) | 0x10) << ((code >> 4 & 7) + 3);
}

static void answer_at(struct net_host *h, uint64_t *timer, uint64_t at_ns) {
    if (at_ns < *timer)
        *timer = at_ns;
    due_at(h, *timer);
}

/* RFC 2236, 3: every group has a timer; one that is soon enough stays. */
static void query_old(struct net_host *h, uint32_t group, uint64_t now_ns, uint64_t most_ns) {
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        struct net_host_group *g = &h->groups[i];
        if ((!group || g->address == group) &&
            (g->answer_ns == NET_HOST_NEVER || g->answer_ns > now_ns + most_ns)) {
            g->answer_ns = NET_HOST_NEVER;
            answer_at(h, &g->answer_ns, now_ns + random_delay(h, most_ns));
        }
    }
}

/* RFC 3376, 5.2, rules 3 to 5: what an answer about this group will be about. */
static void sources_add(struct net_host_group *g, const uint8_t *sources, uint32_t count) {
    int whole = g->answer_ns != NET_HOST_NEVER && !g->source_count;
    if (g->answer_ns == NET_HOST_NEVER)
        g->source_count = 0;
    if (whole || !count || g->source_count + count > NET_HOST_SOURCES_MAX) {
        g->source_count = 0; /* too many to remember are answered as all of them */
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        g->sources[g->source_count++] = load32(sources + 4 * i);
}

static void query_v3(struct net_host *h, uint32_t group, const uint8_t *sources, uint32_t count,
                     uint64_t now_ns, uint64_t most_ns) {
    uint64_t answer_ns = now_ns + random_delay(h, most_ns);
    if (h->general_ns <= answer_ns)
        return; /* rule 1: everything will be told sooner anyway */
    if (!group) {
        answer_at(h, &h->general_ns, answer_ns); /* rule 2 */
        return;
    }
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        struct net_host_group *g = &h->groups[i];
        if (g->address != group)
            continue;
        sources_add(g, sources, count);
        answer_at(h, &g->answer_ns, answer_ns);
    }
}

/* Which version's query it is, by length and code (RFC 3376, 7.1); 0: none's, and counted. */
static uint32_t query_check(struct net_host *h, const uint8_t *ip, const uint8_t *igmp,
                            uint32_t length) {
    uint32_t destination = load32(ip + 16), group = load32(igmp + 4);
    uint32_t sources = length >= QUERY_V3_BYTES ? load16(igmp + 10) : 0;
    if ((length > IGMP_BYTES && length < QUERY_V3_BYTES) ||
        (sources && QUERY_V3_BYTES + 4 * sources > length)) {
        h->drops[NET_HOST_IGMP_LENGTH]++;
        return 0;
    }
    /* General queries go to 224.0.0.1, and others to the group they are about (4.1.12). */
    if ((group && !is_multicast(group)) || (!group && sources) ||
        (destination != ADDRESS_ALL_HOSTS && destination != h->config.address &&
         destination != group)) {
        h->drops[NET_HOST_IGMP_GROUP]++;
        return 0;
    }
    return length >= QUERY_V3_BYTES ? 3 : igmp[1] ? 2 : 1;
}

static void query_receive(struct net_host *h, const uint8_t *ip, const uint8_t *igmp,
                          uint32_t length, uint64_t now_ns) {
    uint32_t version = query_check(h, ip, igmp, length), group = load32(igmp + 4);
    uint64_t most_ns = igmp[1] * TENTH_NS, present_ns = h->robustness * QUERY_INTERVAL_NS;
    if (!version)
        return;
    h->igmp_count++;
    if (version == 3) {
        most_ns = code_value(igmp[1]) * TENTH_NS;
        h->robustness = igmp[8] & 7 ? igmp[8] & 7 : 2;
    } else if (version == 2) {
        h->v2_until_ns = now_ns + present_ns + most_ns; /* 8.12 */
    } else {
        most_ns = RESPONSE_INTERVAL_NS;
        h->v1_until_ns = now_ns + present_ns + most_ns;
    }
    version_update(h, now_ns);
    if (h->igmp_version == 3)
        query_v3(h, group, igmp + QUERY_V3_BYTES, version == 3 ? load16(igmp + 10) : 0, now_ns,
                 most_ns);
    else
        query_old(h, group, now_ns, h->igmp_version == 1 ? RESPONSE_INTERVAL_NS : most_ns);
}

/* Another member has answered for a group of ours: that is enough (RFC 2236, 3). */
static void report_receive(struct net_host *h, const uint8_t *igmp) {
    uint32_t group = load32(igmp + 4);
    h->igmp_count++;
    for (uint32_t i = 0; i < h->config.group_count && h->igmp_version != 3; i++)
        if (h->groups[i].address == group)
            h->groups[i].answer_ns = NET_HOST_NEVER;
}

void net_host_igmp_receive(struct net_host *h, const uint8_t *ip, const uint8_t *igmp,
                           uint32_t length, uint64_t now_ns) {
    if (length < IGMP_BYTES)
        h->drops[NET_HOST_IGMP_LENGTH]++;
    else if (checksum(igmp, length))
        h->drops[NET_HOST_IGMP_CHECKSUM]++;
    else if (igmp[0] == IGMP_QUERY)
        query_receive(h, ip, igmp, length, now_ns);
    else if (igmp[0] == IGMP_REPORT_V1 || igmp[0] == IGMP_REPORT_V2)
        report_receive(h, igmp);
    else
        h->drops[NET_HOST_IGMP_OTHER]++;
}

/* ---- time, link, end ---- */

/* The reports of a join that are due, all in one if the version allows. */
static void joins_tick(struct net_host *h, uint64_t now_ns) {
    struct net_host_group *due[NET_HOST_GROUPS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        struct net_host_group *g = &h->groups[i];
        if (g->report_ns > now_ns)
            continue;
        due[count++] = g;
        if (h->igmp_version != 3)
            report_own(h, g);
        g->report_ns = NET_HOST_NEVER;
        if (--g->reports_left)
            g->report_ns = now_ns + random_delay(h, h->igmp_version == 3 ? UNSOLICITED_V3_NS
                                                                         : UNSOLICITED_V2_NS);
    }
    if (h->igmp_version == 3)
        report_v3(h, CHANGE_TO_EXCLUDE, due, count);
}

static void answers_tick(struct net_host *h, uint64_t now_ns) {
    struct net_host_group *all[NET_HOST_GROUPS_MAX];
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        struct net_host_group *g = all[i] = &h->groups[i];
        if (g->answer_ns > now_ns)
            continue;
        g->answer_ns = NET_HOST_NEVER;
        if (h->igmp_version != 3)
            report_own(h, g);
        else
            report_v3(h, g->source_count ? MODE_IS_INCLUDE : MODE_IS_EXCLUDE, &all[i], 1);
    }
    if (h->general_ns <= now_ns) {
        h->general_ns = NET_HOST_NEVER;
        report_v3(h, MODE_IS_EXCLUDE, all, h->config.group_count);
    }
}

void net_host_igmp_tick(struct net_host *h, uint64_t now_ns) {
    version_update(h, now_ns);
    joins_tick(h, now_ns);
    answers_tick(h, now_ns);
    due_at(h, h->general_ns);
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        due_at(h, h->groups[i].report_ns);
        due_at(h, h->groups[i].answer_ns);
    }
}

void net_host_igmp_link_up(struct net_host *h, uint64_t now_ns) {
    version_update(h, now_ns);
    h->general_ns = NET_HOST_NEVER;
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        h->groups[i].answer_ns = NET_HOST_NEVER;
        h->groups[i].report_ns = now_ns;
        h->groups[i].reports_left = h->robustness;
    }
}

void net_host_leave(struct net_host *h) {
    struct net_host_group *all[NET_HOST_GROUPS_MAX];
    for (uint32_t i = 0; i < h->config.group_count; i++) {
        all[i] = &h->groups[i];
        all[i]->report_ns = all[i]->answer_ns = NET_HOST_NEVER;
        if (h->igmp_version == 2) /* version 1 has no way to leave */
            report_old(h, IGMP_LEAVE, all[i]->address);
    }
    if (h->igmp_version == 3)
        report_v3(h, CHANGE_TO_INCLUDE, all, h->config.group_count);
}
