# CFFI's module: what it holds is declared in build_dpdk.py and checked by the C compiler.
from typing import Any

ffi: Any
lib: Any
