"""A session of an appliance in one process, recorded: memory queues, a tile, and a small venue.

The venue answers every order from the other end of the order queue: it accepts, executes every
third order it accepted, replaces and cancels. Nothing here is timed: the tile runs for a moment,
the venue answers, the feed goes on.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from appliance.config import Config, from_text, with_strategy
from appliance.core.engine import Engine
from appliance.core.strategies import make_strategy
from appliance.journal.writer import write_journal
from appliance.state import Kill, Layout, State
from appliance.tile import Tile
from dpdk_bindings import Queue, open_queue
from dpdk_bindings.env import Clock, Ring
from feed_sim.generator import Generator
from itch_ouch import mold, net
from itch_ouch.dtypes import WIRE

RING_BYTES = 32 << 20
TURN_NS = 1_000_000
VENUE_SESSION = b"VENUE00001"
FEED_SESSION = b"FEED000001"
_numbers = itertools.count()

CONFIG = """
[feed]
line_b = "memory:unused"
gap_wait_us = 2000
[tables]
orders = 65536
levels = 16384
reorder_messages = 1024
own_orders = 4096
[strategy]
name = "quote"
rest_us = 1
imbalance_thousandths = 100
spread_ticks = 5
[risk]
collar_ppm = 1000000
"""
# The same for docs/examples/strategies/cross.py.
FILE_SETTINGS = {"threshold": 100, "spread_min": 500, "rest_ns": 1000}


def unique(what: str) -> str:
    """A name that no other test uses at the same time."""
    return f"test-{what}-{os.getpid()}-{next(_numbers)}"


def config_of(strategy: str = "quote", record: str = "all") -> Config:
    config = from_text(CONFIG, "test")
    if strategy.endswith(".py"):
        config = with_strategy(config, strategy, Path())
        section = msgspec.structs.replace(config.strategy, settings=FILE_SETTINGS)
    else:
        section = msgspec.structs.replace(config.strategy, name=strategy)
    journal = msgspec.structs.replace(config.journal, record=record)
    return msgspec.structs.replace(config, strategy=section, journal=journal)


def make_state(ring_bytes: int = RING_BYTES) -> State:
    state = State.create(unique("state"), Layout(65_536, 16, ring_bytes))
    Ring(state.address + int(state.header["journal_offset"]), ring_bytes)
    return state


def itch_messages(count: int, symbols: int, seed: int) -> Iterator[bytes]:
    generator = Generator(count, symbols, seed, 2_000)
    while generator.step():
        framed = bytes(generator.framed())
        at = 0
        while at < len(framed):
            length = int.from_bytes(framed[at : at + 2], "big")
            yield framed[at + 2 : at + 2 + length]
            at += 2 + length


def ouch(name: str, letter: bytes, tail: bytes = b"", **fields: Any) -> bytes:
    """An answer of the venue from the wire's own dtype."""
    import numpy as np

    row = np.zeros((), WIRE[f"ouch_{name}"])
    row["message_type"] = letter
    for key, value in fields.items():
        row[key] = value
    return row.tobytes() + tail


class Venue:
    """Answers OUCH over MoldUDP64 on the other end of the order queue."""

    def __init__(self, queue: Queue, config: Config) -> None:
        self.queue, self.orders = queue, config.orders
        self.sequence = 1
        self.expected = 1
        self.accepted = 0
        self.received: list[bytes] = []

    def answer(self) -> None:
        answers: list[bytes] = []
        for frame in self.queue.receive(256):
            packet = mold.parse(net.parse_udp(frame).payload)
            for number, message in enumerate(packet.messages, packet.sequence_number):
                if number == self.expected:  # a resend is not an order
                    self.expected += 1
                    self.received.append(bytes(message))
                    answers += self._answers(bytes(message))
        for at in range(0, len(answers), 12):
            self._send(answers[at : at + 12])

    def _send(self, answers: list[bytes]) -> None:
        payload = mold.build(VENUE_SESSION, self.sequence, answers)
        self.sequence += len(answers)
        self.queue.send([
            net.build_udp(
                payload, source_mac=b"\2\0\0\0\0\1", destination_mac=b"\2\0\0\0\0\2",
                source_address=self.orders.venue_address, destination_address=self.orders.address,
                source_port=self.orders.venue_port, destination_port=self.orders.port,
            )
        ])

    def _answers(self, message: bytes) -> list[bytes]:
        import numpy as np

        kind = message[:1]
        if kind == b"Q":
            return [ouch("account_query_response", b"Q", next_user_ref_num=1)]
        if kind == b"O":
            order = np.frombuffer(message, WIRE["ouch_enter_order"], 1)[0]
            return self._accept(order, ouch(
                "order_accepted", b"A", user_ref_num=order["user_ref_num"], side=order["side"],
                quantity=order["quantity"], symbol=order["symbol"], price=order["price"],
                time_in_force=order["time_in_force"], order_state=b"L",
            ))
        if kind == b"U":
            order = np.frombuffer(message, WIRE["ouch_replace_order"], 1)[0]
            return self._accept(order, ouch(
                "order_replaced", b"U", orig_user_ref_num=order["orig_user_ref_num"],
                user_ref_num=order["user_ref_num"], quantity=order["quantity"],
                price=order["price"], order_state=b"L",
            ))
        if kind == b"X":
            order = np.frombuffer(message + b"\0\0", WIRE["ouch_cancel_order"], 1)[0]
            return [ouch("order_canceled", b"C", user_ref_num=order["user_ref_num"],
                         quantity=100, reason=b"U")]
        return []

    def _accept(self, order: Any, answer: bytes) -> list[bytes]:
        self.accepted += 1
        if self.accepted % 3:
            return [answer]
        return [answer, ouch("order_executed", b"E", user_ref_num=order["user_ref_num"],
                             quantity=order["quantity"], price=order["price"],
                             liquidity_flag=b"A", match_number=self.accepted)]


