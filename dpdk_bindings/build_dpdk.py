"""CFFI builder of ``dpdk_bindings._dpdk``: the DPDK backend and the bindings beyond it.

Built where pkg-config finds libdpdk; elsewhere :func:`missing` says why, and the install goes on
without it. API mode, as in build_core.py.
"""

import subprocess
from pathlib import Path

from cffi import FFI

CSRC = Path("dpdk_bindings/csrc")
OLDEST = "21.11"

SOURCES = [
    "dpdk_burst.c",
    "dpdk_clock.c",
    "dpdk_control.c",
    "dpdk_eal.c",
    "dpdk_fault_in.c",
    "dpdk_flow.c",
    "dpdk_handle.c",
    "dpdk_keeper.c",
    "dpdk_memif.c",
    "dpdk_pool.c",
    "dpdk_port.c",
    "dpdk_xstats.c",
    "pio_dpdk.c",
    "pio_dpdk_open.c",
    "pio_options.c",
]

CDEF = """
struct pio_error { char why[...]; char remedy[...]; };
uintptr_t dpdk_backend_address(void);

int dpdk_eal_start(int, char *const *, struct pio_error *);
int dpdk_eal_running(void);
int dpdk_eal_forked(void);
int dpdk_thread_known(void);
void dpdk_eal_stop(void);
void dpdk_eal_leave_running(void);
int dpdk_eal_huge_pages(void);
const char *dpdk_eal_version(void);
const char *dpdk_eal_runtime_folder(void);
size_t dpdk_log_text(char *, size_t);
void dpdk_log_echo(int);

uint32_t dpdk_pools_missing(void);

struct tp_statistics { ...; };
int dpdk_xstats_to(const char *, struct tp_statistics *);
void dpdk_xstats_end(struct tp_statistics *);
"""

