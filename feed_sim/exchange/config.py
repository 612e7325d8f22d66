"""The exchange's configuration: TOML into typed structs, every key described on its type.

``python -m feed_sim.exchange.config`` prints the complete default, which is docs/exchange.toml.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from dpdk_bindings import innermost_backend
from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.env import config_file
from dpdk_bindings.env.config_file import ConfigError

U64_MAX = 2**63 - 1  # what TOML's integers reach


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """What all tables have in common: a key that is not known is an error."""


class Exchange(Section, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description="Its name, in the summary.")] = "exchange"
    seed: Annotated[int, Meta(
        ge=0, le=U64_MAX, description="Where the random numbers of the flow start.")] = 1
    symbols: Annotated[int | list[str], Meta(
        description="How many symbols trade, with made-up names; or a list of names.")] = 100
    seconds: Annotated[float, Meta(
        ge=0, description="How long the market is open; 0: until Ctrl-C.")] = 0
    core: Annotated[int, Meta(
        ge=-1, description="The processor core to run on; -1: wherever the system puts it.")] = -1
    wait_s: Annotated[float, Meta(
        ge=0, le=3600, description="How long to wait for the order session's first message before "
        "the market opens all the same.")] = 10
    quiet_ms: Annotated[int, Meta(
        ge=0, le=60_000, description="After the run time the flow stops, and orders are still "
        "answered for so long.")] = 500
    start_at: Annotated[str, Meta(
        pattern=r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$",
        description="What the feed's clock says when the run starts.")] = "09:30:00"
    checkpoint_every: Annotated[int, Meta(
        ge=0, le=U64_MAX, description="Digest the engine's book at every so-many-th message of the "
        "feed; 0: never.")] = 0
    checkpoints: Annotated[str, Meta(
        description="The file for these digests, one JSON object a line; \"\": none.")] = ""


class Flow(Section, frozen=True, forbid_unknown_fields=True):
    messages_per_s: Annotated[int, Meta(
        ge=0, le=20_000_000, description="The background's feed messages a second; 0: no "
        "background, only the clients trade.")] = 100_000
    live_orders: Annotated[int, Meta(
        ge=1, le=50_000_000, description="How many resting orders the background steers to.",
    )] = 20_000


class Feed(Section, frozen=True, forbid_unknown_fields=True):
    line_a: Annotated[str, Meta(
        description="The queue of line A. Lines and orders may name one interface: \"afxdp:eth0\" "
        "in each goes through one port.",
    )] = "memory:feed-a"
    line_b: Annotated[str, Meta(
        description="The queue of line B, with the same messages; \"\": there is none.",
    )] = "memory:feed-b"
    session: Annotated[str, Meta(
        min_length=1, max_length=10, description="The MoldUDP64 session.")] = "TICKPATH01"
    a_source: Annotated[str, Meta(description="Source address of line A.")] = "206.200.127.138"
    a_group: Annotated[str, Meta(description="Multicast group of line A.")] = "233.54.12.111"
    a_port: Annotated[int, Meta(ge=1, le=65535, description="UDP port of line A.")] = 26477
    b_source: Annotated[str, Meta(description="Source address of line B.")] = "206.200.127.139"
    b_group: Annotated[str, Meta(description="Multicast group of line B.")] = "233.49.196.111"
    b_port: Annotated[int, Meta(ge=1, le=65535, description="UDP port of line B.")] = 26477


class Orders(Section, frozen=True, forbid_unknown_fields=True):
    queue: Annotated[str, Meta(
        description="The queue of order entry; \"\": this venue takes no orders.",
    )] = "memory:orders"
    session: Annotated[str, Meta(
        min_length=1, max_length=10, description="The session of our answers; a client that begins "
        "anew gets the next number in its last three digits.")] = "TPVENUE001"
    address: Annotated[str, Meta(description="Our address for orders.")] = "206.200.127.140"
    port: Annotated[int, Meta(ge=1, le=65535, description="Our UDP port for orders.")] = 26480


class Config(Section, frozen=True, forbid_unknown_fields=True):
    """A venue: its market, the background flow in it, the feed it sends, the orders it takes."""

    exchange: Annotated[Exchange, Meta(description="The market and the run.")] = Exchange()
    flow: Annotated[Flow, Meta(description="The background flow.")] = Flow()
    feed: Annotated[Feed, Meta(description="The ITCH feed: MoldUDP64 on two lines.")] = Feed()
    orders: Annotated[Orders, Meta(
        description="Order entry: OUCH over MoldUDP64 both ways.")] = Orders()
    dpdk: Annotated[EalOptions, Meta(description="DPDK, if a queue is of it.")] = EalOptions()


def _check(path: Path, config: Config) -> None:
    """What types cannot say."""
    queues = [q for q in (config.feed.line_a, config.feed.line_b, config.orders.queue)
              if innermost_backend(q) in ("memory", "pcap")]
    if len(set(queues)) < len(queues):
        raise ConfigError(f"{path}: two of feed.line_a, feed.line_b and orders.queue name the same "
                          "queue; give each its own")
    if not config.feed.line_a:
        raise ConfigError(f"{path}: feed.line_a names no queue; give one, as in \"memory:feed-a\"")
    for table, key in (("feed", "a_source"), ("feed", "a_group"), ("feed", "b_source"),
                       ("feed", "b_group"), ("orders", "address")):
        value = getattr(getattr(config, table), key)
        try:
            IPv4Address(value)
        except ValueError as error:
            raise ConfigError(f"{path}: {table}.{key}: {value!r} is no IPv4 address; write it as "
                              "in 233.54.12.111") from error
    symbols = config.exchange.symbols
    count = symbols if isinstance(symbols, int) else len(symbols)
    if not 1 <= count <= 65535:
        raise ConfigError(f"{path}: exchange.symbols: {count} symbols; a feed has 1 to 65535")
    if isinstance(symbols, list):
        for name in symbols:
            if not re.fullmatch(r"[A-Z0-9.+=#^*$-]{1,8}", name):
                raise ConfigError(f"{path}: exchange.symbols: {name!r} is no symbol; one has 1 to "
                                  "8 capitals, digits or . + = # ^ * $ -")
        if len(set(symbols)) < len(symbols):
            raise ConfigError(f"{path}: exchange.symbols: a symbol stands there twice")


def load(path: Path) -> Config:
    """Reads and checks a file; ConfigError says what is wrong with it, in one sentence."""
    config = config_file.load(path, Config)
    _check(path, config)
    return config


def default_toml() -> str:
    """The complete default with every key's description, from the types."""
    return config_file.default_toml(
        Config, "An exchange in a box: feedsim exchange -c FILE. Every key, with its default."
    )


if __name__ == "__main__":
    print(default_toml(), end="")
