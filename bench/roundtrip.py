"""Feed in to ack out: the venue's answer to an order, from the frame that it was decided on."""

from __future__ import annotations

from bench.demo import demo, latency
from bench.rows import Row
from bench.settings import Settings


def roundtrip(settings: Settings) -> list[Row]:
    targets = {"p50": "<= 1500", "p99": "<= 4000"}
    return latency("feed_to_ack", "feed in to ack out", demo("memory", settings), targets)
