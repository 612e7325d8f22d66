"""The processes of a run, each by itself, as the units in systemd/ start them.

    journal   waits for the engine, drains its ring, and ends after it
    engine    opens the queues and runs the loop
    control   watches the loop, feeds the manager's watchdog from its heartbeat, ends it in order

``appliance run`` has the same as children of one process; apart, each has the rights it needs and
no more. The engine says what it really runs with (its order session is named at its start) in the
settings file, which is there from just before the loop to the engine's end.

Invariant: nothing here starts an engine again. After a death its orders may live on at the venue,
and a halted day stays halted until somebody has looked.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from appliance import engine_process
from appliance.config import Config, ConfigError, from_json, load_config
from appliance.errors import RunError
from appliance.journal import writer
from appliance.notify import Notifier, Pulse
from appliance.opener import fetch
from appliance.state import CONTROL_CLAIM, JOURNAL_CLAIM, Kill, State
from appliance.supervisor import (
    STOP_TIMEOUT_S,
    TICK_S,
    Faults,
    Heartbeat,
    check_journal,
    named_for_now,
    summary,
)
from dpdk_bindings import PioError

# Exit statuses; docs/service.md and the units' RestartPreventExitStatus say the same.
DONE, FAILED, WRONG_INPUT, HALTED = 0, 1, 2, 3

JOURNAL_WAIT_S = 10.0  # for the writer to come, once the loop runs: it was started before
DRAIN_TIMEOUT_S = 30.0  # the largest ring, 1 GiB, on a slow disk
POLL_S = 0.02


def told_to_stop() -> Callable[[], bool]:
    """From now on SIGTERM, SIGINT and SIGHUP are only noted; tells whether one has come."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: told.append(number))
    return lambda: bool(told)


def _refuse_settings_in_use(path: Path) -> None:
    """Raises RunError when the file is a living engine's: others read there what it runs with."""
    try:
        name = from_json(path.read_bytes()).engine.name
        segment = State.attach(name).segment
    except (ConfigError, PioError, ValueError, FileNotFoundError):
        return  # nobody's, or what a dead engine left
    running = segment.owned
    segment.leave()
    if running:
        raise RunError(f"engine '{name}' runs and has its settings in {path}; stop it first, or "
                       f"name another file with --settings")


def _write_settings(path: Path, config: Config) -> None:
    """Whole or not at all: whoever sees the file can read it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(config.to_json())
    os.rename(part, path)


# ---- engine --------------------------------------------------------------------------------------


def engine(config_path: Path, settings: Path, opener: Path | None, notifier: Notifier) -> int:
    """Runs the loop to its end; the exit status, or what :func:`engine_process.run` raises."""
    config = named_for_now(load_config(config_path))
    check_journal(config)
    if not settings.parent.is_dir():
        raise RunError(f"{settings.parent} is not a folder; make it, or name another file with "
                       f"--settings")
    _refuse_settings_in_use(settings)
    settings.unlink(missing_ok=True)
    opened = fetch(opener) if opener is not None else {}

    def ready() -> None:
        _write_settings(settings, config)
        core = config.engine.core
        where = f"on core {core}" if core >= 0 else "on any core"
        notifier.send(READY="1", STATUS=f"the loop runs {where}; session {config.orders.session}")

    try:
        return engine_process.run(config, ready, opened)
    finally:
        settings.unlink(missing_ok=True)


# ---- journal -------------------------------------------------------------------------------------


def journal(config_path: Path, settings: Path) -> int:
    """Drains one engine's ring; before the engine is there, a signal ends the waiting."""
    if not load_config(config_path).journal.path:
        print("journal: [journal] path is \"\", so nothing is recorded", file=sys.stderr)
        return DONE
    stopping = told_to_stop()
    while not settings.exists():
        if stopping():
            return DONE
        time.sleep(POLL_S)
    text = settings.read_bytes()
    config = from_json(text)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # What is in the ring has been decided on: it goes on file, whoever says stop.
        signal.signal(number, signal.SIG_IGN)
    state = writer.attach(config.engine.name)
    if not state.segment.hold(JOURNAL_CLAIM):
        raise RunError(f"engine '{config.engine.name}' has a journal writer already; "
                       f"stop that one first")
    return writer.write_journal(state, Path(config.journal.path), text)


