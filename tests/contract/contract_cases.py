"""The matrix: one row a backend. A new backend slots in by a row at the end of CASES.

A row tells how to open a pair of ends of which one sends and the other receives, and what the
backend promises beyond the contract. Everything in test_contract.py runs for every row.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contract_driver import BURST_MAX, Hot
from private_network import PrivateNetwork

from dpdk_bindings import Queue, open_queue
from dpdk_bindings.errors import PioError


def unique(name: str) -> str:
    """A segment name that no other test run has."""
    return f"test-{name}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


class Pair:
    """Two ends. ``receiver`` of a pair that is not live ends the sending for good."""

    def __init__(
        self,
        sender: Queue,
        open_receiver: Callable[[], Queue],
        live: bool,
        settle_s: float = 0.0,
    ) -> None:
        self.sender = sender
        self._settle_s = settle_s
        self.sent_stats: dict[str, int] = {}
        self._live = live
        self._open_receiver = open_receiver
        self._receiver: Queue | None = open_receiver() if live else None

    @property
    def receiver(self) -> Queue:
        if self._receiver is None:
            self.sent_stats = self.sender.stats()
            self.sender.close()
            self._receiver = self._open_receiver()
        return self._receiver

    def stats(self) -> tuple[dict[str, int], dict[str, int]]:
        """The sender's and the receiver's counters."""
        received = self.receiver.stats()
        return (self.sender.stats() if self._live else self.sent_stats), received

    def settle(self) -> None:
        """Waits for as long as the medium may keep what was sent."""
        time.sleep(self._settle_s)

    def pump(self, frames: list[bytes]) -> list[bytes]:
        """Sends all frames and returns what arrived, with as many rounds as it takes."""
        sender, arrived, at = Hot(self.sender), [], 0
        for _ in range(100 * (len(frames) + BURST_MAX)):
            if at == len(frames):
                break
            at += sender.send(frames[at : at + BURST_MAX])
            sender.service()
            if self._live:
                Hot(self.receiver).service()
                arrived += Hot(self.receiver).take()
        assert at == len(frames), "the queue stopped taking frames"
        receiver, idle, now_ns = Hot(self.receiver), 0, 1
        while idle < 3:  # by then whatever is held back by time has come out
            now_ns += 10**9
            self.settle()
            receiver.service(now_ns)
            burst = receiver.take()
            arrived += burst
            idle = 0 if burst else idle + 1
        return arrived

    def close(self) -> None:
        self.sender.close()
        if self._receiver is not None:
            self._receiver.close()


@dataclass(frozen=True)
class Case:
    """One backend in one configuration."""

    name: str
    open: Callable[[Path], Pair]
    live: bool = True  # both ends are open at once, so that a full ring can be had
    keeps_timestamps: bool = True
    # A receiver that does not keep up stops the sender; else the medium loses frames by count.
    holds_up: bool = True
    # Sends may be refused or cut short at random: what one burst takes cannot be foretold.
    short_sends: bool = False
    # What the medium itself does not carry, whoever sends it.
    carries: Callable[[bytes], bool] = lambda frame: True
    # "" or why it cannot run here, asked when the test runs.
    skip: Callable[[], str] = lambda: ""


def memory_pair(options: str = "", wrap: str = "") -> Callable[[Path], Pair]:
    def opened(path: Path) -> Pair:
        name = f"{wrap}memory:{unique('contract')}{options}"
        return Pair(open_queue(name), lambda: open_queue(name), live=True)

    return opened


def _host(wrap: str = "", inner: str = "") -> Callable[[Path], Pair]:
    """A station on each end; each announces itself to the other."""

    def opened(path: Path) -> Pair:
        link = f"{inner}memory:{unique('contract')}"
        left, right = (
            f"{wrap}host(address=10.77.1.{n}/24,mac=02:00:00:00:00:0{n},groups=233.54.12.111)"
            for n in (1, 2)
        )
        return Pair(
            open_queue(f"{left}:{link}"), lambda: open_queue(f"{right}:{link}"), live=True
        )

    return opened


def _share(inner: str = "") -> Callable[[Path], Pair]:
    """Both ends are shared, by one each; told apart by their names: they are one process's."""

    def opened(path: Path) -> Pair:
        link = f"{inner}memory:{unique('contract')}"
        return Pair(open_queue(f"share:{link}"), lambda: open_queue(f"share():{link},slots=4096"),
                    live=True)

    return opened


