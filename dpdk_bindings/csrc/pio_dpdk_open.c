/* pio_dpdk_open.c: opens and closes queues of DPDK ports.
 *
 *   "dpdk:net_memif0,role=client,socket=/run/feed.sock"
 *   "dpdk(queue=1,queues=2,rx_slots=2048,steer=233.54.12.111:26477):0000:03:00.0"
 *
 * What stands in parentheses is ours, what follows the colon is DPDK's own device string, handed
 * over as it is.
 */
#include "pio_dpdk.h"

#include "dpdk_eal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_DEFAULT 1024u
#define SLOTS_MAX 8192u
#define FRAME_BYTES_DEFAULT 2048u /* 1,518 and a tag, in whole cache lines and the power of two */
#define FRAME_BYTES_MIN 64u
#define FRAME_BYTES_MAX 16384u
#define SEGMENT_BYTES_MIN 256u

struct options {
    struct dpdk_port_options port;
    uint16_t queue;
    struct dpdk_steer steers[DPDK_STEERS_MAX];
    uint32_t steer_count;
};

/* ---- options ---- */

/* "233.54.12.111:26477+10.0.0.2:26400": destinations; no port means every port. */
static int steers_read(struct options *o, char *text, struct pio_error *error) {
    char *rest = text;
    for (char *one; (one = strsep(&rest, "+"));) {
        struct dpdk_steer *steer = &o->steers[o->steer_count];
        char *colon = strchr(one, ':'), *end = one;
        unsigned long port = 0;
        struct in_addr address;
        if (colon) {
            *colon = '\0';
            port = strtoul(colon + 1, &end, 10);
        }
        int good = o->steer_count < DPDK_STEERS_MAX && inet_pton(AF_INET, one, &address) == 1 &&
                   (!colon || (*end == '\0' && end != colon + 1 && port >= 1 && port <= 65535));
        if (!good)
            return pio_refuse(error, EINVAL,
                              "write ADDRESS:PORT or ADDRESS, joined by +, sixteen at most, as in "
                              "steer=233.54.12.111:26477+10.0.0.2:26400",
                              "'%.60s' in steer= is no destination", one);
        *steer = (struct dpdk_steer){ntohl(address.s_addr), (uint16_t)port, o->queue};
        o->steer_count++;
    }
    return 0;
}

static int options_read(struct options *o, const char *text, struct pio_error *error) {
    uint64_t queue = 0, queues = 1, rx_slots = SLOTS_DEFAULT, tx_slots = SLOTS_DEFAULT;
    uint64_t frame_bytes = FRAME_BYTES_DEFAULT, segment_bytes = 0;
    uint64_t promiscuous = 1, checksums = 1, timestamps = 0;
    char steer[256] = "";
    const struct {
        const char *key;
        uint64_t low, high, *value;
    } numbers[] = {
        {"queues", 1, DPDK_QUEUES_MAX, &queues},
        {"queue", 0, DPDK_QUEUES_MAX - 1, &queue},
        {"rx_slots", 32, SLOTS_MAX, &rx_slots},
        {"tx_slots", 32, SLOTS_MAX, &tx_slots},
        {"frame_bytes", FRAME_BYTES_MIN, FRAME_BYTES_MAX, &frame_bytes},
        {"segment_bytes", SEGMENT_BYTES_MIN, FRAME_BYTES_MAX, &segment_bytes},
        {"promiscuous", 0, 1, &promiscuous},
        {"checksums", 0, 1, &checksums},
        {"hardware_timestamps", 0, 1, &timestamps},
    };
    int number = pio_option_check(text,
                                  "queue queues rx_slots tx_slots frame_bytes segment_bytes "
                                  "promiscuous checksums hardware_timestamps steer",
                                  error);
    for (size_t i = 0; !number && i < sizeof numbers / sizeof *numbers; i++)
        number = pio_option_u64(text, numbers[i].key, numbers[i].low, numbers[i].high,
                                numbers[i].value, error);
    if (!number)
        number = pio_option_text(text, "steer", steer, sizeof steer, error);
    if (number)
        return number;
    if (queue >= queues)
        return pio_refuse(error, EINVAL, "queues are numbered from 0: give queues= as well",
                          "queue=%u is not one of queues=%u", (unsigned)queue, (unsigned)queues);
    if (!segment_bytes || segment_bytes > frame_bytes)
        segment_bytes = frame_bytes;
    o->queue = (uint16_t)queue;
    o->port = (struct dpdk_port_options){
        (uint16_t)queues, (uint16_t)rx_slots, (uint16_t)tx_slots, (uint32_t)frame_bytes,
        (uint32_t)segment_bytes, (uint8_t)promiscuous, (uint8_t)checksums, (uint8_t)timestamps,
        0, 0};
    return steer[0] ? steers_read(o, steer, error) : 0;
}

