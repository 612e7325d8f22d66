/* dpdk_fault_in.c: faults in what a peer shares (see dpdk_fault_in.h).
 *
 * memif's rings lie in memory that one side makes and both map when they meet, with no page of it
 * present: the first lap around each ring would fault a page at nearly every frame, minutes after
 * the start on a quiet line. Driver and API do not tell where it is, but the kernel does, by the
 * name that memif gives it.
 */
#define _GNU_SOURCE
#include "dpdk_fault_in.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static void fault_in(uint8_t *start, uint8_t *end) {
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (!madvise(start, (size_t)(end - start), MADV_POPULATE_WRITE))
        return;
    /* On an older kernel, look at each: a shared page that is read is there to be written, too. */
    for (volatile uint8_t *at = start; at < end; at += page_bytes)
        (void)*at;
}

void dpdk_fault_in_look(const struct dpdk_port *port) {
    static uint8_t was_up[RTE_MAX_ETHPORTS];
    int up = port->published.link == PIO_LINK_UP;
    int came_up = up && !was_up[port->id];
    was_up[port->id] = (uint8_t)up;
    if (!came_up || strncmp(port->name, "net_memif", 9))
        return;
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        if (strstr(line, "/memfd:memif_region") && sscanf(line, "%lx-%lx", &start, &end) == 2)
            fault_in((uint8_t *)start, (uint8_t *)end);
    }
    if (maps)
        fclose(maps);
}
