/* netmap_kernel_frames.c: what the stand-in does in a sync: checks what the program did to its
 * rings as netmap would, and takes frames where they go (see netmap_kernel.c).
 */
#include "netmap_kernel_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char fault[160];
static uint32_t syncs;
static uint64_t dropped;

void complain(const char *what, ...) {
    va_list arguments;
    va_start(arguments, what);
    if (!fault[0])
        vsnprintf(fault, sizeof fault, what, arguments);
    va_end(arguments);
}

void complaint_forget(void) {
    fault[0] = '\0';
}

const char *netmap_kernel_fault(void) {
    return fault[0] ? fault : NULL;
}

uint32_t netmap_kernel_syncs(void) {
    return syncs;
}

uint64_t netmap_kernel_dropped(void) {
    return dropped;
}

static uint8_t *buffer(uint32_t index) {
    return memory + BUFFERS_AT + (size_t)index * BUFFER_BYTES;
}

/* The program's slots were [hwcur, hwtail): its new head must be among them, or at their end. */
static int head_take(struct ring *ring, uint32_t first, const char *what, uint32_t *head) {
    *head = ring->shared->head;
    if (*head >= ring->count || ring->shared->cur != *head ||
        span(ring, first, *head) > span(ring, first, ring->hwtail)) {
        complain("%s: head %u of [%u, %u)", what, *head, first, ring->hwtail);
        return 0;
    }
    for (uint32_t at = ring->hwtail; at != first; at = next(ring, at))
        if (ring->shared->slots[at].buffer_index != ring->buffers[at])
            complain("%s: slot %u is the kernel's, and its buffer was changed", what, at);
    return 1;
}

/* A slot that the program hands over: its buffer is one, and if another, it says so. */
static void slot_take(struct ring *ring, uint32_t at, const char *what) {
    struct netmap_abi_slot *slot = &ring->shared->slots[at];
    uint32_t index = slot->buffer_index;
    if (index < NETMAP_ABI_BUFFER_FIRST || index >= BUFFERS_MAX || !buffer_used[index])
        complain("%s: slot %u has no buffer but %u", what, at, index);
    else if (index != ring->buffers[at] && !(slot->flags & NETMAP_ABI_BUFFER_CHANGED))
        complain("%s: slot %u has another buffer and does not say so", what, at);
    ring->buffers[at] = index;
    slot->flags &= (uint16_t)~NETMAP_ABI_BUFFER_CHANGED;
}

/* A copy into the next free slot of a receive ring; the frame is lost when there is none. */
static void deliver(struct ring *ring, const uint8_t *data, uint16_t length) {
    struct netmap_abi_slot *slot = &ring->shared->slots[ring->hwtail];
    if (next(ring, ring->hwtail) == ring->hwcur) {
        dropped++;
        return;
    }
    memcpy(buffer(ring->buffers[ring->hwtail]), data, length);
    slot->length = length;
    slot->flags = 0;
    ring->hwtail = next(ring, ring->hwtail);
}

/* A switch without a memory: to every other port of its name, or of the one wire there is. */
static void switch_frame(struct port *from, uint32_t ring, const uint8_t *data, uint16_t length) {
    size_t name_length = from->kind == VALE ? strcspn(from->name, ":") + 1 : 0;
    if (ring >= from->rings) { /* up to the stack, which here says it all again */
        deliver(&from->rx[ring], data, length);
        return;
    }
    for (struct port *port = ports; port < ports + PORTS_MAX; port++)
        if (port != from && port->kind == from->kind &&
            !strncmp(port->name, from->name, name_length))
            deliver(&port->rx[port->rings > 1 ? data[length - 1] % port->rings : 0], data, length);
}

static void tx_sync(struct port *port, uint32_t index) {
    struct ring *ring = &port->tx[index], *peer = port->peer ? &port->peer->rx[0] : NULL;
    uint32_t head;
    if (!head_take(ring, ring->hwcur, "transmit", &head))
        return;
    if (port->kind == PIPE)
        ring->hwtail = ring->pipe_tail;
    for (uint32_t at = ring->hwcur; at != head; at = next(ring, at)) {
        struct netmap_abi_slot *slot = &ring->shared->slots[at];
        slot_take(ring, at, "transmit");
        if (slot->length < 14 || slot->length > BUFFER_BYTES)
            complain("transmit: slot %u is %u bytes long", at, slot->length);
        else if (!peer)
            switch_frame(port, index, buffer(ring->buffers[at]), slot->length);
        if (peer) {
            peer->shared->slots[at] = *slot;
            peer->buffers[at] = ring->buffers[at];
            peer->pipe_tail = next(peer, at);
        }
    }
    /* A card tells of what it sent when it is asked again; a switch has done its work. */
    if (!peer) {
        uint32_t done = port->kind == INTERFACE ? ring->sent : head;
        ring->hwtail = done ? done - 1 : ring->count - 1;
    }
    ring->sent = ring->hwcur = head;
}

static void rx_sync(struct port *port, uint32_t index) {
    struct ring *ring = &port->rx[index], *peer = port->peer ? &port->peer->tx[0] : NULL;
    uint32_t head;
    if (port->kind == PIPE)
        ring->hwtail = ring->pipe_tail;
    if (!head_take(ring, ring->hwcur, "receive", &head))
        return;
    for (uint32_t at = ring->hwcur; at != head; at = next(ring, at)) {
        slot_take(ring, at, "receive");
        if (peer) {
            peer->shared->slots[at] = ring->shared->slots[at];
            peer->buffers[at] = ring->buffers[at];
            peer->pipe_tail = at;
        }
    }
    ring->hwcur = head;
}

int sync_rings(const struct binding *binding, int is_rx) {
    syncs++;
    if (!binding->port)
        return ENXIO;
    if (settings[NETMAP_KERNEL_SYNC_ERRNO])
        return settings[NETMAP_KERNEL_SYNC_ERRNO];
    for (uint32_t i = binding->first; i < binding->first + binding->count; i++) {
        struct ring *ring = is_rx ? &binding->port->rx[i] : &binding->port->tx[i];
        if (is_rx)
            rx_sync(binding->port, i);
        else
            tx_sync(binding->port, i);
        ring->shared->tail = ring->hwtail;
    }
    if (settings[NETMAP_KERNEL_RESET]) {
        settings[NETMAP_KERNEL_RESET] = 0;
        struct netmap_abi_ring *ring = binding->port->tx[binding->first].shared;
        ring->head = ring->cur = ring->head ? 0 : 1;
        ring = binding->port->rx[binding->first].shared;
        ring->head = ring->cur = ring->head ? 0 : 1;
    }
    return 0;
}
