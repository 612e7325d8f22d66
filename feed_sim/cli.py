"""feedsim: a market to test against, at the command line."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

click.rich_click.TEXT_MARKUP = "rich"
click.rich_click.MAX_WIDTH = 100
click.rich_click.SHOW_ARGUMENTS = True

EXIT_WRONG = 2


def fail(sentence: str) -> None:
    """One sentence on standard error, exit code 2, no traceback."""
    click.echo(f"feedsim: {sentence}", err=True)
    sys.exit(EXIT_WRONG)


@contextmanager
def told() -> Iterator[None]:
    """Turns what a user can cause into one sentence; anything else is a defect and is shown."""
    try:
        yield
    except (ValueError, MemoryError, RuntimeError) as error:
        fail(str(error))
    except OSError as error:
        if error.filename and error.strerror:
            fail(f"{error.filename}: {error.strerror.lower()}; check the path and its permissions")
        fail(str(error))


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing when nobody watches."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: None
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def watched(figures: Callable[[], tuple[int, int, int]]) -> Iterator[None]:
    """One line a second about a running venue, on a terminal."""
    console, over = Console(stderr=True), threading.Event()
    if not console.is_terminal:
        yield
        return

    def watch() -> None:
        with console.status("") as status:
            while not over.wait(1.0):
                messages, orders, live = figures()
                status.update(f"{messages:,} messages, {orders:,} orders, {live:,} resting")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def show(rows: dict[str, Any], title: str, as_json: bool) -> None:
    """Figures as JSON on one line, or as a table of two columns; nested ones are flattened."""
    if as_json:
        click.echo(json.dumps(rows))
        return
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in flat(rows):
        table.add_row(name.replace("_", " "), figure_text(value))
    Console().print(table)


def flat(rows: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves with the names of their way: ``lines a packets``."""
    for name, value in rows.items():
        if isinstance(value, list):
            value = {str(i): row for i, row in enumerate(value, 1)}
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value


def figure_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return str(value)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tickpath", prog_name="feedsim")
def main() -> None:
    """A market to test against: it makes, plays, runs and looks into NASDAQ ITCH 5.0 feeds.

    [b]generate[/b] writes a made-up trading day to a file. [b]replay[/b] sends such a file, or a
    recorded one, out of a queue. [b]exchange[/b] is a whole venue: orders in by OUCH, the feed out
    by ITCH. [b]inspect[/b] says what is in a file.

    Everything that is made up comes from a seed: the same command makes the same bytes.
    """


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--messages", "-n", type=click.IntRange(min=1), default=1_000_000, show_default=True,
              help="How many messages the day has, exactly.")
@click.option("--symbols", "-k", type=click.IntRange(1, 65535), default=100, show_default=True,
              help="How many symbols trade.")
@click.option("--seed", "-s", type=click.IntRange(0, 2**64 - 1), default=1, show_default=True,
              help="Where the random numbers start.")
@click.option("--live-orders", type=click.IntRange(1, 50_000_000), default=None,
              help="Resting orders while the day is at its height; by default 9 % of the messages.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def generate(out: Path, messages: int, symbols: int, seed: int, live_orders: int | None,
             as_json: bool) -> None:
    """Write a made-up trading day to OUT.

    The name decides the kind: [b].itch[/b] (each message behind its length, as in Nasdaq's day
    files), [b].itch.gz[/b], [b].pcap[/b] or [b].pcapng[/b] (MoldUDP64 in UDP, with ns).

    The day has an opening (directory and trading states of every symbol), six and a half hours of
    orders that come, trade, change and go much as they do on a real one, and a closing. A few
    symbols get most of the messages, prices cluster at the touch, and the book is never crossed.

    For example, ten million messages over three thousand symbols:

        feedsim generate -n 10000000 -k 3000 --live-orders 900000 day.itch
    """
    with told():
        from feed_sim.files import kind_of, write_day
        from feed_sim.generator import Generator

        kind_of(out)
        live = live_orders or max(messages * 9 // 100, 1)
        generator = Generator(messages, symbols, seed, live)
        with progress(f"writing {out.name}", messages) as update:
            seconds = write_day(generator, out, update)
        show(
            {
                "file": str(out),
                "bytes": out.stat().st_size,
                "messages": generator.sequence_number,
                "by_type": generator.type_counts,
                "symbols": symbols,
                "seed": seed,
                "live_orders_max": generator.live_orders_max,
                "live_orders_at_end": generator.live_orders,
                "seconds": round(seconds, 3),
                "messages_per_s": round(messages / seconds),
            },
            "generated",
            as_json,
        )


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "queue", required=True, metavar="QUEUE",
              help="Where to send it, as in memory:feed-a or afpacket:veth0.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), default=None,
              metavar="MESSAGES_PER_S", help="So many messages a second.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), default=None, metavar="X",
              help="X times as fast as the timestamps say; by default once.")
