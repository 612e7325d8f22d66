"""The whole venue on one core: OUCH in, matching, OUCH answers and the ITCH feed out."""

from __future__ import annotations

import os

from bench.kernels_venue import OrderStream, run
from bench.rows import Row
from bench.settings import Settings, last_core
from dpdk_bindings import open_queue
from dpdk_bindings.env import pin_to_core
from feed_sim.exchange.config import Config, Exchange, Feed, Flow, Orders
from feed_sim.exchange.venue import Venue

ORDERS = 1 << 20
SYMBOLS = 100
SEED = 1
SLOTS = 128  # the client takes what there is after every turn
PER_DATAGRAM = (1, 8)  # an order a datagram, and what a busy client packs into one


def timed(
    per_datagram: int, burst: int, orders: int, feed_slots: int = SLOTS
) -> tuple[int, int, dict[str, int]]:
    """A venue without background and its client; (ns of the turns with work, how many, counts)."""
    name = f"bench-venue-{os.getpid()}"
    config = Config(
        exchange=Exchange(symbols=SYMBOLS),
        flow=Flow(messages_per_s=0, live_orders=1),
        feed=Feed(line_a=f"memory:{name}-a,slots={feed_slots}", line_b=""),
        orders=Orders(queue=f"memory:{name}-o,slots={SLOTS}"),
    )
    venue = Venue(config)
    try:
        with open_queue(config.orders.queue) as client, open_queue(config.feed.line_a) as feed:
            stream = OrderStream(venue, orders, per_datagram, SEED)
            return run(venue, stream, client.address, feed.address, burst)
    finally:
        venue.close()


def one(per_datagram: int, burst: int, orders: int = ORDERS) -> tuple[float, dict[str, int]]:
    """Million orders a second, and counts."""
    ns, _, counts = timed(per_datagram, burst, orders)
    return counts["orders"] / ns * 1e3, counts


def oracle(_: Settings) -> dict[str, int]:
    """What comes of the same orders when the venue is given one of them a turn."""
    return one(1, 1)[1]


def venue(_: Settings) -> list[Row]:
    """The turns of the venue's loop; the client's own work is not in them."""
    former = os.sched_getaffinity(0)
    pin_to_core(last_core())
    try:
        rows = []
        for per_datagram in PER_DATAGRAM:
            speed, counts = one(per_datagram, 32)
            rows.append(Row(f"venue, {per_datagram} a datagram", "M orders/s", speed, ">= 3",
                            "higher", counts))
        return rows
    finally:
        os.sched_setaffinity(0, former)
