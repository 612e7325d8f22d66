/* netmap_kernel_parts.h: what the two halves of the stand-in share: its ports and rings
 * (netmap_kernel.c), and the frames that go between them (netmap_kernel_frames.c).
 */
#ifndef TICKPATH_NETMAP_KERNEL_PARTS_H
#define TICKPATH_NETMAP_KERNEL_PARTS_H

#include "netmap_kernel.h"

#define PORTS_MAX 8u
#define RINGS_MAX 4u   /* of an interface, in one direction; as many of the host's */
#define SLOTS_MAX 1024u
#define BUFFER_BYTES 2048u
#define RING_BYTES (sizeof(struct netmap_abi_ring) + SLOTS_MAX * sizeof(struct netmap_abi_slot))
#define PORT_BYTES (4096u + 4 * RINGS_MAX * RING_BYTES)
#define BUFFERS_AT (PORTS_MAX * PORT_BYTES)
#define BUFFERS_MAX (PORTS_MAX * 4 * RINGS_MAX * SLOTS_MAX)
#define MEMORY_BYTES ((size_t)BUFFERS_AT + (size_t)BUFFERS_MAX * BUFFER_BYTES)
#define FDS_MAX 1024

enum kind { FREE, PIPE, VALE, INTERFACE };

/* The kernel's own view of a ring; what the program may write is only compared with it. */
struct ring {
    struct netmap_abi_ring *shared;
    uint32_t count;  /* slots */
    uint32_t hwcur;  /* the first slot that the program still had at the last sync */
    uint32_t hwtail; /* the first slot that is the kernel's */
    uint32_t pipe_tail;
    uint32_t sent; /* transmit, of interfaces: slots before it come back at the next sync */
    uint32_t buffers[SLOTS_MAX]; /* of each slot, as the kernel knows it */
};

struct port {
    enum kind kind;
    char name[NETMAP_ABI_NAME_BYTES];
    uint32_t rings, host_rings; /* in each direction */
    uint32_t opened;            /* descriptors bound to it */
    struct port *peer;          /* the other end of a pipe */
    struct ring tx[2 * RINGS_MAX], rx[2 * RINGS_MAX]; /* the host's follow */
};

struct binding {
    struct port *port;
    uint32_t first, count; /* rings, in both directions */
};

extern struct port ports[PORTS_MAX];
extern int settings[NETMAP_KERNEL_SETTINGS];
extern uint8_t *memory, buffer_used[BUFFERS_MAX];

void complain(const char *what, ...) __attribute__((format(printf, 1, 2)));
void complaint_forget(void);
/* One of the two syncs over a descriptor's rings: 0 or an errno. */
int sync_rings(const struct binding *binding, int is_rx);

static inline uint32_t next(const struct ring *ring, uint32_t slot) {
    return slot + 1 == ring->count ? 0 : slot + 1;
}

static inline uint32_t span(const struct ring *ring, uint32_t from, uint32_t to) {
    return to >= from ? to - from : to + ring->count - from;
}

#endif
