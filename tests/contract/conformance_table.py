"""The conformance suite's whole, and its table in docs/backends.md.

    python tests/contract/conformance_table.py [--count N] [--only PART-OF-A-NAME] [--write]

Best as root: what needs a network namespace cannot run otherwise, and the table says so. Exit code
1: something told a backend apart, and nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # where pytest finds them

from conformance import COUNT, ROWS, Result, Row, Run, run  # noqa: E402

PAGE = ROOT / "docs/backends.md"
BEGIN, END = "<!-- conformance -->\n", "<!-- end -->\n"
# The engine's counters that say what it refused, and what came of the rest.
REFUSED = ("net_drop_", "mold_drop_", "itch_drop_")
TOLD = (*REFUSED, "itch_unknown", "feed_messages", "feed_duplicates", "feed_gaps", "feed_lost",
        "feed_sessions", "book_", "risk_", "sent_")


def refused(result: Result) -> int:
    """Frames that the engine refused, by whatever name."""
    return sum(n for name, n in result.counters.items() if name.startswith(REFUSED))


def line(row: Row, done: Run | str) -> str:
    """A row of the table: what it did, or why it did not run."""
    if isinstance(done, str):
        return f"| `{row.case.name}` | not here: {done} | | | | | | |"
    losses = ", ".join(f"{name} {n:,}" for name, n in done.losses.items()) or "none"
    return (f"| `{row.case.name}` | {done.by} | {done.sent:,} | "
            f"{done.result.received:,} | {losses} | {refused(done.result):,} | "
            f"`{done.result.digest}` | {'yes' if done.equal else '**no**'} |")


def table(runs: Iterable[tuple[Row, Run | str]]) -> str:
    """Both tables: the rows, and each different result's counters by name."""
    runs = list(runs)
    lines = ["| Row | Backend, mode | Sent | Received | Lost by the backend "
             "| Refused by the engine | Result | As memory's |", "|---" * 8 + "|"]
    lines += [line(row, done) for row, done in runs]
    results: dict[Result, list[str]] = {}
    for row, done in runs:
        if not isinstance(done, str):
            results.setdefault(done.result, []).append(row.case.name)
    heads = [f"`{result.digest}`" for result in results]
    lines += ["", f"| Counter | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    names = {name: 0 for result in results for name, n in result.counters.items()
             if n and name.startswith(TOLD)}
    for name in names:
        counts = " | ".join(f"{result.counters[name]:,}" for result in results)
        lines.append(f"| `{name}` | {counts} |")
    lines += ["", "The results: " + "; ".join(
        f"`{result.digest}` of " + (f"{len(of)} rows" if len(of) > 2 else " and ".join(of))
        for result, of in results.items()) + "."]
    return "\n".join(lines) + "\n"


def head(count: int, seconds: float) -> str:
    release = ".".join(os.uname().release.split(".")[:2])
    return (f"{count:,} frames a row, Linux {release}, {time.strftime('%Y-%m-%d')}, "
            f"{seconds:.0f} s for all.\n\n")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=COUNT, help="frames a row")
    parser.add_argument("--only", default="", help="rows with this in their names")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    if options.write and (options.only or options.count != COUNT):
        parser.error(f"what is written is the whole: without --only, with {COUNT} frames")
    runs: list[tuple[Row, Run | str]] = []
    start = time.monotonic()
    for row in ROWS:
        if options.only in row.case.name:
            with tempfile.TemporaryDirectory() as path:
                done = row.case.skip() or run(row, Path(path), options.count)
            runs.append((row, done))
            print(line(row, done), flush=True)
    text = head(options.count, time.monotonic() - start) + table(runs)
    if not all(isinstance(done, str) or done.equal for _, done in runs):
        print("conformance: a backend was told apart", file=sys.stderr)
        return 1
    if options.write:
        page = PAGE.read_text()
        before, after = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(page[:before] + text + page[after:])
    else:
        print("\n" + text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
