/* pio_afpacket.h: the state of an AF_PACKET queue, shared by its data path (pio_afpacket.c) and
 * what opens and closes it (pio_afpacket_open.c). Consumers never see it.
 */
#ifndef TICKPATH_PIO_AFPACKET_H
#define TICKPATH_PIO_AFPACKET_H

#include "pio_internal.h"

/* An 802.1Q tag, which the kernel takes out of a frame and the data path puts back. */
#define AFPACKET_VLAN_BYTES 4u

enum afpacket_extra { AFPACKET_RX_FREEZES, AFPACKET_TX_RETRIES };

struct afpacket_rx {
    uint8_t *base;
    uint32_t *lent;     /* per block: frames lent and not released */
    uint8_t *next;      /* header of the next frame of the block being read */
    uint64_t reading;   /* blocks read to their end */
    uint64_t returned;  /* blocks given back to the kernel */
    uint32_t left;      /* frames left in the block being read */
    uint32_t mask;      /* blocks - 1 */
    uint32_t stride_bytes;
};

struct afpacket_tx {
    uint8_t *base;
    uint64_t position;  /* slots ever taken by tx_burst */
    uint64_t settled;   /* slots the kernel has taken or stepped over */
    uint32_t lent;
    uint32_t mask;
    uint32_t stride_bytes;
    uint32_t length_at; /* offsets in a slot; they differ between versions */
    uint32_t status_at;
    uint32_t data_at;
    uint32_t wire_bytes_max; /* MTU and Ethernet header: the longest untagged frame */
};

struct afpacket {
    struct afpacket_rx rx;
    struct afpacket_tx tx;
    int fd;
    int interface_index;
    int promiscuous; /* as asked for at open */
    uint64_t housekept_ns;
    uint8_t *map;
    size_t map_bytes;
};

/* Points the hot members at the functions of this TPACKET version, 2 or 3. */
void afpacket_hot_set(struct pio_queue *queue, int version);
/* Reads link and MTU as they are now. */
void afpacket_device_read(struct pio_queue *queue);

#endif
