"""What a step works with: the machine, its own log, and what it must show.

A step is a function of one :class:`Stage`. It runs commands, checks what came of them, and raises
:class:`Stop` where going on makes no sense; a machine that is lost ends it, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from image import VENV
from machine import COMMAND_TIMEOUT_S, Done, Machine
from report import Check, Ran, Row

APPLIANCE = f"{VENV}/bin/appliance"
FEEDSIM = f"{VENV}/bin/feedsim"
POLL_S = 1.0


class Stop(Exception):
    """A step cannot go on; one sentence why."""


@dataclass
class Context:
    """What all steps of a rehearsal share."""

    machine: Machine
    folder: Path
    wheel: Path
    short: bool
    say: Callable[[str], None]
    memory: dict[str, Any] = field(default_factory=dict)  # what one step leaves for a later one


@dataclass
class Stage:
    """One step while it runs."""

    context: Context
    row: Row
    log: Path

    @property
    def machine(self) -> Machine:
        return self.context.machine

    @property
    def short(self) -> bool:
        return self.context.short

    def note(self, text: str) -> None:
        """Into the step's log."""
        with self.log.open("a") as out:
            out.write(text.rstrip("\n") + "\n")

    def check(self, ok: object, what: str) -> bool:
        """Something that must hold; the step goes on either way."""
        self.row.checks.append(Check(what, bool(ok)))
        self.note(f"[{'yes' if ok else 'NO'}] {what}")
        if not ok:
            self.context.say(f"    NO: {what}")
        return bool(ok)

    def run(self, command: str | Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S,
            user: str = "") -> Done:
        """A command whose status may be any."""
        done = self.machine.run(command, timeout_s, user)
        self.row.commands.append(Ran(done.command, done.status, done.seconds))
        self.note(f"$ {done.command}{f'  (as {user})' if user else ''}\n{done.stdout}{done.stderr}"
                  f"-> {done.status} in {done.seconds:.1f} s{', timed out' * done.timed_out}\n")
        return done

    def must(self, command: str | Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S,
             statuses: tuple[int, ...] = (0,), user: str = "") -> Done:
        """A command without whose good end the step is over."""
        done = self.run(command, timeout_s, user)
        if done.timed_out:
            raise Stop(f"`{done.command}` was not done in {timeout_s:.0f} s")
        if done.status not in statuses:
            raise Stop(f"`{done.command}` ended with {done.status}: {done.said}")
        return done

    def json(self, command: str | Sequence[str], timeout_s: float = COMMAND_TIMEOUT_S,
             statuses: tuple[int, ...] = (0,), user: str = "") -> Any:
        """What such a command prints, read as JSON."""
        done = self.must(command, timeout_s, statuses, user)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Stop(f"`{done.command}` printed no JSON: {done.said}") from None

    def until(self, what: str, holds: Callable[[], bool], timeout_s: float) -> float:
        """Waits for something and tells how long; raises Stop when it does not come."""
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > timeout_s:
                raise Stop(f"{what} did not come in {timeout_s:.0f} s")
            time.sleep(POLL_S)
        return time.monotonic() - started

    def read(self, path: str) -> str:
        return self.machine.get(path).decode("utf-8", "replace")

    def keep(self, name: str, text: str) -> None:
        """A file of its own in the report's folder."""
        path = self.context.folder / name
        path.write_text(text)
        self.note(f"kept {name}, {len(text):,} characters")


@dataclass(frozen=True)
class Step:
    """A named part of the rehearsal."""

    name: str
    title: str
    act: Callable[[Stage], None]
    needs: tuple[str, ...] = ()
    in_short: bool = True
