/* pio_udp.h: the state of a UDP queue, shared by its data path (pio_udp.c) and what opens and
 * closes it (pio_udp_open.c). Consumers never see it.
 */
#ifndef TICKPATH_PIO_UDP_H
#define TICKPATH_PIO_UDP_H

#include "pio_internal.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* Ethernet, IPv4 without options, UDP: made by us on receipt, read by us on sending. */
#define UDP_HEADERS_BYTES 42u
/* Bytes before a frame in its slot, so that its IPv4 header lies on a multiple of 16. */
#define UDP_ALIGN_BYTES 2u
/* Room for one SCM_TIMESTAMPNS message. */
#define UDP_CONTROL_BYTES CMSG_SPACE(16)

enum udp_extra { UDP_TX_FOREIGN, UDP_TX_RETRIES };

/* One direction: slots of `stride_bytes`, each with its message header ready for the kernel. */
struct udp_ring {
    uint8_t *base;
    struct mmsghdr *messages; /* one a slot */
    struct iovec *payloads;
    struct sockaddr_in *peers;
    uint8_t *controls; /* UDP_CONTROL_BYTES a slot; receive only */
    uint64_t position; /* receive: slots ever filled. transmit: slots ever taken by tx_burst */
    uint64_t released; /* receive: slots ever given back */
    uint32_t lent;     /* slots the caller has */
    uint32_t mask;
    uint32_t stride_bytes;
};

struct udp {
    struct udp_ring rx, tx;
    int fd;
    int interface_index;
    uint32_t address; /* ours, or the group's; host order */
    uint16_t port;
    uint8_t headers[UDP_HEADERS_BYTES]; /* of a received frame, as far as all are alike */
    uint64_t housekept_ns;
};

void udp_hot_set(struct pio_queue *queue);

#endif
