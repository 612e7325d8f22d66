"""What the verbs of the command line gather and print; ``cli.py`` only parses and exits."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from appliance.config import Config
from appliance.files import file_engine
from appliance.files import replay as replay_into
from appliance.host.latency_hold import LatencyHold
from appliance.queue_names import queue_names
from appliance.state import FEED_STATES, Kill, State
from appliance.telemetry.registry import ROLES
from appliance.telemetry.units import duration
from dpdk_bindings import PioError, backends, dpdk_memory, innermost_backend, names_dpdk
from dpdk_bindings.env import Histogram, core_facts
from dpdk_bindings.ladder import is_auto, rungs

LINKS = ("down", "up", "gone")  # enum pio_link
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")


def with_seconds(config: Config, seconds: int) -> Config:
    engine = msgspec.structs.replace(config.engine, seconds=seconds)
    return msgspec.structs.replace(config, engine=engine)


# ---- figures -------------------------------------------------------------------------------------


@contextlib.contextmanager
def live(state: State, quiet: bool) -> Iterator[Callable[[], None]]:
    """The live view's tick, or nothing to see."""
    if quiet:
        yield lambda: None
        return
    from appliance.telemetry.live import LiveView

    with LiveView(state, Console()) as view:
        yield view.tick


def copies(state: State) -> dict[str, Histogram]:
    """The histograms, copied out of the segment so that they outlive it."""
    return {timer.name: state.histogram(timer.name).copy() for timer in state.timers()}


def digests(state: State) -> list[dict[str, Any]]:
    return [
        {
            "sequence": int(row["sequence"]),
            "orders_digest": f"{int(row['orders_digest']):016x}",
            "levels_digest": f"{int(row['levels_digest']):016x}",
            "live_orders": int(row["live_orders"]),
        }
        for row in state.checkpoints()
    ]


def status_figures(state: State) -> dict[str, Any]:
    counts = state.counter_map()
    return {
        "name": bytes(state.header["name"]).decode(),
        "pid": int(state.header["engine_pid"]),
        "heartbeat_ns": int(state.header["heartbeat_ns"]),
        "feed": FEED_STATES[counts["feed_state"]],
        "kill": Kill(int(state.header["kill"])).name.lower(),
        "kill_reason": bytes(state.header["kill_reason"]).decode("utf-8", "replace"),
        "strategy": bytes(state.header["strategy"]).decode(),
        "backend": {
            role: bytes(state.header[f"queue_{role}"]).decode()
            for role in ("feed_a", "feed_b", "orders")
        },
        "links": {role: LINKS[counts[f"queue_link_{role}"]] for role in ROLES},
        "latency": {timer.name: state.histogram(timer.name).summary() for timer in state.timers()},
        "counters": counts,
    }


