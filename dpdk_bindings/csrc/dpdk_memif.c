/* dpdk_memif.c: sockets and roles of memif's driver (see dpdk_memif.h). */
#include "dpdk_memif.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SOCKET_BYTES 128u /* more than a socket's path may have */

/* Sockets that are kept, each with '=' before it. */
static char kept[DPDK_PORTS_MAX][1 + SOCKET_BYTES];

int dpdk_memif_serves(const char *device) {
    return strstr(device, "role=server") || strstr(device, "role=master");
}

uint32_t dpdk_memif_id(const char *device) {
    struct pio_error error;
    uint64_t id = 0;
    pio_option_u64(device, "id", 0, UINT32_MAX, &id, &error);
    return (uint32_t)id;
}

/* "" where the driver's own is meant. */
static void socket_of(const char *device, char path[SOCKET_BYTES]) {
    struct pio_error error;
    path[0] = '\0';
    pio_option_text(device, "socket", path, SOCKET_BYTES, &error);
}

/* Where this socket is kept, or the first place that is free. */
static uint32_t kept_at(const char *path) {
    uint32_t at = 0;
    while (at < DPDK_PORTS_MAX && kept[at][0] && strcmp(kept[at] + 1, path))
        at++;
    return at;
}

int dpdk_memif_check(const char *device, struct pio_error *error) {
    char wanted[SOCKET_BYTES], other[SOCKET_BYTES];
    int has_client = 0, has_server = 0;
    if (strncmp(device, "net_memif", 9) || !dpdk_memif_serves(device))
        return 0;
    socket_of(device, wanted);
    uint32_t at = kept_at(wanted);
    has_server = at < DPDK_PORTS_MAX && kept[at][0];
    for (uint32_t i = 0; i < DPDK_PORTS_MAX; i++) {
        if (!dpdk_ports[i].is_memif)
            continue;
        socket_of(dpdk_ports[i].device, other);
        if (!strcmp(wanted, other)) {
            has_client |= dpdk_ports[i].reconnects;
            has_server |= !dpdk_ports[i].reconnects;
        }
    }
    return has_client && !has_server
               ? pio_refuse(error, EBUSY, "open the server before the client",
                            "this process is a client of memif's socket '%.120s', which DPDK "
                            "then cannot serve", wanted)
               : 0;
}

/* The driver frees the socket of its last server, but leaves it open and registered, to be looked
 * at for ever after (22.11.11). So the last never goes: a device that is never started, of an id
 * that nobody asks for, holds the socket for the next to open it. */
void dpdk_memif_keep(const struct dpdk_port *port) {
    char name[SOCKET_BYTES + 128], path[SOCKET_BYTES], abstract[8] = "";
    struct pio_error error;
    uint32_t at;
    socket_of(port->device, path);
    pio_option_text(port->device, "socket-abstract", abstract, sizeof abstract, &error);
    at = kept_at(path);
    if (at == DPDK_PORTS_MAX || kept[at][0])
        return;
    snprintf(name, sizeof name, "net_memif_keep%u,role=server,id=4294967294%s%s%s%s", at,
             path[0] ? ",socket=" : "", path, abstract[0] ? ",socket-abstract=" : "", abstract);
    if (!rte_dev_probe(name))
        snprintf(kept[at], sizeof kept[at], "=%s", path);
}
