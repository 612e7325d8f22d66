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
    "dpdk_eal.c",
    "dpdk_flow.c",
    "dpdk_keeper.c",
    "dpdk_pool.c",
    "dpdk_port.c",
    "pio_dpdk.c",
    "pio_dpdk_open.c",
    "pio_options.c",
]

CDEF = """
struct pio_error { char why[...]; char remedy[...]; };
uintptr_t dpdk_backend_address(void);

int dpdk_eal_start(int, char *const *, struct pio_error *);
int dpdk_eal_running(void);
void dpdk_eal_stop(void);
int dpdk_eal_huge_pages(void);
const char *dpdk_eal_version(void);
const char *dpdk_eal_runtime_folder(void);
size_t dpdk_log_text(char *, size_t);
void dpdk_log_echo(int);

uint32_t dpdk_pools_missing(void);
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

