"""Runs exchange and appliance side by side, compares their books, and reports. See demo.sh."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from demo_cut import Cut
from demo_huge_pages import huge_pages
from demo_links import (
    LINES,
    MEMORY_MIB,
    ONE_PORT,
    SIDES,
    Links,
    memif_links,
    memory_links,
    network_pair,
    veth_links,
)

ROOT = Path(__file__).resolve().parent.parent
EXCHANGE_GRACE_S = 20.0  # what it may take beyond its own time: tables, opening, closing
APPLIANCE_GRACE_S = 10.0
# What a demo writes, and so what it removes of the one before: nothing else in the folder.
WRITTEN = (
    "exchange.toml",
    "appliance.toml",
    "venue.json",
    "appliance.json",
    "histograms.json",
    "recording.tpj",
    "venue-checkpoints.jsonl",
    "appliance-checkpoints.jsonl",
    "result.json",
    "report.html",
    "latency.png",
)
# What a queue over veth must obtain: its driver has XDP and no zero-copy.
VETH_MODES = {"afxdp": "copy", "auto": "copy", "afpacket": "mmap-v2"}
DRAIN_S = 0.3  # after the exchange's end, for what is still in the queues


def strategy_name(given: str) -> str:
    """As the appliance's configuration wants it, which lies in another folder."""
    return str(Path(given).absolute()) if ".py" in given else given


def quoted(text: object) -> str:
    """As TOML writes it: JSON's escapes are among its own."""
    return json.dumps(str(text), ensure_ascii=False)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The whole of tickpath on one machine.")
    parser.add_argument("--seconds", type=int, default=10, help="of trading (default 10)")
    parser.add_argument("--strategy", default="quote", metavar="NAME",
                        help="none, quote (default), cross, or one of your own, as in my.py:cross")
    parser.add_argument("--rate", type=int, default=200_000, help="feed messages a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--live-orders", type=int, default=20_000, help="resting in the books")
    parser.add_argument("--checkpoint-every", type=int, default=10_000, help="feed messages")
    parser.add_argument("--fault", default="", metavar="SPEC",
                        help="impair both feed lines, as in loss=0.1,duplicate=0.05,reorder=0.05; "
                        "loss meets every second frame of a line: none is lost on both")
    parser.add_argument("--backend", choices=["memory", "dpdk", "afxdp", "afpacket", "auto"],
                        default="memory",
                        help="what joins the two: shared memory, DPDK's memif, or veth pairs "
                        "between two network namespaces; auto: the appliance chooses")
    parser.add_argument("--one-port", action="store_true",
                        help="with veth pairs: one of them, for both lines and the orders")
    parser.add_argument("--cut", action="store_true",
                        help="with veth pairs: line B is cut for the middle third of the run")
    parser.add_argument("--huge-pages", choices=["auto", "on", "off"], default="auto",
                        help="with dpdk: set huge pages aside for the run (auto: if that can be)")
    parser.add_argument("--stations", action="store_true",
                        help="time each station of a tick; ticks take longer")
    parser.add_argument("--no-journal", action="store_true", help="record nothing")
    parser.add_argument("--json", action="store_true", help="figures as JSON, no live view")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo")
    return parser.parse_args(words)


def cores() -> tuple[int, int]:
    """One for the exchange, one for the appliance; -1 where there are not two."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (-1, -1)


def queue(name: str, fault: str, seed: int, line: int) -> str:
    """A feed line's queue; lost frames of the two lines never coincide."""
    return f"fault({fault},seed={seed},stride=2,phase={line}):{name}" if fault else name


