/* netmap_abi.h: what netmap's module and a program agree on, as far as pio_netmap.c uses it.
 *
 * Numbers and layouts are netmap's, version 14 of its interface (<net/netmap.h>); names and words
 * are ours, so that nothing of netmap is needed to build. Sizes and offsets are asserted here, and
 * tests/contract/netmap_abi_check.c holds them against netmap's own header where there is one.
 *
 * A *port* is what a descriptor of /dev/netmap was bound to: an interface, its host rings, a VALE
 * port, one end of a pipe. A ring's slots [head, tail) belong to the program, the others to the
 * kernel, which looks at the ring only in a system call of the program's. One slot stays empty.
 */
#ifndef TICKPATH_NETMAP_ABI_H
#define TICKPATH_NETMAP_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#define NETMAP_ABI_VERSION 14u
#define NETMAP_ABI_REGISTER 1u /* the one request made: bind a descriptor to a port */
#define NETMAP_ABI_NAME_BYTES 64u

/* Buffers 0 and 1 are netmap's own, and in no slot. */
#define NETMAP_ABI_BUFFER_FIRST 2u

enum netmap_abi_rings {
    NETMAP_ABI_ALL_NIC = 1,
    NETMAP_ABI_ALL_HOST = 2,
    NETMAP_ABI_ONE_NIC = 4,
    NETMAP_ABI_ONE_HOST = 8,
};

#define NETMAP_ABI_EXCLUSIVE 0x800u /* of a request: nobody else has these rings */

enum netmap_abi_slot_flag {
    NETMAP_ABI_BUFFER_CHANGED = 0x0001, /* the slot's buffer is not the one it had */
    NETMAP_ABI_MORE = 0x0020,           /* the frame goes on in the next slot */
};

struct netmap_abi_slot {
    uint32_t buffer_index;
    uint16_t length;
    uint16_t flags; /* enum netmap_abi_slot_flag; the high byte is the VALE switch's */
    uint64_t pointer;
};

struct netmap_abi_ring {
    int64_t buffers_offset; /* of buffer 0, from this structure */
    uint32_t slots_count;
    uint32_t buffer_bytes;
    uint16_t ring_index;
    uint16_t direction; /* 0: transmit, 1: receive */
    uint32_t head;      /* the program's: its first slot */
    uint32_t cur;       /* the program's: where poll(2) would wake it; here always head */
    uint32_t tail;      /* the kernel's: its first slot */
    uint32_t flags;
    struct timeval synced; /* the last system call, not a frame's arrival */
    uint64_t offset_mask;  /* 0: every frame begins where its buffer does */
    uint64_t buffer_align;
    uint8_t reserved[56];
    uint8_t opaque[128];
    struct netmap_abi_slot slots[];
};

/* A port, as mapped. Rings follow in this order: transmit, host's transmit, receive, host's. */
struct netmap_abi_port {
    char name[16];
    uint32_t version;
    uint32_t flags;
    uint32_t tx_rings, rx_rings;
    uint32_t spare_buffer_first;
    uint32_t host_tx_rings, host_rx_rings;
    uint32_t reserved[3];
    int64_t ring_offsets[]; /* from this structure */
};

struct netmap_abi_header {
    uint16_t version;
    uint16_t request;
    uint32_t reserved;
    char name[NETMAP_ABI_NAME_BYTES];
    uint64_t options; /* the address of a list; 0: none */
    uint64_t body;    /* the address of the request's own structure */
};

/* Counts are wishes on the way in, and what there is on the way out. */
struct netmap_abi_register {
    uint64_t port_offset;
    uint64_t map_bytes;
    uint32_t tx_slots, rx_slots;
    uint16_t tx_rings, rx_rings;
    uint16_t host_tx_rings, host_rx_rings;
    uint16_t memory_id;
    uint16_t ring_index;
    uint32_t rings; /* enum netmap_abi_rings */
    uint32_t spare_buffers;
    uint64_t flags;
};

#define NETMAP_ABI_CONTROL _IOWR('i', 151, struct netmap_abi_header)
#define NETMAP_ABI_TX_SYNC _IO('i', 148)
#define NETMAP_ABI_RX_SYNC _IO('i', 149)

_Static_assert(sizeof(struct netmap_abi_slot) == 16, "four slots are one cache line");
_Static_assert(offsetof(struct netmap_abi_slot, length) == 4, "slot");
_Static_assert(offsetof(struct netmap_abi_slot, pointer) == 8, "slot");
_Static_assert(sizeof(struct netmap_abi_ring) == 256, "slots follow two lines of 128 bytes");
_Static_assert(offsetof(struct netmap_abi_ring, slots) == 256, "ring");
_Static_assert(offsetof(struct netmap_abi_ring, head) == 20, "ring");
_Static_assert(offsetof(struct netmap_abi_ring, tail) == 28, "ring");
_Static_assert(offsetof(struct netmap_abi_ring, synced) == 40, "ring");
_Static_assert(offsetof(struct netmap_abi_ring, offset_mask) == 56, "ring");
_Static_assert(offsetof(struct netmap_abi_ring, opaque) == 128, "ring");
_Static_assert(offsetof(struct netmap_abi_port, tx_rings) == 24, "port");
_Static_assert(offsetof(struct netmap_abi_port, host_tx_rings) == 36, "port");
_Static_assert(offsetof(struct netmap_abi_port, ring_offsets) == 56, "port");
_Static_assert(sizeof(struct netmap_abi_header) == 88, "header");
_Static_assert(offsetof(struct netmap_abi_header, body) == 80, "header");
_Static_assert(sizeof(struct netmap_abi_register) == 56, "register");
_Static_assert(offsetof(struct netmap_abi_register, ring_index) == 34, "register");
_Static_assert(offsetof(struct netmap_abi_register, rings) == 36, "register");
_Static_assert(offsetof(struct netmap_abi_register, flags) == 48, "register");

#endif
