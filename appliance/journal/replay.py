"""A recorded run again: the same step over what came in, and the same orders out of it (R2).

``replay_journal(path)`` rebuilds the engine from the START record and plays the rest of the file
into it (playback.pyx). ``python -m appliance.journal.replay PATH`` prints what came of it: exit
code 0 when the orders are the recorded ones, 1 when they are not, 2 when the file is cut short or
damaged.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from appliance.config import Config, ConfigError, from_json
from appliance.core.engine import Engine
from appliance.core.strategies import make_strategy
from appliance.journal.playback import Player
from appliance.journal.reader import JournalError, JournalReader
from appliance.journal.record import HEADER, LENGTH, MAGIC, parse
from appliance.state import Layout, State
from appliance.telemetry.registry import METRICS
from dpdk_bindings import PioError

# Records between two looks at pending signals: about a tenth of a second of replay.
RECORDS_A_TURN = 1 << 18
LOCATES = 65_536
JOURNAL_BYTES = 4096  # the replaying engine records nothing

# Counters of the loop around the step. They depend on time and on the wire, not on the input.
OUTSIDE_THE_STEP = frozenset(
    {
        "loops",
        "loops_busy",
        "tx_frames",
        "tx_deferred",
        "channel_requests_sent",
        "channel_requests_served",
        "channel_unservable",
        "channel_resent",
        "journal_records",
        "journal_full",
        "killed",
        # What the queues say of themselves: a replay has none.
        *(m.name for m in METRICS if m.family in ("queue_drops_total", "queue_link")),
    }
)
_numbers = itertools.count()


class NotReplayable(ValueError):
    """A whole journal that does not hold what a replay needs; one sentence."""


@dataclass(frozen=True)
class Difference:
    """The first order that came out otherwise than it was recorded; None: there was none."""

    number: int  # in the order channel; 1 is the first
    offset: int  # of the record at which it was noticed
    recorded: bytes | None
    replayed: bytes | None

    def __str__(self) -> str:
        def name(message: bytes | None) -> str:
            return f"{chr(message[0])} {message[1:].hex()}" if message else "nothing"

        return (
            f"order {self.number}: recorded {name(self.recorded)}, "
            f"replayed {name(self.replayed)} (byte {self.offset})"
        )


@dataclass(frozen=True)
class JournalReplay:
    """What a replay did, and whether it was what the recording says."""

    path: Path
    strategy: str
    records: int
    frames: int
    steps: int
    orders: int  # compared, and equal
    commands: int
    ticks: int
    difference: Difference | None
    complete: bool  # the recording has its END
    broken_at: int | None  # offset where the file stopped making sense
    broken_why: str
    digests: tuple[int, int]  # of all books: orders, levels
    counters: dict[str, int]
    # Name to (recorded, replayed) of the step's counters that differ; looked at when complete.
    counter_differences: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Every recorded order came out again, byte for byte, and nothing was counted otherwise."""
        return self.difference is None and not self.counter_differences

    @property
    def exit_code(self) -> int:
        if self.broken_at is not None:
            return 2
        return 0 if self.equal else 1

    def report(self) -> dict[str, Any]:
        """For ``--json``."""
        fields = {
            name: getattr(self, name)
            for name in (
                "strategy", "records", "frames", "steps", "orders", "commands", "ticks",
                "equal", "complete", "broken_at", "broken_why", "counters",
            )
        }
        return {
            "path": str(self.path),
            **fields,
            "difference": str(self.difference) if self.difference else None,
            "counter_differences": self.counter_differences,
            "digests": {"orders": self.digests[0], "levels": self.digests[1]},
            "seconds": round(self.seconds, 6),
            "ns_per_frame": round(self.seconds * 1e9 / self.frames) if self.frames else None,
        }

    def sentences(self) -> list[str]:
        """For people."""
        lines = [
            f"{self.frames} frames in {self.steps} steps gave {self.orders} orders "
            f"in {self.seconds:.3f} s (strategy {self.strategy})"
        ]
        if self.difference:
            lines.append(f"the replay differs at {self.difference}")
        elif self.counter_differences:
            named = ", ".join(f"{k} {a} not {b}" for k, (a, b) in self.counter_differences.items())
            lines.append(f"every order is equal, but other things were counted: {named}")
        else:
            lines.append("every order is equal to the recorded one, byte for byte")
        if self.broken_at is not None:
            lines.append(f"{self.broken_why} at byte {self.broken_at}; what comes before is good")
        elif not self.complete and self.difference is None:
            lines.append("the recording has no end: the engine or its journal stopped before")
        return lines


def _counter_differences(recorded: bytes, replayed: dict[str, int]) -> dict[str, tuple[int, int]]:
    try:
        counts = msgspec.json.decode(recorded, type=dict[str, int]) if recorded else {}
    except msgspec.DecodeError:
        return {"end record": (0, 1)}
    return {
        name: (value, replayed.get(name, 0))
        for name, value in counts.items()
        if name not in OUTSIDE_THE_STEP and value != replayed.get(name, 0)
    }


def _start(reader: JournalReader) -> tuple[Config, int]:
    """The run's configuration, and the offset of the first record behind it."""
    start = reader.start()
    config = from_json(start.payload)
    if config.journal.record != "all":
        raise NotReplayable(
            f'{reader.path} holds orders only; record with [journal] record = "all" to replay'
        )
    return config, len(MAGIC) + LENGTH.size + HEADER.size + len(start.payload)


def _play(reader: JournalReader, config: Config, offset: int, state: State) -> JournalReplay:
    engine = Engine(config, state, make_strategy(config.strategy), populate=False)
    player = Player(engine, reader.data, offset)
    began = time.perf_counter()
    while player.run(RECORDS_A_TURN):
        pass
    seconds = time.perf_counter() - began
    engine.publish()
    counters = state.counter_map()
    end = parse(reader.data[player.last_offset + LENGTH.size :]) if player.complete else None
    number = player.difference
    return JournalReplay(
        path=reader.path,
        strategy=config.strategy.label,
        **player.counts,
        difference=Difference(number[0], player.last_offset, *number[1:]) if number else None,
        complete=player.complete,
        broken_at=player.offset if player.broken else None,
        broken_why=player.broken or "",
        digests=engine.digests(),
        counters=counters,
        counter_differences=_counter_differences(end.payload, counters) if end else {},
        seconds=seconds,
    )


def replay_journal(path: Path | str) -> JournalReplay:
    """Replays a journal; JournalError when it is none, NotReplayable when it lacks the frames."""
    with JournalReader(path) as reader:
        config, offset = _start(reader)
        layout = Layout(LOCATES, config.engine.checkpoints_max, JOURNAL_BYTES)
        state = State.create(f"replay-{os.getpid()}-{next(_numbers)}", layout)
        try:
            return _play(reader, config, offset, state)
        finally:
            state.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m appliance.journal.replay",
        description="Replays a journal and compares the orders, byte for byte. "
        "Exit code 0: equal; 1: different; 2: the file is cut short or damaged.",
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        result = replay_journal(options.path)
    except (JournalError, NotReplayable, ConfigError, PioError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"replay: {options.path}: {error.strerror}; check the path", file=sys.stderr)
        return 2
    if options.json:
        print(msgspec.json.encode(result.report()).decode())
    else:
        print("\n".join(result.sentences()))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
