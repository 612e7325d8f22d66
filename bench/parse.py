"""Memory queue between two processes to validated and walked MoldUDP64."""

from __future__ import annotations

import multiprocessing
import os

from bench import kernels
from bench.rows import Row
from bench.settings import Settings, first_core, last_core
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core
from itch_ouch.layers import ITCHOrderDelete, MoldUDP64

FLOOD_S = 2.0


def sample_frame() -> bytes:
    """A datagram of one Order Delete: the shortest that a busy feed is full of."""
    from scapy.all import IP, UDP, Ether

    # Both addresses named: scapy would ask the network for a missing one.
    ethernet = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    message = ITCHOrderDelete(stock_locate=1, order_reference_number=1)
    mold = MoldUDP64(session=b"BENCH00001", sequence_number=1, messages=[message])
    return bytes(ethernet / IP(src="10.0.0.1", dst="233.54.12.111") / UDP(sport=1, dport=26477)
                 / mold)


def _flood_child(name: str, frame: bytes) -> None:
    pin_to_core(first_core())
    clock = Clock()
    with open_queue(name) as queue:
        kernels.flood(queue.address, clock.address, frame, FLOOD_S)


def parse(_: Settings) -> list[Row]:
    name = f"memory:bench-{os.getpid()},slots=4096"
    child = multiprocessing.get_context("spawn").Process(
        target=_flood_child, args=(name, sample_frame()))
    clock = Clock()
    with open_queue(name) as queue:
        child.start()
        pin_to_core(last_core())
        packets, messages, ns = kernels.drain(queue.address, clock.address, FLOOD_S + 1.5)
    child.join()
    if not packets or packets != messages:
        raise SystemExit(f"parse went wrong: {packets} packets, {messages} messages")
    return [Row("memory queue to parsed MoldUDP64", "M packets/s", packets / ns * 1e3, ">= 5",
                better="higher")]
