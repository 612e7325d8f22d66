"""The live view: one screen of a running engine, or one line a second where there is no screen.

It reads the shared segment and nothing else, about four times a second; the engine does not know
that it is being looked at.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from appliance.state import FEED_STATES, Kill, State
from appliance.telemetry.registry import LATENCIES, METRICS, ROLES
from appliance.telemetry.units import duration, price
from dpdk_bindings.env import Histogram

WINDOW_S = 1.0  # rates and the "last second" columns look back so far
LINE_INTERVAL_S = 1.0  # between two plain lines
HEARTBEAT_LATE_S = 2.0  # the loop publishes every few hundred turns: this late is trouble
SYMBOLS_SHOWN_MAX = 10
SIDE_BY_SIDE_COLUMNS = 110  # narrower terminals get the two tables below each other
LINES_ABOVE_SYMBOLS = 16  # of the view, its blank lines and headings included
LINES_MORE_WHEN_NARROW = 6

DROPS = [
    metric.name
    for metric in METRICS
    if "_drop_" in metric.name
    or metric.name.startswith(("book_", "oms_", "feed_buffer_"))
    or metric.name in ("feed_lost", "journal_full")
]
REFUSALS = [metric.name for metric in METRICS if metric.name.startswith("risk_")]
ANSWERS = ["answer_accepted", "answer_replaced", "answer_canceled", "answer_rejected"]

# What the left table shows: label, and the counters that are summed.
ROWS: list[tuple[str, list[str]]] = [
    ("messages", ["feed_messages"]),
    ("frames in", [f"rx_frames_{role}" for role in ROLES]),
    ("best price changes", ["bbo_changes"]),
    ("orders sent", ["sent_new", "sent_replace", "sent_cancel"]),
    ("answers", ANSWERS),
    ("fills", ["answer_executed"]),
    ("refused by risk", REFUSALS),
    ("drops", DROPS),
]


@dataclass(frozen=True)
class Sample:
    """The segment at one moment."""

    at_s: float
    counters: dict[str, int]
    timers: dict[str, Histogram]

    def total(self, names: list[str]) -> int:
        return sum(self.counters[name] for name in names)


def _text(state: State, field: str) -> str:
    return bytes(state.header[field]).decode("utf-8", "replace")


class LiveView:
    """Shows ``state`` on ``console`` while entered; call :meth:`tick` about four times a second."""

    def __init__(self, state: State, console: Console) -> None:
        self.state, self.console = state, console
        self._samples: deque[Sample] = deque()
        self._live: Live | None = None
        self._began_s = self._line_due_s = time.monotonic()

    def __enter__(self) -> LiveView:
        self._take()
        self._line_due_s = time.monotonic() + LINE_INTERVAL_S
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(
                console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop"
            )
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, value, trace)
            self._live = None

    def tick(self) -> None:
        """Looks again, and shows what is there."""
        self._take()
        if self._live is not None:
            self._live.update(self.render(), refresh=True)
        elif time.monotonic() >= self._line_due_s:
            self._line_due_s += LINE_INTERVAL_S
            self.console.print(self.line(), highlight=False, markup=False, soft_wrap=True)

    def _take(self) -> None:
        timers = {timer.name: self.state.histogram(timer.name).copy() for timer in LATENCIES}
        now = time.monotonic()
        self._samples.append(Sample(now, self.state.counter_map(), timers))
        while len(self._samples) > 2 and self._samples[1].at_s <= now - WINDOW_S:
            self._samples.popleft()

    def _rate(self, names: list[str]) -> float:
        first, last = self._samples[0], self._samples[-1]
        elapsed = last.at_s - first.at_s
        return (last.total(names) - first.total(names)) / elapsed if elapsed > 0 else 0.0

    def _recent(self, timer: str) -> Histogram:
        return self._samples[-1].timers[timer].since(self._samples[0].timers[timer])

    def _heartbeat_age_s(self) -> float:
        beat = int(self.state.header["heartbeat_ns"]) or int(self.state.header["start_ns"])
        return max(0.0, (time.time_ns() - beat) / 1e9) if beat else 0.0

    def _feed(self) -> str:
        counts = self._samples[-1].counters
        known = FEED_STATES[min(counts["feed_state"], len(FEED_STATES) - 1)]
        return f"{known}, gap open" if counts["feed_gap_open"] else known

    def _trading(self) -> tuple[str, bool]:
        """What the kill word says, and whether all is well."""
        word = int(self.state.header["kill"])
        if not word:
            return ("armed", True)
        known = Kill(word).name if word in Kill.__members__.values() else str(word)
        reason = _text(self.state, "kill_reason")
        return (f"halted: {known.lower().replace('_', ' ')}" + (f" ({reason})" if reason else ""),
                False)

    # ---- plain lines -------------------------------------------------------------------------

    def line(self) -> str:
        """The last second in one line."""
        last = self._samples[-1]
        recent = self._recent("tick_to_trade")
        rows = dict(ROWS)
        fast = ""
        if recent.total_count:
            p50, p99 = recent.percentiles([50.0, 99.0])
            fast = f", tick to trade p50 {duration(p50)} p99 {duration(p99)}"
        late = self._heartbeat_age_s()
        return (
            f"{last.at_s - self._began_s:6.1f} s: feed {self._feed()}, "
            f"{self._rate(rows['messages']):,.0f} messages/s, "
            f"orders {last.total(rows['orders sent']):,}, answers {last.total(ANSWERS):,}, "
            f"fills {last.total(rows['fills']):,}, refused {last.total(REFUSALS):,}, "
            f"drops {last.total(DROPS):,}{fast}; {self._trading()[0]}"
            + (f"; no heartbeat for {late:.1f} s" if late > HEARTBEAT_LATE_S else "")
        )

    # ---- the screen --------------------------------------------------------------------------

    def render(self) -> RenderableType:
        """The whole view as it is now."""
        tables = Table.grid(padding=(0, 3))
        if self.console.width >= SIDE_BY_SIDE_COLUMNS:
            tables.add_row(self._counts(), self._latencies())
        else:
            tables.add_row(self._counts())
            tables.add_row(Text())
            tables.add_row(self._latencies())
        return Group(self._head(), Text(), tables, Text(), self._symbols())

    def _head(self) -> RenderableType:
        trading, well = self._trading()
        late = self._heartbeat_age_s()
        feed = self._feed()
        head = Text.assemble(
            (_text(self.state, "name") or "appliance", "bold"),
            f"  {self._samples[-1].at_s - self._began_s:.0f} s  strategy ",
            (_text(self.state, "strategy") or "none", "bold"),
            "  feed ", (feed, "green" if feed == "live" else "yellow"),
            "  trading ", (trading, "green" if well else "bold red"),
        )
        if late > HEARTBEAT_LATE_S:
            head.append(f"  no heartbeat for {late:.1f} s", "bold red")
        queues = [
            f"{role.replace('_', ' ')} {mode}"
            for role in ROLES
            if (mode := _text(self.state, f"queue_{role}"))
        ]
        return Group(head, Text("   ".join(queues), "dim"))

    def _counts(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("", no_wrap=True)
        table.add_column("a second", justify="right", no_wrap=True, min_width=10)
        table.add_column("in all", justify="right", no_wrap=True, min_width=12)
        last = self._samples[-1]
        for label, names in ROWS:
            total = last.total(names)
            style = "yellow" if names is DROPS and total else ""
            table.add_row(label, f"{self._rate(names):,.0f}", f"{total:,}", style=style)
        return table

    def _latencies(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("", no_wrap=True)
        for heading in ("p50 1 s", "p99 1 s", "p50 all", "p99 all", "max"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=7)
        for timer in LATENCIES:
            whole, recent = self._samples[-1].timers[timer.name], self._recent(timer.name)
            shown = [*recent.percentiles([50.0, 99.0]), *whole.percentiles([50.0, 99.0]), whole.max]
            counts = [recent.total_count] * 2 + [whole.total_count] * 3
            table.add_row(
                timer.name.replace("_", " "),
                *(duration(ns) if count else "-" for ns, count in zip(shown, counts, strict=True)),
            )
        return table

    def _most_active(self, count_max: int) -> list[int]:
        """Stock locates with the most best-price changes, most first."""
        changes = self.state.tops["changes"]
        count = min(count_max, int(np.count_nonzero(changes)))
        if count < 1:
            return []
        chosen = np.argpartition(changes, len(changes) - count)[-count:]
        return [int(i) for i in chosen[np.argsort(changes[chosen])[::-1]]]

    def _symbols(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("most active", no_wrap=True)
        for heading in ("orders", "shares", "bid", "ask", "shares", "orders", "changes"):
            table.add_column(heading, justify="right", no_wrap=True, min_width=7)
        room = self.console.height - LINES_ABOVE_SYMBOLS
        if self.console.width < SIDE_BY_SIDE_COLUMNS:
            room -= LINES_MORE_WHEN_NARROW
        for locate in self._most_active(max(0, min(SYMBOLS_SHOWN_MAX, room))):
            try:
                top = self.state.top(locate)
            except TimeoutError:  # its best prices are changing as fast as we can look
                continue
            name = bytes(self.state.tops[locate]["stock"]).decode("ascii", "replace").strip()
            bid, ask = top["bid_price"], top["ask_price"]
            table.add_row(
                name,
                *((f"{top['bid_orders']:,}", f"{top['bid_shares']:,}", Text(price(bid), "green"))
                  if bid else ("", "", "")),
                *((Text(price(ask), "red"), f"{top['ask_shares']:,}", f"{top['ask_orders']:,}")
                  if ask else ("", "", "")),
                f"{top['changes']:,}",
            )
        return table
