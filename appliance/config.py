"""The configuration: every key once, with its type, range, default and unit (R7).

``docs/appliance.toml`` is the complete, commented default, written from here by ``python -m
appliance.generate``. A key's unit is its last word.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from appliance.queue_names import queue_names
from dpdk_bindings import innermost_backend
from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.env.config_file import ConfigError, decode, load

__all__ = ["Config", "ConfigError", "from_json", "from_text", "load_config"]


def key(description: str, **limits: Any) -> Meta:
    """What a key means, for docs/appliance.toml, and its limits."""
    return Meta(description=description, **limits)


# Backends of which a queue is one role's; the others are interfaces, which have room for several.
ONE_EACH = ("memory", "pcap")
MAC = r"^(([0-9a-f]{2}:){5}[0-9a-f]{2})?$"
SESSION = r"^[A-Za-z0-9]{0,10}$"
Symbol = Annotated[str, Meta(pattern=r"^[A-Z0-9.+*=$^#-]{1,8}$")]


class Section(Struct, forbid_unknown_fields=True, frozen=True):
    """A table of the file."""


class EngineSection(Section, frozen=True):
    name: Annotated[str, key(
        "Names the shared segment; `appliance status --name`.",
        pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "appliance"
    core: Annotated[int, key(
        "The core the loop runs on, best an isolated one; -1: wherever the kernel puts it.",
        ge=-1, le=4095)] = -1
    require: Annotated[str, key(
        'A backend or mode that every queue must have obtained, as in "zerocopy"; "": any.')] = ""
    seconds: Annotated[int, key("Stop after so long; 0: when told to.", ge=0)] = 0
    stations: Annotated[bool, key(
        "Time each station of a tick (metrics station_*_ns). Every mark reads the clock, so ticks "
        "take longer.")] = False
    checkpoint_every: Annotated[int, key(
        "Feed messages between digests of all books, for comparing with the venue's; 0: none. A "
        "digest looks at every order: not for production.", ge=0)] = 0
    checkpoints_max: Annotated[int, key("Digests kept.", ge=1, le=1 << 20)] = 4096


class FeedSection(Section, frozen=True):
    line_a: Annotated[str, key(
        "The queue of line A. Lines and orders may name one interface: \"afxdp:eth0\" in each goes "
        "through one port.", min_length=1)] = "memory:feed-a"
    line_b: Annotated[str, key('The queue of line B; "": there is none.')] = ""
    address_a: Annotated[str, key(
        "Where line A's datagrams are addressed to; others are dropped by name. 0.0.0.0: any.",
    )] = "233.54.12.111"
    port_a: Annotated[int, key("Its UDP port; 0: any.", ge=0, le=65535)] = 26477
    address_b: Annotated[str, key("The same of line B.")] = "233.49.196.111"
    port_b: Annotated[int, key("Its UDP port; 0: any.", ge=0, le=65535)] = 26477
    gap_wait_us: Annotated[int, key(
        "How long a gap waits for the other line before its messages are given up and the books "
        "go STALE.", ge=1, le=60_000_000)] = 100_000
    join: Annotated[Literal["start", "now"], key(
        "start: expect message 1 of the session. now: begin wherever the feed is; the books are "
        "then incomplete, and no order is sent.")] = "start"
    verify_checksums: Annotated[bool, key(
        "Verify IP and UDP checksums that the device has not.")] = True


class OrdersSection(Section, frozen=True):
    queue: Annotated[str, key("The queue to the venue.", min_length=1)] = "memory:orders"
    session: Annotated[str, key(
        'Our MoldUDP64 session; it must differ from run to run. "": made from the time.',
        pattern=SESSION)] = ""
    address: Annotated[str, key("Our address.")] = "10.77.0.2"
    port: Annotated[int, key("Our UDP port.", ge=1, le=65535)] = 26400
    venue_address: Annotated[str, key("The venue's address.")] = "206.200.127.140"
    venue_port: Annotated[int, key("The venue's UDP port.", ge=1, le=65535)] = 26480
    mac: Annotated[str, key(
        'Our Ethernet address; "": the queue\'s own.', pattern=MAC)] = "02:74:70:00:00:02"
    venue_mac: Annotated[str, key(
        'The Ethernet address of the venue, or of the way there; "": the queue\'s host asks for '
        "venue_address before the loop starts.", pattern=MAC)] = "02:74:70:00:00:01"


class TablesSection(Section, frozen=True):
    orders: Annotated[int, key(
        "The window of order references, 16 bytes each: about the number of orders entered while "
        "most of them live. Eight times the orders that live at once do for a whole day.",
        ge=64, le=1 << 28)] = 1 << 22
    levels: Annotated[int, key("Price levels of all books.", ge=64, le=1 << 26)] = 1 << 19
    reorder_messages: Annotated[int, key(
        "Messages that can wait behind a gap.", ge=64, le=1 << 22)] = 1 << 16
    own_orders: Annotated[int, key("Our own orders of a day, the open ones at least.", ge=64,
                                   le=1 << 22)] = 1 << 16


OWN_STRATEGIES = ("none", "quote", "cross")
OWN_KEYS = ("shares", "rest_us", "imbalance_thousandths", "spread_ticks")  # of theirs


class StrategySection(Section, frozen=True):
    name: Annotated[Literal["none", "quote", "cross"], key(
        "quote joins the best price on both sides; cross takes when the spread is at its minimum "
        "and the touch leans to one side; none watches.")] = "none"
    file: Annotated[str, key(
        "A strategy of your own in its place: FILE.py:FUNCTION, from this file's folder on "
        "(docs/strategies.md).")] = ""
    file_sha256: Annotated[str, key(
        'What the file must be; "": whatever it is. A recording carries it.',
        pattern=r"^([0-9a-f]{64})?$")] = ""
    settings: Annotated[dict[str, int | float], key(
        "Values for the settings of such a strategy.")] = {}
    symbols: Annotated[tuple[Symbol, ...], key("What it trades; none named: everything.")] = ()
    shares: Annotated[int, key("Shares an order.", ge=1, le=999_999)] = 100
    rest_us: Annotated[int, key(
        "Quiet after a refusal, or between takes.", ge=0, le=3_600_000_000)] = 1_000
    imbalance_thousandths: Annotated[int, key(
        "cross: how far the touch must lean, (bid - ask) / (bid + ask).", ge=0, le=1000)] = 800
    spread_ticks: Annotated[int, key(
        "cross: the widest spread it takes at, in cents.", ge=1, le=10_000)] = 1

    @property
    def label(self) -> str:
        """What to call it."""
        return Path(self.file).name or self.name


class RiskSection(Section, frozen=True):
    collar_ppm: Annotated[int, key(
        "How far a price may be from the opposite best price.", ge=1, le=1_000_000)] = 50_000
    shares_max: Annotated[int, key("Shares an order.", ge=1, le=999_999)] = 10_000
    notional_max: Annotated[int, key(
        "Price times shares of an order, in 1/10000 dollar.", ge=1, le=1 << 60)] = 10_000_000_000
    rate_per_s: Annotated[int, key("Messages a second, steadily.", ge=1, le=10_000_000)] = 100_000
    rate_burst: Annotated[int, key("Messages at once.", ge=1, le=1_000_000)] = 1_000
    position_max: Annotated[int, key(
        "Shares a symbol, long or short, if every open order executed.", ge=1, le=1 << 40,
    )] = 100_000
    cancel_on_kill: Annotated[bool, key("A kill cancels our open orders, too.")] = True


class JournalSection(Section, frozen=True):
    path: Annotated[str, key(
        'The file to record into, never an existing one; codes of strftime(3) stand for the start, '
        'as in day-%Y%m%d-%H%M%S.tpj; "": no journal.')] = ""
    record: Annotated[Literal["all", "orders"], key(
        "all: everything that comes in, too, so that the run can be replayed.")] = "all"
    ring_mib: Annotated[int, key(
        "Room between the loop and the writer; when it is full, trading halts.", ge=1, le=1024,
    )] = 64


class TelemetrySection(Section, frozen=True):
    port: Annotated[int, key("Serve Prometheus metrics here; 0: do not.", ge=0, le=65535)] = 0
    address: Annotated[str, key("The address to serve on.")] = "127.0.0.1"


CORE_LIST = r"^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$"


class HostSection(Section, frozen=True):
    cores: Annotated[str, key(
        'The cores of the loops, as in "2-3"; "": engine.core, or those isolated at boot, or else '
        "the highest.", pattern=CORE_LIST)] = ""
    housekeeping: Annotated[str, key(
        'The cores for everything else; "": all others that are not isolated at boot.',
        pattern=CORE_LIST)] = ""
    isolate: Annotated[Literal["boot", "cpuset", "none"], key(
        "How the loops' cores are kept free: by kernel parameters, which `appliance tune plan` "
        "prints, or by a cpuset partition at run time, which keeps tasks away but not all of the "
        "kernel's own work.")] = "boot"
    huge_pages_2mib: Annotated[int, key(
        "Huge pages of 2 MiB on each NUMA node of a loop; 0: leave them.",
        ge=0, le=1 << 20)] = 512
    huge_pages_1gib: Annotated[int, key(
        "Huge pages of 1 GiB on each such node, best asked for at boot; 0: leave them.",
        ge=0, le=4096)] = 0
    governor: Annotated[str, key(
        'The frequency governor of the loops\' cores; "": leave it.',
        pattern=r"^[a-z_]{0,16}$")] = "performance"
    idle_latency_us: Annotated[int, key(
        "The longest time a loop's core, and while the appliance runs any core, may take to wake. "
        "2 allows the first idle state (C1); 0 makes idle cores spin, which takes turbo and the "
        "sibling threads' share from the others; -1: leave it.", ge=-1, le=10_000)] = 2
    turbo: Annotated[Literal["leave", "on", "off"], key(
        "Frequencies above the nominal one. off: steadier, and slower.")] = "leave"
    rt_throttling: Annotated[Literal["leave", "off"], key(
        "Real-time throttling. off: only for a loop that you give a real-time priority; the units "
        "give none, and without one it is never throttled.")] = "leave"
    swappiness: Annotated[int, key(
        "How readily the kernel swaps.", ge=0, le=200)] = 0
    interfaces: Annotated[tuple[str, ...], key(
        "The interfaces to tune; none named: those that kernel queues name.")] = ()
    nic_queues: Annotated[int, key(
        "Receive queues of these interfaces; 0: leave them. One queue hears everything: AF_XDP "
        "listens on one.", ge=0, le=1024)] = 0
    ring_frames: Annotated[int, key(
        "Descriptors of each of their rings, at most what the card has; 0: leave them.",
        ge=0, le=65_536)] = 4096
    coalesce_us: Annotated[int, key(
        "How long the card may hold back an interrupt; -1: leave it.", ge=-1, le=10_000)] = 0
    pause: Annotated[Literal["leave", "off"], key(
        "Pause frames: off, so that nobody can halt the sender of orders.")] = "off"
    devices: Annotated[tuple[str, ...], key(
        "PCI devices to take from the kernel for DPDK, as in 0000:03:00.0; none named: those that "
        "DPDK queues name.")] = ()
    device_driver: Annotated[Literal["vfio-pci", "uio_pci_generic", "igb_uio"], key(
        "The driver they go to.")] = "vfio-pci"
    user: Annotated[str, key(
        'The user who runs the appliance, and may lock its memory; "": nobody.',
        pattern=r"^([a-z_][a-z0-9_-]{0,31})?$")] = "tickpath"
    skip: Annotated[tuple[str, ...], key(
        "Stages or knobs that `appliance tune` leaves alone; see `appliance tune explain`.")] = ()


class Config(Section, frozen=True):
    """A whole configuration file."""

    engine: Annotated[EngineSection, key("The engine: one core, one loop.")] = EngineSection()
    feed: Annotated[FeedSection, key("The ITCH feed: MoldUDP64 on one or two lines.")] = (
        FeedSection())
    orders: Annotated[OrdersSection, key(
        "Order entry: OUCH over MoldUDP64 both ways.")] = OrdersSection()
    tables: Annotated[TablesSection, key(
        "Sizes, fixed at the start: a full table is counted, never a crash.")] = TablesSection()
    strategy: Annotated[StrategySection, key("What decides.")] = StrategySection()
    risk: Annotated[RiskSection, key("What an order must pass.")] = RiskSection()
    journal: Annotated[JournalSection, key("The recording.")] = JournalSection()
    telemetry: Annotated[TelemetrySection, key("The metrics exporter.")] = TelemetrySection()
    dpdk: Annotated[EalOptions, key("DPDK, if a queue is of it.")] = EalOptions()
    host: Annotated[HostSection, key("What `appliance tune` makes of the host.")] = HostSection()

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
    queues = [q for q in (config.feed.line_a, config.feed.line_b, config.orders.queue)
              if innermost_backend(q) in ONE_EACH]
    if len(set(queues)) < len(queues):
        raise ConfigError(f"{name}: two of feed.line_a, feed.line_b and orders.queue name the same "
                          f"queue; give each its own")
    try:
        queue_names(config)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    if len(config.strategy.symbols) > 1024:
        raise ConfigError(f"{name}: strategy.symbols names more than 1024; leave it empty for all")
    return config


def _heard(config: Config, name: str) -> Config:
    """Refuses keys of [strategy] that what is named there does not look at."""
    section, defaults = config.strategy, StrategySection()
    if section.file in OWN_STRATEGIES:
        raise ConfigError(f"{name}: strategy.file: '{section.file}' is no file; "
                          f"write name = \"{section.file}\"")
    deaf = ("name", *OWN_KEYS) if section.file else ("settings", "file_sha256")
    for key in deaf:
        if getattr(section, key) == getattr(defaults, key):
            continue
        if not section.file:
            why = "is for a strategy in a file; name one (file), or leave it out"
        elif key == "name":
            why = "and strategy.file are two strategies; leave one out"
        else:
            why = "means nothing to a strategy in a file; give what it has under settings"
        raise ConfigError(f"{name}: strategy.{key} {why}")
    return config


def with_strategy(config: Config, name: str, folder: Path) -> Config:
    """The same with another strategy: one that comes with us, or FILE.py:FUNCTION in ``folder``.

    The file's hash goes along: engine and recording must have the very same.
    """
    from appliance.strategy_file import file_digest

    own = OWN_STRATEGIES
    if name not in own and ".py" not in name:
        raise ConfigError(f"no strategy '{name}'; one of {', '.join(own)}, or a file of your own, "
                          f"as in my.py:cross")
    file = str((folder / name).absolute()) if name not in own else ""
    changes = {"file": file, "file_sha256": file_digest(file)} if file else {
        "name": name, "file": "", "file_sha256": ""}
    strategy = msgspec.structs.replace(config.strategy, **changes)
    return msgspec.structs.replace(config, strategy=strategy)


def load_config(path: Path) -> Config:
    """Reads and checks a configuration file; raises ConfigError, one sentence."""
    config = _heard(_checked(load(path, Config), str(path)), str(path))
    given = config.strategy
    if not given.file:
        return config
    config = with_strategy(config, given.file, path.absolute().parent)
    strategy = msgspec.structs.replace(
        config.strategy, file_sha256=given.file_sha256 or config.strategy.file_sha256)
    return msgspec.structs.replace(config, strategy=strategy)


def from_json(data: bytes) -> Config:
    """A configuration from :meth:`Config.to_json`, as a recording carries it."""
    try:
        return _checked(msgspec.json.decode(data, type=Config), "the recording")
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the recording's configuration cannot be read: {error}") from None


def from_text(text: str, name: str) -> Config:
    """As :func:`load_config`, from text."""
    return _heard(_checked(decode(text, Config, name), name), name)
