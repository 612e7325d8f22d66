"""CFFI builder of ``dpdk_bindings._core``: the registry, the built-in backends and ``env``.

API mode: the compiler checks every declaration below against the headers, so this text cannot
drift from them. A backend that needs a library of its own gets a builder of its own.
"""

from pathlib import Path

from cffi import FFI

CSRC = Path("dpdk_bindings/csrc")

SOURCES = [
    "pio_registry.c",
    "pio_options.c",
    "pio_afpacket.c",
    "pio_afpacket_open.c",
    "pio_afxdp.c",
    "pio_afxdp_btf.c",
    "pio_afxdp_device.c",
    "pio_afxdp_grant.c",
    "pio_afxdp_hook.c",
    "pio_afxdp_napi.c",
    "pio_afxdp_open.c",
    "pio_afxdp_options.c",
    "pio_afxdp_program.c",
    "pio_afxdp_site.c",
    "pio_capture.c",
    "net_host.c",
    "net_host_arp.c",
    "net_host_igmp.c",
    "pio_fault.c",
    "pio_host.c",
    "pio_host_open.c",
    "pio_interface.c",
    "pio_memory.c",
    "pio_netmap.c",
    "pio_netmap_device.c",
    "pio_netmap_open.c",
    "pio_pcap.c",
    "pio_share.c",
    "pio_share_open.c",
    "pio_udp.c",
    "pio_udp_open.c",
    "tp_clock.c",
    "tp_segment.c",
    "tp_stop.c",
]

