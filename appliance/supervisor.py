"""Control: starts the engine and its companions, watches them, and ends them in order.

    control (this process)  ->  engine     one core, one loop
                            ->  journal    drains the ring to the file
                            ->  exporter   serves the counters

Processes, not threads: nothing that happens here can interrupt the engine's core. The engine is
told to stop through the segment's stop word, and everybody else by what the engine leaves there.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from appliance.config import Config
from appliance.errors import RunError
from appliance.notify import Notifier, Pulse
from appliance.queue_names import queue_names
from appliance.state import CONTROL_CLAIM, FEED_STATES, Kill, State
from dpdk_bindings import PioError, names_dpdk, open_queue
from dpdk_bindings.env import Segment

START_TIMEOUT_S = 30.0  # tables of gigabytes are faulted in before the loop starts
STOP_TIMEOUT_S = 5.0
HEARTBEAT_TIMEOUT_S = 5.0  # a loop that has not published for so long is hung
TICK_S = 0.25


def with_session(config: Config) -> Config:
    """Names the order session of this run, if the configuration leaves that to us."""
    if config.orders.session:
        return config
    # Milliseconds in base 36: ten characters that no earlier run of ours had.
    value, name = time.time_ns() // 1_000_000, ""
    while len(name) < 9:
        value, digit = divmod(value, 36)
        name = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + name
    orders = msgspec.structs.replace(config.orders, session="T" + name)
    return msgspec.structs.replace(config, orders=orders)


def check_journal(config: Config) -> None:
    """What the writer would refuse is refused before anything starts."""
    if not config.journal.path:
        return
    path = Path(config.journal.path)
    if path.exists():
        raise RunError(f"{path} exists and a journal is never overwritten; "
                       f"name another in [journal] path")
    if not path.parent.is_dir():
        raise RunError(f"{path.parent} is not a folder; make it, or change [journal] path")


def named_for_now(config: Config) -> Config:
    """The configuration of a run that starts now: its session, and its journal's name, if the
    path has strftime(3) codes, as in day-%Y%m%d.tpj."""
    config = with_session(config)
    path = config.journal.path
    if "%" in path:
        journal = msgspec.structs.replace(config.journal, path=time.strftime(path))
        config = msgspec.structs.replace(config, journal=journal)
    return config


@dataclass
class Heartbeat:
    """Says once, and once more after each recovery, that the loop hangs.

    By whether it moves, not by what time it says: the host's clock may be stepped meanwhile.
    """

    state: State
    hung: bool = False
    _beat_ns: int = 0
    _moved_s: float = 0.0

    def check(self) -> None:
        beat_ns, now_s = int(self.state.header["heartbeat_ns"]), time.monotonic()
        if beat_ns != self._beat_ns:
            self._beat_ns, self._moved_s, self.hung = beat_ns, now_s, False
        age_s = now_s - self._moved_s
        if beat_ns and not self.hung and age_s > HEARTBEAT_TIMEOUT_S:
            self.hung = True
            print(f"appliance: the engine's loop has not moved for {age_s:.0f} s; look at its core,"
                  f" and at the venue: {self.state.counter('orders_open'):,} orders are open there",
                  file=sys.stderr)


@dataclass
class Faults:
    """Page faults of the loop's thread, read from outside: the loop itself never asks.

    Not of the whole process: DPDK's own threads may fault, beside the loop's core.
    """

    after_first_second: int | None = None
    last: int = 0

    @property
    def since(self) -> int | None:
        """Faults after the loop's first second; None when it did not last that long."""
        return None if self.after_first_second is None else self.last - self.after_first_second


