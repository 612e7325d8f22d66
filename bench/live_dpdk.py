"""Both latencies over DPDK's memif, beside memory in the same round."""

from __future__ import annotations

from bench.demo import demo, latency
from bench.dpdk import wanted
from bench.rows import Row
from bench.settings import Settings


def live_dpdk(settings: Settings) -> list[Row]:
    wanted()
    memory, memif = demo("memory", settings), demo("dpdk", settings)
    p50 = [run[0]["latency"]["tick_to_trade"]["p50"] for run in (memory, memif)]
    return [
        *latency("tick_to_trade", "tick to trade, memory", memory),
        *latency("tick_to_trade", "tick to trade, memif", memif),
        Row("tick to trade p50, memif over memory", "ns", p50[1] - p50[0], "<= 100"),
        *latency("feed_to_ack", "feed in to ack out, memory", memory),
        *latency("feed_to_ack", "feed in to ack out, memif", memif, {"p50": "<= 3000"}),
    ]