class Feed:
    """Sends messages on both lines, a datagram of a few at a time, and may lose some of one."""

    def __init__(self, a: Queue, b: Queue, config: Config) -> None:
        self.lines = ((a, config.feed.address_a, config.feed.port_a),
                      (b, config.feed.address_b, config.feed.port_b))
        self.sequence = 1
        self.datagrams = 0

    def send(self, messages: list[bytes]) -> None:
        payload = mold.build(FEED_SESSION, self.sequence, messages)
        self.sequence += len(messages)
        self.datagrams += 1
        for line, (queue, address, port) in enumerate(self.lines):
            if self.datagrams % 7 == 3 * line:  # never both lines of one datagram
                continue
            queue.send([
                net.build_udp(
                    payload, source_mac=b"\2\0\0\0\0\3", destination_mac=net.group_mac(address),
                    source_address="10.77.0.9", destination_address=address,
                    source_port=port, destination_port=port,
                )
            ])


class Session:
    """Everything of one recorded run. ``play`` it, then ``write`` the journal."""

    def __init__(self, stack: ExitStack, config: Config) -> None:
        self.config = config
        self.state = make_state()
        stack.callback(self.state.close)
        ends: dict[str, list[Queue]] = {}
        for role in ("feed_a", "feed_b", "orders"):
            name = unique(role)
            ends[role] = [stack.enter_context(open_queue(f"memory:{name}")) for _ in range(2)]
        self.clock = Clock()
        engine = Engine(config, self.state, make_strategy(config.strategy), populate=False)
        self.engine = engine
        self.tile = Tile(engine, {role: pair[0] for role, pair in ends.items()}, self.clock)
        ring = self.state.address + int(self.state.header["journal_offset"])
        self.tile.record_to(ring, config.journal.record == "all")
        self.venue = Venue(ends["orders"][1], config)
        self.feed = Feed(ends["feed_a"][1], ends["feed_b"][1], config)
        self.state.header["start_ns"] = self.clock.now()

    def turn(self) -> None:
        self.tile.run(self.clock.now() + TURN_NS)
        self.venue.answer()

    def play(self, messages: list[bytes], kill_at: int | None = None) -> None:
        self.turn()
        for at in range(0, len(messages), 9):
            self.feed.send(messages[at : at + 9])
            if kill_at is not None and at // 9 == kill_at:
                self.state.kill(Kill.OPERATOR, "test")
            if at // 9 % 4 == 0:
                self.turn()
        for _ in range(3):
            self.turn()
        self.state.header["loop_done"] = 1

    def write(self, path: Path) -> int:
        return write_journal(self.state, path, self.config.to_json())


def record(path: Path, count: int = 4_000, seed: int = 1, strategy: str = "quote",
           kill_at: int | None = None, record: str = "all") -> dict[str, Any]:
    """Records a session into ``path``; what it came to."""
    with ExitStack() as stack:
        session = Session(stack, config_of(strategy, record))
        session.play(list(itch_messages(count, 5, seed)), kill_at)
        assert session.write(path) == 0
        session.engine.publish()
        return {
            "orders": session.engine.orders_from(1),
            "received": session.venue.received,
            "digests": session.engine.digests(),
            "counters": session.state.counter_map(),
        }
