"""A millisecond of 10 GbE full of ITCH into the running appliance: what is lost, and how long the
books are behind.

The appliance is its own loop (``Tile``) on the last core. The sender is a thread on the first core:
it has the datagrams packed, and puts each into the loop's memory queue when its last message would
have come in at 31 million messages/s; what finds no room is gone, as on a wire. Both see each other
through that queue and through the appliance's counters alone. A sender that the machine interrupts
is late, and its burst is not the one asked for: the figures are of those that took no longer than
LATE times the millisecond, whatever became of them (of all, when there is none such), and the table
says how many they are, and what rate they reached.

The arithmetic: while n messages come in the time t, of which the loop takes c each, n c - t of work
is left at the burst's end; that long after it the books are current again. c is measured on bursts
that lie in the ring as a whole before the loop first looks, which is also the worst case of a loop
that was held up for a millisecond. A datagram's own n c is the least, for it is applied whole.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from appliance.config import from_text
from appliance.core.engine import Engine
from appliance.files import file_engine
from appliance.replay import ItchReplay
from appliance.state import State
from appliance.tile import Tile
from bench import kernels_burst as kernels
from bench.book import mapped
from bench.rows import Row
from bench.settings import Absent, Settings, first_core, last_core
from bench.workload import day_file
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core

BURST_MESSAGES = 31_000
PER_SECOND = 31e6
# A burst is at most 700 datagrams (44 messages or more each): the ring holds a whole one, and a
# loop that is held up for all of it has lost nothing.
SLOTS = 1024
BURSTS_IN_TIME, BURSTS_AT_ONCE = 60, 20
LATE = 1.05
SHARE_A_BURST = 200  # of a short day, at most
SHARE_BEFORE = 0.4  # of the day, by when the orders that live are at their height
DATAGRAM_MESSAGES_MIN = 27  # of 52 bytes, the longest, in 1,472
LEAD_NS = 500_000  # the loop is running by then


@dataclass
class Burst:
    """What came of one: ns."""

    messages: int
    datagrams: int
    sending: int  # from the burst's first instant to its last datagram's
    behind: int  # from there until the books were current


class Rig:
    """An appliance, and the datagrams of a day behind its first messages."""

    def __init__(self, engine: Engine, state: State, settings: Settings, stack: ExitStack) -> None:
        name = f"memory:burst-{os.getpid()}"
        self.feed = stack.enter_context(open_queue(f"{name}-a,slots={SLOTS}"))
        self.sender = stack.enter_context(open_queue(f"{name}-a,slots={SLOTS}"))
        orders = stack.enter_context(open_queue(f"{name}-o,slots=64"))
        self.pool = stack.enter_context(ThreadPoolExecutor(1))
        self.clock, self.engine, self.state = Clock(), engine, state
        self.tile = Tile(engine, {"feed_a": self.feed, "orders": orders}, self.clock)
        self.day = mapped(day_file(settings))
        self.messages = min(BURST_MESSAGES, settings.messages // SHARE_A_BURST)
        self.refused = 0
        self._begin(int(settings.messages * SHARE_BEFORE))
        self.at = 0
        self.pool.submit(pin_to_core, first_core()).result()
        pin_to_core(last_core())

    def _begin(self, messages: int) -> None:
        """The books' state before the first burst, and the datagrams of all bursts."""
        replay = ItchReplay(self.engine, self.day)
        while replay.messages < messages:
            replay.run(1)
        most = (BURSTS_IN_TIME + BURSTS_AT_ONCE) * (self.messages // DATAGRAM_MESSAGES_MIN + 1)
        self.frames = np.zeros(most * kernels.FRAME_BYTES, np.uint8)
        self.lengths, self.ends = np.zeros(most, np.uint32), np.zeros(most, np.uint64)
        self.count = kernels.pack(self.engine, self.day[replay.offset :], replay.messages + 1,
                                  self.frames, self.lengths, self.ends)

    def _next(self) -> tuple[int, int, int]:
        """The next burst: its first datagram, how many, and how many messages they are."""
        before = self.state.counter("feed_messages") + 1
        stop = int(np.searchsorted(self.ends[: self.count], before + self.messages)) + 1
        first, self.at = self.at, stop
        return first, stop - first, int(self.ends[stop - 1]) - before

    def _send(self, first: int, count: int, start_ns: int, ns_per_message: float) -> int:
        last, refused = kernels.send(self.sender.address, self.clock.address, self.frames,
                                     self.lengths, self.ends, first, count, start_ns,
                                     ns_per_message)
        self.refused += refused
        return last

    def _await(self, messages: int) -> int:
        """When the loop had applied them; it leaves then."""
        done = kernels.applied(self.engine, messages, self.clock.address)
        self.state.header["stop"] = 1
        return done

    def in_time(self) -> Burst:
        """A burst at PER_SECOND into the running loop."""
        first, count, number = self._next()
        wanted = self.state.counter("feed_messages") + number
        start = self.clock.now() + LEAD_NS

        def work() -> tuple[int, int]:
            last = self._send(first, count, start, 1e9 / PER_SECOND)
            return last, self._await(wanted)

        self.state.header["stop"] = 0
        sent = self.pool.submit(work)
        self.tile.run()
        last, done = sent.result()
        return self._burst(number, count, last - start, done - last, done)

    def at_once(self) -> Burst:
        """A burst that lies in the ring before the loop runs."""
        first, count, number = self._next()
        wanted = self.state.counter("feed_messages") + number
        self.pool.submit(self._send, first, count, self.clock.now(), 0.0).result()
        self.state.header["stop"] = 0
        waited = self.pool.submit(self._await, wanted)
        start = self.clock.now()
        self.tile.run()
        done = waited.result()
        return self._burst(number, count, 0, done - start, done)

    def _burst(self, messages: int, datagrams: int, sending: int, behind: int,
               done: int) -> Burst:
        if not done:
            raise SystemExit(f"a burst of {messages} messages was not applied: "
                             f"{self.refused} datagrams found no room")
        return Burst(messages, datagrams, sending, max(0, behind))

    def check(self) -> int:
        """What was lost, by all who count it; the books must be those of a day without bursts."""
        lost = {"datagrams without room": self.refused,
                "rx_missed": self.feed.stats()["rx_missed"],
                "tx_full": self.sender.stats()["tx_full"]}
        lost |= {name: self.state.counter(name) for name in
                 ("feed_lost", "feed_gaps_a", "book_missing_reference", "book_orders_full")}
        with file_engine(from_text("", "defaults")) as (engine, state):
            replay, applied = ItchReplay(engine, self.day), self.state.counter("feed_messages")
            while state.counter("feed_messages") < applied:
                replay.run(1)
            if engine.digests() != self.engine.digests():
                raise SystemExit(f"the books are not the sender's; lost: {lost}")
        return sum(lost.values())


@contextmanager
def _rig(settings: Settings) -> Iterator[Rig]:
    with file_engine(from_text("", "defaults")) as (engine, state), ExitStack() as stack:
        yield Rig(engine, state, settings, stack)


def burst(settings: Settings) -> list[Row]:
    """Bursts in time and at once, in turns of three and one."""
    if first_core() == last_core():
        raise Absent("sender and appliance need a core each; allow two, as in taskset -c 0,1")
    in_time: list[Burst] = []
    at_once: list[Burst] = []
    with _rig(settings) as rig:
        for number in range(BURSTS_IN_TIME + BURSTS_AT_ONCE):
            if number % (1 + BURSTS_IN_TIME // BURSTS_AT_ONCE):
                in_time.append(rig.in_time())
            else:
                at_once.append(rig.at_once())
        lost = rig.check()
    cost = statistics.median(one.behind / one.messages for one in at_once)
    return rows(cost, in_time, at_once, lost)


def rows(cost: float, sent: list[Burst], at_once: list[Burst], lost: int) -> list[Row]:
    """What is printed, of the cost of a message, all bursts and what was lost of them."""
    in_time = [one for one in sent if one.sending <= LATE * one.messages * 1e9 / PER_SECOND]
    chosen = in_time or sent
    least = cost * statistics.median(one.messages / one.datagrams for one in chosen)
    expected = [max(least, one.messages * cost - one.sending) / 1e3 for one in chosen]
    behind = [one.behind / 1e3 for one in chosen]
    worst = [one.behind / 1e3 for one in at_once]
    reached = statistics.median(one.messages / one.sending for one in chosen) * 1e3
    median = statistics.median(expected)
    return [
        Row("burst: lost, of all", "counted", lost, "0"),
        Row("burst: sent in time", "%", 100 * len(in_time) / len(sent), better=""),
        Row("burst: rate", "M messages/s", reached, "31", better="higher"),
        Row("burst: cost of a message in the ring", "ns", cost),
        Row("burst: behind at its end, by the arithmetic", "us", median, better=""),
        Row("burst: behind at its end, p50", "us", statistics.median(behind), f"<= {median:.0f}"),
        Row("burst: behind at its end, max", "us", max(behind), better=""),
        Row("burst: all at once, applied p50", "us", statistics.median(worst)),
        Row("burst: all at once, applied max", "us", max(worst), better=""),
    ]