@click.option("--max", "at_most", is_flag=True, help="As fast as the queue takes them.")
@click.option("--session", default="TICKPATH01", show_default=True,
              help="The MoldUDP64 session of a day file's messages.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def replay(file: Path, queue: str, rate: float | None, speed: float | None, at_most: bool,
           session: str, as_json: bool) -> None:
    """Send FILE out of a queue, message by message, in time.

    The messages of a day file (plain or gzip) go out in MoldUDP64 packets from sequence 1, and the
    session is ended. The frames of a capture (pcap, pcapng) go out as they are.

    The pace is kept by the processor's own clock, and how late each message was handed over is
    reported with its percentiles. Nothing is dropped: a queue that is full is waited for, so start
    the reader first. Ctrl-C ends it with the figures so far.

    For example, a million messages a second into shared memory:

        feedsim replay day.itch --to memory:feed-a --rate 1000000
    """
    if sum((rate is not None, speed is not None, at_most)) > 1:
        fail("--rate, --speed and --max are three different paces; give one of them")
    if not session.isascii() or not 1 <= len(session) <= 10:
        fail(f"--session {session!r}: a session has 1 to 10 ASCII characters")
    with told():
        from feed_sim.replay import replay_file

        pace = 0.0 if at_most or rate else speed or 1.0
        with progress(f"sending {file.name}", file.stat().st_size) as update:
            rows = replay_file(file, queue, rate or 0.0, pace, session, update)
    show(rows, f"{file.name} to {queue}", as_json)
    if rows["problem"]:
        fail(f"{file}: {rows['problem']}; what came before it was sent")


@main.command()
@click.option("--config", "-c", type=click.Path(path_type=Path), default=None,
              help="The configuration, in TOML; without one, everything is at its default.")
@click.option("--seconds", "-s", type=click.FloatRange(min=0), default=None,
              help="How long the market is open, instead of the configuration's word; 0: until "
              "Ctrl-C.")
@click.option("--default-config", is_flag=True,
              help="Print a complete configuration with a comment on every key, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def exchange(config: Path | None, seconds: float | None, default_config: bool,
             as_json: bool) -> None:
    """Run a venue: order entry by OUCH, a matching engine, its ITCH feed on lines A and B.

    One loop on one core takes orders from a queue (OUCH 5.0 over MoldUDP64 both ways), matches them
    by price and time together with seeded background flow, answers, and publishes every change of
    the book. The clients' own orders show up in the feed that they read.

    It waits for a first client before it opens the market, so that whoever joins then hears message
    1. Ctrl-C closes the market in order and prints the summary: what was published, what became of
    the orders, every drop by name, and how late the pace and the answers were.

    For example, a quarter of a million messages a second for ten seconds:

        feedsim exchange --default-config > exchange.toml
        feedsim exchange -c exchange.toml --seconds 10
    """
    from feed_sim.exchange.config import Config, default_toml, load

    if default_config:
        click.echo(default_toml(), nl=False)
        return
    with told():
        from feed_sim.exchange.venue import Venue

        settings = load(config) if config else Config()
        venue = Venue(settings)
        queues = ", ".join(f"{name} ({mode})" for name, mode in venue.modes.items())
        click.echo(f"feedsim: {settings.exchange.name} on {queues}", err=True)
        if settings.orders.queue and settings.exchange.wait_s:
            click.echo(f"feedsim: the market opens with the first message on "
                       f"{settings.orders.queue}, or in {settings.exchange.wait_s:g} s", err=True)
        with watched(venue.progress):
            summary = venue.run(seconds)
    show(summary, f"exchange {summary['name']}", as_json)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def inspect(file: Path, as_json: bool) -> None:
    """Say what is in FILE: a day file, plain or gzip, or a capture (pcap, pcapng).

    Counts by type, the symbols and the busiest of them, the time span; of a capture also each
    MoldUDP64 stream with its sequence numbers, gaps, repeats and end. The content decides what kind
    of file it is, not the name.

    A file that is damaged or cut short is reported as far as it can be read, with the offset where
    that ended, and the exit code is 2.

    For example:

        feedsim inspect day.itch.gz
    """
    with told():
        from feed_sim.inspect import inspect_file

        with progress(f"reading {file.name}", file.stat().st_size) as update:
            rows = inspect_file(file, update)
    show(rows, file.name, as_json)
    if rows["problem"]:
        fail(f"{file}: {rows['problem']}; what came before it is above")


if __name__ == "__main__":
    main()
