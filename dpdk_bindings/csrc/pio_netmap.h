/* pio_netmap.h: the state of a netmap queue, shared by its data path (pio_netmap.c), what opens
 * and closes it (pio_netmap_open.c), and what knows the interface (pio_netmap_device.c).
 * Consumers never see it.
 */
#ifndef TICKPATH_PIO_NETMAP_H
#define TICKPATH_PIO_NETMAP_H

#include "netmap_abi.h"
#include "pio_internal.h"

/* As many queues as a large card has; one with more is read a ring at a time. */
#define NETMAP_RX_RINGS_MAX 64u
/* A ring's slots are numbered in 16 bits of a cookie. */
#define NETMAP_SLOTS_MAX UINT32_C(65536)

enum netmap_extra {
    NETMAP_RX_UNDERSIZE,
    NETMAP_RX_BLANKS,
    NETMAP_SYNC_ERRORS,
    NETMAP_RING_RESETS,
};

enum netmap_kind { NETMAP_INTERFACE, NETMAP_STACK, NETMAP_VALE, NETMAP_PIPE };

struct netmap_rx {
    struct netmap_abi_ring *ring;
    uint32_t slots_count;
    uint32_t head;    /* the oldest slot that is not released */
    uint32_t next;    /* the slot to be read next */
    uint32_t told;    /* head as the kernel was last told */
    uint32_t lent;    /* frames of [head, next) that the caller holds */
    uint32_t chained; /* the slot to be read next goes on with a frame that is being dropped */
};

struct netmap_tx {
    struct netmap_abi_ring *ring;
    uint32_t slots_count;
    uint32_t head;  /* the first slot that is not sent */
    uint32_t told;  /* head as the kernel was last told */
    uint32_t gap;   /* slots from head on that are free again, before those lent */
    uint32_t lent;
    uint64_t bytes; /* in the slots [told, head) */
    uint32_t wire_bytes_max; /* MTU and Ethernet header: the longest untagged frame */
};

struct netmap {
    struct netmap_tx tx;
    uint8_t *buffers;
    uint32_t buffer_bytes;
    uint32_t buffer_count;
    uint32_t *lent_slots; /* of each buffer: 1 more than its slot when it is lent, or 0 */
    uint32_t rx_count;
    uint32_t rx_at;     /* the ring that the next burst begins with */
    uint32_t rx_next;   /* sequence numbers of received frames: of the next to be lent, */
    uint32_t rx_oldest; /* and of the oldest that is held */
    int fd;
    int stopped; /* the last sync failed: the kernel has stopped the rings */
    uint64_t housekept_ns;
    enum netmap_kind kind;
    int socket; /* of interfaces: for their state, and for what they are to hear */
    int interface_index;
    int promiscuous; /* as asked for at open */
    int missed_fd;   /* the interface's count of frames it had no room for; -1: it has none */
    uint64_t missed; /* as last read */
    void *map;
    size_t map_bytes;
    size_t lent_slots_bytes;
    struct netmap_rx rx[NETMAP_RX_RINGS_MAX];
};

/* Points the hot members at the data path. */
void netmap_hot_set(struct pio_queue *queue);

/* pio_netmap_device.c: the interface behind a port, if there is one. */

/* Finds it, reads link and MTU, makes it hear what was asked for. */
int netmap_device_open(struct pio_queue *queue, const char *name, int promiscuous,
                       struct pio_error *error);
/* Reads link, MTU and missed frames as they are now. */
void netmap_device_read(struct pio_queue *queue);
int netmap_device_hear(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error);
/* 1 when the interface's driver is one that netmap's module knows: frames are not copied. */
int netmap_device_native(int fd, const char *name);
/* 1 when any such driver is loaded. */
int netmap_device_native_any(void);
/* A number of netmap's own settings, as in "buf_size"; 0: it cannot be read. */
uint64_t netmap_device_setting(const char *name);
void netmap_device_close(struct netmap *n);

#endif
