/* dpdk_port.c: attaches, configures and closes DPDK's ports (see dpdk_port.h). */
#include "dpdk_port.h"

#include "dpdk_eal.h"
#include "dpdk_keeper.h"
#include "dpdk_memif.h"
#include "dpdk_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ethernet header, VLAN tag and check sequence: what an MTU leaves out of a frame. The check
 * sequence is not among our bytes. */
#define BEYOND_MTU_BYTES 18u
/* Room in a received mbuf that drivers count on: AF_PACKET's slots and AF_XDP's chunks are no
 * smaller. */
#define ROOM_BYTES_MIN 2048u
#define MEMIF_BUFFER_BYTES 2048u /* the driver's default for bsize= */

struct dpdk_port dpdk_ports[DPDK_PORTS_MAX];

/* The port of this number while it is open, or NULL. */
static struct dpdk_port *port_at(uint16_t id) {
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++)
        if (dpdk_ports[i].attached && dpdk_ports[i].id == id)
            return &dpdk_ports[i];
    return NULL;
}

static int refuse_device(const char *what, int number, const struct dpdk_port *port,
                         struct pio_error *error) {
    char line[120];
    dpdk_log_first(line, sizeof line);
    return pio_refuse(error, number < 0 ? -number : number,
                      "see the device's page of DPDK's NIC guide for what it can do",
                      "DPDK cannot %s '%.80s': %.100s", what, port->device,
                      line[0] ? line : rte_strerror(number < 0 ? -number : number));
}

/* ---- attach ---- */

/* The port of a device. Mostly it has the device's name, but a card with two of them, or net_ring
 * that is given others' rings, names its ports otherwise: then the first that is not open. */
static int port_find_by_name(const char *name, uint16_t *id) {
    struct rte_eth_dev_info info;
    if (!rte_eth_dev_get_port_by_name(name, id))
        return 1;
    RTE_ETH_FOREACH_DEV(*id)
        if (!port_at(*id) && !rte_eth_dev_info_get(*id, &info) && info.device &&
            !strcmp(dpdk_device_name(info.device), name))
            return 1;
    return 0;
}

/* "net_memif0,role=client" or "0000:03:00.0": the part before the first comma names the port. */
static int port_attach(struct dpdk_port *port, const char *device, struct pio_error *error) {
    snprintf(port->device, sizeof port->device, "%s", device);
    int number = pio_option_name(device, port->name, sizeof port->name, error);
    if (number)
        return number;
    if ((number = dpdk_memif_check(device, error)))
        return number;
    dpdk_log_clear();
    if (!port_find_by_name(port->name, &port->id)) {
        int result = rte_dev_probe(device);
        if (result && result != -EEXIST)
            return refuse_device("open", result, port, error);
        if (!port_find_by_name(port->name, &port->id))
            return refuse_device("find a port of", ENODEV, port, error);
    } else if (port_at(port->id)) {
        return pio_refuse(error, EBUSY, "close the other one, or give both the same arguments",
                          "DPDK's device '%s' is open with other arguments: %.100s", port->name,
                          port_at(port->id)->device);
    }
    port->attached = 1;
    return 0;
}

/* Takes the device out of DPDK again, so that its name is free. */
static void port_detach(struct dpdk_port *port) {
    struct rte_eth_dev_info info;
    if (port->started)
        rte_eth_dev_stop(port->id);
    port->started = 0;
    if (port->is_memif && !port->reconnects)
        dpdk_memif_keep(port);
    struct rte_device *device =
        rte_eth_dev_info_get(port->id, &info) ? NULL : (struct rte_device *)(uintptr_t)info.device;
    rte_eth_dev_close(port->id);
    if (device)
        rte_dev_remove(device);
    port->attached = 0;
}

/* ---- configure ---- */

static int check_limits(const struct dpdk_port *port, const struct rte_eth_dev_info *info,
                        struct pio_error *error) {
    uint32_t most = info->max_rx_queues < info->max_tx_queues ? info->max_rx_queues
                                                              : info->max_tx_queues;
    uint64_t null_bytes = 64;
    if (!strcmp(info->driver_name, "net_null") &&
        !pio_option_u64(port->device, "size", 0, UINT16_MAX, &null_bytes, error) &&
        null_bytes > port->options.segment_bytes)
        return pio_refuse(error, EINVAL, "give a smaller size=, or larger frame_bytes= and "
                          "segment_bytes=",
                          "DPDK's net_null would write frames of %u bytes over the end of %u",
                          (unsigned)null_bytes, port->options.segment_bytes);
    if (port->options.queues > most) {
        char remedy[64];
        snprintf(remedy, sizeof remedy, "give queues= at most %u", most);
        return pio_refuse(error, EINVAL, remedy, "DPDK's device '%s' has %u queues, not %u",
                          port->name, most, port->options.queues);
    }
    return 0;
}