@dataclass
class Supervisor:
    """One run of the appliance. ``start``, then ``watch`` until it returns, then ``stop``."""

    config: Config
    engine: subprocess.Popen[bytes] | None = None
    writer: subprocess.Popen[bytes] | None = None
    exporter: subprocess.Popen[bytes] | None = None
    state: State | None = None
    faults: Faults = field(default_factory=Faults)
    notifier: Notifier = field(default_factory=Notifier)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self, stopping: Callable[[], bool] = lambda: False) -> State:
        """Starts everything; returns the engine's state once its loop is about to run."""
        self._check_exporter()
        self.config = named_for_now(self.config)
        check_journal(self.config)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tickpath-")))
        settings = folder / "config.json"
        settings.write_bytes(self.config.to_json())
        self.engine = self._spawn("appliance.engine_process", str(settings), str(os.getpid()))
        self.state = self._await_state(stopping)
        name = self.config.engine.name
        if self.config.journal.path:
            self.writer = self._spawn(
                "appliance.journal.writer", name, self.config.journal.path,
                "--config-json", str(settings),
            )
        if self.config.telemetry.port:
            self.exporter = self._spawn(
                "appliance.telemetry.exporter", name,
                "--port", str(self.config.telemetry.port),
                "--address", self.config.telemetry.address,
                "--control", str(os.getpid()),
            )
        return self.state

    def _check_exporter(self) -> None:
        """A port that is taken is told before anything starts."""
        telemetry = self.config.telemetry
        if not telemetry.port:
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((telemetry.address, telemetry.port))
            except OSError as error:
                raise RunError(f"cannot serve metrics on {telemetry.address}:{telemetry.port} "
                               f"({error.strerror}); choose another [telemetry] port") from None

    def _spawn(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl-C reaches control alone, which ends the others in order.
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], start_new_session=True
        )
        if module != "appliance.engine_process":
            self._keep_off_the_core(process.pid)
        return process

    def _keep_off_the_core(self, pid: int) -> None:
        others = os.sched_getaffinity(0) - {self.config.engine.core}
        if others:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.sched_setaffinity(pid, others)

    def _await_state(self, stopping: Callable[[], bool]) -> State:
        assert self.engine is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.engine.poll() is not None:
                if self.engine.returncode < 0:
                    self._clear_away()
                    raise RunError(
                        f"the engine was ended by signal {-self.engine.returncode} while it "
                        f"started; if memory ran out, make [tables] smaller")
                raise RunError("")  # it has said why itself
            if stopping():
                self.stop()
                raise RunError("stopped before the engine had started; nothing was sent")
            with contextlib.suppress(PioError, ValueError):
                state = State.attach(self.config.engine.name)
                if int(state.header["start_ns"]) and (
                    int(state.header["engine_pid"]) == self.engine.pid
                ):
                    state.segment.hold(CONTROL_CLAIM)
                    return state
                state.close()
            time.sleep(0.01)
        raise RunError(
            f"the engine did not start within {START_TIMEOUT_S:.0f} s; "
            f"make [tables] smaller, or look at what else the host is doing"
        )

    def watch(self, tick: Callable[[], None], stopping: Callable[[], bool]) -> None:
        """Looks after the run until it ends by itself or ``stopping`` says so."""
        assert self.engine is not None and self.state is not None
        started = time.monotonic()
        heartbeat, pulse = Heartbeat(self.state), Pulse(self.state, self.notifier)
        while self.engine.poll() is None and not stopping():
            self._sample_faults(time.monotonic() - started)
            self._check_companions()
            if int(self.state.header["loop_done"]):
                break
            heartbeat.check()
            pulse.beat()
            tick()
            time.sleep(TICK_S)
        pulse.stopping()

    def _sample_faults(self, elapsed_s: float) -> None:
        assert self.engine is not None
        pid = self.engine.pid  # of its first thread, too, which runs the loop
        with contextlib.suppress(OSError, IndexError):
            stat = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
            self.faults.last = int(stat[7]) + int(stat[9])  # minor and major; proc(5)
            if self.faults.after_first_second is None and elapsed_s >= 1.0:
                self.faults.after_first_second = self.faults.last

    def _check_companions(self) -> None:
        assert self.state is not None
        if self.writer is not None and self.writer.poll() not in (None, 0):
            self.state.kill(Kill.JOURNAL_ERROR, "the journal writer ended")
        if self.exporter is not None and self.exporter.poll() is not None:
            # Trading does not stop for want of a graph.
            print(f"appliance: the exporter ended with status {self.exporter.returncode}; the run "
                  f"goes on without metrics", file=sys.stderr)
            self.exporter = None

    def stop(self) -> int:
        """Ends the engine, then its companions; the engine's exit status, or a companion's."""
        status = 0
        if self.engine is not None:
            if self.engine.poll() is None and self.state is not None:
                self.state.header["stop"] = 1
            status = self._end(self.engine)
            if status < 0:
                self._clear_away()
        if self.writer is not None:
            status = self._end(self.writer) or status
        if self.exporter is not None:
            if self.exporter.poll() is None:
                self.exporter.terminate()
            self._end(self.exporter)
        return status

    def _clear_away(self) -> None:
        """What a killed engine left: opening and closing its queues takes their segments away.

        DPDK's leave nothing that its next start does not mend, and starting it here would take a
        device, and its peer, for nothing.
        """
        for name in queue_names(self.config).values():
            if names_dpdk(name):
                continue
            with contextlib.suppress(PioError):
                open_queue(name).close()
        if self.state is None:
            with contextlib.suppress(PioError):
                Segment.attach(self.config.engine.name).close()

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def close(self) -> None:
        """Gives the segment and the files back."""
        if self.state is not None:
            self.state.close()
            self.state = None
        self._stack.close()


