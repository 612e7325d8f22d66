/* pio_host_open.c: opens, closes and asks host queues (see pio_host.h): options and refusals. */
#include "pio_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct pio_backend pio_backend_fault, pio_backend_host, pio_backend_share;

#define TEXT_BYTES 272u /* as long as pio_info.device, with a name before it */
#define VLAN_MAX 4094u

/* ---- options ---- */

/* An IPv4 address of `length` characters; 0 when it is none. */
static uint32_t address_parse(const char *text, size_t length) {
    char copy[INET_ADDRSTRLEN];
    struct in_addr parsed;
    if (length >= sizeof copy)
        return 0;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return inet_pton(AF_INET, copy, &parsed) == 1 ? ntohl(parsed.s_addr) : 0;
}

static int is_station(uint32_t address) {
    return address >> 24 && address >> 24 != 127 && address < 0xe0000000u;
}

static int read_address(struct net_host_config *c, const char *text, struct pio_error *error) {
    size_t length = strcspn(text, "/");
    char *end = (char *)text;
    unsigned long bits = text[length] ? strtoul(text + length + 1, &end, 10) : 0;
    c->address = address_parse(text, length);
    c->prefix_bits = (uint32_t)bits;
    uint32_t host_bits = bits < 31 ? (1u << (32 - (bits ? bits : 1))) - 1 : 0;
    uint32_t host = c->address & host_bits;
    if (is_station(c->address) && bits >= 1 && bits <= 32 && !*end &&
        (!host_bits || (host && host != host_bits)))
        return 0;
    return pio_refuse(error, EINVAL, "write a station's address and its prefix, as in "
                      "host(address=10.0.0.2/24):memory:orders",
                      text[0] ? "host option address=%.60s is no address to live at"
                              : "the host queue has no address%.60s", text);
}

static int read_gateway(struct net_host_config *c, const char *text, struct pio_error *error) {
    uint32_t mask = UINT32_MAX << (32 - c->prefix_bits);
    if (!text[0])
        return 0;
    c->gateway = address_parse(text, strlen(text));
    if (is_station(c->gateway) && c->gateway != c->address &&
        !((c->gateway ^ c->address) & mask))
        return 0;
    return pio_refuse(error, EINVAL, "name another station within address's prefix, as in "
                      "address=10.0.0.2/24,gateway=10.0.0.1",
                      "host option gateway=%.60s is no station on that link", text);
}

static int read_groups(struct net_host_config *c, const char *text, struct pio_error *error) {
    while (*text) {
        size_t length = strcspn(text, "+");
        uint32_t group = address_parse(text, length);
        if (group >> 28 != 0xe || group == 0xe0000001u)
            return pio_refuse(error, EINVAL, "write groups with + between them, as in "
                              "groups=233.54.12.111+233.49.196.111",
                              "host option groups= has '%.*s', which is no multicast group",
                              (int)(length < 60 ? length : 60), text);
        if (c->group_count == NET_HOST_GROUPS_MAX)
            return pio_refuse(error, EINVAL, "open another queue for the others",
                              "host option groups= names more than %u groups",
                              NET_HOST_GROUPS_MAX);
        c->groups[c->group_count++] = group;
        text += length + (text[length] == '+');
    }
    return 0;
}

static int read_mac(struct net_host_config *c, const char *text, const struct pio_info *inner,
                    struct pio_error *error) {
    static const uint8_t none[6];
    int used = 0;
    uint8_t *m = c->mac;
    if (!text[0]) {
        memcpy(m, inner->mac, sizeof c->mac);
        if (memcmp(m, none, sizeof none))
            return 0;
        return pio_refuse(error, EINVAL, "give it one: host(address=...,mac=02:00:00:00:00:01):...",
                          "the wrapped queue %s:%.80s has no Ethernet address of its own",
                          inner->backend->name, inner->device);
    }
    if (strlen(text) == 17 && strspn(text, "0123456789abcdefABCDEF:") == 17 &&
        sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", m, m + 1, m + 2, m + 3, m + 4,
               m + 5, &used) == 6 && used == 17 && !(m[0] & 1) && memcmp(m, none, sizeof none))
        return 0;
    return pio_refuse(error, EINVAL, "write a station's, as in mac=02:00:00:00:00:01",
                      "host option mac=%.60s is no Ethernet address to live at", text);
}

/* Everything but the Ethernet address, which the wrapped queue may have. */
static int read_options(struct net_host_config *c, const char *options, char *mac,
                        struct pio_error *error) {
    char address[TEXT_BYTES] = "", gateway[TEXT_BYTES] = "", groups[TEXT_BYTES] = "";
    uint64_t vlan = 0;
    int number = pio_option_check(options, "address gateway groups mac vlan", error);
    if (!number)
        number = pio_option_text(options, "address", address, sizeof address, error);
    if (!number)
        number = pio_option_text(options, "gateway", gateway, sizeof gateway, error);
    if (!number)
        number = pio_option_text(options, "groups", groups, sizeof groups, error);
    if (!number)
        number = pio_option_text(options, "mac", mac, TEXT_BYTES, error);
    if (!number)
        number = pio_option_u64(options, "vlan", 1, VLAN_MAX, &vlan, error);
    if (!number)
        number = read_address(c, address, error);
    if (!number)
        number = read_gateway(c, gateway, error);
    if (!number)
        number = read_groups(c, groups, error);
    c->vlan = (uint16_t)vlan;
    return number;
}

