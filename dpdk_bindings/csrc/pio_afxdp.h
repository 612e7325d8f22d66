/* pio_afxdp.h: the state of an AF_XDP queue, shared by its data path (pio_afxdp.c), what opens and
 * closes it (pio_afxdp_open.c), the part of that which needs privileges (pio_afxdp_grant.c), and
 * what the kernel is asked of an interface (pio_afxdp_device.c). Consumers never see it.
 *
 * A *grant* is what privileges buy: file descriptors of the memory, of the bound socket, of the
 * link that keeps the program on the interface. Whoever holds them moves frames without any
 * privilege, in this process or in another.
 */
#ifndef TICKPATH_PIO_AFXDP_H
#define TICKPATH_PIO_AFXDP_H

#include "pio_afxdp_program.h"
#include "pio_internal.h"

#include <net/if.h>

/* What the kernel keeps free before a received frame (XDP_PACKET_HEADROOM). */
#define AFXDP_HEADROOM_BYTES 256u
#define AFXDP_CHUNK_BYTES_MIN 2048u
#define AFXDP_CHUNK_BYTES_MAX 4096u /* a page: the longest chunk of every kernel */
#define AFXDP_FRAME_BYTES_MAX (AFXDP_CHUNK_BYTES_MAX - AFXDP_HEADROOM_BYTES)
#define AFXDP_VLAN_BYTES 4u
#define AFXDP_QUEUES_MAX 64u /* queues of one interface that one process opens */

enum afxdp_extra {
    AFXDP_RX_ELSEWHERE,   /* for our destinations, at a queue of the interface nobody here has */
    AFXDP_RX_FILL_EMPTY,  /* lost because every frame was lent out; in rx_missed, too */
    AFXDP_TX_RETRIES,     /* the kernel took less than was asked */
    AFXDP_TX_INVALID,     /* descriptors that the kernel stepped over: frames of a lost link */
    AFXDP_HUGE_PAGES,     /* a gauge: huge pages under the frames */
    AFXDP_RX_UNSTAMPED,   /* without the receive time that was asked for */
    AFXDP_BUSY_POLLED,    /* a gauge: 1 where service polls the driver itself */
};

enum afxdp_mode { AFXDP_AUTO, AFXDP_ZEROCOPY, AFXDP_COPY, AFXDP_SKB };
extern const char *const afxdp_mode_names[];

/* What a device string asks for. */
struct afxdp_options {
    char interface[IFNAMSIZ];
    enum afxdp_mode mode;
    uint64_t queue, queues, rx_slots, tx_slots;
    uint64_t frame_bytes; /* 0: what the MTU needs */
    uint64_t promiscuous, join, rss_check;
    enum afxdp_stamps stamps;
    uint64_t busy_poll_us, busy_poll_budget, busy_poll_wait_ms;
    int huge_pages;        /* 1: demanded, 0: if there are any, -1: none */
    int partial_checksums; /* -1: as the interface's driver suggests */
    int adopts;            /* fds= was given */
    int hears;             /* whoever adopts it will ask for group addresses (afxdp_hear) */
    struct afxdp_rule rules[AFXDP_RULES_MAX];
    uint32_t rule_count;
};

/* ---- what privileges buy ---- */

/* AFXDP_FD_SHARED: of a queue to be bound elsewhere, the socket whose memory it shares; or -1.
 * AFXDP_FD_POLL: what the driver is polled through where its own socket will not do; or -1. */
enum afxdp_fd { AFXDP_FD_UMEM, AFXDP_FD_SOCKET, AFXDP_FD_LINK, AFXDP_FD_COUNTS, AFXDP_FD_CONTROL,
                AFXDP_FD_SHARED, AFXDP_FD_POLL, AFXDP_FDS };

#define AFXDP_NO_FDS {-1, -1, -1, -1, -1, -1, -1}

struct afxdp_grant {
    int fds[AFXDP_FDS];
    uint32_t queue;
    uint32_t part;            /* which part of the memory is this queue's */
    uint32_t frame_bytes;     /* longest frame; never 0 */
    enum afxdp_mode mode;     /* what is wanted, and once it is bound, what was obtained */
    struct afxdp_site *site;  /* the interface's program, in the process that put it there */
    struct afxdp_pool *pool;  /* the memory, in the process that registered it */
};

static inline uint32_t afxdp_chunk_bytes(uint32_t frame_bytes) {
    return frame_bytes + AFXDP_HEADROOM_BYTES <= AFXDP_CHUNK_BYTES_MIN ? AFXDP_CHUNK_BYTES_MIN
                                                                       : AFXDP_CHUNK_BYTES_MAX;
}

/* The bytes of one queue's frames, and of a whole memory, in multiples of a huge page. */
size_t afxdp_part_bytes(const struct afxdp_options *o, uint32_t frame_bytes);
size_t afxdp_umem_bytes(const struct afxdp_options *o, uint32_t frame_bytes);
/* Needs privileges; 0, or an errno with the error filled in and nothing left behind. Before Linux
 * 6.4 rings can be mapped only before the socket is bound: `maps` gets them. NULL: the socket is
 * left unbound, for who maps them elsewhere; binding it takes no privilege. */
struct afxdp;
int afxdp_grant_bind(struct afxdp_grant *grant, const struct afxdp_options *o, int index,
                     int shared, struct pio_error *error);