# ---- control -------------------------------------------------------------------------------------


class Control:
    """Watches one engine that is running already."""

    def __init__(self, settings: Path, notifier: Notifier) -> None:
        try:
            self.config = from_json(settings.read_bytes())
        except FileNotFoundError:
            raise RunError(f"no engine has left its settings in {settings}; start the engine "
                           f"first: systemctl start appliance-engine") from None
        name = self.config.engine.name
        self.state = State.attach(name)
        if not self.state.segment.owned:
            self.state.segment.leave()
            raise RunError(f"engine '{name}' is dead; its orders may live on at the venue: look "
                           f"there, then start it anew")
        if not self.state.segment.hold(CONTROL_CLAIM):
            self.state.segment.leave()
            raise RunError(f"engine '{name}' is watched by another control process already")
        self.pulse = Pulse(self.state, notifier)
        self.died = False
        self._writer_seen = False
        self._heartbeat = Heartbeat(self.state)

    def watch(self, stopping: Callable[[], bool]) -> None:
        """Until the loop is over, the engine is dead, or ``stopping`` says so."""
        started = time.monotonic()
        while not stopping() and not int(self.state.header["loop_done"]):
            if not self.state.segment.owned:
                self.died = not int(self.state.header["loop_done"])
                return
            self._check_writer(time.monotonic() - started)
            self._heartbeat.check()
            self.pulse.beat()
            time.sleep(TICK_S)

    def _check_writer(self, elapsed_s: float) -> None:
        """No writer, no trading."""
        if not self.config.journal.path:
            return
        there = self.state.segment.claimed(JOURNAL_CLAIM)
        self._writer_seen |= there
        if not there and (self._writer_seen or elapsed_s > JOURNAL_WAIT_S):
            self.state.kill(Kill.JOURNAL_ERROR, "the journal writer ended" if self._writer_seen
                            else "no journal writer came")

    def end(self) -> int:
        """Ends engine and journal in order; the exit status."""
        self.pulse.stopping()
        header, segment = self.state.header, self.state.segment
        if not self.died:
            header["stop"] = int(header["stop"]) or 1
            _await(lambda: bool(int(header["loop_done"])) or not segment.owned, STOP_TIMEOUT_S)
            self.died = not int(header["loop_done"])
        if self.config.journal.path:
            _await(lambda: bool(int(header["journal_done"]))
                   or not segment.claimed(JOURNAL_CLAIM), DRAIN_TIMEOUT_S)
        if self.died:
            print("appliance: the engine did not leave its loop; its orders may live on at the "
                  "venue: look there before the next run", file=sys.stderr)
            return FAILED
        if self.state.counter("journal_full") or int(header["journal_error"]):
            print("appliance: the recording is not whole; see the journal's own messages",
                  file=sys.stderr)
            return FAILED
        return HALTED if int(header["kill"]) else DONE

    def figures(self, seconds: float) -> dict[str, Any]:
        """As the summary of ``appliance run``, but for page faults, which only a parent counts."""
        return summary(self.config, self.state, Faults(), seconds)

    def close(self) -> None:
        """A dead engine's segment stays for whoever looks for its last figures."""
        if self.died:
            self.state.segment.leave()
        else:
            self.state.close()


def _await(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def control(settings: Path, notifier: Notifier, as_json: bool) -> int:
    """Watches the engine to its end; the exit status. The last line says what became of it all."""
    stopping = told_to_stop()
    watcher = Control(settings, notifier)
    try:
        started = time.monotonic()
        watcher.watch(stopping)
        status = watcher.end()
        figures = watcher.figures(time.monotonic() - started)
    finally:
        watcher.close()
    if as_json:
        print(msgspec.json.encode(figures).decode(), flush=True)
    else:
        orders, kill = figures["orders"], figures["kill"]
        halted = "" if kill["word"] == "armed" else f"; trading was halted: {kill['reason']}"
        print(f"appliance: {figures['messages']:,} messages, {orders['new']:,} orders, "
              f"{orders['filled']:,} filled, {orders['open']:,} open at the venue{halted}",
              file=sys.stderr)
    return status