/* Splits "(OPTIONS):DEVICE", or "DEVICE" alone. */
static int split(struct options *o, const char *text, const char **device,
                 struct pio_error *error) {
    char options[280] = "dpdk";
    *device = text;
    if (*text == '(') {
        size_t length = strcspn(text, ")");
        if (!text[length] || text[length + 1] != ':')
            return pio_refuse(error, EINVAL, "write dpdk(queues=2,queue=1):0000:03:00.0",
                              "the DPDK queue '%.80s' names no device", text);
        *device = text + length + 2;
        if (length > 1)
            snprintf(options, sizeof options, "dpdk,%.*s", (int)(length - 1), text + 1);
    }
    if (!**device || strlen(*device) >= DPDK_DEVICE_BYTES)
        return pio_refuse(error, EINVAL,
                          "name a PCI address or a virtual device, as in dpdk:0000:03:00.0 or "
                          "dpdk:net_memif0,role=client",
                          **device ? "a DPDK device's arguments are longer than %u bytes"
                                   : "the DPDK queue names no device (of at most %u bytes)",
                          DPDK_DEVICE_BYTES - 1);
    return options_read(o, options, error);
}

/* ---- open and close ---- */

/* In the device where it can, else here, where one queue hears everything. */
static int steer(struct dpdk_queue *q, const struct options *o, struct pio_error *error) {
    if (!o->steer_count)
        return 0;
    int number = dpdk_flow_steer(q->port, o->steers, o->steer_count, error);
    if (!number)
        return 0;
    if (o->port.queues > 1)
        return number;
    memcpy(q->filter, o->steers, o->steer_count * sizeof *o->steers);
    q->filter_count = o->steer_count;
    return 0;
}

static int dpdk_open(struct pio_queue *queue, const char *text, struct pio_error *error) {
    struct options options = {0};
    const char *device;
    int number = split(&options, text, &device, error);
    if (number)
        return number;
    if (dpdk_eal_forked())
        return pio_refuse(error, ECHILD, "start new processes by spawn, not fork",
                          "this process was forked from one that runs DPDK, which stays there");
    if (!dpdk_eal_running())
        return pio_refuse(error, EAGAIN, "call dpdk_bindings.dpdk.start() first",
                          "DPDK has not been started in this process");
    struct dpdk_queue *q = aligned_alloc(64, (sizeof *q + 63) & ~(size_t)63);
    if (!q)
        return pio_refuse(error, ENOMEM, "free some memory", "no memory for a queue");
    memset(q, 0, sizeof *q);
    dpdk_thread_join();
    number = dpdk_port_open(device, &options.port, options.queue, &q->port, error);
    if (!number) {
        number = steer(q, &options, error);
        if (number)
            dpdk_port_close(q->port, options.queue);
    }
    if (number) {
        free(q);
        return number;
    }
    q->port_id = q->port->id;
    q->queue_id = options.queue;
    q->rx_pool = q->port->rx_pools[options.queue];
    q->guard = &q->port->guards[options.queue];
    q->tx_pool = q->port->tx_pools[options.queue];
    q->rearm = dpdk_rearm_value(q->port_id);
    q->closer = q->filter_count || q->port->timestamp_offset >= 0;
    queue->info->forwards = 1;
    queue->state = q;
    queue->info->frame_bytes_max = q->port->frame_bytes_max;
    memcpy(queue->info->mac, q->port->mac, sizeof q->port->mac);
    snprintf(queue->info->mode, sizeof queue->info->mode, "%s%s",
             dpdk_eal_huge_pages() ? "poll" : "poll-no-huge",
             q->filter_count ? "-software-filter" : "");
    dpdk_hot_set(queue);
    queue->service(queue, 0);
    return 0;
}

static void dpdk_close(struct pio_queue *queue) {
    struct dpdk_queue *q = queue->state;
    struct rte_mbuf *left[PIO_BURST_MAX];
    /* What the device still holds for us would keep its pool from being whole: twice its ring. */
    for (uint32_t i = 0; i < 2 * SLOTS_MAX / PIO_BURST_MAX && dpdk_guard_enter(q->guard); i++) {
        uint16_t count = rte_eth_rx_burst(q->port_id, q->queue_id, left, PIO_BURST_MAX);
        dpdk_guard_leave(q->guard);
        rte_pktmbuf_free_bulk(left, count);
        if (!count)
            break;
    }
    dpdk_give_back_all(q);
    dpdk_port_close(q->port, q->queue_id);
    free(q);
}

static int dpdk_hear(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error) {
    return dpdk_port_hear(((struct dpdk_queue *)queue->state)->port, group, error);
}

static int dpdk_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)error;
    snprintf(mode, mode_bytes, "%s",
             dpdk_eal_running() && !dpdk_eal_huge_pages() ? "poll-no-huge" : "poll");
    return 0;
}

const struct pio_backend pio_backend_dpdk = {
    .name = "dpdk",
    .summary = "a network card or virtual device through DPDK, past the kernel",
    .extra_names = {"rx_chained", "rx_filtered", "rx_errors", "restarts", "link_losses"},
    .probe = dpdk_probe,
    .open = dpdk_open,
    .close = dpdk_close,
    .hear = dpdk_hear,
};
