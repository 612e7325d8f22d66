"""feedsim: a market to test against, at the command line."""

from __future__ import annotations

import json
import sys
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
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value


def figure_text(value: Any) -> str:
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
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--messages", "-n", type=click.IntRange(min=1), default=1_000_000, show_default=True,
              help="How many messages the day has, exactly.")
@click.option("--symbols", "-k", type=click.IntRange(1, 65535), default=100, show_default=True,
              help="How many symbols trade.")
@click.option("--seed", "-s", type=click.IntRange(0, 2**64 - 1), default=1, show_default=True,
              help="Where the random numbers start.")
@click.option("--live-orders", type=click.IntRange(1, 50_000_000), default=None,
              help="Resting orders while the day is at its height.  [default: 9 % of the messages]")
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
@click.option("--config", "-c", type=click.Path(dir_okay=False, path_type=Path), default=None,
              help="The configuration, in TOML.  [default: docs/exchange.toml's values]")
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
        summary = Venue(settings).run(seconds)
    show(summary, f"exchange {summary['name']}", as_json)


if __name__ == "__main__":
    main()
