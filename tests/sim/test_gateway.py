"""The order gateway over a memory link: bytes in, bytes out, and the feed that follows."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from naive_book import NaiveBook
from ouch_client import (
    VENUE,
    Client,
    cancel,
    datagram,
    enter,
    option,
    packet,
    replace,
)

from dpdk_bindings import open_queue
from feed_sim.exchange.config import Config, Exchange, Feed, Flow, Orders
from feed_sim.exchange.venue import Venue

NAMES = itertools.count()
LOCATE = {"TESTA": 1, "TESTB": 2}


class Market:
    """A venue without background in a thread, a client, and the feed as line A carries it."""

    def __init__(self, summary: dict[str, Any], client: Client, feed: Any) -> None:
        self.summary, self.client, self.feed = summary, client, feed
        self.messages: list[bytes] = []

    def read_feed(self) -> None:
        while frames := self.feed.receive(64):
            for frame in frames:
                payload = frame[42:]
                sequence = int.from_bytes(payload[10:18], "big")
                count = int.from_bytes(payload[18:20], "big")
                offset = 20
                for number in range(sequence, sequence + (0 if count == 0xFFFF else count)):
                    length = int.from_bytes(payload[offset : offset + 2], "big")
                    assert number == len(self.messages) + 1
                    self.messages.append(payload[offset + 2 : offset + 2 + length])
                    offset += 2 + length

    def book(self) -> NaiveBook:
        """The book of what the feed said so far, or of all of it once the venue has ended."""
        if not self.summary:
            self.read_feed()
        book = NaiveBook()
        book.apply_all(self.messages)
        return book


@contextmanager
def market(**flow: int) -> Iterator[Market]:
    name = f"gw-{os.getpid()}-{next(NAMES)}"
    config = Config(
        exchange=Exchange(symbols=list(LOCATE), wait_s=5, quiet_ms=0, seconds=0, seed=3,
                          checkpoint_every=1),
        flow=Flow(messages_per_s=flow.get("rate", 0), live_orders=flow.get("live", 100)),
        feed=Feed(line_a=f"memory:{name}-a", line_b=""),
        orders=Orders(queue=f"memory:{name}-o"),
    )
    venue = Venue(config)
    summary: dict[str, Any] = {}
    stop = threading.Event()

    def run() -> None:
        summary.update(venue.run())
        stop.set()

    thread = threading.Thread(target=run)
    with open_queue(f"memory:{name}-o") as orders, open_queue(f"memory:{name}-a") as feed:
        client = Client(orders)
        thread.start()
        try:
            client.put(b"Q")
            client.wait(1)
            client.answers.clear()
            place = Market(summary, client, feed)
            yield place
        finally:
            if thread.is_alive():
                os.kill(os.getpid(), 15)
            assert stop.wait(1.0), "a signal must end the venue within a second"
            thread.join()
            client.take()
        place.read_feed()
    assert client.ended


def kinds(answers: list[dict[str, Any]]) -> str:
    return "".join(a["type"] for a in answers)


def test_an_order_rests_trades_and_shows_in_the_feed() -> None:
    with market() as m:
        m.client.put(enter(1, "B", 100, price=10_0000))
        m.client.put(enter(2, "S", 150, price=10_0000))
        answers = m.client.wait(4)
        assert kinds(answers) == "AAEE"
        accepted, _, resting, taking = answers
        assert accepted["reference"] == 1 and accepted["state"] == b"L"
        assert accepted["symbol"] == b"TESTA   " and accepted["price"] == 10_0000
        assert accepted["id"] == b"client order  " and accepted["capacity"] == b"P"
        assert (resting["number"], resting["liquidity"]) == (1, b"A")
        assert (taking["number"], taking["liquidity"]) == (2, b"R")
        assert resting["quantity"] == taking["quantity"] == 100
        assert resting["match"] == taking["match"] == 1 and resting["price"] == 10_0000
        book = m.book()
        assert book.orders == {2: [1, 1, 10_0000, 50]}
    assert m.summary["orders"]["executions"] == 2
    assert [x[:1] for x in m.messages[-3:]] == [b"S"] * 3
    assert b"".join(x[11:12] for x in m.messages[-3:]) == b"MEC"
    assert sum(m.summary["drops"].values()) == 0


def test_every_ending_has_its_reason() -> None:
    post_only = option(12, b"P")
    with market() as m:
        m.client.put(enter(1, "S", 100, price=10_0000))
        m.client.put(enter(2, "B", 300, price=10_0000, life="3"))  # IOC: 100 of 300
        m.client.put(enter(3, "B", 100, price=9_0000))
        m.client.put(cancel(3, 40), cancel(3, 40), cancel(3))
        m.client.put(enter(4, "S", 50, price=11_0000))
        m.client.put(enter(5, "B", 50, price=11_0000, options=post_only))
        m.client.put(enter(6, "B", 60, price=11_0000, life="3", options=option(3, b"\0\0\0\x3c")))
        m.client.put(enter(7, "B", 60, price=0x7FFFFFFF, life="3"))  # market
        answers = m.client.wait(17)
        told = [(a["type"], a["number"], a.get("quantity"), a.get("reason"))
                for a in answers if a["type"] in "CE"]
        assert told == [
            ("E", 1, 100, None), ("E", 2, 100, None), ("C", 2, 200, b"I"),
            ("C", 3, 60, b"U"), ("C", 3, 40, b"U"),
            ("C", 5, 50, b"G"), ("C", 6, 60, b"I"),
            ("E", 4, 50, None), ("E", 7, 50, None), ("C", 7, 10, b"I"),
        ]
        assert [a["price"] for a in answers if a["type"] == "A"][-1] == 0x7FFFFFFF


@pytest.mark.parametrize("words, reason", [
    ({"symbol": "NOPE"}, 0x17),
    ({"quantity": 0}, 0x13),
    ({"quantity": 1_000_000}, 0x13),
    ({"price": 0}, 0x1D),
    ({"price": 10_0050}, 0x1D),
    ({"side": "Z"}, 0x09),
    ({"life": "6"}, 0x0F),
    ({"display": "N"}, 0x03),
    ({"cross": "O"}, 0x14),
    ({"options": option(3, b"\0\0\0\x0a")}, 0x0D),
    ({"options": option(5, b"\0\0\0\x0a")}, 0x04),
    ({"options": option(6, b"P")}, 0x05),
    ({"life": "3", "options": option(12, b"P")}, 0x0F),
])
def test_what_cannot_be_is_rejected_by_its_code(words: dict[str, Any], reason: int) -> None:
    with market() as m:
        m.client.put(enter(5, **words))
        (answer,) = m.client.wait(1)
        assert (answer["type"], answer["number"], answer["reason"]) == ("J", 5, reason)
        m.client.put(enter(5), b"Q")  # a rejected number is used up
        assert m.client.wait(2)[1]["next"] == 6
        book = m.book()
        assert book.orders == {}
    assert m.summary["drops"]["resend"] == 1


def test_sub_dollar_prices_have_a_finer_tick() -> None:
    with market() as m:
        m.client.put(enter(1, price=9_999))
        assert kinds(m.client.wait(1)) == "A"


def test_replace_takes_the_chain_along() -> None:
    with market() as m:
        m.client.put(enter(1, "B", 100, price=10_0000))
        m.client.put(enter(2, "S", 30, price=10_0000))
        m.client.put(replace(1, 3, 90, 9_9900))  # 60 left open
        answers = m.client.wait(5)
        assert kinds(answers) == "AAEEU"
        assert (answers[4]["old"], answers[4]["number"], answers[4]["quantity"]) == (1, 3, 60)
        assert m.book().orders == {3: [1, 0, 9_9900, 60]}
        assert m.messages[-1][:1] == b"U"
        m.client.put(replace(1, 4, 90, 9_9900))  # dead: ignored, number not used up
        m.client.put(replace(3, 4, 30, 9_9900))  # all executed already: canceled
        answers = m.client.wait(6)
        assert (answers[5]["type"], answers[5]["number"], answers[5]["quantity"]) == ("C", 3, 60)
        m.client.put(enter(5, "B", 10, price=10_0000), replace(5, 6, 10, 0))  # not valid
        answers = m.client.wait(8)
        assert kinds(answers[6:]) == "AC" and answers[7]["number"] == 5
    assert m.summary["orders"]["superfluous"] == 1


def test_a_gap_is_asked_for_and_duplicates_are_dropped() -> None:
    with market() as m:
        c = m.client
        lost = packet(c.session, c.sequence, [enter(1), enter(2)])
        c.sequence += 2
        c.put(enter(3))
        c.put(enter(4))
        deadline = time.monotonic() + 2
        while len(c.requests) < 2 and time.monotonic() < deadline:
            c.take()
        assert c.requests[0] == (c.session, 2, 2)  # at once, for the first gap seen
        assert len(c.requests) >= 2  # and again
        assert not c.answers
        again = packet(c.session, 2, [enter(1), enter(2), enter(3), enter(4)])
        c.queue.send([datagram(again), datagram(again), datagram(lost)])
        answers = c.wait(4)
        assert [a["number"] for a in answers] == [1, 2, 3, 4]
        c.take()
        asked = len(c.requests)
        time.sleep(0.01)
        c.take()
        assert len(c.requests) == asked
    assert m.summary["drops"]["gap"] == 2 and m.summary["drops"]["duplicate"] == 2


def test_our_answers_are_sent_again_on_request() -> None:
    with market() as m:
        c = m.client
        c.put(*(enter(i) for i in range(1, 11)))
        c.wait(10)
        first = list(c.answers)
        c.expected, c.answers = 3, []  # as if the answers 3 and on were lost
        head = packet(c.venue_session, 3, [], count=10)
        c.queue.send([datagram(head)])
        assert c.wait(10) == first
        for bad in (packet(c.venue_session, 999, [], count=1), packet(b"X" * 10, 1, [], count=1)):
            c.queue.send([datagram(bad)])
        c.put(b"Q")
        c.wait(11)
    assert m.summary["drops"]["request"] == 2 and m.summary["answers_resent"] == 10


def test_a_client_that_begins_anew_gets_a_new_stream() -> None:
    with market() as m:
        m.client.put(enter(1, "B", 100, price=10_0000))
        m.client.wait(1)
        second = Client(m.client.queue, session=b"CLIENT0002", venue_session=b"?" * 10)
        second.put(b"Q", cancel(1))
        answers = second.wait(2)
        assert second.venue_session == b"TPVENUE002"
        assert answers[0]["next"] == 2  # numbers go on over the day
        assert (answers[1]["type"], answers[1]["number"]) == ("C", 1)
        m.client.queue.send([datagram(packet(b"CLIENT0003", 5, [b"Q"]))])
        second.put(b"Q")
        second.wait(3)
        m.client.ended = True
    assert m.summary["drops"]["session"] == 1


def test_rubbish_is_counted_by_name_and_changes_nothing() -> None:
    with market() as m:
        c = m.client
        whole = packet(c.session, c.sequence, [enter(1)])
        for frame in (
            b"\0" * 20,
            datagram(whole)[:-1],
            datagram(whole, destination=(VENUE[0], 1)),
            datagram(whole, destination=("10.9.9.9", VENUE[1])),
            datagram(whole[:-1]),
            datagram(whole + b"\0"),
            datagram(b"\1"),
            datagram(packet(b"OTHER00001", 7, [enter(1)])),
        ):
            c.queue.send([frame])
        c.put(b"", b"?", enter(1)[:-1], enter(1) + b"\0", b"D" + b"\0" * 8 + b"\0\0")
        c.put(b"Q")
        (answer,) = c.wait(1)
        assert answer["next"] == 1
        assert m.book().orders == {}
    drops = m.summary["drops"]
    assert drops["frame"] == 2 and drops["address"] == 2 and drops["packet"] == 3
    assert drops["session"] == 1 and drops["malformed"] + drops["unsupported"] == 5


def test_a_client_among_the_background() -> None:
    """The feed's book holds the client's orders and the flow's, and no order of ours is touched."""
    with market(rate=50_000, live=500) as m:
        for i in range(1, 200):
            m.client.put(enter(i, "BS"[i % 2], 100, price=1_00 + i if i % 2 == 0 else 190_000_0000))
            if i % 20 == 0:
                time.sleep(0.002)
        answers = m.client.wait(199)
        assert kinds(answers) == "A" * 199
        references = {a["reference"]: a["number"] for a in answers}
        time.sleep(0.2)
        book = m.book()
        assert references.keys() <= book.orders.keys()
        assert len(book.orders) > 400
    book = m.book()
    assert m.summary["live_orders"] == len(book.orders)
    assert m.summary["sequence"] == len(m.messages)
    assert m.summary["checkpoints"] > 1000


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Bits flipped, the end cut off, bytes added: one to three of these."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(4)
        if kind < 2 and out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del out[rng.randrange(len(out) + 1) :]
        else:
            out += rng.randbytes(rng.randint(1, 9))
    return bytes(out)


