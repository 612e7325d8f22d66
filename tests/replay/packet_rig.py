"""A tile on a bench: packets in by scapy, packets out for scapy, one at a time.

Speaks as packet tests do: ``rig.feed(...)`` and ``rig.venue(...)`` put one packet on a wire and
let the loop run for a moment; ``rig.sent()`` is what came out; nothing captured is an empty list.
When a test fails, everything that crossed the wires is in ``packets.pcap`` of its folder.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

from appliance.config import Config, from_text
from appliance.core.engine import Engine
from appliance.core.strategies import make_strategy
from appliance.state import Layout, State
from appliance.tile import Tile
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock
from itch_ouch.layers import MoldUDP64

RUN_NS = 300_000  # some thousand turns of the loop: more than any packet needs
VENUE_SESSION = b"VENUE00001"
FEED_SESSION = b"FEED000001"
_count = itertools.count()


class Rig:
    """Engine, tile and the far ends of its queues."""

    def __init__(self, toml: str, folder: Path, populate: bool = False) -> None:
        self.config: Config = from_text(
            '[tables]\norders=1024\nlevels=1024\nreorder_messages=64\nown_orders=4096\n'
            '[orders]\nsession="CLIENT0001"\n' + toml, "rig")
        tag = f"rig-{os.getpid()}-{next(_count)}"
        self._stack = contextlib.ExitStack()
        self.folder = folder
        self.state = State.create(tag, Layout(65536, 64, 4096))
        self._stack.callback(self.state.close)
        names = {role: f"memory:{tag}-{role},slots=64" for role in ("feed_a", "feed_b", "orders")}
        near = {role: self._stack.enter_context(open_queue(name)) for role, name in names.items()}
        self.far = {r: self._stack.enter_context(open_queue(n)) for r, n in names.items()}
        self.clock = Clock()
        self.engine = Engine(self.config, self.state, make_strategy(self.config.strategy),
                             populate=populate)
        self.tile = Tile(self.engine, near, self.clock)
        self.crossed: list[Packet] = []
        self.feed_next = 1
        self.venue_next = 1

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is not None:
            wrpcap(str(self.folder / "packets.pcap"), self.crossed)
        self._stack.close()

    def run(self) -> None:
        self.tile.run(self.clock.now() + RUN_NS)

    def put(self, role: str, packet: Packet) -> None:
        """Puts a packet on a wire without running the loop."""
        self.crossed.append(packet)
        assert self.far[role].send([bytes(packet)]) == 1

    def feed(self, *messages: Packet, line: str = "a", sequence: int | None = None) -> None:
        """One datagram of the feed; ``sequence`` as given, or the next."""
        self.queue_feed(*messages, line=line, sequence=sequence)
        self.run()

    def queue_feed(self, *messages: Packet, line: str = "a", sequence: int | None = None) -> None:
        """As :meth:`feed`, without running the loop."""
        first = self.feed_next if sequence is None else sequence
        self.feed_next = max(self.feed_next, first + len(messages))
        address = self.config.feed.address_a if line == "a" else self.config.feed.address_b
        self.put(f"feed_{line}", Ether(dst="01:00:5e:36:0c:6f", src="02:00:00:00:00:01")
                  / IP(src="206.200.127.138", dst=address) / UDP(sport=1, dport=26477)
                  / MoldUDP64(session=FEED_SESSION, sequence_number=first,
                              messages=list(messages)))

    def venue(self, *messages: Packet) -> None:
        """One datagram of the venue's answers."""
        orders = self.config.orders
        self.put("orders", Ether(dst=orders.mac, src=orders.venue_mac)
                  / IP(src=orders.venue_address, dst=orders.address)
                  / UDP(sport=orders.venue_port, dport=orders.port)
                  / MoldUDP64(session=VENUE_SESSION, sequence_number=self.venue_next,
                              messages=list(messages)))
        self.venue_next += len(messages)
        self.run()

    def sent(self) -> list[bytes]:
        """Frames that came out of the order queue since the last call."""
        frames = self.far["orders"].receive(64)
        self.crossed += [Ether(frame) for frame in frames]
        return frames

    def expected(self, sequence: int, *messages: Packet) -> bytes:
        """The frame that scapy makes of our messages, checksums and all."""
        orders = self.config.orders
        return bytes(Ether(dst=orders.venue_mac, src=orders.mac)
                     / IP(src=orders.address, dst=orders.venue_address, ttl=64, id=0, flags="DF")
                     / UDP(sport=orders.port, dport=orders.venue_port)
                     / MoldUDP64(session=b"CLIENT0001", sequence_number=sequence,
                                 messages=list(messages)))

    def counts(self) -> dict[str, Any]:
        self.engine.publish()
        return {name: value for name, value in self.state.counter_map().items() if value}
