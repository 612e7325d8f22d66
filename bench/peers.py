"""Other people's programs in our tables, named from outside: nothing of theirs is here.

TICKPATH_BENCH_PEERS names a TOML file:

    [[peer]]
    name = "theirs"
    measure = "book"
    command = ["/where/it/is", "--file", "{day}"]     # {messages} and {symbols}, too

The command prints a JSON object a line, each a row: "name", "unit", "value", and if it likes
"better" ("lower", "higher" or ""), "curve", "series", "size". Where the measure has an oracle,
"counts" is wanted, with "messages" at least: what did not do the work is not compared. Other lines
are passed over.
"""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measures import MEASURES
from bench.rows import Row
from bench.settings import Absent, Settings
from bench.workload import day_file

VARIABLE = "TICKPATH_BENCH_PEERS"
PEER_S = 600.0
FIELDS = {"name", "unit", "value", "better", "counts", "curve", "series", "size"}


class PeersError(Exception):
    """The table is not what it should be; one sentence."""


@dataclass(frozen=True)
class Peer:
    """A program that prints rows."""

    name: str
    measure: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return self.name

    def run(self, settings: Settings, counted: bool) -> list[Row]:
        """One round of it; Absent when it cannot be started, PeersError when it went wrong."""
        words = self.command
        if any("{day}" in word for word in words):
            day = day_file(settings)
            words = tuple(word.replace("{day}", str(day)) for word in words)
        for key in ("messages", "symbols"):
            words = tuple(w.replace(f"{{{key}}}", str(getattr(settings, key))) for w in words)
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=PEER_S,
                                  errors="replace")
        except OSError as error:
            raise Absent(f"{words[0]}: {error.strerror}; mend {VARIABLE}") from None
        except subprocess.TimeoutExpired:
            raise PeersError(f"{self.name} did not end within {PEER_S:.0f} s") from None
        if done.returncode:
            raise PeersError(f"{self.name} ended with status {done.returncode}: "
                             f"{done.stderr[-500:].strip()}")
        rows = [self._row(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if not rows:
            raise PeersError(f"{self.name} printed no row; a row is a JSON object on a line")
        if counted and not all("messages" in row.counts for row in rows):
            raise PeersError(f"{self.name} printed a row without counts; {self.measure} "
                             f"shows no speed of what cannot be held against its oracle")
        return rows

    def _row(self, line: str) -> Row:
        try:
            row = Row(**{key: v for key, v in json.loads(line).items() if key in FIELDS})
            row.value = float(row.value)
            row.counts = {str(key): int(count) for key, count in row.counts.items()}
        except (AttributeError, TypeError, ValueError):
            raise PeersError(f"{self.name} printed what is no row: {line[:200]}") from None
        row.name = f"{self.name}, {row.name}"
        return row


def _peer(entry: Any, path: Path) -> Peer:
    try:
        name, measure, command = entry["name"], entry["measure"], entry["command"]
        if isinstance(command, list) and command and all(isinstance(w, str) for w in command):
            return Peer(str(name), str(measure), tuple(command))
    except (KeyError, TypeError):
        pass
    raise PeersError(f"{path}: a [[peer]] has a name, a measure and a command of strings")


def peers_of(measure: str) -> list[Peer]:
    """Who contends besides ourselves; PeersError when the table cannot be read."""
    named = os.environ.get(VARIABLE)
    if not named:
        return []
    path = Path(named)
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise PeersError(f"{path}: {error.strerror}; {VARIABLE} names a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeersError(f"{path} is no TOML: {error}") from None
    entries = table.get("peer", [])
    peers = [_peer(entry, path) for entry in (entries if isinstance(entries, list) else [entries])]
    for peer in peers:
        if peer.measure not in MEASURES:
            raise PeersError(f"{path}: {peer.name} names no measure with '{peer.measure}'; there "
                             f"are {', '.join(MEASURES)}")
    return [peer for peer in peers if peer.measure == measure]