static uint64_t rx_offloads(struct dpdk_port *port, const struct rte_eth_dev_info *info) {
    uint64_t checksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
    uint64_t wanted = 0;
    if (port->options.checksums && (info->rx_offload_capa & checksums) == checksums)
        wanted |= checksums;
    if (port->options.segment_bytes < port->options.frame_bytes) {
        port->scattered = 1;
        wanted |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
    }
    if (port->options.timestamps)
        wanted |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP;
    return wanted;
}

static uint64_t tx_offloads(struct dpdk_port *port, const struct rte_eth_dev_info *info) {
    uint64_t checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
    uint64_t wanted = 0;
    if (port->options.checksums && (info->tx_offload_capa & checksums) == checksums) {
        wanted |= checksums;
        port->hardware_tx_checksums = 1;
    }
    /* Our sent mbufs have one owner and, without chains, one pool: what this asks for. */
    if (!wanted && !port->scattered && !port->options.forwards)
        wanted |= info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    return wanted;
}

/* What our longest frame needs, as far as the device says that it goes. Those that say too little
 * and carry more (memif) still do: a longest frame is ours to check. */
static uint32_t mtu_of(const struct dpdk_port *port, const struct rte_eth_dev_info *info) {
    uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
    uint32_t mtu = port->options.frame_bytes - BEYOND_MTU_BYTES, most = info->max_mtu;
    if (most && most != UINT16_MAX && info->max_rx_pktlen > most)
        overhead = info->max_rx_pktlen - most;
    if (info->max_rx_pktlen > overhead && (!most || most > info->max_rx_pktlen - overhead))
        most = info->max_rx_pktlen - overhead;
    if (mtu < RTE_ETHER_MTU)
        mtu = RTE_ETHER_MTU;
    return most && mtu > most ? most : mtu;
}

static int configure(struct dpdk_port *port, struct rte_eth_dev_info *info,
                     struct pio_error *error) {
    struct rte_eth_conf conf = {0};
    uint32_t mtu = mtu_of(port, info);
    conf.rxmode.offloads = rx_offloads(port, info);
    conf.txmode.offloads = tx_offloads(port, info);
    conf.rxmode.mtu = mtu;
    if (port->options.queues > 1 && info->flow_type_rss_offloads) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf =
            info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
    }
    int result = rte_eth_dev_configure(port->id, port->options.queues, port->options.queues, &conf);
    if (result)
        return refuse_device("configure", result, port, error);
    if (rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &port->options.rx_slots,
                                         &port->options.tx_slots))
        return refuse_device("size the rings of", EINVAL, port, error);
    /* Some take the configured one, some have none, and these would set that of the interface which
     * they borrow from the kernel. */
    if (strncmp(info->driver_name, "net_af_", 7))
        rte_eth_dev_set_mtu(port->id, (uint16_t)mtu);
    return 0;
}

static int queue_setup(struct dpdk_port *port, uint16_t queue, const struct rte_eth_dev_info *info,
                       struct pio_error *error) {
    const struct dpdk_port_options *o = &port->options;
    int node = rte_eth_dev_socket_id(port->id);
    uint32_t lent = o->lent_max ? o->lent_max : DPDK_LENT_MAX;
    /* The device's rings full, and as much lent out; one pool where one size serves both ways, as
     * MBUF_FAST_FREE asks and as is best for the cache. */
    uint32_t rx = o->rx_slots + lent, tx = o->tx_slots + DPDK_LENT_MAX;
    int one = o->segment_bytes == o->frame_bytes;
    uint32_t room = one && o->frame_bytes < ROOM_BYTES_MIN ? ROOM_BYTES_MIN : o->segment_bytes;
    port->rx_pools[queue] = dpdk_pool_make(one ? rx + tx : rx, room, node);
    /* Chains are copied into mbufs of the second pool, and lent from there. */
    port->tx_pools[queue] =
        one ? port->rx_pools[queue] : dpdk_pool_make(tx + lent, o->frame_bytes, node);
    if (!port->rx_pools[queue] || !port->tx_pools[queue])
        return dpdk_pool_refuse(error);
    struct rte_eth_rxconf rx_conf = info->default_rxconf;
    struct rte_eth_txconf tx_conf = info->default_txconf;
    dpdk_log_clear();
    rx_conf.offloads = rx_offloads(port, info);
    tx_conf.offloads = tx_offloads(port, info);
    int result = rte_eth_rx_queue_setup(port->id, queue, o->rx_slots, (unsigned)node, &rx_conf,
                                        port->rx_pools[queue]);
    if (!result)
        result = rte_eth_tx_queue_setup(port->id, queue, o->tx_slots, (unsigned)node, &tx_conf);
    return result ? refuse_device("set up a queue of", result, port, error) : 0;
}