def engine_alive(state: State) -> bool:
    """Is the process that writes this segment still there?"""
    if int(state.header["loop_done"]):
        return False
    try:
        os.kill(int(state.header["engine_pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process, but a process
    return True


def _halted(state: State) -> str:
    """Why trading is halted; "" when it is not."""
    word = Kill(int(state.header["kill"]))
    reason = bytes(state.header["kill_reason"]).decode("utf-8", "replace")
    return "" if word is Kill.ARMED else reason or word.name.lower()


def kill(state: State, reason: str) -> str:
    """Sets the kill word; why trading was halted before, whose reason stays, or ""."""
    before = _halted(state)
    state.kill(Kill.OPERATOR, reason)
    return before


def arm(state: State) -> str:
    """Clears the kill word; why it was set, or ""."""
    before = _halted(state)
    state.arm()
    return before


def _dpdk_finding(config: Config) -> dict[str, Any]:
    try:
        return {"name": "dpdk", "ok": True, "detail": dpdk_memory(config.dpdk)}
    except PioError as error:
        return {"name": "dpdk", "ok": False, "detail": str(error)}


def _ladder_finding(role: str, name: str) -> dict[str, Any]:
    """Nothing is opened here, so which rung it will be is not known."""
    try:
        rungs(name)
    except PioError as error:
        return {"name": role, "ok": False, "detail": str(error)}
    device = name.rpartition("auto:")[2].partition(",")[0]
    return {"name": role, "ok": True,
            "detail": f"{name} (`appliance backends {device}` says which backend that is)"}


def findings(config: Config) -> list[dict[str, Any]]:
    """What ``appliance check`` looks at: {name, ok, detail}."""
    rows: list[dict[str, Any]] = []
    known = {row.name: row for row in backends()}
    for role, name in queue_names(config).items():
        if is_auto(name):
            rows.append(_ladder_finding(role, name))
            continue
        wanted = innermost_backend(name)  # what wraps it works wherever that does
        backend = known.get(wanted)
        if backend is None:
            detail = f"'{name}' names no backend of this build; one of {', '.join(known)}"
        elif not backend.usable:
            detail = f"{backend.why}; {backend.remedy}"
        else:
            # Which of DPDK's modes, its memory tells: a row of its own.
            detail = name if wanted == "dpdk" else f"{name} ({backend.mode})"
        rows.append({"name": role, "ok": backend is not None and backend.usable, "detail": detail})
    if known["dpdk"].usable and any(map(names_dpdk, queue_names(config).values())):
        rows.append(_dpdk_finding(config))
    if config.engine.core >= 0:
        try:
            facts = core_facts(config.engine.core)
            quiet = "isolated" if facts.isolated else "not isolated: expect interruptions"
            rows.append({"name": "core", "ok": facts.allowed,
                         "detail": f"core {facts.index}, {quiet}" if facts.allowed else
                         f"core {facts.index} is outside this process's cpuset; choose another"})
        except ValueError as error:
            rows.append({"name": "core", "ok": False, "detail": str(error)})
        hold = LatencyHold(config.host.idle_latency_us)
        rows.append({"name": "idle", "ok": True, "detail": (
            f"while it runs, any core wakes within {config.host.idle_latency_us} us"
            if hold.held else f"cores may sleep deeply while it runs ({hold.why})")})
        hold.close()
    if config.journal.path:
        path = Path(config.journal.path)
        good = path.parent.is_dir() and not path.exists()
        detail = str(path) if good else (
            f"{path} exists; a journal is never overwritten: name another"
            if path.exists() else f"{path.parent} is not a folder; make it first")
        rows.append({"name": "journal", "ok": good, "detail": detail})
    return rows


@contextlib.contextmanager
def _progress(console: Console, what: str) -> Iterator[Callable[[float], None]]:
    if not console.is_terminal:
        yield lambda share: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def replay_file(file: Path, config: Config, console: Console) -> dict[str, Any]:
    if file.name.endswith(".tpj"):
        from appliance.journal.replay import replay_journal

        return replay_journal(file).report()
    with file_engine(config) as (engine, state), _progress(console, file.name) as tick:
        return replay_into(file, engine, state, progress=tick).report()


def ladder_of(file: Path, symbol: str, until_ns: int, depth: int,
              console: Console) -> dict[str, Any]:
    config = Config()
    with file_engine(config) as (engine, state), _progress(console, file.name) as tick:
        outcome = replay_into(file, engine, state, until_ns=until_ns, progress=tick)
        locate = engine.locate_of(symbol)
        if locate is None:
            raise ValueError(f"{file}: no symbol '{symbol}' up to there; "
                             f"`feedsim inspect {file}` lists them")
        sides = [engine.ladder(locate, side) for side in (0, 1)]
        return {
            "symbol": symbol,
            "locate": locate,
            "levels": [len(side) for side in sides],
            "bids": [dict(zip(("price", "shares", "orders"), row, strict=True))
                     for row in sides[0][:depth]],
            "asks": [dict(zip(("price", "shares", "orders"), row, strict=True))
                     for row in sides[1][:depth]],
            "broken_at": outcome.broken_at,
        }


def report(figures: dict[str, Any], histograms: dict[str, Histogram], folder: Path) -> None:
    from appliance.telemetry.report import write_report

    for path in write_report(figures, histograms, folder):
        print(f"wrote {path}")


# ---- printing ------------------------------------------------------------------------------------


def latency_table(latency: dict[str, dict[str, int]]) -> Table:
    table = Table(title="Latency")
    table.add_column("from, to")
    for heading in ("count", *PERCENTILES):
        table.add_column(heading, justify="right")
    for name, row in latency.items():
        values = [duration(row[p]) if row["count"] else "-" for p in PERCENTILES]
        table.add_row(name.replace("_", " "), f"{row['count']:,}", *values)
    return table


def _pairs(title: str, rows: dict[str, Any]) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in rows.items():
        text = f"{value:,}" if isinstance(value, int) else str(value)
        table.add_row(name.replace("_", " "), text)
    return table


def summary(console: Console, figures: dict[str, Any]) -> None:
    console.print(_pairs("The run", {
        "seconds": figures["seconds"],
        "messages": figures["messages"],
        "messages a second": figures["messages_per_s"],
        "packets": figures["packets"],
        "packets a second": figures["packets_per_s"],
        "feed": figures["feed"]["state"],
        "kill word": figures["kill"]["word"],
        "page faults after the first second": figures["page_faults_after_first_second"],
        **{f"queue {role}": mode for role, mode in figures["backend"].items() if mode},
    }))
    console.print(_pairs("Orders", figures["orders"]))
    if figures["drops"]:
        console.print(_pairs("Drops and refusals, by name", figures["drops"]))
    console.print(latency_table(figures["latency"]))


def status(console: Console, figures: dict[str, Any]) -> None:
    console.print(_pairs(f"Engine {figures['name']}", {
        "process": figures["pid"], "feed": figures["feed"], "kill word": figures["kill"],
        "why": figures["kill_reason"] or "-", "strategy": figures["strategy"],
        **{f"queue {role}": f"{mode}, link {figures['links'][role]}"
           for role, mode in figures["backend"].items() if mode},
    }))
    console.print(latency_table(figures["latency"]))
    console.print(_pairs("Counters", {k: v for k, v in figures["counters"].items() if v}))


def check(console: Console, config: Config, rows: list[dict[str, Any]]) -> None:
    table = Table(title=f"Engine {config.engine.name}, strategy {config.strategy.label}")
    for heading in ("what", "", "detail"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["name"], "[green]ok[/]" if row["ok"] else "[red]no[/]", row["detail"])
    console.print(table)


def replay(console: Console, file: Path, figures: dict[str, Any]) -> None:
    nested = {k: v for k, v in figures.items() if isinstance(v, dict) and v}
    flat = {k: v for k, v in figures.items() if not isinstance(v, dict) and v is not None}
    console.print(_pairs(file.name, flat))
    for name, rows in nested.items():
        console.print(_pairs(name.replace("_", " "), rows))


def ladder(console: Console, figures: dict[str, Any]) -> None:
    table = Table(title=f"{figures['symbol']} (bids {figures['levels'][0]} levels, "
                        f"asks {figures['levels'][1]})")
    for heading in ("orders", "shares", "bid", "ask", "shares", "orders"):
        table.add_column(heading, justify="right")
    bids, asks = figures["bids"], figures["asks"]
    for i in range(max(len(bids), len(asks))):
        bid = bids[i] if i < len(bids) else None
        ask = asks[i] if i < len(asks) else None
        table.add_row(
            *((f"{bid['orders']:,}", f"{bid['shares']:,}", f"{bid['price'] / 10000:.4f}")
              if bid else ("", "", "")),
            *((f"{ask['price'] / 10000:.4f}", f"{ask['shares']:,}", f"{ask['orders']:,}")
              if ask else ("", "", "")),
        )
    console.print(table)