# Ports, pools and bursts for Python: dpdk_burst.h, dpdk_handle.h.
CDEF_HANDLES = """
#define DPDK_BURST_FRAMES_MAX ...
#define DPDK_QUEUES_MAX ...
#define DPDK_GROUPS_MAX ...
#define DPDK_STEER_DROP ...

struct rte_mbuf;
struct rte_flow;
struct dpdk_burst;
struct dpdk_lender;
struct dpdk_handle;
struct dpdk_held { struct rte_mbuf *mbuf; uint8_t *data; uint32_t length; ...; };
struct dpdk_pool_counts { uint32_t count, available, in_use, frame_bytes; ...; };
struct dpdk_handle_counts { uint64_t rx_copied, rx_oversize, rx_no_frame; ...; };
struct dpdk_steer { uint32_t address; uint16_t port, queue; ...; };
struct dpdk_link_state { uint32_t up, speed_mbps, full_duplex, autonegotiated; ...; };
struct dpdk_port_options {
    uint16_t queues, rx_slots, tx_slots;
    uint32_t frame_bytes, segment_bytes;
    uint8_t promiscuous, checksums, timestamps, forwards;
    uint32_t lent_max;
    ...;
};
struct dpdk_device_info {
    char driver[...];
    uint8_t mac[6];
    int32_t numa_node;
    uint32_t rx_queues_max, tx_queues_max, rx_slots, tx_slots, mtu, mtu_min, mtu_max;
    uint64_t rx_offloads, tx_offloads, rss_types;
    uint32_t rss_table_size, rss_key_bytes;
    ...;
};

void dpdk_burst_release(struct dpdk_burst *);
void dpdk_burst_free(struct dpdk_burst *);
uint32_t dpdk_burst_count(struct dpdk_burst *);
int dpdk_frame_hold(struct dpdk_burst *, uint32_t, struct dpdk_held *);
void dpdk_frame_drop(struct rte_mbuf *, uint8_t *);
int dpdk_burst_lengths(struct dpdk_burst *, uint32_t *, uint32_t);
int dpdk_burst_timestamps(struct dpdk_burst *, uint64_t *, uint32_t);
int dpdk_burst_read(struct dpdk_burst *, uint32_t, uint32_t, uint8_t *, uint32_t);
int dpdk_burst_write(struct dpdk_burst *, uint32_t, const uint8_t *, uint32_t);
int dpdk_frame_resize(struct dpdk_burst *, uint32_t, uint32_t);
int dpdk_frame_fill(struct dpdk_burst *, uint32_t, const uint8_t *, uint32_t);
int dpdk_burst_take(struct dpdk_burst *, const uint32_t *, uint32_t, struct dpdk_burst **);

int dpdk_lender_open(uint32_t, uint32_t, int, struct dpdk_lender **, struct pio_error *);
int dpdk_lender_lend(struct dpdk_lender *, uint32_t, uint32_t, struct dpdk_burst **);
int dpdk_lender_counts(struct dpdk_lender *, struct dpdk_pool_counts *);
void dpdk_lender_close(struct dpdk_lender *);
void dpdk_lender_free(struct dpdk_lender *);

int dpdk_handle_open(const char *, const struct dpdk_port_options *, struct dpdk_handle **,
                     struct pio_error *);
void dpdk_handle_close(struct dpdk_handle *);
void dpdk_handle_free(struct dpdk_handle *);
int dpdk_handle_receive(struct dpdk_handle *, uint16_t, uint32_t, struct dpdk_burst **);
int dpdk_handle_transmit(struct dpdk_handle *, uint16_t, struct dpdk_burst *, uint32_t *);
int dpdk_handle_lend(struct dpdk_handle *, uint16_t, uint32_t, uint32_t, struct dpdk_burst **);
int dpdk_handle_pool(struct dpdk_handle *, uint16_t, int, struct dpdk_pool_counts *);

int dpdk_handle_info(struct dpdk_handle *, struct dpdk_device_info *);
int dpdk_handle_link(struct dpdk_handle *, struct dpdk_link_state *);
int dpdk_handle_set_mtu(struct dpdk_handle *, uint16_t);
int dpdk_handle_hearing(struct dpdk_handle *);
int dpdk_handle_set_promiscuous(struct dpdk_handle *, int);
int dpdk_handle_set_all_multicast(struct dpdk_handle *, int);
int dpdk_handle_groups(struct dpdk_handle *, uint8_t *, uint32_t);
int dpdk_handle_set_groups(struct dpdk_handle *, const uint8_t *, uint32_t);
int dpdk_handle_stats(struct dpdk_handle *, uint64_t *, struct dpdk_handle_counts *);
int dpdk_handle_stats_reset(struct dpdk_handle *);
int dpdk_handle_extended_stats(struct dpdk_handle *, char *, uint64_t *, uint32_t);
int dpdk_handle_rss_table(struct dpdk_handle *, uint16_t *, uint32_t);
int dpdk_handle_set_rss_table(struct dpdk_handle *, const uint16_t *, uint32_t);
int dpdk_handle_rss(struct dpdk_handle *, uint64_t *, uint8_t *, uint32_t);
int dpdk_handle_flow(struct dpdk_handle *, const struct dpdk_steer *, struct rte_flow **,
                     struct pio_error *);
int dpdk_handle_flow_end(struct dpdk_handle *, struct rte_flow *);
const char *dpdk_offload_name(int, uint32_t);
const char *dpdk_rss_name(uint32_t);
"""


def _pkg_config(*words: str) -> list[str]:
    done = subprocess.run(
        ["pkg-config", *words, "libdpdk"], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def missing() -> str:
    """Why this machine cannot build it, or ""."""
    try:
        subprocess.run(
            ["pkg-config", f"--atleast-version={OLDEST}", "libdpdk"],
            check=True,
            capture_output=True,
        )
    except OSError:
        return "there is no pkg-config"
    except subprocess.CalledProcessError:
        return f"pkg-config finds no libdpdk of {OLDEST} or newer"
    return ""


def ffibuilder() -> FFI:
    """For cffi_modules, which calls it."""
    flags = _pkg_config("--cflags")
    builder = FFI()
    builder.cdef(CDEF)
    builder.cdef(CDEF_HANDLES)
    builder.set_source(
        "dpdk_bindings._dpdk",
        '#include "dpdk_api.h"',
        sources=[str(CSRC / name) for name in SOURCES],
        include_dirs=[str(CSRC)],
        depends=sorted(str(h) for h in CSRC.glob("*.h")),
        # DPDK's own headers first among the flags: one of them is included before everything.
        extra_compile_args=[
            *flags, "-std=gnu11", "-O3", "-g1", "-Wall", "-Wextra", "-Wno-unused-parameter",
        ],
        extra_link_args=_pkg_config("--libs"),
    )
    return builder

