/* pio_afxdp_options.c: what the name of an AF_XDP queue asks for (see pio_afxdp.h). */
#define _GNU_SOURCE
#include "pio_afxdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS                                                                                       \
    "queue queues mode steer rx_slots tx_slots frame_bytes promiscuous join timestamps "           \
    "hardware_timestamps rss_check busy_poll_us busy_poll_budget busy_poll_wait_ms huge_pages "    \
    "partial_checksums fds poll_fd"
#define QUEUE_MAX 4095u
/* As many frames as a queue may have: 64 MiB of short ones. */
#define SLOTS_MAX (1u << 14)
#define RX_SLOTS_DEFAULT 4096u /* 2.9 ms of a 10 Gbit/s line of 84-byte frames */
#define TX_SLOTS_DEFAULT 1024u
#define FRAME_BYTES_MIN 64u
#define BUSY_POLL_US_MAX 1000000u
#define BUSY_POLL_BUDGET_DEFAULT 64u /* a NAPI poll's */
/* Three queues' waits are over before an engine gives its opener up (20 s, appliance/opener.py). */
#define BUSY_POLL_WAIT_MS_MAX 5000u
#define STEERS_MAX 16u

static int steers_read(struct afxdp_options *o, char *text, struct pio_error *error) {
    char *rest = text;
    struct afxdp_rule all = {.all = 1, .queue = (uint32_t)o->queue};
    if (!strcmp(text, "all")) {
        o->rules[o->rule_count++] = all;
        return 0;
    }
    for (char *one; (one = strsep(&rest, "+"));) {
        char *colon = strchr(one, ':'), *end = one;
        unsigned long port = 0;
        struct in_addr address;
        if (colon) {
            *colon = '\0';
            port = strtoul(colon + 1, &end, 10);
        }
        int good = o->rule_count < STEERS_MAX && inet_pton(AF_INET, one, &address) == 1 &&
                   (!colon || (*end == '\0' && end != colon + 1 && port >= 1 && port <= 65535));
        if (!good && colon)
            *colon = ':'; /* told as it was given */
        if (!good)
            return pio_refuse(error, EINVAL,
                              "write all, or ADDRESS:PORT or ADDRESS, joined by +, sixteen at "
                              "most, as in steer=233.54.12.111:26477+10.0.0.2:26400",
                              "'%.60s' in steer= is no destination", one);
        o->rules[o->rule_count++] = (struct afxdp_rule){
            .address = ntohl(address.s_addr), .port = (uint16_t)port, .queue = (uint32_t)o->queue};
    }
    return 0;
}

static int refuse_unsteered(const char *interface, struct pio_error *error) {
    return pio_refuse(error, EINVAL,
                      "name its datagrams, as in steer=233.54.12.111:26477+10.0.0.2:26400; or take "
                      "everything, ssh too: steer=all",
                      "the AF_XDP queue on '%.40s' names nothing to take from the kernel",
                      interface);
}

/* One of a few words; leaves *value alone when the key is absent. */
static int read_word(const char *device, const char *key, const char *const *words,
                     uint32_t count, int *value, struct pio_error *error) {
    char text[24] = "", known[96] = "";
    size_t at = 0;
    int number = pio_option_text(device, key, text, sizeof text, error);
    if (number || !text[0])
        return number;
    for (uint32_t i = 0; i < count; i++) {
        if (!strcmp(words[i], text)) {
            *value = (int)i;
            return 0;
        }
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", words[i]);
    }
    char remedy[128];
    snprintf(remedy, sizeof remedy, "write one of: %s", known);
    return pio_refuse(error, EINVAL, remedy, "queue option %s=%s is none of its words", key, text);
}

/* "UMEM+SOCKET+LINK+COUNTS+CONTROL+PART", and "+SHARED" before PART when there is one. */
static int read_fds(struct afxdp_options *o, struct afxdp_grant *adopted, const char *device,
                    struct pio_error *error) {
    char text[96] = "";
    int used = 0, seven = 0, *fds = adopted->fds;
    uint32_t last = 0;
    uint64_t poll_fd = UINT64_MAX;
    int number = pio_option_text(device, "fds", text, sizeof text, error);
    if (!number)
        number = pio_option_u64(device, "poll_fd", 0, INT_MAX, &poll_fd, error);
    if (!number && !text[0] && poll_fd != UINT64_MAX)
        number = pio_refuse(error, EINVAL, "leave it out, or pass on the whole name that the "
                            "privileged opener was given",
                            "poll_fd= is for a queue that is opened already, with fds=");
    if (number || !text[0])
        return number;
    o->adopts = 1;
    fds[AFXDP_FD_POLL] = poll_fd <= INT_MAX ? (int)poll_fd : -1;
    int count = sscanf(text, "%d+%d+%d+%d+%d+%u%n+%u%n", fds, fds + 1, fds + 2, fds + 3, fds + 4,
                       &adopted->part, &used, &last, &seven);
    if (count == 7) {
        fds[AFXDP_FD_SHARED] = (int)adopted->part;
        adopted->part = last;
        used = seven;
    }
    if (count >= 6 && !text[used] && adopted->part < o->queues && o->frame_bytes)
        return 0;
    return pio_refuse(error, EINVAL, "pass on the queue name that the privileged opener was given",
                      "fds=%s names no queue that was opened", text);
}

