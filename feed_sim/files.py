"""Writes a generated day to a file of the kind that its name asks for.

The file appears under its name when it is complete: until then it is written beside it, and an
interrupted run leaves nothing.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dpdk_bindings import open_queue
from feed_sim.generator import Generator

KINDS = (".itch", ".itch.gz", ".pcap", ".pcapng")
# A made-up trading day: Monday, 5 January 2026, whose midnight in New York is 05:00 UTC.
MIDNIGHT_NS = int(datetime(2026, 1, 5, 5, tzinfo=UTC).timestamp()) * 1_000_000_000
SESSION = b"TICKPATH01"
# Line A's addresses, as in real captures of the Nasdaq feed.
ADDRESS: dict[str, str | int] = {
    "source": "206.200.127.138",
    "destination": "233.54.12.111",
    "port": 26477,
}
# Messages closer than this share a packet: the order of what real captures show.
PACKET_SPAN_NS = 5_000
# Fast and half the size; the last few percent cost ten times the time.
GZIP_LEVEL = 1


def kind_of(path: Path) -> str:
    """The kind that a name asks for; ValueError names the kinds there are."""
    for kind in sorted(KINDS, key=len, reverse=True):
        if path.name.endswith(kind):
            return kind
    kinds = ", ".join(KINDS)
    raise ValueError(f"{path.name}: the name decides the kind of file; end it in {kinds}")


@contextmanager
def completed(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` when the block ends without an error."""
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_itch(generator: Generator, stream: Any, progress: Callable[[int], None]) -> None:
    while generator.step():
        stream.write(generator.framed())
        progress(generator.sequence_number)


def _write_capture(generator: Generator, part: Path, progress: Callable[[int], None]) -> None:
    if "," in str(part):
        raise ValueError(f"{part}: a capture's path must not contain a comma; choose another name")
    with open_queue(f"pcap:,out={part}") as queue:
        generator.attach(queue, SESSION, ADDRESS)
        while generator.step():
            while generator.waiting:
                waiting = generator.waiting
                generator.send(MIDNIGHT_NS, PACKET_SPAN_NS)
                if generator.waiting == waiting:
                    raise OSError(f"{part.name} takes no more packets; is the disk full?")
            progress(generator.sequence_number)
        stats = queue.stats()
        if stats["tx_error"]:
            raise OSError(f"{part.name} could not be written; is the disk full?")


def write_day(
    generator: Generator, path: Path, progress: Callable[[int], None] = lambda done: None
) -> float:
    """Runs the generator to its end into ``path``; returns the seconds it took."""
    kind = kind_of(path)
    started = time.perf_counter()
    with completed(path) as part:
        if kind == ".itch":
            with part.open("wb") as stream:
                _write_itch(generator, stream, progress)
        elif kind == ".itch.gz":
            # No name and no time in the header: the same day is the same bytes.
            with part.open("wb") as raw, gzip.GzipFile("", "wb", GZIP_LEVEL, raw, 0) as stream:
                _write_itch(generator, stream, progress)
        else:
            _write_capture(generator, part, progress)
    return time.perf_counter() - started