int afxdp_grant_make(struct afxdp_grant *grant, const struct afxdp_options *o, struct afxdp *maps,
                     struct pio_error *error);
/* Closes what is open of it; the last holder's close takes the program off the interface. */
void afxdp_grant_release(struct afxdp_grant *grant);
/* Is there what a grant takes, on this host and for this process? */
int afxdp_grant_probe(struct pio_error *error);
int afxdp_options_read(struct afxdp_options *o, struct afxdp_grant *adopted, const char *device,
                       struct pio_error *error);

/* ---- the interface ---- */

struct afxdp_device {
    int index;
    uint32_t mtu;
    uint32_t queues; /* 0: its driver does not say */
    char driver[32];
    uint8_t mac[6];
    uint32_t hook; /* the BTF id by which a program asks for the card's times; 0: it does not */
};

/* A packet socket that hears nothing: for ioctls, memberships, promiscuous mode. -1 and errno. */
int afxdp_control_socket(struct pio_error *error);
int afxdp_device_find(int control, const char *name, struct afxdp_device *device,
                      struct pio_error *error);
/* Refuses a queue that there is not, and one that would hear only a share of the traffic. */
int afxdp_device_queues(int control, const struct afxdp_options *o,
                        const struct afxdp_device *device, struct pio_error *error);
/* Finds the hook, or refuses: the card's receive times cannot be had here. */
int afxdp_device_hook(int control, const struct afxdp_options *o, struct afxdp_device *device,
                      struct pio_error *error);
/* Refuses, by its name, a program that somebody else has on the interface. */
int afxdp_device_program(const struct afxdp_device *device, const char *name,
                         struct pio_error *error);
/* Do frames of the host's own senders come with checksums not yet made? */
int afxdp_device_partial(const char *driver);

/* ---- busy polling ---- */

/* The id of the kernel's poll routine that a socket's frames come through; 0: it knows none. */
uint32_t afxdp_napi_of(int fd);
/* busy_poll_wait_ms= was not given: where a group is among the destinations, a heartbeat's time. */
#define AFXDP_WAIT_BY_DESTINATION UINT64_MAX
/* A socket to poll the driver through where the AF_XDP `socket` itself will not do: waits for a
 * datagram to a destination of the queue. -1: none is needed, or none came, or a signal did. The
 * program must be there, and pass everything on. */
int afxdp_napi_listen(const struct afxdp_options *o, int index, int socket);
/* Is a descriptor such a socket? No other is read from: its datagrams are its owner's. */
int afxdp_napi_is_listener(int fd);

/* ---- the data path ---- */

/* One of the four rings. `at` is our end of it, `seen` the kernel's end when last looked at. */
struct afxdp_ring {
    uint32_t *producer, *consumer, *flags;
    void *entries;
    uint32_t at, seen, mask;
    void *map;
    size_t map_bytes;
};

enum afxdp_fate { AFXDP_WAITS, AFXDP_DROPPED, AFXDP_HOLE };

/* What stands at a position of the transmit ring that the kernel has not passed. */
struct afxdp_sent {
    uint32_t frame;
    uint32_t length : 24;
    uint32_t fate : 8; /* enum afxdp_fate */
};

struct afxdp_tx {
    struct afxdp_ring ring, completions;
    uint64_t base;          /* address of the first transmit frame */
    uint32_t *unused;       /* a FIFO of frames nobody has; its head's `lent` are the caller's */
    uint32_t *positions;    /* per frame: where it was last put into the ring */
    struct afxdp_sent *sent; /* per position of the ring */
    uint32_t head, tail, lent;
    uint32_t settled;       /* positions that the kernel is known to have passed */
    uint32_t kernel_at;     /* where the kernel really is; it may not say so at once */
    uint32_t wire_bytes_max; /* MTU and Ethernet header: the longest untagged frame */
};

struct afxdp {
    struct afxdp_ring rx, fill;
    struct afxdp_tx tx;
    uint8_t *umem;
    uint64_t chunk_mask;
    uint32_t chunk_shift;
    int fd;
    int poll_fd; /* what the driver is polled through: the grant's AFXDP_FD_POLL, or fd */
    uint8_t stamps; /* enum afxdp_stamps */
    uint8_t partial_checksums, busy_polls;
    int interface_index;
    int64_t clock_offset_ns; /* from the kernel's TAI clock to Unix time; 0 for the card's */
    uint64_t housekept_ns;
    const uint64_t *counts; /* the program's, mapped */
    uint64_t elsewhere_before, longer_before;
    /* cold */
    size_t umem_bytes;
    int membership; /* a socket that holds IP group memberships; -1: none */
    int link_info;  /* what /proc says of the program's link; -1: nothing */
    struct tp_statistics *statistics; /* where who asked for them reads them; NULL: nobody did */
    struct afxdp_grant grant;
};

/* Points the hot members at AF_XDP's functions. */
void afxdp_hot_set(struct pio_queue *queue);
/* Maps the four rings of the grant's socket. */
int afxdp_rings_map(struct afxdp *a, const struct afxdp_options *o, struct pio_error *error);
/* Reads link and MTU as they are now. */
void afxdp_device_read(struct pio_queue *queue);
void afxdp_clock_read(struct afxdp *a);
/* Writes the extra counters to whoever asked for them. */
void afxdp_statistics_write(const struct pio_queue *queue);

#endif
