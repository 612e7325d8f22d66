"""How the demo's two sides are joined: queue names, what they must really be, DPDK's table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from demo_cut import Cut

from dpdk_bindings.env.namespaces import Networks

# A side has three ports with 12 MiB of frames each, and DPDK's own tables.
MEMORY_MIB = 96
SIDES = 2
LETTERS = ("a", "b", "o")  # line A, line B, orders
SIDE_NAMES = ("exchange", "appliance")
LINES = ("line-a", "line-b", "orders")  # veth pairs
ONE_PORT = ("port", "port", "port")  # the same, through one


@dataclass(frozen=True)
class Links:
    """One run's three links, as each side names its ends."""

    backend: str
    mode: str  # what every queue must really obtain (R5)
    memory: str  # where the frames lie, in words
    exchange: tuple[str, ...]
    appliance: tuple[str, ...]
    table: str = ""  # the [dpdk] table of both configurations
    networks: Networks | None = None  # where each side runs; None: where the demo does
    cut: Cut | None = None  # what is done to line B meanwhile


def memory_links(tag: str, impaired: bool) -> Links:
    """Shared memory of the two processes."""
    # A full queue makes the exchange cut that line's datagrams differently, and then the frames
    # that the two lines lose could be the same: impaired lines get room for a tenth of a second.
    slots = 16384 if impaired else 2048
    names = tuple(f"memory:{tag}-{letter},slots={128 if letter == 'o' else slots}"
                  for letter in LETTERS)
    return Links("memory", "shared", "shared memory", names, names)


def memif_links(tag: str, impaired: bool, huge: bool, memory: str) -> Links:
    """DPDK's memif. Its sockets are abstract: nothing of them is left, whoever dies.

    Either side may start first, or again: the appliance is the client, which asks until the
    exchange is there.
    """
    slots_log2 = (14, 14, 10) if impaired else (11, 11, 10)  # room as above

    def ends(role: str) -> tuple[str, ...]:
        return tuple(
            f"dpdk:net_memif{i},role={role},socket=tickpath-{tag}-{letter},rsize={slots_log2[i]}"
            for i, letter in enumerate(LETTERS)
        )

    # No file_prefix of the run's: nothing is shared under it, and its folder would be left.
    table = f'\n[dpdk]\nhuge_pages = "{"on" if huge else "off"}"\nmemory_mib = {MEMORY_MIB}\n'
    return Links("dpdk", "poll" if huge else "poll-no-huge", memory, ends("server"),
                 ends("client"), table)


@contextlib.contextmanager
def network_pair(lines: tuple[str, ...] = LINES) -> Iterator[Networks]:
    """Raises RuntimeError, one sentence, where there can be none."""
    try:
        made = Networks(SIDE_NAMES, tuple(dict.fromkeys(lines)))
    except OSError as error:
        raise RuntimeError(f"no network namespaces: {error.strerror}; run the demo as root, or "
                           "take --backend memory") from None
    with made:
        yield made


def veth_links(backend: str, mode: str, networks: Networks, cut: Cut | None,
               lines: tuple[str, ...] = LINES) -> Links:
    """Veth pairs between two network namespaces: one for each of ``lines`` that is another."""
    def ends(by: str) -> tuple[str, ...]:
        # veth's own XDP; afxdp would take skb mode in silence where that is not to be had.
        return tuple(f"{by}:{line}{',mode=copy' if by == 'afxdp' else ''}" for line in lines)

    pairs = "one veth pair" if lines == ONE_PORT else "three veth pairs"
    return Links(backend, mode, f"two network namespaces, {pairs}",
                 ends("afxdp" if backend == "auto" else backend), ends(backend),
                 networks=networks, cut=cut)
