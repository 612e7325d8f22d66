"""The configuration: every key once, with its type, range, default and unit (R7).

``docs/appliance.toml`` is the complete, commented default. A key's unit is its last word.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from dpdk_bindings.env.config_file import ConfigError, decode, load

__all__ = ["Config", "ConfigError", "from_json", "from_text", "load_config"]

Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Symbol = Annotated[str, Meta(min_length=1, max_length=8, pattern=r"^[A-Z0-9.+*=$^#-]+$")]
Session = Annotated[str, Meta(min_length=1, max_length=10, pattern=r"^[A-Za-z0-9]+$")]
QueueName = Annotated[str, Meta(min_length=1, max_length=255)]


class Section(Struct, forbid_unknown_fields=True, frozen=True):
    """A table of the file."""


class EngineSection(Section):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "appliance"
    core: Annotated[int, Meta(ge=-1, le=4095)] = -1  # -1: wherever the kernel puts it
    seconds: NotNegative = 0  # 0: until stopped
    checkpoint_every: NotNegative = 0  # feed messages between book digests; 0: none
    checkpoints_max: Annotated[int, Meta(ge=1, le=1 << 20)] = 4096


class FeedSection(Section):
    line_a: QueueName = "memory:feed-a"
    line_b: QueueName = ""  # empty: one line only
    address_a: str = "233.54.12.111"
    address_b: str = "233.49.196.111"
    port_a: Port = 26477  # 0: any
    port_b: Port = 26477
    gap_wait_us: Annotated[int, Meta(ge=1, le=60_000_000)] = 100_000
    join: Literal["start", "now"] = "start"
    verify_checksums: bool = True


class OrdersSection(Section):
    queue: QueueName = "memory:orders"
    session: Session = "APPLIANCE1"
    address: str = "10.77.0.2"  # ours
    port: Port = 26400
    venue_address: str = "10.77.0.1"
    venue_port: Port = 26400
    mac: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")] = "02:74:70:00:00:02"
    venue_mac: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")] = (
        "02:74:70:00:00:01"
    )


class TablesSection(Section):
    orders: Annotated[int, Meta(ge=64, le=1 << 28)] = 1 << 21  # window of references
    levels: Annotated[int, Meta(ge=64, le=1 << 26)] = 1 << 19
    reorder_messages: Annotated[int, Meta(ge=64, le=1 << 22)] = 1 << 16
    own_orders: Annotated[int, Meta(ge=64, le=1 << 22)] = 1 << 16


class StrategySection(Section):
    name: Literal["none", "quote", "cross"] = "none"
    symbols: tuple[Symbol, ...] = ()  # none named: all
    shares: Annotated[int, Meta(ge=1, le=999_999)] = 100
    rest_us: NotNegative = 1_000  # quiet after a refusal, or between takes
    imbalance_thousandths: Annotated[int, Meta(ge=0, le=1000)] = 800
    spread_ticks: Positive = 1


class RiskSection(Section):
    collar_ppm: Annotated[int, Meta(ge=1, le=1_000_000)] = 50_000  # 5 %
    shares_max: Annotated[int, Meta(ge=1, le=999_999)] = 10_000
    notional_max: Positive = 1_000_000_0000  # 1/10000 dollar
    rate_per_s: Annotated[int, Meta(ge=1, le=10_000_000)] = 100_000
    rate_burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    position_max: Positive = 100_000  # shares a symbol, either way
    cancel_on_kill: bool = True


class JournalSection(Section):
    path: str = ""  # empty: no journal
    record: Literal["all", "orders"] = "all"
    ring_mib: Annotated[int, Meta(ge=1, le=1024)] = 64


class TelemetrySection(Section):
    port: Port = 0  # 0: no exporter
    address: str = "127.0.0.1"


class Config(Section):
    """A whole configuration file."""

    engine: EngineSection = EngineSection()
    feed: FeedSection = FeedSection()
    orders: OrdersSection = OrdersSection()
    tables: TablesSection = TablesSection()
    strategy: StrategySection = StrategySection()
    risk: RiskSection = RiskSection()
    journal: JournalSection = JournalSection()
    telemetry: TelemetrySection = TelemetrySection()

    def listen_addresses(self) -> list[tuple[int, int]]:
        """(address, port) that each role's datagrams are addressed to, in the order of ROLES."""
        return [
            (int(ipaddress.IPv4Address(self.feed.address_a)), self.feed.port_a),
            (int(ipaddress.IPv4Address(self.feed.address_b)), self.feed.port_b),
            (int(ipaddress.IPv4Address(self.orders.address)), self.orders.port),
        ]

    def to_json(self) -> bytes:
        """Every key, defaults included: a recording carries it."""
        return msgspec.json.encode(self)


def _checked(config: Config, name: str) -> Config:
    """What types cannot say."""
    for section in ("feed", "orders"):
        values = msgspec.structs.asdict(getattr(config, section))
        for key, value in values.items():
            if "address" in key:
                try:
                    ipaddress.IPv4Address(value)
                except ValueError:
                    raise ConfigError(
                        f"{name}: {section}.{key}: '{value}' is not an IPv4 address; "
                        f"write four numbers, as in 10.77.0.2"
                    ) from None
    if len(config.strategy.symbols) > 1024:
        raise ConfigError(f"{name}: strategy.symbols names more than 1024; leave it empty for all")
    return config


def load_config(path: Path) -> Config:
    """Reads and checks a configuration file; raises ConfigError, one sentence."""
    return _checked(load(path, Config), str(path))


def from_json(data: bytes) -> Config:
    """A configuration from :meth:`Config.to_json`, as a recording carries it."""
    try:
        return _checked(msgspec.json.decode(data, type=Config), "the recording")
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the recording's configuration cannot be read: {error}") from None


def from_text(text: str, name: str) -> Config:
    """As :func:`load_config`, from text."""
    return _checked(decode(text, Config, name), name)