def test_mutated_messages_and_datagrams_do_no_harm() -> None:
    """First whole packets of damaged messages, then damaged packets with right UDP checksums."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with market() as m:
        c = m.client
        for number in range(1, 6000, 3):
            whole = [
                enter(number, rng.choice("BS"), 100, price=10_0000 + 100 * rng.randrange(9)),
                replace(number, number + 1, 50, 10_0000, options=option(12, b"P")),
                cancel(number + 1, 10), b"Q", b"M" + bytes(9) + b"\0\0",
                enter(number + 2, life="3", options=option(3, b"\0\0\0\x64")),
            ]
            # UserRefNums stay as they are: a high one would make resends of all that follow.
            c.put(*(x[:9] + mutated(rng, x[9:]) if rng.random() < 0.5 else x
                    for x in rng.choices(whole, k=rng.randint(1, 6))))
            c.take()
        for _ in range(10_000):
            whole = [enter(7), cancel(1, 10), b"Q"]
            payload = packet(c.session, rng.choice([c.sequence, 1, 2**64 - 1]),
                             rng.choices(whole, k=rng.randint(0, 4)),
                             count=rng.choice([None, None, 0, 1, 3, 0xFFFE]))
            c.queue.send([datagram(mutated(rng, payload))])
            if rng.random() < 0.01:
                c.take()
        # Some were valid by luck. A stream that begins anew is served as before.
        fresh = Client(c.queue, session=b"CLIENT9999", venue_session=b"?" * 10)
        fresh.put(b"Q")
        deadline = time.monotonic() + 5
        while not any(a["type"] == "Q" for a in fresh.answers) and time.monotonic() < deadline:
            fresh.take()
        assert fresh.answers[-1]["type"] == "Q"
        c.ended = True
    book = m.book()
    assert len(book.orders) == m.summary["live_orders"]
    drops = m.summary["drops"]
    assert drops["malformed"] > 500 and drops["packet"] > 2000 and drops["unsupported"] > 100
    assert m.summary["orders"]["accepted"] > 500 and m.summary["orders"]["rejected"] > 20
