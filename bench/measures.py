"""The measurements: each returns its rows for one round."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import kernels
from bench.dpdk import dpdk
from bench.rows import Row
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, Histogram, pin_to_core
from itch_ouch.layers import ITCHOrderDelete, MoldUDP64

ROOT = Path(__file__).resolve().parent.parent
HICCUP_S = 1.0
FLOOD_S = 2.0
LIVE_S = 5
LIVE_RATE_PER_S = 200_000


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def _percentiles(name: str, row: dict[str, int], targets: dict[str, str]) -> list[Row]:
    return [Row(f"{name} {p}", "ns", row[p], targets.get(p, ""))
            for p in ("p50", "p90", "p99", "p99.9", "max")]


def last_core() -> int:
    return max(os.sched_getaffinity(0))


def _hiccups_child(pipe: Any) -> None:
    pin_to_core(last_core())
    clock, histogram = Clock(), Histogram()
    kernels.hiccups(histogram.address, clock.address, HICCUP_S)
    pipe.send(histogram.summary())


def hiccups(**_: Any) -> list[Row]:
    """What the machine takes from a core that only reads the clock."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_hiccups_child, args=(theirs,))
    child.start()
    summary = ours.recv()
    child.join()
    return _percentiles("machine hiccups", summary, {})


def day_file(messages: int, symbols: int, out: Path) -> Path:
    """The generated day, made once."""
    path = out / f"day-{messages}-{symbols}.itch"
    if not path.exists():
        partial = path.with_suffix(".part.itch")
        subprocess.run(
            [sys.executable, "-m", "feed_sim.cli", "generate", "--messages", str(messages),
             "--symbols", str(symbols), "--live-orders", str(max(1000, messages * 9 // 100)),
             "--seed", "1", str(partial)],
            check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        partial.rename(path)
    return path


def replay(messages: int, symbols: int, out: Path) -> list[Row]:
    """Full books of all symbols and BBO detection, from frames, over a whole day file."""
    path = day_file(messages, symbols, out).resolve()
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "replay", str(path), "--json"],
        check=True, cwd=ROOT, capture_output=True)
    figures = json.loads(done.stdout)
    if figures["messages"] != messages or figures["missing_references"]:
        raise SystemExit(f"replay of {path} went wrong: {figures}")
    return [
        Row("replay, full books and BBO", "ns/message", figures["ns_per_message"], "<= 80"),
        Row("replay, peak memory", "MB", figures["peak_rss_bytes"] / 1e6),
    ]


def sample_frame() -> bytes:
    """A datagram of one Order Delete: the shortest that a busy feed is full of."""
    from scapy.all import IP, UDP, Ether

    # Both addresses named: scapy would ask the network for a missing one.
    ethernet = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    message = ITCHOrderDelete(stock_locate=1, order_reference_number=1)
    mold = MoldUDP64(session=b"BENCH00001", sequence_number=1, messages=[message])
    return bytes(ethernet / IP(src="10.0.0.1", dst="233.54.12.111") / UDP(sport=1, dport=26477)
                 / mold)


def _flood_child(name: str, frame: bytes) -> None:
    pin_to_core(min(os.sched_getaffinity(0)))
    clock = Clock()
    with open_queue(name) as queue:
        kernels.flood(queue.address, clock.address, frame, FLOOD_S)


def parse(**_: Any) -> list[Row]:
    """Memory queue between two processes to validated and walked MoldUDP64."""
    name = f"memory:bench-{os.getpid()},slots=4096"
    former = os.sched_getaffinity(0)
    child = multiprocessing.get_context("spawn").Process(
        target=_flood_child, args=(name, sample_frame()))
    clock = Clock()
    try:
        with open_queue(name) as queue:
            child.start()
            pin_to_core(last_core())
            packets, messages, ns = kernels.drain(queue.address, clock.address, FLOOD_S + 1.5)
    finally:
        os.sched_setaffinity(0, former)
        child.join()
    if not packets or packets != messages:
        raise SystemExit(f"parse went wrong: {packets} packets, {messages} messages")
    return [Row("memory queue to parsed MoldUDP64", "M packets/s", packets / ns * 1e3, ">= 5")]


def _demo(backend: str, out: Path) -> dict[str, dict[str, int]]:
    """The latencies of one run of the demo, recording off."""
    folder = out / f"live-{backend}"
    done = subprocess.run(
        [sys.executable, "scripts/demo.py", "--backend", backend, "--json", "--seconds",
         str(LIVE_S), "--rate", str(LIVE_RATE_PER_S), "--checkpoint-every", "0", "--no-journal",
         "--out", str(folder.resolve())],
        cwd=ROOT, capture_output=True)
    if done.returncode:
        raise SystemExit(f"the live run over {backend} went wrong:\n"
                         f"{done.stdout.decode()[-2000:]}{done.stderr.decode()[-2000:]}")
    latency: dict[str, dict[str, int]] = json.loads(done.stdout)["latency"]
    return latency


def live(out: Path, **_: Any) -> list[Row]:
    """Exchange and appliance as two processes over memory: the demo, measured."""
    latency = _demo("memory", out)
    return [
        *_percentiles("tick to trade", latency["tick_to_trade"], {"p50": "<= 600"}),
        *_percentiles("feed in to ack out", latency["feed_to_ack"], {"p50": "<= 5000"}),
    ]


def live_dpdk(out: Path, **_: Any) -> list[Row]:
    """The same over DPDK's memif, beside memory in the same round."""
    memory, memif = _demo("memory", out), _demo("dpdk", out)
    apart = memif["tick_to_trade"]["p50"] - memory["tick_to_trade"]["p50"]
    return [
        *_percentiles("tick to trade, memory", memory["tick_to_trade"], {}),
        *_percentiles("tick to trade, memif", memif["tick_to_trade"], {}),
        Row("tick to trade p50, memif over memory", "ns", apart, "<= 100"),
        *_percentiles("feed in to ack out, memory", memory["feed_to_ack"], {}),
        *_percentiles("feed in to ack out, memif", memif["feed_to_ack"], {"p50": "<= 3000"}),
    ]


MEASURES: dict[str, Callable[..., list[Row]]] = {
    "hiccups": hiccups,
    "replay": replay,
    "parse": parse,
    "live": live,
    "dpdk": dpdk,
    "live-dpdk": live_dpdk,
}