static void timestamps_prepare(struct dpdk_port *port, const struct rte_eth_dev_info *info) {
    port->timestamp_offset = -1;
    if (!port->options.timestamps)
        return;
    if (rte_mbuf_dyn_rx_timestamp_register(&port->timestamp_offset, &port->timestamp_flag))
        port->timestamp_offset = -1;
    else
        dpdk_clock_prepare(&port->clock, port->id, info->driver_name);
}

/* memif's driver breaks frames that need more than one of its buffers (descriptors keep a flag of
 * their last use; mended in DPDK 26.03), so a frame is no longer than one. */
static uint32_t longest_frame(const struct dpdk_port *port) {
    const char *buffer = port->is_memif ? strstr(port->device, "bsize=") : NULL;
    unsigned long bytes = buffer ? strtoul(buffer + strlen("bsize="), NULL, 10)
                          : port->is_memif ? MEMIF_BUFFER_BYTES
                                           : port->options.frame_bytes;
    return bytes < port->options.frame_bytes ? (uint32_t)bytes : port->options.frame_bytes;
}

static int port_set_up(struct dpdk_port *port, struct pio_error *error) {
    struct rte_eth_dev_info info;
    struct rte_ether_addr mac;
    int number = rte_eth_dev_info_get(port->id, &info);
    if (number)
        return refuse_device("ask about", number, port, error);
    number = check_limits(port, &info, error);
    if (!number)
        number = configure(port, &info, error);
    timestamps_prepare(port, &info);
    for (uint16_t queue = 0; !number && queue < port->options.queues; queue++)
        number = queue_setup(port, queue, &info, error);
    if (number)
        return number;
    if (!rte_eth_macaddr_get(port->id, &mac))
        memcpy(port->mac, mac.addr_bytes, sizeof port->mac);
    port->is_memif = !strcmp(info.driver_name, "net_memif");
    port->frame_bytes_max = longest_frame(port);
    /* Of the mbufs that it gave the kernel to fill, AF_XDP's driver takes none back. */
    port->keeps_mbufs = !strcmp(info.driver_name, "net_af_xdp");
    port->reconnects = port->is_memif && !dpdk_memif_serves(port->device);
    port->memif_id = dpdk_memif_id(port->device);
    dpdk_log_clear();
    int result = rte_eth_dev_start(port->id);
    port->started = !result;
    /* Until the keeper has started it. What the interrupt thread halts meanwhile stays halted. */
    for (uint32_t i = 0; result && i < DPDK_QUEUES_MAX; i++)
        port->guards[i].halted = 1;
    if (result && !port->reconnects)
        return refuse_device("start", result, port, error);
    if (port->options.promiscuous)
        rte_eth_promiscuous_enable(port->id); /* a device without a filter refuses: it hears all */
    return 0;
}

/* ---- open and close ---- */

static void port_tear_down(struct dpdk_port *port) {
    dpdk_flow_clear(port);
    if (port->is_memif)
        dpdk_keeper_run(port_detach, port);
    else
        port_detach(port);
    void (*give_up)(struct rte_mempool *) = port->keeps_mbufs ? dpdk_pool_drop : dpdk_pool_retire;
    for (uint32_t i = 0; i < DPDK_QUEUES_MAX; i++) {
        if (port->tx_pools[i] != port->rx_pools[i])
            give_up(port->tx_pools[i]);
        give_up(port->rx_pools[i]);
    }
    memset(port, 0, sizeof *port);
}

