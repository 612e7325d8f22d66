"""Replaying files: opens whatever it is given, steps over it, says what came of it."""

from __future__ import annotations

import contextlib
import mmap
import resource
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from appliance.config import Config
from appliance.core.engine import Engine
from appliance.core.inspect import exposure
from appliance.core.strategies import make_strategy
from appliance.engine_process import LOCATES
from appliance.replay import ItchReplay, replay_queue
from appliance.state import Layout, State
from dpdk_bindings import open_queue

CAPTURES = (".pcap", ".pcapng")
# About 20 ms of work: often enough for a progress bar, rare enough to cost nothing.
FRAMES_PER_TURN = 8192
_PIECE_BYTES = 1 << 16  # of a gzip file at a time: a damaged one is read to within this
# One turn's frames are 8,192 of at most 1,472 bytes: 12 MB.
_WINDOW_BYTES = 16 << 20
_MADV_POPULATE_READ = 22  # linux/mman.h; not in Python's mmap

Progress = Callable[[float], None]


class FileError(ValueError):
    """A file that cannot be replayed at all; one sentence with its remedy."""


@dataclass
class Outcome:
    """What a replay did. ``broken_at`` is the offset where a damaged file stopped making sense."""

    engine: Engine
    state: State
    frames: int
    seconds: float
    broken_at: int | None

    def _positions(self) -> dict[str, int]:
        """Symbols that we are long or short in, and their shares."""
        held = [exposure(self.engine, locate).position for locate in range(LOCATES)]
        return {"symbols": sum(map(bool, held)), "long_shares": sum(n for n in held if n > 0),
                "short_shares": -sum(n for n in held if n < 0)}

    def report(self) -> dict[str, Any]:
        """The figures of ``appliance replay --json``."""
        self.engine.publish()
        counts = self.state.counter_map()
        orders = {name: counts[f"sent_{name}"] for name in ("new", "replace", "cancel")}
        return {
            "messages": counts["feed_messages"],
            "by_type": self.engine.counts_by_type(),
            "frames": self.frames,
            "bbo_changes": counts["bbo_changes"],
            "live_orders": counts["live_orders"],
            "levels": counts["levels"],
            "crossed_books": self.engine.crossed_books(),
            "missing_references": counts["book_missing_reference"],
            "lost_messages": counts["feed_lost"],
            "drops": {k: v for k, v in counts.items() if v and "_drop_" in k},
            "strategy": {name: counts[f"strategy_{name}"] for name in ("events", "intents")},
            "orders": orders,
            "fills": {"orders": counts["orders_filled"], "shares": counts["filled_shares"]},
            "positions": self._positions(),
            "risk_rejects": {k: v for k, v in counts.items() if v and k.startswith("risk_")},
            "seconds": round(self.seconds, 6),
            "ns_per_message": round(self.seconds * 1e9 / max(1, counts["feed_messages"]), 2),
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "broken_at": self.broken_at,
        }


def kind_of(path: Path) -> str:
    """"itch" or "capture", by the name; FileError for anything else."""
    name = path.name.removesuffix(".gz")
    if name.endswith(CAPTURES):
        return "capture"
    if name.endswith(".itch") or Path(name).suffix in ("", ".NASDAQ_ITCH50"):
        return "itch"
    raise FileError(
        f"{path}: the kind of file is told by its name; "
        f"rename it to end in .itch, .pcap or .pcapng, each also with .gz"
    )


def unzip(path: Path) -> tuple[npt.NDArray[np.uint8], bool]:
    """The bytes of a gzip file, as far as they can be had, and whether they ended too early."""
    data, cut = bytearray(), False
    with path.open("rb") as stream:
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            while piece := stream.read(_PIECE_BYTES):
                while piece:
                    data += inflate.decompress(piece)
                    # A gzip file may be several members one after the other.
                    piece = inflate.unused_data
                    if inflate.eof and piece:
                        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            cut = not inflate.eof
        except zlib.error:
            cut = True
    return np.frombuffer(data, np.uint8), cut


