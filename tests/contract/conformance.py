"""One feed through every backend and mode: what the appliance makes of it must be the same.

The frames of conformance_traffic.py go out through a queue of the row's backend, come in through
another, and every one that is lent goes through the engine's own step, whose orders an obliging
venue answers. The time of a step is the number of its frame, so that nothing depends on the clock:
the digests of frames, books and orders, and every counter of the engine must equal those of the
`memory` backend, frame for frame. conformance_table.py writes it all down in docs/backends.md.

The rows are the contract suite's own, so a new backend is in here when it is there; and one for
`udp`, which cannot be in those: what it shows are the datagrams that the kernel lets through.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from afpacket_ends import wait_for
from conformance_traffic import (
    FRAME_BYTES_MAX,
    GROUP,
    PORT,
    SOURCE,
    SOURCE_PORT,
    build,
    counted_by_the_socket,
    datagrams,
    filtered,
    heard,
    steered,
    through_the_kernel,
)
from contract_cases import (
    AFPACKET_SETTLE_S,
    AFXDP_SETTLE_S,
    CASES,
    Case,
    Pair,
    no_private_network,
    pairs,
    unique,
)
from contract_driver import Hot, Receiving, Sending
from core_rig import FEED_A, Rig, accepted, canceled, fields, replaced
from dpdk_cases import DPDK_CASES, memif_ends, missing
from netmap_standin import NETMAP_CASES
from private_network import PrivateNetwork

from dpdk_bindings import open_queue
from itch_ouch import net

COUNT = 100_000
# So long without a frame and the rest is taken for lost. A machine full of other work is slow.
QUIET_S = 2.0
BEYOND_S = 0.05  # and so long, all being there, for a frame too many
RECEIVER = "10.1.0.2"
SOON_NS = 10**12  # for service: late enough that it asks the device what was lost
STEP_NS = 100_000  # between two frames, by the engine's clock
# Receivers' counters that say why a frame is missing.
LOSSES = ("rx_missed", "rx_oversize", "rx_malformed", "rx_undersize", "rx_errors", "fault_lost")


@dataclass(frozen=True)
class Result:
    """What came of the frames. Two of these are equal when nothing told the backends apart."""

    received: int
    frames_digest: str
    books: tuple[int, int]
    orders_digest: str
    counters: dict[str, int]

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """Everything above in a few characters."""
        counters = sorted((name, n) for name, n in self.counters.items() if n)
        every = (self.received, self.frames_digest, self.books, self.orders_digest, counters)
        return hashlib.blake2b(repr(every).encode(), digest_size=6).hexdigest()


class Appliance:
    """The engine, an obliging venue, and the digest of all that came and went."""

    def __init__(self) -> None:
        self.rig = Rig(
            feed={"address_a": GROUP, "port_a": PORT, "gap_wait_us": 20_000},
            strategy={"name": "quote", "rest_us": 1000},
            tables={"orders": 1 << 18, "levels": 1 << 16, "own_orders": 1 << 16,
                    "reorder_messages": 1024},
            risk={"position_max": 1 << 30, "rate_per_s": 1_000_000},
        )
        self.orders = hashlib.blake2b()
        self.open: dict[int, int] = {}  # shares of each of our orders
        self.rig.ready()

    def frame(self, data: bytes, flags: int) -> None:
        """One step over one frame."""
        rig = self.rig
        rig.step((FEED_A, data, flags), after_ns=STEP_NS)
        if rig.engine.orders_next != rig.orders_seen:
            self._answer()

    def _answer(self) -> None:
        """Takes every order, changes and cancels what it is told to; none is executed."""
        for message in self.rig.orders():
            self.orders.update(message)
            asked = fields(message)
            ref, quantity = asked["user_ref_num"], asked["quantity"]
            if message[:1] == b"O":
                answer = accepted(ref, quantity, asked["price"])
            elif message[:1] == b"U":
                answer = replaced(asked["orig_user_ref_num"], ref, quantity, asked["price"])
            else:
                answer = canceled(ref, self.open[ref] - quantity)
            self.open[ref] = quantity
            self.rig.venue(answer, after_ns=0)

    def close(self) -> None:
        self.rig.close()

    def result(self, receiving: Receiving) -> Result:
        return Result(receiving.count, receiving.digest.hexdigest(), self.rig.engine.digests(),
                      self.orders.hexdigest(), self.rig.counters())


# ---- the rows ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A backend in one mode, and which of the frames sent its medium shows, and as what."""

    case: Case
    shows: Callable[[bytes], bytes | None]
    # Takes what the backend itself makes up out of a received frame, before it is digested.
    plain: Callable[[bytes], bytes] = lambda frame: frame
    # Which frames not shown the receiver counts as rx_missed.
    misses: Callable[[bytes], bool] = lambda frame: False


def _ordinary(case: Case) -> Row:
    return Row(case, _shows(case.carries))


@cache
def _shows(carries: Callable[[bytes], bool]) -> Callable[[bytes], bytes | None]:
    return lambda frame: frame if carries(frame) else None


def _rebuilt(frame: bytes) -> bytes:
    """A received frame with the headers that through_the_kernel gives it."""
    seen = net.parse_udp(frame, True)
    assert (str(seen.source_address), seen.source_port) == (SOURCE, SOURCE_PORT)
    return build(seen.payload, str(seen.destination_address), seen.destination_port)