static int read_numbers(struct afxdp_options *o, const char *device, struct pio_error *error) {
    const struct {
        const char *key;
        uint64_t low, high, *value;
        int ring; /* counts must be powers of two */
    } numbers[] = {
        {"queue", 0, QUEUE_MAX, &o->queue, 0},
        {"queues", 1, AFXDP_QUEUES_MAX, &o->queues, 0},
        {"rx_slots", 64, SLOTS_MAX, &o->rx_slots, 1},
        {"tx_slots", 64, SLOTS_MAX, &o->tx_slots, 1},
        {"frame_bytes", FRAME_BYTES_MIN, AFXDP_FRAME_BYTES_MAX, &o->frame_bytes, 0},
        {"promiscuous", 0, 1, &o->promiscuous, 0},
        {"join", 0, 1, &o->join, 0},
        {"rss_check", 0, 1, &o->rss_check, 0},
        {"busy_poll_us", 0, BUSY_POLL_US_MAX, &o->busy_poll_us, 0},
        {"busy_poll_budget", 1, UINT16_MAX, &o->busy_poll_budget, 0},
        {"busy_poll_wait_ms", 0, BUSY_POLL_WAIT_MS_MAX, &o->busy_poll_wait_ms, 0},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int number = pio_option_u64(device, numbers[i].key, numbers[i].low, numbers[i].high,
                                    numbers[i].value, error);
        if (!number && numbers[i].ring)
            number = pio_option_power_of_two(*numbers[i].value, numbers[i].key, error);
        if (number)
            return number;
    }
    return 0;
}

/* Whose receive times frames are to carry. The card's take the driver's own mode. */
static int read_stamps(struct afxdp_options *o, const char *device, struct pio_error *error) {
    uint64_t kernel = 1, hardware = 0;
    int number = pio_option_u64(device, "timestamps", 0, 1, &kernel, error);
    if (!number)
        number = pio_option_u64(device, "hardware_timestamps", 0, 1, &hardware, error);
    if (number)
        return number;
    if (hardware && !kernel)
        return pio_refuse(error, EINVAL, "leave one of them out",
                          "timestamps=0 and hardware_timestamps=1 contradict each other");
    if (hardware && o->mode == AFXDP_SKB)
        return pio_refuse(error, EINVAL,
                          "leave mode=skb out, or hardware_timestamps=1 for the kernel's times",
                          "mode=skb has no receive times of the card: the driver's XDP has them");
    o->stamps = hardware ? AFXDP_STAMPS_HARDWARE
                : kernel ? AFXDP_STAMPS_KERNEL
                         : AFXDP_STAMPS_NONE;
    return 0;
}

int afxdp_options_read(struct afxdp_options *o, struct afxdp_grant *adopted, const char *device,
                       struct pio_error *error) {
    static const char *const huge_words[] = {"off", "auto", "on"};
    static const char *const switch_words[] = {"0", "1"};
    char steer[256] = "";
    int mode = AFXDP_AUTO, huge = 1, partial = -1;
    *o = (struct afxdp_options){.queues = 1, .rx_slots = RX_SLOTS_DEFAULT,
                                .tx_slots = TX_SLOTS_DEFAULT, .join = 1, .rss_check = 1,
                                .busy_poll_budget = BUSY_POLL_BUDGET_DEFAULT,
                                .busy_poll_wait_ms = AFXDP_WAIT_BY_DESTINATION};
    int number = pio_option_check(device, KEYS, error);
    if (!number)
        number = read_numbers(o, device, error);
    if (!number)
        number = read_word(device, "mode", afxdp_mode_names, AFXDP_SKB + 1, &mode, error);
    if (!number)
        number = read_word(device, "huge_pages", huge_words, 3, &huge, error);
    if (!number)
        number = read_word(device, "partial_checksums", switch_words, 2, &partial, error);
    if (!number)
        number = pio_option_text(device, "steer", steer, sizeof steer, error);
    if (!number)
        number = pio_option_name(device, o->interface, sizeof o->interface, error);
    if (number)
        return number;
    o->mode = (enum afxdp_mode)mode;
    o->huge_pages = huge - 1;
    o->partial_checksums = partial;
    number = read_stamps(o, device, error);
    if (number)
        return number;
    number = steer[0] ? steers_read(o, steer, error) : refuse_unsteered(o->interface, error);
    return number ? number : read_fds(o, adopted, device, error);
}