def _pcap(ending: str, wrap: str = "") -> Callable[[Path], Pair]:
    def opened(path: Path) -> Pair:
        file = path / f"frames{ending}"
        sender = open_queue(f"{wrap}pcap:,out={file}")
        return Pair(sender, lambda: open_queue(f"{wrap}pcap:{file}"), live=False)

    return opened


# TPACKET_V3 keeps frames for its timer's millisecond, and for up to 8 on a kernel of 250 Hz.
AFPACKET_SETTLE_S = 0.01


def _afpacket(version: int) -> Callable[[Path], Pair]:
    def opened(path: Path) -> Pair:
        with PrivateNetwork() as network:  # its queues keep it alive
            network.veth("left", "right", mtu=2048 - 14)
            left, right = (
                network.open_queue(f"afpacket:{end},version={version},frame_bytes=2048")
                for end in ("left", "right")
            )
        return Pair(left, lambda: right, live=True, settle_s=AFPACKET_SETTLE_S)

    return opened


# Native veth hands frames to its receiver from a softirq, which may have to wait for its turn.
AFXDP_SETTLE_S = 0.01


def _afxdp(mode: str, options: str = "", wrap: str = "") -> Callable[[Path], Pair]:
    def opened(path: Path) -> Pair:
        with PrivateNetwork() as network:  # its queues keep it alive
            network.veth("left", "right", mtu=1792 - 14)
            left, right = (
                network.open_queue(
                    f"{wrap}afxdp:{end},steer=all,mode={mode},frame_bytes=1792{options}"
                )
                for end in ("left", "right")
            )
        return Pair(left, lambda: right, live=True, settle_s=AFXDP_SETTLE_S)

    return opened


def no_hardware_times() -> str:
    if reason := no_private_network():
        return reason
    with PrivateNetwork() as network:
        network.veth("left", "right")
        try:
            network.open_queue("afxdp:left,steer=all,hardware_timestamps=1").close()
        except PioError as error:
            return str(error)
    return ""


def no_private_network() -> str:
    try:
        PrivateNetwork().close()
    except OSError as error:
        return f"a private network namespace needs CAP_SYS_ADMIN: {error}"
    return ""


def _afpacket_case(version: int) -> Case:
    return Case(
        f"afpacket-v{version}",
        _afpacket(version),
        keeps_timestamps=False,
        holds_up=False,
        skip=no_private_network,
    )


def _afxdp_case(
    name: str,
    mode: str,
    options: str = "",
    wrap: str = "",
    skip: Callable[[], str] = no_private_network,
) -> Case:
    return Case(
        name, _afxdp(mode, options, wrap), keeps_timestamps=False, holds_up=False, skip=skip
    )


CASES = [
    Case("memory", memory_pair()),
    Case("memory-small", memory_pair(",slots=64,frame_bytes=1536")),
    Case("pcap", _pcap(".pcap"), live=False),
    Case("pcapng", _pcap(".pcapng"), live=False),
    Case("fault-none", memory_pair(",slots=256", wrap="fault:")),
    Case("fault-pcap", _pcap(".pcap", wrap="fault:"), live=False),
    Case("fault-short", memory_pair(wrap="fault(short_send=0.5,seed=3):"), short_sends=True),
    Case("host-memory", _host()),
    Case("host-fault", _host(inner="fault:")),
    Case("fault-host", _host(wrap="fault:")),
    Case("share-memory", _share()),
    Case("share-fault", _share(inner="fault:")),
    _afpacket_case(2),
    _afpacket_case(3),
    _afxdp_case("afxdp-skb", "skb"),
    _afxdp_case("afxdp-copy", "copy"),
    _afxdp_case("afxdp-small", "copy", ",rx_slots=128,tx_slots=64,busy_poll_us=20"),
    _afxdp_case("afxdp-card-times", "copy", ",hardware_timestamps=1", skip=no_hardware_times),
    _afxdp_case("fault-afxdp", "copy", wrap="fault:"),
    _afxdp_case("share-afxdp-skb", "skb", wrap="share:"),
    _afxdp_case("share-afxdp-copy", "copy", wrap="share:"),
]


def pairs(case: Case, path: Path) -> Iterator[Pair]:
    pair = case.open(path)
    try:
        yield pair
    finally:
        pair.close()