def _udp(path: Path) -> Pair:
    """A packet socket sends everything; the kernel of another namespace hands on datagrams."""
    near, far = PrivateNetwork(), PrivateNetwork()
    with near, far:
        near.veth("left", "right")
        thread = far.call(lambda: os.readlink("/proc/thread-self"))
        handle = os.open(f"/proc/{thread}/ns/net", os.O_RDONLY)
        try:
            near.link("set", index=near.index("right"), net_ns_fd=handle)
        finally:
            os.close(handle)
        far.set("right", state="up")
        far.address("right", RECEIVER)
        sender = near.open_queue(f"afpacket:left,frame_bytes={FRAME_BYTES_MAX}")
        receiver = far.open_queue(f"udp:right,address={GROUP},port={PORT}")
    wait_for(lambda: sender.link == "up" == receiver.link)
    return Pair(sender, lambda: receiver, live=True, settle_s=AFPACKET_SETTLE_S)


def _afxdp_steered(mode: str) -> Case:
    """As the appliance opens it: the feed alone is taken out of the kernel's way."""

    def opened(path: Path) -> Pair:
        with PrivateNetwork() as network:
            network.veth("left", "right")
            sender = network.open_queue(f"afpacket:left,frame_bytes={FRAME_BYTES_MAX}")
            receiver = network.open_queue(f"afxdp:right,mode={mode},steer={GROUP}:{PORT}")
        wait_for(lambda: sender.link == "up" == receiver.link)
        return Pair(sender, lambda: receiver, live=True, settle_s=AFXDP_SETTLE_S)

    return Case(f"afxdp-{mode}-steered", opened, keeps_timestamps=False, holds_up=False,
                skip=no_private_network)


def _dpdk_filtered(path: Path) -> Pair:
    """A device without rules: the queue itself looks at every frame."""
    server, client = memif_ends(f"(steer={GROUP}:{PORT})")
    return Pair(client, lambda: server, live=True)


def _share_hears(path: Path) -> Pair:
    """One member alone: what it does not hear is nobody's, and counted."""
    name = f"memory:{unique('hears')}"
    receiver = open_queue(f"share(hears={GROUP}:{PORT}):{name}")
    return Pair(open_queue(name), lambda: receiver, live=True)


SHARE_HEARS = Case("share-hears", _share_hears)
UDP = Case("udp", _udp, keeps_timestamps=False, holds_up=False, skip=no_private_network)
DPDK_FILTERED = Case("dpdk-memif-filtered", _dpdk_filtered, keeps_timestamps=False, skip=missing)
MEMORY = CASES[0]
ROWS = [
    *map(_ordinary, (*CASES, *NETMAP_CASES, *DPDK_CASES)),
    *(Row(_afxdp_steered(mode), steered) for mode in ("skb", "copy")),
    Row(DPDK_FILTERED, filtered),
    Row(SHARE_HEARS, heard, misses=lambda frame: heard(frame) is None),
    Row(UDP, through_the_kernel, _rebuilt, counted_by_the_socket),
]


# ---- a run ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What a row did: the result, what it should have been, and what is counted as lost."""

    by: str  # backends and modes
    sent: int
    result: Result
    expected: Result
    losses: dict[str, int]
    expected_losses: dict[str, int]

    @property
    def equal(self) -> bool:
        return (self.result, self.losses) == (self.expected, self.expected_losses)


@cache
def frames(count: int) -> tuple[bytes, ...]:
    return tuple(datagrams(count))


@cache
def expected(count: int, shows: Callable[[bytes], bytes | None]) -> Result:
    """The result of what a medium shows, through `memory`."""
    shown = [seen for frame in frames(count) if (seen := shows(frame)) is not None]
    return _moved(_ordinary(MEMORY), Path(), shown, len(shown))[0]


def way(ends: Iterable[tuple[str, str]]) -> str:
    """Backend and mode of both ends, once where they are the same."""
    return " to ".join(dict.fromkeys(f"`{backend}` `{mode}`" for backend, mode in ends))


def _moved(row: Row, path: Path, datas: Sequence[bytes], wanted: int) -> tuple[Result, list[Any]]:
    """The result, by which backends and modes, and the receiving one's losses."""
    with closing(Appliance()) as appliance:

        def each(data: bytes, flags: int) -> bytes:
            appliance.frame(data, flags)
            return row.plain(data)

        for pair in pairs(row.case, path):
            sending, live = Sending(pair.sender, list(datas)), row.case.live
            ends = [(pair.sender.wrapped, pair.sender.mode)]
            receiving = Receiving(pair.receiver, each) if live else None
            quiet_at = time.monotonic() + QUIET_S
            while sending.at < len(datas) and time.monotonic() < quiet_at:
                before = sending.at
                sending.step()
                came = receiving.step() if receiving else 0
                if came or sending.at > before:
                    quiet_at = time.monotonic() + QUIET_S
            receiving = receiving or Receiving(pair.receiver, each)
            # Beyond what is wanted, too: a frame too many is no less wrong.
            while time.monotonic() < quiet_at:
                if receiving.step():
                    quiet_at = time.monotonic() + QUIET_S
                elif receiving.count >= wanted:
                    pair.settle()
                    quiet_at = min(quiet_at, time.monotonic() + BEYOND_S)
            queue = pair.receiver
            Hot(queue).service(SOON_NS)
            counts = queue.stats()
            ends.append((queue.wrapped, queue.mode))
            losses = {name: counts[name] for name in LOSSES if counts.get(name)}
            losses |= {"not sent": len(datas) - sending.at} if sending.at < len(datas) else {}
            return appliance.result(receiving), [way(ends), losses]
    raise AssertionError


def run(row: Row, path: Path, count: int = COUNT) -> Run:
    """The whole of one row, and what `memory` makes of the same."""
    wanted = expected(count, row.shows)
    result, (by, losses) = _moved(row, path, frames(count), wanted.received)
    missed = sum(map(row.misses, frames(count)))
    lost = {"rx_missed": missed} if missed else {}
    return Run(by, count, result, wanted, losses, lost)
