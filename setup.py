"""Extensions and nothing else; the metadata is in pyproject.toml.

Every .pyx under the packages is an extension. All of them see the same headers, and all of them
are rebuilt when one of those headers changes (neither Cython nor CFFI tracks C headers by itself).
TICKPATH_CFLAGS adds compiler flags, TICKPATH_BUILD_TAG keeps such a build's generated C apart, and
TICKPATH_ONLY builds these patterns instead: tests/fuzz/run.py makes its sanitized tree with them.
Without libdpdk the install has no dpdk backend, and says so.
"""

import os
import runpy
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

INCLUDE_DIRS = [
    "dpdk_bindings/csrc",
    "itch_ouch/csrc",
    "appliance/csrc",
    "feed_sim/exchange/csrc",
    "bench/csrc",
]
HEADERS = sorted(str(h) for d in INCLUDE_DIRS for h in Path(d).glob("*.h"))
# Cython's own output does not hold to -Wextra; our C is compiled with it, and -Werror, by a test.
CFLAGS = ["-O3", "-g1", "-fno-strict-aliasing", "-Wall", "-Wno-unused-function"]
CFLAGS += os.environ.get("TICKPATH_CFLAGS", "").split()
TAG = os.environ.get("TICKPATH_BUILD_TAG")

DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}


def extension(pattern: str) -> Extension:
    return Extension(
        "*",
        [pattern],
        include_dirs=INCLUDE_DIRS,
        depends=HEADERS,
        extra_compile_args=CFLAGS,
        extra_link_args=os.environ.get("TICKPATH_CFLAGS", "").split(),
    )


PATTERNS = os.environ.get(
    "TICKPATH_ONLY", "itch_ouch/*.pyx appliance/**/*.pyx feed_sim/**/*.pyx bench/*.pyx"
).split()

BUILD_DPDK = "dpdk_bindings/build_dpdk.py"
CFFI_MODULES = ["dpdk_bindings/build_core.py:ffibuilder"]
if why := runpy.run_path(BUILD_DPDK)["missing"]():
    print(f"tickpath: building without DPDK: {why}", file=sys.stderr)
else:
    CFFI_MODULES.append(f"{BUILD_DPDK}:ffibuilder")

setup(
    ext_modules=cythonize(
        [extension(p) for p in PATTERNS if any(Path().glob(p))],
        compiler_directives=DIRECTIVES,
        include_path=["."],
        build_dir=f"build/cython-{TAG}" if TAG else None,
        nthreads=int(os.environ.get("TICKPATH_JOBS", "2")),
    ),
    cffi_modules=CFFI_MODULES,
)
