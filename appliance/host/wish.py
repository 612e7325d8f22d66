"""What the operator wants of the host: ``[host]`` of the configuration, made definite.

"The engine's core" becomes a set of cores, "the interfaces of the queues" becomes names. Stages see
only this, never the configuration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from appliance.config import Config, ConfigError, HostSection
from appliance.host.cpus import format_list, parse_list
from appliance.host.host import Host, HostError

# A queue's name, innermost part: "afxdp:eth0,queue=1", "afpacket:eth0", "host(10.0.0.1):dpdk:...".
KERNEL_QUEUE = re.compile(r"(afxdp|afpacket|netmap|udp|auto):([A-Za-z0-9_.-]{1,15})(?:[?,@/]|$)")
# Backends whose queue is one of the card's, and hears only that.
ONE_QUEUE = frozenset({"afxdp", "auto", "netmap"})
QUEUE_NUMBER = re.compile(r"\bqueue=([0-9]{1,5})\b")
BUSY_POLL = re.compile(r"\bbusy_poll_us=0*[1-9]")
PCI = re.compile(r"\b([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\b")


@dataclass(frozen=True)
class Flow:
    """UDP datagrams that the appliance hears: to ``address`` and ``port``, by a kernel queue.

    0.0.0.0 and 0 stand for any address or port.
    """

    interface: str
    backend: str  # "afxdp", "afpacket", ...
    queue: int
    address: str
    port: int
    busy_poll: bool = False  # whether its queue asks for it by name


@dataclass(frozen=True)
class Wish:
    """What the stages compare the host with.

    ``cores`` run the loops and nothing else; ``housekeeping`` are all others that are online and
    not isolated at boot.
    ``chosen`` says in words how the cores were chosen. ``interfaces`` stay with the kernel,
    ``devices`` (PCI addresses) are taken from it.
    """

    section: HostSection
    cores: frozenset[int]
    housekeeping: frozenset[int]
    chosen: str
    interfaces: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    flows: tuple[Flow, ...] = ()  # the lines and the order session, for steering
    force: bool = False  # also what would cut the operator off
    skip: frozenset[str] = field(default_factory=frozenset)

    def bound(self, interface: str) -> list[Flow]:
        """The flows that only one queue of this interface hears."""
        return [flow for flow in self.flows
                if flow.interface == interface and flow.backend in ONE_QUEUE]


def make_wish(host: Host, config: Config, *, cores: str = "", interfaces: tuple[str, ...] = (),
              skip: tuple[str, ...] = (), force: bool = False) -> Wish:
    """The wish of a configuration on this host; what is given here goes before it.

    Raises ConfigError or HostError, one sentence: a core that is not there, core 0, no core left
    for everything else, an interface that is not there.
    """
    section = config.host
    chosen_cores, chosen = _cores(host, config, cores)
    online = host.cores("online")
    housekeeping = _housekeeping(section, online, chosen_cores, host.cores("isolated"))
    names = interfaces or section.interfaces or _kernel_queues(config)
    for name in names:
        # One that is named beside devices may be of such a device, taken from the kernel already.
        if name not in interfaces and section.devices:
            continue
        if not host.exists(f"/sys/class/net/{name}"):
            known = [n.rpartition("/")[2] for n in host.glob("/sys/class/net/*")]
            raise HostError(f"there is no interface {name}; there are {', '.join(known) or 'none'}")
    return Wish(section, chosen_cores, housekeeping, chosen, tuple(names),
                section.devices or _pci_queues(config), _flows(config),
                force, frozenset((*section.skip, *skip)))


def _cores(host: Host, config: Config, given: str) -> tuple[frozenset[int], str]:
    online = host.cores("online")
    for text, whence in ((given, "--core"), (config.host.cores, "host.cores"),
                         (str(max(config.engine.core, -1)), "engine.core")):
        if not text or text == "-1":
            continue
        try:
            cores = parse_list(text)
        except ValueError as error:
            raise ConfigError(f"{whence}: {error}") from None
        if cores - online:
            raise HostError(f"{whence}: core {format_list(cores - online)} is not online; the "
                            f"cores here are {format_list(online)}")
        if 0 in cores and len(online) > 1:
            raise HostError(f"{whence}: core 0 takes the kernel's own work (timers, interrupts "
                            f"that cannot move); choose another of {format_list(online - {0})}")
        return cores, whence
    isolated = host.cores("isolated") & online
    if isolated:
        return isolated, "isolated at boot"
    if len(online) > 1:
        return frozenset({max(online)}), "the highest, since none is named or isolated"
    return frozenset(), "none: there is only one core"


def _housekeeping(section: HostSection, online: frozenset[int], cores: frozenset[int],
                  isolated: frozenset[int]) -> frozenset[int]:
    try:
        named = parse_list(section.housekeeping)
    except ValueError as error:
        raise ConfigError(f"host.housekeeping: {error}") from None
    if named & cores:
        raise ConfigError(f"host.housekeeping: core {format_list(named & cores)} is a loop's, too; "
                          f"leave it out of one of the two")
    if named - online:
        raise ConfigError(f"host.housekeeping: core {format_list(named - online)} is not online; "
                          f"the cores here are {format_list(online)}")
    # What is isolated at boot is another loop's, or the idle half of this one's core.
    others = named or online - cores - isolated or online - cores
    if not others and len(online) > 1:
        raise ConfigError("no core is left for everything else; name fewer loop cores")
    return others or online


def _kernel_queues(config: Config) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flow.interface for flow in _flows(config)))


def _flows(config: Config) -> tuple[Flow, ...]:
    feed, orders = config.feed, config.orders
    found = []
    for queue, address, port in ((feed.line_a, feed.address_a, feed.port_a),
                                 (feed.line_b, feed.address_b, feed.port_b),
                                 (orders.queue, orders.address, orders.port)):
        match = KERNEL_QUEUE.search(queue)
        if match:
            number = QUEUE_NUMBER.search(queue)
            found.append(Flow(match[2], match[1], int(number[1]) if number else 0, address, port,
                              BUSY_POLL.search(queue) is not None))
    return tuple(dict.fromkeys(found))


def _pci_queues(config: Config) -> tuple[str, ...]:
    queues = (config.feed.line_a, config.feed.line_b, config.orders.queue, *config.dpdk.allow)
    return tuple(dict.fromkeys(match[1] for q in queues for match in PCI.finditer(q)))