CDEF = """
#define PIO_ABI ...
#define PIO_BURST_MAX ...
#define PIO_FRAME_BYTES_MIN ...
#define PIO_STATS_EXTRA_MAX ...
#define PIO_FRAME_CHECKSUM_GOOD ...
#define PIO_FRAME_CHECKSUM_PARTIAL ...
#define PIO_FRAME_TRUNCATED ...
#define PIO_LINK_DOWN ...
#define PIO_LINK_UP ...
#define PIO_LINK_GONE ...

struct pio_frame {
    uint8_t *data;
    uint32_t length;
    uint32_t flags;
    uint64_t timestamp_ns;
    uint64_t cookie;
};
struct pio_stats {
    uint64_t rx_frames, rx_bytes, rx_missed, rx_oversize, rx_truncated, rx_malformed;
    uint64_t tx_frames, tx_bytes, tx_full, tx_oversize, tx_undersize, tx_error;
    uint64_t extra[...];
};
struct pio_error { char why[...]; char remedy[...]; };
struct pio_queue {
    uint32_t (*rx_burst)(struct pio_queue *, struct pio_frame *, uint32_t);
    void (*rx_release)(struct pio_queue *, const struct pio_frame *, uint32_t);
    uint32_t (*tx_lend)(struct pio_queue *, struct pio_frame *, uint32_t);
    uint32_t (*tx_burst)(struct pio_queue *, const struct pio_frame *, uint32_t);
    void (*tx_return)(struct pio_queue *, const struct pio_frame *, uint32_t);
    void (*service)(struct pio_queue *, uint64_t);
    struct pio_info *info;
    ...;
};
struct pio_backend {
    const char *name;
    const char *summary;
    const char *extra_names[...];
    int (*probe)(char *, size_t, struct pio_error *);
    int (*hear)(struct pio_queue *, const uint8_t *, struct pio_error *);
    ...;
};
struct pio_info {
    uint32_t abi;
    uint32_t frame_bytes_max;
    uint32_t link;
    uint8_t mac[6];
    uint8_t forwards;
    const struct pio_backend *backend;
    char mode[...];
    char device[...];
    struct pio_stats stats;
    ...;
};
const struct pio_backend *pio_backend_at(uint32_t);
int pio_register(const struct pio_backend *);
int pio_backend_built(const struct pio_backend *);
int pio_open(const char *, struct pio_queue **, struct pio_error *);
void pio_close(struct pio_queue *);
int pio_resolve(struct pio_queue *, uint32_t, uint8_t *);
const char *pio_host_drop(struct pio_queue *, uint32_t, uint64_t *);

struct afxdp_opened { int fds[7]; uint32_t part, frame_bytes; char mode[...]; ...; };
int afxdp_opener_open(const char *, int, struct afxdp_opened *, struct pio_error *);
void afxdp_opener_close(struct afxdp_opened *);
struct tp_statistics { ...; };
int afxdp_statistics_to(struct pio_queue *, struct tp_statistics *);

#define NET_HOST_NEVER ...
struct net_host_config {
    uint8_t mac[6];
    uint16_t vlan;
    uint32_t address, prefix_bits, gateway, frame_bytes_max, group_count;
    uint32_t groups[...];
};
struct net_host_frame { uint32_t length; uint8_t data[...]; };
struct net_host {
    uint64_t next_due_ns;
    uint64_t arp_count, icmp_count, igmp_count, conflict_count;
    uint64_t drops[...];
    uint32_t outbox_head;
    ...;
};
void net_host_init(struct net_host *, const struct net_host_config *);
int net_host_wants(const struct net_host *, const uint8_t *, uint32_t);
void net_host_receive(struct net_host *, const uint8_t *, uint32_t, uint64_t);
void net_host_tick(struct net_host *, uint64_t);
void net_host_link(struct net_host *, int, uint64_t);
void net_host_leave(struct net_host *);
int net_host_resolve(struct net_host *, uint32_t, uint8_t *, uint64_t);
const char *net_host_drop_name(uint32_t);
const struct net_host_frame *net_host_outbox(const struct net_host *);

struct tp_clock {
    uint64_t ticks_base;
    uint64_t ns_base;
    uint64_t ns_per_tick_q32;
    uint32_t source;
    uint32_t error_ppb;
};
void tp_clock_calibrate(struct tp_clock *, uint32_t);
uint64_t tp_clock_now(const struct tp_clock *);

#define TP_SEGMENT_CLAIMS_MAX ...
struct tp_segment { uint8_t *base; size_t bytes; uint32_t claims; ...; };
int tp_segment_open(struct tp_segment *, const char *, size_t, struct pio_error *);
int tp_segment_view(struct tp_segment *, const char *, struct pio_error *);
void tp_segment_ready(struct tp_segment *);
int tp_segment_claim(struct tp_segment *, uint32_t);
int tp_segment_claimed(const struct tp_segment *, uint32_t);
void tp_segment_close(struct tp_segment *);

struct tp_ring { uint64_t capacity_bytes; ...; };
struct tp_ring_writer { struct tp_ring *ring; ...; };
struct tp_ring_reader { struct tp_ring *ring; ...; };
void tp_ring_init(struct tp_ring *, uint64_t);
struct tp_ring_writer tp_ring_write(struct tp_ring *);
struct tp_ring_reader tp_ring_read(struct tp_ring *);
void *tp_ring_claim(struct tp_ring_writer *, uint32_t);
void tp_ring_commit(struct tp_ring_writer *);
uint64_t tp_ring_bytes_free(struct tp_ring_writer *);
const void *tp_ring_peek(struct tp_ring_reader *, uint32_t *);
void tp_ring_consume(struct tp_ring_reader *, uint32_t);
void tp_ring_release(struct tp_ring_reader *);

#define TP_MPSC_RECORD_BYTES ...
#define TP_MPSC_PRODUCERS_MAX ...
#define TP_MPSC_BATCH_MAX ...
#define TP_MPSC_NOBODY ...
#define TP_MPSC_GONE ...
struct tp_mpsc { uint64_t slots; ...; };
struct tp_mpsc_writer { struct tp_mpsc *ring; uint32_t count; ...; };
struct tp_mpsc_reader { struct tp_mpsc *ring; ...; };
void tp_mpsc_init(struct tp_mpsc *, uint64_t);
struct tp_mpsc_writer tp_mpsc_write(struct tp_mpsc *, uint32_t);
struct tp_mpsc_reader tp_mpsc_read(struct tp_mpsc *);
uint32_t tp_mpsc_claim(struct tp_mpsc_writer *, uint32_t);
void *tp_mpsc_record(const struct tp_mpsc_writer *, uint32_t);
void tp_mpsc_commit(struct tp_mpsc_writer *);
const void *tp_mpsc_peek(const struct tp_mpsc_reader *);
void tp_mpsc_consume(struct tp_mpsc_reader *);
void tp_mpsc_release(struct tp_mpsc_reader *);
uint32_t tp_mpsc_holder(const struct tp_mpsc_reader *);
uint32_t tp_mpsc_abandon(struct tp_mpsc_reader *, uint32_t);

#define TP_POOL_NONE ...
struct tp_pool { uint32_t object_bytes, count_max, used_count, used_count_max; ...; };
void tp_pool_init(struct tp_pool *, void *, uint32_t, uint32_t);
void *tp_pool_at(const struct tp_pool *, uint32_t);
uint32_t tp_pool_take(struct tp_pool *);
void tp_pool_give(struct tp_pool *, uint32_t);

#define TP_HIST_COUNTS ...
#define TP_HIST_VALUE_MAX ...
struct tp_hist {
    uint64_t total_count;
    uint64_t saturated_count;
    uint64_t value_max;
    uint64_t value_sum;
    uint64_t counts[...];
    ...;
};
void tp_hist_record(struct tp_hist *, uint64_t);
uint32_t tp_hist_index(uint64_t);
uint64_t tp_hist_value(uint32_t);

int tp_stop_install(volatile uint32_t *);
void tp_stop_remove(void);
"""

ffibuilder = FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source(
    "dpdk_bindings._core",
    """
    #include "net_host.h"
    #include "pio.h"
    #include "pio_afxdp_opener.h"
    #include "pio_afxdp_statistics.h"
    #include "tp_clock.h"
    #include "tp_hist.h"
    #include "tp_mpsc.h"
    #include "tp_pool.h"
    #include "tp_ring.h"
    #include "tp_segment.h"
    #include "tp_stop.h"
    """,
    sources=[str(CSRC / name) for name in SOURCES],
    include_dirs=[str(CSRC)],
    depends=sorted(str(h) for h in CSRC.glob("*.h")),
    extra_compile_args=["-std=gnu11", "-O3", "-g1", "-Wall", "-Wextra", "-Wno-unused-parameter"],
)