def summary(config: Config, state: State, faults: Faults, seconds: float) -> dict[str, Any]:
    """What a run did, for people, ``--json`` and the report."""
    counts = state.counter_map()
    packets = sum(counts[f"rx_frames_{role}"] for role in ("feed_a", "feed_b", "orders"))
    drops = {
        name: value
        for name, value in counts.items()
        if value and ("_drop_" in name or name.startswith(("risk_", "book_", "oms_", "feed_lost",
                                                           "feed_buffer_", "journal_full")))
    }
    return {
        "seconds": round(seconds, 3),
        "messages": counts["feed_messages"],
        "messages_per_s": round(counts["feed_messages"] / seconds) if seconds else 0,
        "packets": packets,
        "packets_per_s": round(packets / seconds) if seconds else 0,
        "orders": {
            "new": counts["sent_new"],
            "replace": counts["sent_replace"],
            "cancel": counts["sent_cancel"],
            "accepted": counts["answer_accepted"],
            "replaced": counts["answer_replaced"],
            "rejected": counts["answer_rejected"],
            "canceled": counts["answer_canceled"],
            "executed": counts["answer_executed"],
            "filled": counts["orders_filled"],
            "filled_shares": counts["filled_shares"],
            "open": counts["orders_open"],
            "unanswered": int(state.header["unanswered"]),
        },
        "drops": drops,
        "latency": {
            timer.name: state.histogram(timer.name).summary() for timer in state.timers()
        },
        "feed": {
            "state": FEED_STATES[counts["feed_state"]],
            "gap_open": bool(counts["feed_gap_open"]),
            "lost": counts["feed_lost"],
            "sequence": counts["feed_sequence"],
            "gaps_a": counts["feed_gaps_a"],
            "gaps_b": counts["feed_gaps_b"],
            "gaps_filled": counts["feed_gaps_filled"],
        },
        "kill": {
            "word": Kill(int(state.header["kill"])).name.lower(),
            "reason": bytes(state.header["kill_reason"]).decode("utf-8", "replace"),
        },
        "backend": {
            role: bytes(state.header[f"queue_{role}"]).decode()
            for role in ("feed_a", "feed_b", "orders")
        },
        "page_faults_after_first_second": faults.since,
        "checkpoints": int(state.header["checkpoint_count"]),
        "strategy": config.strategy.label,
        "counters": counts,
    }
