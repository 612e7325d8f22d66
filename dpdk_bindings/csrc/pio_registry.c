/* pio_registry.c: the one place that knows which backends were built, and how a queue is named.
 *
 * A backend that needs a library of its own lives in an extension of its own, which registers it
 * when it is loaded. Until then its place is held by one that says how to get it.
 */
#include "pio_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct pio_backend pio_backend_afpacket;
extern const struct pio_backend pio_backend_afxdp;
extern const struct pio_backend pio_backend_fault;
extern const struct pio_backend pio_backend_host;
extern const struct pio_backend pio_backend_memory;
extern const struct pio_backend pio_backend_netmap;
extern const struct pio_backend pio_backend_pcap;
extern const struct pio_backend pio_backend_share;
extern const struct pio_backend pio_backend_udp;

#define DPDK_REMEDY                                                                               \
    "install DPDK (Debian: apt-get install libdpdk-dev pkg-config) and build again: pip install " \
    "--no-build-isolation -e ."

static int absent_dpdk(struct pio_error *error) {
    return pio_refuse(error, ENOTSUP, DPDK_REMEDY, "this build has no DPDK backend");
}

static int absent_dpdk_probe(char *mode, size_t mode_bytes, struct pio_error *error) {
    (void)mode, (void)mode_bytes;
    return absent_dpdk(error);
}

static int absent_dpdk_open(struct pio_queue *queue, const char *device,
                            struct pio_error *error) {
    (void)queue, (void)device;
    return absent_dpdk(error);
}

static const struct pio_backend absent_backend_dpdk = {
    .name = "dpdk",
    .summary = "a network card or virtual device through DPDK, past the kernel",
    .probe = absent_dpdk_probe,
    .open = absent_dpdk_open,
    .close = NULL, /* nothing of it is ever open */
    .hear = pio_hear_all,
};

static const struct pio_backend *backends[] = {
    &absent_backend_dpdk,
    &pio_backend_memory,
    &pio_backend_afxdp,
    &pio_backend_netmap,
    &pio_backend_afpacket,
    &pio_backend_udp,
    &pio_backend_pcap,
    &pio_backend_host,
    &pio_backend_share,
    &pio_backend_fault,
};
#define BACKEND_COUNT (sizeof backends / sizeof *backends)

int pio_register(const struct pio_backend *backend) {
    for (size_t i = 0; i < BACKEND_COUNT; i++)
        if (!strcmp(backends[i]->name, backend->name)) {
            backends[i] = backend;
            return 0;
        }
    return ENOENT;
}

int pio_backend_built(const struct pio_backend *backend) {
    return backend->close != NULL;
}

const struct pio_backend *pio_backend_at(uint32_t index) {
    return index < BACKEND_COUNT ? backends[index] : NULL;
}

static int unknown_backend(const char *name, struct pio_error *error) {
    size_t at = 0;
    char known[128] = "";
    for (size_t i = 0; i < BACKEND_COUNT; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                               backends[i]->name);
    snprintf(error->why, sizeof error->why, "'%.120s' names no packet backend of this build", name);
    snprintf(error->remedy, sizeof error->remedy,
             "write BACKEND:DEVICE, as in memory:feed-a, with one of: %s", known);
    return EINVAL;
}

int pio_open(const char *name, struct pio_queue **queue, struct pio_error *error) {
    /* "fault(loss=0.1):memory:x": a backend's name ends at ':' or at its parenthesis. */
    size_t length = strcspn(name, ":(");
    const struct pio_backend *backend = NULL;
    *queue = NULL;
    for (size_t i = 0; i < BACKEND_COUNT; i++)
        if (strlen(backends[i]->name) == length && !memcmp(backends[i]->name, name, length))
            backend = backends[i];
    if (!backend || !name[length])
        return unknown_backend(name, error);
    const char *device = name + length + (name[length] == ':');
    struct pio_queue *opened = aligned_alloc(64, sizeof *opened);
    struct pio_info *info = calloc(1, sizeof *info);
    int number = opened && info ? 0 : ENOMEM;
    if (number) {
        pio_refuse(error, number, "free some memory", "no memory for a queue");
    } else if (strlen(device) >= sizeof info->device) {
        number = pio_refuse(error, ENAMETOOLONG, "use a shorter name",
                            "the queue name '%.60s...' is longer than %zu bytes", name,
                            sizeof info->device - 1);
    } else {
        memset(opened, 0, sizeof *opened);
        info->abi = PIO_ABI;
        info->backend = backend;
        strcpy(info->device, device);
        opened->info = info;
        number = backend->open(opened, device, error);
    }
    if (number) {
        free(info);
        free(opened);
        return number;
    }
    *queue = opened;
    return 0;
}

void pio_close(struct pio_queue *queue) {
    if (!queue)
        return;
    queue->info->backend->close(queue);
    free(queue->info);
    free(queue);
}