def make_links(options: argparse.Namespace, stack: ExitStack) -> Links:
    """Links that nobody else uses. ``stack`` gives back what they take of the host.

    Raises RuntimeError when huge pages are demanded and cannot be had.
    """
    tag, impaired = f"demo{os.getpid()}", bool(options.fault)
    if options.cut and options.backend not in VETH_MODES:
        raise RuntimeError("--cut needs a wire: give --backend afxdp or afpacket with it")
    if options.one_port and (options.cut or options.backend not in VETH_MODES):
        raise RuntimeError("--one-port is one wire, not to be cut: give --backend afxdp, auto or "
                           "afpacket with it, without --cut")
    if options.backend == "memory":
        return memory_links(tag, impaired)
    if options.backend in VETH_MODES:
        lines = ONE_PORT if options.one_port else LINES
        made = stack.enter_context(network_pair(lines))
        return veth_links(options.backend, VETH_MODES[options.backend], made,
                          Cut(made, options.seconds) if options.cut else None, lines)
    if options.huge_pages == "off":
        return memif_links(tag, impaired, False, "ordinary memory, as asked")
    mib = SIDES * MEMORY_MIB
    why = stack.enter_context(huge_pages(mib))
    if not why:
        return memif_links(tag, impaired, True, f"huge pages, {mib} MiB")
    if options.huge_pages == "on":
        raise RuntimeError(f"no huge pages: {why}; or give --huge-pages off")
    print(f"demo: no huge pages: {why}; going on without", file=sys.stderr)
    return memif_links(tag, impaired, False, f"ordinary memory: {why}")


def write_configs(options: argparse.Namespace, links: Links) -> tuple[Path, Path]:
    """Both TOML files."""
    venue_core, engine_core = cores()
    exchange = options.out / "exchange.toml"
    appliance = options.out / "appliance.toml"
    exchange.write_text(f"""[exchange]
seed = {options.seed}
symbols = {options.symbols}
seconds = {options.seconds}
core = {venue_core}
checkpoint_every = {options.checkpoint_every}
checkpoints = {quoted(options.out / "venue-checkpoints.jsonl" if options.checkpoint_every else "")}

[flow]
messages_per_s = {options.rate}
live_orders = {options.live_orders}

[feed]
line_a = "{links.exchange[0]}"
line_b = "{links.exchange[1]}"

[orders]
queue = "{links.exchange[2]}"
{links.table}""")
    line_a = queue(links.appliance[0], options.fault, options.seed, 0)
    line_b = queue(links.appliance[1], options.fault, options.seed + 1, 1)
    appliance.write_text(f"""[engine]
name = "demo{os.getpid()}"
core = {engine_core}
stations = {str(options.stations).lower()}
checkpoint_every = {options.checkpoint_every}
checkpoints_max = 1000000

[feed]
line_a = "{line_a}"
line_b = "{line_b}"

[orders]
queue = "{links.appliance[2]}"

[tables]
orders = 65536

[strategy]
{"file" if ".py" in options.strategy else "name"} = {quoted(strategy_name(options.strategy))}

[risk]
position_max = 1000000

[journal]
path = {quoted("" if options.no_journal else options.out / "recording.tpj")}
{links.table}""")
    return exchange, appliance


def compare_books(out: Path) -> dict[str, Any]:
    """Digests of both sides at the sequence numbers that both have."""
    sides = []
    for name in ("venue", "appliance"):
        rows = [json.loads(line) for line in (out / f"{name}-checkpoints.jsonl").open()]
        sides.append({row["sequence"]: row for row in rows})
    common = sorted(sides[0].keys() & sides[1].keys())
    keys = ("orders_digest", "levels_digest", "live_orders")
    different = [n for n in common if any(sides[0][n][k] != sides[1][n][k] for k in keys)]
    return {
        "compared": len(common),
        "different": len(different),
        "first_different": different[0] if different else None,
    }


def links_check(figures: dict[str, Any], links: Links) -> tuple[str, bool, str]:
    """Every queue is what was asked for, and nothing less (R5)."""
    modes = figures["backend"]
    good = all(mode.split()[-1].rpartition("+")[2] == links.mode for mode in modes.values())
    obtained = ", ".join(f"{role} {mode}" for role, mode in modes.items())
    return "links", good, f"{obtained}; in {links.memory}"


