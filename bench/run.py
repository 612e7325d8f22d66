"""The rounds: every contender in a process of its own, all of them once before any twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bench.measures import MEASURES
from bench.peers import Peer, PeersError, peers_of
from bench.rows import Figure, Row
from bench.settings import ROOT, Absent, Settings

CHILD_S = 1800.0  # no contender takes so long; one that hangs must not hang the run
SAID_CHARACTERS = 2000  # of what a failed child said, the end

Tell = Callable[[str], None]


class BenchError(Exception):
    """The run went wrong; one sentence, and what the child said last."""


def _child(function: str, settings: Settings) -> Any:
    """What a function made in a process of its own; Absent when it cannot run here."""
    command = [sys.executable, "-m", "bench.child", function, settings.to_json()]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CHILD_S,
                              errors="replace")
    except subprocess.TimeoutExpired:
        raise BenchError(f"{function} did not end within {CHILD_S:.0f} s") from None
    if done.returncode:
        raise BenchError(f"{function} ended with status {done.returncode}:\n"
                         f"{done.stderr[-SAID_CHARACTERS:].strip()}")
    result = json.loads(done.stdout)
    if "absent" in result:
        raise Absent(result["absent"])
    return result["made"]


class Run:
    """Some measures over some rounds; ``figures``, ``absent`` and ``failed`` are what came of it.

    A contender that is absent or has failed takes no part in later rounds; the others go on.
    """

    def __init__(self, names: Sequence[str], settings: Settings, tell: Tell) -> None:
        self.names, self.settings, self.tell = list(names), settings, tell
        self.figures: dict[tuple[str, str], Figure] = {}
        self.absent: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.oracles: dict[str, dict[str, int]] = {}
        self.peers: dict[str, list[Peer]] = {name: peers_of(name) for name in names}

    def prepare(self) -> None:
        """What the counts must be, before anything is timed."""
        for name in self.names:
            function = MEASURES[name].oracle
            if function and function not in self.oracles:
                self.tell(f"the oracle of {name}")
                self.oracles[function] = _child(function, self.settings)

    def round(self, number: int) -> None:
        """Every contender once; who comes first changes from round to round."""
        for name in self.names:
            contenders: list[str | Peer] = [*MEASURES[name].contenders, *self.peers[name]]
            turn = number % len(contenders)
            for contender in (*contenders[turn:], *contenders[:turn]):
                if str(contender) not in self.absent | self.failed:
                    self._contend(name, contender)

    def _contend(self, name: str, contender: str | Peer) -> None:
        oracle = self.oracles.get(MEASURES[name].oracle, {})
        self.tell(f"{name}: {contender}")
        try:
            if isinstance(contender, Peer):
                rows = contender.run(self.settings, bool(oracle))
            else:
                rows = [Row(**row) for row in _child(contender, self.settings)]
        except Absent as why:
            self.absent[str(contender)] = str(why)
            return
        except (BenchError, PeersError) as why:
            self.failed[str(contender)] = str(why)
            self.tell(f"{contender} failed")
            return
        for row in rows:
            self.figures.setdefault((name, row.name), Figure(name, row)).take(row, oracle)

    @property
    def refused(self) -> list[Figure]:
        return [figure for figure in self.figures.values() if figure.refused]