/* ---- open and close ---- */

static int hear_groups(struct host *h, const struct net_host_config *c, struct pio_error *error) {
    uint8_t mac[6];
    net_host_group_mac(0xe0000001u, mac); /* 224.0.0.1, where queries are sent */
    int number = h->inner->info->backend->hear(h->inner, mac, error);
    for (uint32_t i = 0; !number && i < c->group_count; i++) {
        net_host_group_mac(c->groups[i], mac);
        number = h->inner->info->backend->hear(h->inner, mac, error);
    }
    return number;
}

static int attach(struct host *h, const char *device, struct pio_error *error) {
    char options[TEXT_BYTES], mac[TEXT_BYTES] = "";
    const char *name;
    struct net_host_config c = {0};
    int number = pio_option_wrap(device, "host", "host(address=10.0.0.2/24):memory:orders",
                                 options, sizeof options, &name, error);
    if (!number)
        number = read_options(&c, options, mac, error);
    if (!number)
        number = pio_open(name, &h->inner, error);
    if (number)
        return number;
    c.frame_bytes_max = h->inner->info->frame_bytes_max;
    if (c.frame_bytes_max < NET_HOST_FRAME_BYTES_MIN)
        number = pio_refuse(error, EINVAL, "open it with longer frames",
                            "the wrapped queue's frames have %u bytes, and a host needs %u",
                            c.frame_bytes_max, NET_HOST_FRAME_BYTES_MIN);
    if (!number)
        number = read_mac(&c, mac, h->inner->info, error);
    if (!number)
        number = hear_groups(h, &c, error);
    if (number) {
        pio_close(h->inner);
        return number;
    }
    net_host_init(&h->net, &c);
    h->type_at = c.vlan ? 16 : 12;
    return 0;
}

static int host_open(struct pio_queue *queue, const char *device, struct pio_error *error) {
    struct host *h = aligned_alloc(64, (sizeof *h + 63) & ~(size_t)63);
    if (!h)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    memset(h, 0, sizeof *h);
    int number = attach(h, device, error);
    if (number) {
        free(h);
        return number;
    }
    struct pio_info *info = queue->info, *inner = h->inner->info;
    host_hot_set(queue);
    queue->state = h;
    info->frame_bytes_max = inner->frame_bytes_max;
    info->link = inner->link;
    memcpy(info->mac, h->net.config.mac, sizeof info->mac);
    snprintf(info->mode, sizeof info->mode, "host+%.25s", inner->mode);
    return 0;
}

/* Leaving is a courtesy: the router is told if there is room just now, and else finds out. */
static void host_close(struct pio_queue *queue) {
    struct host *h = queue->state;
    if (h->net.link_up && !h->tx_lent) {
        net_host_leave(&h->net);
        host_outbox_send(h, NET_HOST_OUTBOX_FRAMES);
        h->inner->service(h->inner, h->clock_ns);
    }
    pio_close(h->inner);
    free(h);
}

static int host_hear(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error) {
    struct pio_queue *inner = ((struct host *)queue->state)->inner;
    return inner->info->backend->hear(inner, group, error);
}

static int host_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)error;
    snprintf(mode, mode_bytes, "host+");
    return 0;
}

/* ---- asking ---- */

/* What lies below fault and share. */
static struct pio_queue *unwrapped(struct pio_queue *queue) {
    for (;;) {
        if (queue->info->backend == &pio_backend_fault)
            queue = pio_fault_inner(queue);
        else if (queue->info->backend == &pio_backend_share)
            queue = pio_share_inner(queue);
        else
            return queue;
    }
}

static struct pio_queue *host_of(struct pio_queue *queue) {
    queue = unwrapped(queue);
    return queue->info->backend == &pio_backend_host ? queue : NULL;
}

struct pio_queue *pio_innermost(struct pio_queue *queue) {
    for (;;) {
        queue = unwrapped(queue);
        if (queue->info->backend != &pio_backend_host)
            return queue;
        queue = ((struct host *)queue->state)->inner;
    }
}

int pio_resolve(struct pio_queue *queue, uint32_t address, uint8_t mac[6]) {
    queue = host_of(queue);
    if (!queue)
        return ENOTSUP;
    struct host *h = queue->state;
    int number = net_host_resolve(&h->net, address, mac, h->elapsed_ns);
    if (number != EAGAIN || !h->net.link_up)
        return number;
    host_pull(h);
    host_attend(h, queue->info);
    return net_host_resolve(&h->net, address, mac, h->elapsed_ns);
}

const char *pio_host_drop(struct pio_queue *queue, uint32_t index, uint64_t *count) {
    queue = host_of(queue);
    const char *name = queue ? net_host_drop_name(index) : NULL;
    *count = name ? ((const struct host *)queue->state)->net.drops[index] : 0;
    return name;
}

const struct pio_backend pio_backend_host = {
    .name = "host",
    .summary = "any queue as a station on its network: ARP, IGMP, ping",
    .extra_names = {"host_arp", "host_icmp", "host_igmp", "host_sent", "host_malformed",
                    "host_limited", "host_full", "host_conflicts"},
    .probe = host_probe,
    .open = host_open,
    .close = host_close,
    .hear = host_hear,
};