class _DayFile:
    """The bytes of a day file, mapped a window at a time so that memory holds no more of it."""

    def __init__(self, path: Path) -> None:
        self._map: mmap.mmap | None = None
        self._dropped = 0
        self.cut = False
        if path.name.endswith(".gz"):
            self.data, self.cut = unzip(path)
        elif path.stat().st_size == 0:
            self.data = np.zeros(0, np.uint8)
        else:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.data = np.frombuffer(self._map, np.uint8)

    def look_ahead(self, offset: int) -> None:
        """Maps the window at ``offset`` in one go, and lets go of what lies before it."""
        if self._map is None:
            return
        start = offset - offset % mmap.PAGESIZE
        length = min(_WINDOW_BYTES, len(self._map) - start)
        # Kernels before 5.14 do not know the first; pages then come one by one.
        with contextlib.suppress(OSError, ValueError):
            self._map.madvise(_MADV_POPULATE_READ, start, length)
        if start > self._dropped:
            self._map.madvise(mmap.MADV_DONTNEED, self._dropped, start - self._dropped)
            self._dropped = start


@contextmanager
def file_engine(config: Config) -> Iterator[tuple[Engine, State]]:
    """An engine for files: any address is listened to, and its segment has a name of its own."""
    feed = msgspec.structs.replace(
        config.feed, address_a="0.0.0.0", port_a=0, join="now", gap_wait_us=1
    )
    risk = msgspec.structs.replace(config.risk, cancel_on_kill=False)
    config = msgspec.structs.replace(config, feed=feed, risk=risk)
    name = f"replay-{time.monotonic_ns()}"
    state = State.create(name, Layout(LOCATES, config.engine.checkpoints_max, 4096))
    try:
        yield Engine(config, state, make_strategy(config.strategy)), state
    finally:
        state.close()


@dataclass
class _Pass:
    """One way through a file."""

    frames: int = 0
    seconds: float = 0.0  # of the stepping alone: not of unpacking
    broken_at: int | None = None


def _replay_itch(engine: Engine, path: Path, until_ns: int, progress: Progress) -> _Pass:
    day = _DayFile(path)
    replay, done = ItchReplay(engine, day.data, until_ns=until_ns), _Pass()
    started = time.perf_counter()
    while not replay.done:
        day.look_ahead(replay.offset)
        done.frames += replay.run(FRAMES_PER_TURN)
        progress(replay.offset / max(1, len(day.data)))
    done.seconds = time.perf_counter() - started
    done.broken_at = replay.offset if replay.broken or day.cut else None
    return done


def _replay_capture(engine: Engine, path: Path, progress: Progress) -> _Pass:
    done = _Pass()
    with tempfile.TemporaryDirectory(prefix="tickpath-") as folder:
        source, cut = path, False
        if path.name.endswith(".gz"):
            data, cut = unzip(path)
            source = Path(folder) / path.name.removesuffix(".gz")
            source.write_bytes(data.tobytes())
        size = max(1, source.stat().st_size)
        with open_queue(f"pcap:{source}") as queue:
            started = time.perf_counter()
            while frames := replay_queue(engine, queue, FRAMES_PER_TURN):
                done.frames += frames
                progress(queue.stats()["rx_end_offset"] / size)
            done.seconds = time.perf_counter() - started
            stats = queue.stats()
            if stats["rx_malformed"] or cut:
                done.broken_at = stats["rx_end_offset"]
    return done


def replay(
    path: Path, engine: Engine, state: State, *, until_ns: int = 0,
    progress: Progress = lambda share: None,
) -> Outcome:
    """Steps ``engine`` over a file; FileError or OSError when there is nothing to step over."""
    if kind_of(path) == "itch":
        done = _replay_itch(engine, path, until_ns, progress)
    else:
        done = _replay_capture(engine, path, progress)
    engine.publish()
    return Outcome(engine, state, done.frames, done.seconds, done.broken_at)
