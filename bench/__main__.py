"""``python -m bench [NAME...]``: measures, prints a table, writes JSON beside it."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table

from bench.measures import MEASURES, cpu_name
from bench.rows import Row


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(MEASURES)))
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True,
              help="Times each is measured; rounds of all are interleaved.")
@click.option("--messages", type=click.IntRange(1000), default=10_000_000, show_default=True,
              help="Length of the generated day for `replay`.")
@click.option("--symbols", type=click.IntRange(1, 65_000), default=3000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/bench"),
              show_default=True, help="Where the generated day and the JSON go.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, no table.")
def main(names: tuple[str, ...], rounds: int, messages: int, symbols: int, out: Path,
         as_json: bool) -> None:
    """Measures tickpath on this machine.

    Every row has the median, minimum and maximum of its rounds, and the target it is held to. The
    row `hiccups` is what the machine itself took from a core that only read the clock, in the same
    run: no latency below can have a better tail than that.
    """
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    chosen = list(names or MEASURES)
    rows: dict[str, Row] = {}
    options = {"messages": messages, "symbols": symbols, "out": out}
    for number in range(rounds):
        for name in chosen:
            console.print(f"round {number + 1} of {rounds}: {name}", style="dim")
            for row in MEASURES[name](**options):
                rows.setdefault(row.name, row).samples.append(row.value)
    result = {"cpu": cpu_name(), "kernel": platform.release(), "python": platform.python_version(),
              "rounds": rounds, "messages": messages, "symbols": symbols,
              "rows": [row.to_dict() for row in rows.values()]}
    (out / "bench.json").write_text(json.dumps(result, indent=2) + "\n")
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
        console.print(f"wrote {out / 'bench.json'}")
    sys.exit(0)


def _print(result: dict[str, Any]) -> None:
    table = Table(title=f"{result['cpu']}, {result['rounds']} rounds")
    table.add_column("what")
    for heading in ("unit", "median", "min", "max", "target"):
        table.add_column(heading, justify="right")
    for row in result["rows"]:
        values = [f"{row[k]:,.6g}" for k in ("median", "min", "max")]
        table.add_row(row["name"], row["unit"], *values, row["target"])
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