static struct dpdk_port *port_find(const char *device) {
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++)
        if (dpdk_ports[i].attached && !strcmp(dpdk_ports[i].device, device))
            return &dpdk_ports[i];
    return NULL;
}

static int port_make(const char *device, const struct dpdk_port_options *options,
                     struct dpdk_port **made, struct pio_error *error) {
    struct dpdk_port *port = NULL;
    for (uint32_t i = 0; !port && i < DPDK_PORTS_MAX; i++)
        if (!dpdk_ports[i].attached)
            port = &dpdk_ports[i];
    if (!port)
        return pio_refuse(error, EMFILE, "close one",
                          "%u DPDK devices are open, the most there can be", DPDK_PORTS_MAX);
    memset(port, 0, sizeof *port);
    port->asked = port->options = *options;
    int number = port_attach(port, device, error);
    if (!number) {
        number = port_set_up(port, error);
        if (number)
            port_tear_down(port);
    }
    *made = number ? NULL : port;
    return number;
}

static int claim_refused(const struct dpdk_port *port, const struct dpdk_port_options *options,
                         uint16_t queue, struct pio_error *error) {
    const struct dpdk_port_options *asked = &port->asked;
    if (asked->queues != options->queues || asked->rx_slots != options->rx_slots ||
        asked->tx_slots != options->tx_slots || asked->frame_bytes != options->frame_bytes ||
        asked->segment_bytes != options->segment_bytes ||
        asked->promiscuous != options->promiscuous || asked->checksums != options->checksums ||
        asked->timestamps != options->timestamps)
        return pio_refuse(error, EINVAL, "give every queue of a device the same options",
                          "DPDK's device '%s' is open with queues=%u,rx_slots=%u,tx_slots=%u,"
                          "frame_bytes=%u,segment_bytes=%u,promiscuous=%u,checksums=%u,"
                          "hardware_timestamps=%u",
                          port->name, asked->queues, asked->rx_slots, asked->tx_slots,
                          asked->frame_bytes, asked->segment_bytes, asked->promiscuous,
                          asked->checksums, asked->timestamps);
    if (port->open_queues >> queue & 1)
        return pio_refuse(error, EBUSY, "close it, or name another with queue=",
                          "queue %u of DPDK's device '%s' is open in this process", queue,
                          port->name);
    return 0;
}

int dpdk_port_open(const char *device, const struct dpdk_port_options *options, uint16_t queue,
                   struct dpdk_port **port, struct pio_error *error) {
    dpdk_keeper_lock();
    *port = port_find(device);
    int number = *port ? claim_refused(*port, options, queue, error)
                       : port_make(device, options, port, error);
    if (!number) {
        (*port)->open_queues |= 1u << queue;
        dpdk_keeper_look(*port);
        dpdk_keeper_start();
    }
    dpdk_keeper_unlock();
    return number;
}

void dpdk_port_close(struct dpdk_port *port, uint16_t queue) {
    dpdk_keeper_lock();
    port->open_queues &= ~(1u << queue);
    if (!port->open_queues)
        port_tear_down(port);
    dpdk_keeper_unlock();
}

int dpdk_port_hear(struct dpdk_port *port, const uint8_t group[6], struct pio_error *error) {
    struct rte_ether_addr *last;
    for (uint32_t i = 0; i < port->group_count; i++)
        if (!memcmp(port->groups[i].addr_bytes, group, 6))
            return 0;
    if (port->group_count == DPDK_GROUPS_MAX)
        return pio_refuse(error, ENOSPC, "join fewer groups on a port",
                          "%u groups are heard on '%s', the most there can be", DPDK_GROUPS_MAX,
                          port->name);
    last = &port->groups[port->group_count++];
    memcpy(last->addr_bytes, group, 6);
    if (port->options.promiscuous ||
        !rte_eth_dev_set_mc_addr_list(port->id, port->groups, port->group_count))
        return 0;
    /* No list of addresses: all groups, or else everything, which any device can. */
    if (!rte_eth_allmulticast_enable(port->id) || !rte_eth_promiscuous_enable(port->id))
        return 0;
    port->group_count--;
    return pio_refuse(error, ENOTSUP, "open it with promiscuous=1",
                      "DPDK's device '%s' cannot be told to hear a group", port->name);
}
