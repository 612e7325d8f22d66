"""The whole venue as a process: its feed rebuilt, its checkpoints compared, both lines alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from naive_book import NaiveBook
from ouch_client import Client, cancel, enter

from dpdk_bindings import open_queue

ROOT = Path(__file__).resolve().parents[2]
MASK = (1 << 64) - 1


def mix64(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def digest(first: int, second: int, third: int) -> int:
    mixed = mix64((first + 0x9E3779B97F4A7C15) & MASK)
    return mix64(mix64(mixed ^ second) ^ third)


def digests(book: NaiveBook) -> tuple[str, str]:
    """The definition of itch_ouch/digest.pxd, over the naive book."""
    orders = sum(digest(reference, price << 32 | shares, locate << 8 | side)
                 for reference, (locate, side, price, shares) in book.orders.items())
    levels = sum(digest(shares, price << 32 | count, rank << 32 | locate << 8 | side)
                 for (locate, side), rows in book.levels().items()
                 for rank, (price, shares, count) in enumerate(rows))
    return f"{orders & MASK:016x}", f"{levels & MASK:016x}"


class Line:
    """One line's messages in sequence, each once."""

    def __init__(self, name: str) -> None:
        self.queue = open_queue(name)
        self.messages: list[bytes] = []
        self.heartbeats = 0
        self.ended = False

    def read(self) -> None:
        for frame in self.queue.receive(64):
            payload = frame[42:]
            assert payload[:10] == b"TICKPATH01"
            sequence = int.from_bytes(payload[10:18], "big")
            count = int.from_bytes(payload[18:20], "big")
            assert sequence == len(self.messages) + 1
            if count in (0, 0xFFFF):
                self.ended |= count == 0xFFFF
                self.heartbeats += count == 0
                assert len(payload) == 20
                continue
            offset = 20
            for _ in range(count):
                length = int.from_bytes(payload[offset : offset + 2], "big")
                self.messages.append(payload[offset + 2 : offset + 2 + length])
                offset += 2 + length
            assert offset == len(payload) <= 1472


def run_venue(tmp_path: Path, seed: int, **words: Any) -> tuple[dict[str, Any], Line, Line]:
    """A venue process with both lines read and a client that trades now and then."""
    name = f"memory:venue-{os.getpid()}-{time.monotonic_ns()}"
    path = tmp_path / "venue.toml"
    path.write_text(
        f'[exchange]\nseed = {seed}\nsymbols = 12\nseconds = {words["seconds"]}\nquiet_ms = 100\n'
        f'checkpoint_every = {words["every"]}\ncheckpoints = "{tmp_path / "checkpoints"}"\n'
        f'[flow]\nmessages_per_s = {words["rate"]}\nlive_orders = {words["live"]}\n'
        f'[feed]\nline_a = "{name}-a"\nline_b = "{name}-b"\n[orders]\nqueue = "{name}-o"\n')
    command = [sys.executable, "-m", "feed_sim.cli", "exchange", "-c", str(path), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    a, b = Line(f"{name}-a"), Line(f"{name}-b")
    with a.queue, b.queue, open_queue(f"{name}-o") as orders:
        client = Client(orders)
        client.put(b"Q")
        number = 0
        try:
            while not (a.ended and b.ended):
                assert process.poll() is None or a.queue.link != "up", "the venue ended early"
                a.read()
                b.read()
                client.take()
                symbols = [m[11:19].decode() for m in a.messages[2:14]]
                if len(symbols) == 12 and not client.ended and number < 400:
                    number += 1
                    client.put(enter(number, "BS"[number % 2], 100, symbols[number % 12],
                                     1_00 if number % 2 else 150_000_0000))
                    if number % 3 == 0:
                        client.put(cancel(number, 50 * (number % 2)))
            output, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    return json.loads(output), a, b


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_feed_gives_the_engines_book_at_every_checkpoint(tmp_path: Path, seed: int) -> None:
    rows, a, b = run_venue(tmp_path, seed, seconds=1, every=50, rate=20_000, live=400)
    assert a.messages == b.messages and len(a.messages) == rows["sequence"]
    assert rows["lines"]["a"]["messages"] == rows["lines"]["b"]["messages"] == rows["sequence"]
    checkpoints = [json.loads(line) for line in
                   (tmp_path / "checkpoints").read_text().splitlines()]
    assert len(checkpoints) == rows["checkpoints"] > 200
    assert all(row["sequence"] % 50 == 0 for row in checkpoints[:-1])
    assert checkpoints[-1]["sequence"] == rows["sequence"] - 3  # before the closing messages
    book, position = NaiveBook(), 0
    for row in checkpoints:
        book.apply_all(a.messages[position : row["sequence"]])
        position = row["sequence"]
        assert row["live_orders"] == len(book.orders)
        assert (row["orders_digest"], row["levels_digest"]) == digests(book), row
    assert rows["orders"]["accepted"] > 50 and rows["orders"]["rejected"] == 0
    assert sum(rows["drops"].values()) == 0


def test_the_pace_is_kept(tmp_path: Path) -> None:
    """The rate is that of the messages; an answer takes microseconds, so half of them less than a
    millisecond however busy the machine is, while lateness is the scheduler's when cores are few.
    """
    rows, a, _ = run_venue(tmp_path, 5, seconds=1.5, every=0, rate=10_000, live=400)
    assert 8_000 < rows["messages_per_s"] < 11_000
    assert rows["pacing_error_ns"]["count"] > 10_000
    assert rows["order_to_answer_ns"]["p50"] < 1_000_000
    assert rows["order_to_answer_ns"]["count"] == rows["orders"]["messages_in"]
    stamps = [int.from_bytes(m[5:11], "big") for m in a.messages]
    assert stamps == sorted(stamps) and stamps[0] >= 9.5 * 3600 * 1e9