def checks(figures: dict[str, Any], venue: dict[str, Any], books: dict[str, Any],
           statuses: tuple[int, int], links: Links) -> list[dict[str, Any]]:
    """What must be true of a good run; a detail for each."""
    orders, feed = figures["orders"], figures["feed"]
    answered = orders["accepted"] + orders["replaced"] + orders["rejected"]
    entered = orders["new"] + orders["replace"]
    # The venue ignores a replace whose original has died meanwhile (OUCH 5.0): no answer is due.
    void = entered - answered - orders["unanswered"]
    same = ""
    if books:
        same = f"{books['compared']} checkpoints compared, {books['different']} differ"
        if books["first_different"] is not None:
            same += f", first at message {books['first_different']}"
    rows = [
        ("processes", statuses == (0, 0), f"exchange {statuses[0]}, appliance {statuses[1]}"),
        ("feed", feed["state"] == "ended" and not feed["gap_open"] and not feed["lost"],
         f"{feed['state']}, {feed['lost']} messages lost, "
         f"{'a gap is open' if feed['gap_open'] else 'no gap open'}"),
        ("sequence", feed["sequence"] == venue["sequence"] + 1,
         f"exchange sent {venue['sequence']:,}, appliance applied {feed['sequence'] - 1:,}"),
        ("orders answered", orders["unanswered"] == 0,
         f"{entered:,} sent, {answered:,} answered, {void:,} replaces overtaken by a fill, "
         f"{orders['unanswered']} without an answer"),
        *([("books", books["compared"] > 0 and not books["different"], same)] if books else []),
        links_check(figures, links),
        *([links.cut.check(figures)] if links.cut else []),
        ("trading", figures["kill"]["word"] == "armed", f"kill word {figures['kill']['word']}"),
    ]
    return [{"name": name, "ok": bool(ok), "detail": detail} for name, ok, detail in rows]


def _cli(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", module, *words]


def run(options: argparse.Namespace, links: Links) -> tuple[int, int]:
    """Both processes to their end; their statuses. Ctrl-C reaches both and is waited out."""
    exchange_toml, appliance_toml = write_configs(options, links)
    out = options.out
    words = ["run", "-c", str(appliance_toml), "--result", str(out / "appliance.json"),
             "--checkpoints", str(out / "appliance-checkpoints.jsonl"),
             "--histograms", str(out / "histograms.json")]
    processes: list[subprocess.Popen[bytes]] = []
    networks = links.networks

    def end_them(*_: Any) -> None:
        for process in processes:
            process.terminate()

    # Not SIG_IGN for Ctrl-C, which they would inherit: they hear it themselves.
    handlers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: end_them, signal.SIGHUP: end_them}
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with (out / "venue.json").open("wb") as venue_out:
            processes.append(exchange := subprocess.Popen(
                _cli("feed_sim.cli", "exchange", "-c", str(exchange_toml), "--json"),
                stdout=venue_out,
                preexec_fn=networks and networks.entering("exchange"),
            ))
        processes.append(appliance := subprocess.Popen(
            _cli("appliance.cli", *words, *(["--json"] if options.json else ["--no-summary"])),
            stdout=subprocess.DEVNULL if options.json else None,
            preexec_fn=networks and networks.entering("appliance"),
        ))
        deadline = time.monotonic() + options.seconds + EXCHANGE_GRACE_S
        while exchange.poll() is None and appliance.poll() is None:
            if time.monotonic() > deadline:
                print("demo: the exchange did not end in time", file=sys.stderr)
                break
            if links.cut:
                links.cut.turn()
            time.sleep(0.05)
        time.sleep(DRAIN_S)
        for process in processes:
            if process.poll() is None:
                process.terminate()
        return exchange.wait(APPLIANCE_GRACE_S), appliance.wait(APPLIANCE_GRACE_S)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for number, handler in former.items():
            signal.signal(number, handler)


def main() -> int:
    with ExitStack() as stack:
        try:
            return demo(options := arguments(), make_links(options, stack))
        except RuntimeError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130


def demo(options: argparse.Namespace, links: Links) -> int:
    """One run from its configurations to its report; the exit status."""
    # demo.sh has changed to the project's root: a relative folder is the caller's.
    options.out = Path(os.environ.get("TICKPATH_CALLER", ".")) / options.out
    options.out.mkdir(parents=True, exist_ok=True)
    for name in WRITTEN:
        (options.out / name).unlink(missing_ok=True)
    statuses = run(options, links)
    try:
        figures = json.loads((options.out / "appliance.json").read_text())
        venue = json.loads((options.out / "venue.json").read_text())
        books = compare_books(options.out) if options.checkpoint_every else {}
    except (OSError, ValueError) as error:
        print(f"demo: a side ended without its figures ({error}); see above", file=sys.stderr)
        return 1
    from demo_show import show

    figures["venue"], figures["books"] = venue, books
    figures["links"] = {"backend": links.backend, "mode": links.mode, "memory": links.memory}
    figures["checks"] = checks(figures, venue, books, statuses, links)
    return show(options, figures)


if __name__ == "__main__":
    sys.exit(main())
