"""What DPDK can be told before it starts: the [dpdk] table of a configuration.

Importable without DPDK, so that a configuration is read and checked alike on every machine.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


def _key(description: str, **limits: Any) -> Meta:
    return Meta(description=description, **limits)


class EalOptions(Struct, forbid_unknown_fields=True, frozen=True):
    """EAL's options, by what they mean; doc.dpdk.org, "EAL parameters", has DPDK's names."""

    core: Annotated[int, _key(
        "The core DPDK takes for its own main thread's; -1: that of the engine, or else the one "
        "the process is on. The process is not pinned by it.", ge=-1, le=4095)] = -1
    huge_pages: Annotated[Literal["auto", "on", "off"], _key(
        "auto: huge pages when memory_mib of them are free, else ordinary memory, which virtual "
        "devices do with and cards do not. The queue's mode tells which.")] = "auto"
    memory_mib: Annotated[int, _key(
        "Memory for frames: what must be free in huge pages, or what is taken without.",
        ge=16, le=1 << 20)] = 128
    in_memory: Annotated[bool, _key(
        "Leave no file behind, whatever happens; off: files that other DPDK processes can share.",
    )] = True
    file_prefix: Annotated[str, _key(
        "Names this DPDK among others on the host.", pattern=r"^[A-Za-z0-9_-]{1,40}$",
    )] = "tickpath"
    iova: Annotated[Literal["auto", "va", "pa"], _key(
        "How devices address memory: through an IOMMU (va) or physically (pa).")] = "auto"
    allow: Annotated[tuple[str, ...], _key(
        "PCI devices taken at the start, with their arguments; others only when a queue names "
        "them.")] = ()
    plugins: Annotated[str, _key(
        'A folder with DPDK\'s drivers, or one driver; "": where DPDK looks by itself.')] = ""
    telemetry: Annotated[bool, _key("Serve DPDK's own telemetry on its socket.")] = False
    log_level: Annotated[Literal["quiet", "error", "warning", "info", "debug"], _key(
        "What DPDK says on standard error. What it complains of at a refusal is told anyway.",
    )] = "quiet"
    extra: Annotated[tuple[str, ...], _key(
        "More of DPDK's own arguments, word by word.")] = ()
