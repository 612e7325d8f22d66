/* pio.h: the packet I/O contract. A backend fills it in; a consumer cannot tell backends apart.
 *
 * Three nouns. A *backend* is one way to move frames (memory, pcap, afpacket, ...), const, one per
 * kind. A *queue* is one RX/TX pair, opened from a backend and owned by exactly one thread. A
 * *frame* is one Ethernet frame lent to or by a queue, passed by value.
 *
 * Ownership:
 *   1. rx_burst lends frames; they are yours until rx_release, which takes them back in the order
 *      lent. Several bursts may be out at once; releases may be of any count.
 *   2. No pointer into a frame outlives its release: copy integers or bytes.
 *   3. tx_lend gives empty frames, whose length is then their capacity. Write the bytes, set the
 *      length, and pass them to tx_burst in the order lent: it takes the first k and returns k; the
 *      rest stay yours. Retry a bounded number of times, then give them back with tx_return.
 *   4. A lent frame is sent only by its own queue. So is a received frame, and only where
 *      info->forwards is 1: tx_burst then takes frames still held, the oldest first, and they need
 *      no release; one call has frames of one kind. Elsewhere copy it into a lent frame.
 *   5. One queue, one thread, no locks.
 *
 * What every backend keeps to:
 *   - No function pointer is NULL. What a backend lacks is a function that does nothing and says
 *     so by its result (an rx_burst that returns 0, a tx_lend that returns 0).
 *   - The six hot functions never block, allocate, log or fail: they return counts. A frame that
 *     could not be moved is counted in stats under the reason's own name.
 *   - rx_burst and tx_lend return at most count_max. tx_burst consumes a frame it can never send
 *     (longer than its capacity, or shorter than PIO_FRAME_BYTES_MIN) and counts it.
 *   - service does the backend's housekeeping (completions, doorbells, timers); call it every loop.
 *     It is the only one told the time.
 *   - close takes back every frame still lent.
 */
#ifndef TICKPATH_PIO_H
#define TICKPATH_PIO_H

#include <stddef.h>
#include <stdint.h>

/* Bumped by any change of layout or meaning below. A consumer refuses another number. */
#define PIO_ABI 2u

/* The shortest frame: an Ethernet header alone. Padding to 60 bytes is the device's business. */
#define PIO_FRAME_BYTES_MIN 14u

/* Most frames that one rx_burst, tx_lend or tx_burst may be asked for: 64 frames of 32 bytes are
 * half a 4 KiB page of stack, and twice the burst of 32 that DPDK's own examples use. */
#define PIO_BURST_MAX 64u

enum pio_frame_flag {
    PIO_FRAME_CHECKSUM_GOOD = 1u << 0,    /* the device verified IP and UDP checksums */
    PIO_FRAME_CHECKSUM_PARTIAL = 1u << 1, /* the sender left it to hardware; do not verify */
    PIO_FRAME_TRUNCATED = 1u << 2,        /* the capture holds fewer bytes than the wire did */
};

struct pio_frame {
    uint8_t *data;         /* first byte of the Ethernet header */
    uint32_t length;       /* bytes present; on tx_lend, bytes that fit */
    uint32_t flags;        /* enum pio_frame_flag */
    uint64_t timestamp_ns; /* ns since the Unix epoch at the device, or at the sender; 0: none */
    uint64_t cookie;       /* the backend's own: mbuf, UMEM address, slot */
};

struct pio_queue;

/* Counters that every backend keeps; `extra` are the backend's own, named in its pio_backend. */
#define PIO_STATS_EXTRA_MAX 8u
struct pio_stats {
    uint64_t rx_frames;
    uint64_t rx_bytes;
    uint64_t rx_missed;    /* lost before us: ring full, kernel drop */
    uint64_t rx_oversize;  /* longer than a frame of this queue */
    uint64_t rx_truncated; /* handed over, with PIO_FRAME_TRUNCATED */
    uint64_t rx_malformed; /* the medium itself was broken: a bad capture record */
    uint64_t tx_frames;
    uint64_t tx_bytes;
    uint64_t tx_full;      /* asked of tx_lend and not given, or offered to tx_burst and not taken,
                            * for want of room */
    uint64_t tx_oversize;  /* consumed by tx_burst, not sent: longer than lent */
    uint64_t tx_undersize; /* consumed by tx_burst, not sent: no Ethernet header */
    uint64_t tx_error;     /* refused by the device */
    uint64_t extra[PIO_STATS_EXTRA_MAX];
};

