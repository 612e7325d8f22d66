"""Tick to trade: from the turn of the loop that received a frame to the order that was accepted."""

from __future__ import annotations

from bench.demo import demo, latency
from bench.rows import Row
from bench.settings import Settings


def loop(settings: Settings) -> list[Row]:
    targets = {"p50": "<= 250", "p99": "<= 600", "p99.9": "<= 1500"}
    return latency("tick_to_trade", "tick to trade", demo("memory", settings), targets)
