"""The configurations of a rehearsed trading day, and the judgement of it.

The exchange sits in a network namespace of its own, on the other ends of the three wires, and the
appliance has the cards: nothing but frames passes between the two. The numbers are small because
the processor is emulated: a loop turns some hundred thousand times a second.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from machine import ENGINE_CORE, VENUE_CORE, WIRES, address

sys.path.append(str(Path(__file__).resolve().parents[1]))
from demo import checks as demo_checks
from demo import compare_books
from demo_links import Links

NAMESPACE = "venue"
RATE = 200  # feed messages a second: some percent of what the emulated loops can do
SYMBOLS = 8
LIVE_ORDERS = 200
CHECKPOINT_EVERY = 100
METRICS_PORT = 9464
WAIT_S = 180  # the exchange for its first client: starting Python takes ten seconds here
# What the queues' modes may say of each backend (R5). Of AF_XDP, e1000e has only the kernel's
# generic way; virtio's driver has its own, where the machine lets it.
MODES = {"dpdk": {"poll"}, "afpacket": {"mmap-v2"}, "afxdp": {"skb", "copy"}}


def interface(slot: int) -> str:
    """What the kernel calls the card in a slot of bus 0."""
    return f"enp0s{slot}"


def queues(backend: str) -> tuple[str, str, str]:
    """The appliance's queues: line A, line B, orders."""
    if backend == "dpdk":
        names = [f"dpdk:{address(ours)}" for _, _, ours, _ in WIRES]
    else:
        names = [f"{backend}:{interface(ours)}" for _, _, ours, _ in WIRES]
    return names[0], names[1], names[2]


def exchange_toml(folder: str, seconds: int) -> str:
    names = [f"afpacket:{interface(theirs)}" for _, _, _, theirs in WIRES]
    return f"""[exchange]
symbols = {SYMBOLS}
seconds = {seconds}
core = {VENUE_CORE}
wait_s = {WAIT_S}
quiet_ms = 3000
checkpoint_every = {CHECKPOINT_EVERY}
checkpoints = "{folder}/venue-checkpoints.jsonl"

[flow]
messages_per_s = {RATE}
live_orders = {LIVE_ORDERS}

[feed]
line_a = "{names[0]}"
line_b = "{names[1]}"

[orders]
queue = "{names[2]}"
"""


def appliance_toml(backend: str, recording: str, name: str = "rehearsal") -> str:
    """Over ``backend``, recording into the file ``recording``."""
    line_a, line_b, orders = queues(backend)
    return f"""[engine]
name = "{name}"
core = {ENGINE_CORE}
require = "{backend}"
checkpoint_every = {CHECKPOINT_EVERY}
checkpoints_max = 10000

[feed]
line_a = "{line_a}"
line_b = "{line_b}"
gap_wait_us = 2000000

[orders]
queue = "{orders}"
mac = ""

[tables]
orders = 65536
levels = 65536
reorder_messages = 4096
own_orders = 4096

[strategy]
name = "quote"

[risk]
position_max = 1000000

[journal]
path = "{recording}"
ring_mib = 4

[telemetry]
port = {METRICS_PORT}

[dpdk]
huge_pages = "{'on' if backend == 'dpdk' else 'auto'}"
memory_mib = 64
"""


def judgement(folder: Path, backend: str, statuses: tuple[int, int]) -> list[dict[str, Any]]:
    """The demo's own checks, over the files that both sides have left in ``folder``."""
    figures = json.loads((folder / "appliance.json").read_text())
    venue = json.loads((folder / "venue.json").read_text())
    links = Links(backend, "", "the machine's memory", (), ())
    rows: list[dict[str, Any]] = demo_checks(figures, venue, compare_books(folder), statuses, links)
    for row in rows:
        if row["name"] == "links":
            modes = figures["backend"].values()
            row["ok"] = {mode.split()[-1] for mode in modes} <= MODES[backend]
            row["detail"] = ", ".join(f"{role} {mode}" for role, mode in figures["backend"].items())
    return rows