enum pio_link { PIO_LINK_DOWN = 0, PIO_LINK_UP = 1, PIO_LINK_GONE = 2 };

/* The cold half of a queue: what it is, and what it counted. */
struct pio_info {
    uint32_t abi; /* PIO_ABI; first, so that any version can be read */
    uint32_t frame_bytes_max;
    uint32_t link; /* enum pio_link; a file at its end, or a peer that left, is down */
    uint8_t mac[6]; /* the device's own Ethernet address; all zero: it has none */
    uint8_t forwards; /* 1: tx_burst takes received frames, too */
    uint8_t reserved[5];
    const struct pio_backend *backend;
    char mode[32];    /* what was really obtained: "shared", "zerocopy", "copy", "skb", ... */
    char device[256]; /* as given to pio_open, without the backend's name */
    struct pio_stats stats;
};

/* The hot half: one cache line. */
struct pio_queue {
    uint32_t (*rx_burst)(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max);
    void (*rx_release)(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count);
    uint32_t (*tx_lend)(struct pio_queue *queue, struct pio_frame *frames, uint32_t count_max);
    uint32_t (*tx_burst)(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count);
    void (*tx_return)(struct pio_queue *queue, const struct pio_frame *frames, uint32_t count);
    void (*service)(struct pio_queue *queue, uint64_t now_ns);
    void *state;
    struct pio_info *info;
} __attribute__((aligned(64)));

/* Why something cannot be done, and what to do about it: one sentence each. */
struct pio_error {
    char why[256];
    char remedy[256];
};

struct pio_backend {
    const char *name;
    const char *summary;                          /* one line for `appliance backends` */
    const char *extra_names[PIO_STATS_EXTRA_MAX]; /* names of pio_stats.extra; NULL ends them */
    /* Can it work on this host at all? 0 and the mode to expect, or an errno and an error. */
    int (*probe)(char *mode, size_t mode_bytes, struct pio_error *error);
    /* Fills in every hot pointer, state, and info's frame_bytes_max, link, mac and mode.
     * 0, or an errno with the error filled in and nothing left behind. */
    int (*open)(struct pio_queue *queue, const char *device, struct pio_error *error);
    void (*close)(struct pio_queue *queue);
    /* Hear frames to this Ethernet group address, too. 0, or an errno and an error. Cold. */
    int (*hear)(struct pio_queue *queue, const uint8_t group[6], struct pio_error *error);
};

/* The registry (pio_registry.c), the one place that knows which backends were built. */
const struct pio_backend *pio_backend_at(uint32_t index); /* NULL past the last */
/* Puts a backend of another extension in the place held for it. ENOENT: no place of that name. */
int pio_register(const struct pio_backend *backend);
/* 0 for a place held for a backend that this build does not have. */
int pio_backend_built(const struct pio_backend *backend);
/* Opens "backend:device"; 0 and *queue, or an errno and the error. */
int pio_open(const char *name, struct pio_queue **queue, struct pio_error *error);
void pio_close(struct pio_queue *queue); /* NULL is allowed */

/* The Ethernet address to send to for this IPv4 address (10.0.0.1 is 0x0a000001), as the queue's
 * host knows it, looking through fault and share: 0 and the address; EAGAIN while it asks: call
 * service and this again; EHOSTUNREACH when nobody answered, ENETUNREACH when there is no way
 * there, ENOBUFS when the host knows too many, ENOTSUP for a queue without a host. Cold: while it
 * asks it receives, and keeps the data frames for the next rx_burst. */
int pio_resolve(struct pio_queue *queue, uint32_t address, uint8_t mac[6]);
/* Why the queue's host refused control frames, by name, and how many; NULL past the last. */
const char *pio_host_drop(struct pio_queue *queue, uint32_t index, uint64_t *count);

_Static_assert(sizeof(struct pio_frame) == 32, "a frame is 32 bytes by value");
_Static_assert(sizeof(struct pio_queue) == 64, "the hot half is one cache line");
_Static_assert(offsetof(struct pio_info, abi) == 0, "the ABI number is read before anything else");

#endif
