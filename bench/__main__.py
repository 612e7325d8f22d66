"""``python -m bench NAME...`` measures and shows; ``python -m bench compare OLD NEW`` compares.

Exit status: 0 fine; 1 a figure was refused, a contender went wrong, or something got worse;
2 wrong input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import rich_click as click
from rich.console import Console
from rich.table import Table

from bench.compare import FORMAT, CompareError, compare, read_result
from bench.measures import MEASURES
from bench.peers import PeersError
from bench.plots import write_plots
from bench.run import BenchError, Run
from bench.settings import Settings, machine

ALL = "all"
TABLE_COLUMNS = 118
HELP = {"help_option_names": ["-h", "--help"]}


def fail(sentence: str, status: int = 2) -> NoReturn:
    print(f"bench: {sentence}", file=sys.stderr)
    sys.exit(status)


@click.command(context_settings=HELP)
@click.argument("names", nargs=-1, type=click.Choice([*MEASURES, ALL]))
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True,
              help="Times each is measured; rounds of all are interleaved.")
@click.option("--messages", type=click.IntRange(1000), default=10_000_000, show_default=True,
              help="Length of the generated day.")
@click.option("--symbols", type=click.IntRange(1, 65_000), default=3000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/bench"),
              show_default=True, help="Where the generated days, the JSON and the plots go.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, no table.")
def measure(names: tuple[str, ...], rounds: int, messages: int, symbols: int, out: Path,
            as_json: bool) -> None:
    """Measures tickpath on this machine, beside others where they are installed.

    Every contender runs in a process of its own, all of them once before any twice. Every figure
    has the median, minimum and maximum of its rounds; a figure whose counts are not the oracle's
    is refused. `hiccups` is what the machine itself took from a core that only read the clock:
    no latency can have a better tail. `all`, or no name at all, is every measure but `day`, which
    takes minutes a round.

        python -m bench book decode --rounds 3

        python -m bench compare OLD.json NEW.json    # what got worse, beyond the noise
    """
    every = [name for name, measure in MEASURES.items() if not measure.long]
    asked = [*every, *names] if ALL in names or not names else names
    chosen = [name for name in dict.fromkeys(asked) if name != ALL]
    stem = ALL if chosen == every else "-".join(chosen)
    console = Console(stderr=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
        settings = Settings(messages, symbols, out.resolve())
        run = Run(chosen, settings, lambda line: console.print(line, style="dim"))
        run.prepare()
        for number in range(rounds):
            console.print(f"round {number + 1} of {rounds}", style="dim")
            run.round(number)
    except PeersError as error:
        fail(str(error))
    except BenchError as error:
        fail(str(error), 1)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror}; choose another folder with --out")
    about = machine() | {"rounds": rounds, "messages": messages, "symbols": symbols}
    result = {"format": FORMAT, "about": about, "oracles": list(run.oracles.values()),
              "absent": run.absent, "failed": run.failed,
              "rows": [f.to_dict() for f in run.figures.values()]}
    written = out / f"{stem}.json"
    written.write_text(json.dumps(result, indent=2) + "\n")
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    paths = [written, *plots(result, out, stem, console)]
    console.print(f"wrote {', '.join(str(path) for path in paths)}", soft_wrap=True)
    for figure in run.refused:
        print(f"bench: {figure.row.name}: refused: {figure.refused}", file=sys.stderr)
    for why in run.failed.values():
        print(f"bench: {why}", file=sys.stderr)
    sys.exit(1 if run.refused or run.failed else 0)


def plots(result: dict[str, Any], out: Path, stem: str, console: Console) -> list[Path]:
    """The pictures, where matplotlib is."""
    try:
        return write_plots(result, out, stem)
    except ImportError:
        console.print("no pictures without matplotlib: pip install '.[bench]'", style="dim")
        return []


def show(result: dict[str, Any]) -> None:
    about = result["about"]
    table = Table(title=f"{about['cpu']}, {about['rounds']} rounds")
    table.add_column("what")
    for heading in ("unit", "median", "min", "max", "target"):
        table.add_column(heading, justify="right")
    for row in result["rows"]:
        if "refused" in row:
            values = ["refused", "", ""]
        else:
            values = [f"{row[k]:,.4g}" if row[k] < 1000 else f"{row[k]:,.0f}"
                      for k in ("median", "min", "max")]
        table.add_row(row["name"], row.get("unit", ""), *values, row.get("target", ""))
    console = Console(width=TABLE_COLUMNS)
    console.print(table)
    for contender, why in result["absent"].items():
        console.print(f"not here: {contender}: {why}", style="dim", markup=False)


@click.command(context_settings=HELP)
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def compare_verb(old: Path, new: Path) -> None:
    """Says what is worse in NEW.json than in OLD.json: by over 5 % beyond the noise of both.

    The noise of a figure is half of its middle rounds' width. Both must be of one machine and one
    size of day. What NEW lacks or refuses, and a contender that failed in it, is worse. Exit status
    1 when something is worse.
    """
    try:
        changes = compare(read_result(old), read_result(new))
    except CompareError as error:
        fail(str(error))
    regressed = [change for change in changes if change.regressed]
    for change in regressed:
        print(change.line)
    if not regressed:
        print(f"nothing is worse: {len(changes)} figures compared")
    sys.exit(1 if regressed else 0)


def main() -> None:
    if sys.argv[1:2] == ["compare"]:
        compare_verb(sys.argv[2:], prog_name="python -m bench compare")
    measure(prog_name="python -m bench")


if __name__ == "__main__":
    main()
