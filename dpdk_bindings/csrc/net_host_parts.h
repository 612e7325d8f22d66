/* net_host_parts.h: what the files of net_host share and its users never see. */
#ifndef TICKPATH_NET_HOST_PARTS_H
#define TICKPATH_NET_HOST_PARTS_H

#include "net_host.h"

#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define MAC_BYTES 6u
#define ETHER_BYTES 14u
#define VLAN_BYTES 4u
#define IP_BYTES 20u
#define TYPE_IP 0x0800u
#define TYPE_ARP 0x0806u
#define TYPE_VLAN 0x8100u
#define PROTOCOL_ICMP 1u
#define PROTOCOL_IGMP 2u
#define ADDRESS_BROADCAST 0xffffffffu
#define ADDRESS_ALL_HOSTS 0xe0000001u   /* 224.0.0.1 */
#define ADDRESS_ALL_ROUTERS 0xe0000002u /* 224.0.0.2 */
#define ADDRESS_REPORTS_V3 0xe0000016u  /* 224.0.0.22 */

static inline uint32_t load16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t load32(const uint8_t *at) {
    return load16(at) << 16 | load16(at + 2);
}

static inline void store16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}

static inline void store32(uint8_t *at, uint32_t value) {
    store16(at, value >> 16), store16(at + 2, value);
}

/* The Internet checksum (RFC 1071): 0 over bytes that hold a right one. */
static inline uint32_t checksum(const uint8_t *bytes, uint32_t length) {
    uint64_t sum = length & 1 ? (uint64_t)bytes[length - 1] << 8 : 0;
    for (uint32_t at = 0; at + 1 < length; at += 2)
        sum += load16(bytes + at);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)~sum & 0xffff;
}

static inline int is_multicast(uint32_t address) {
    return address >> 28 == 0xe;
}

/* Could this be one station's address? Not 0/8, not 127/8, not a group, not reserved. */
static inline int is_station(uint32_t address) {
    return address >> 24 && address >> 24 != 127 && address < 0xe0000000u;
}

static inline uint32_t netmask(const struct net_host *h) {
    return ADDRESS_BROADCAST << (32 - h->config.prefix_bits);
}

static inline int is_on_link(const struct net_host *h, uint32_t address) {
    return !((address ^ h->config.address) & netmask(h));
}

/* Everybody's address on this link; a prefix of 31 or 32 bits has none (RFC 3021). */
static inline int is_broadcast(const struct net_host *h, uint32_t address) {
    return address == ADDRESS_BROADCAST ||
           (h->config.prefix_bits < 31 && address == (h->config.address | ~netmask(h)));
}

/* Evenly from 1 to bound, more or less. splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t random_delay(struct net_host *h, uint64_t bound_ns) {
    uint64_t z = h->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return 1 + (bound_ns ? (z ^ (z >> 31)) % bound_ns : 0);
}

static inline void due_at(struct net_host *h, uint64_t at_ns) {
    if (at_ns < h->next_due_ns)
        h->next_due_ns = at_ns;
}

/* A frame in the outbox with its Ethernet header, to be sent when `length` bytes after that are
 * written, and where these begin; NULL, and counted, when the outbox is full. */
uint8_t *net_host_frame_open(struct net_host *host, const uint8_t destination[6], uint32_t type,
                             uint32_t length);

void net_host_arp_receive(struct net_host *host, const uint8_t *arp, uint32_t length,
                          uint64_t now_ns);
void net_host_arp_tick(struct net_host *host, uint64_t now_ns);
void net_host_arp_link_up(struct net_host *host, uint64_t now_ns);

/* `ip` is a checked header with options, `igmp` the `length` bytes after it. */
void net_host_igmp_receive(struct net_host *host, const uint8_t *ip, const uint8_t *igmp,
                           uint32_t length, uint64_t now_ns);
void net_host_igmp_tick(struct net_host *host, uint64_t now_ns);
void net_host_igmp_link_up(struct net_host *host, uint64_t now_ns);

#endif
