"""The network interfaces of a host, through netlink and ethtool (pyroute2); injectable for tests.

Questions and settings go to the network namespace of the caller. What the driver cannot is an
OSError, EOPNOTSUPP; an interface that is not there is ENODEV. Nothing is cached.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from appliance.host import ethtool
from appliance.host.ethtool import FlowRule

Group = Literal["ring", "coalesce", "channels", "pause"]
# Our words, which are those of ethtool(8), and the members of the kernel's structures.
WORDS: Mapping[Group, Mapping[str, str]] = {
    "ring": {"rx": "rx", "tx": "tx", "rx-max": "rx_max", "tx-max": "tx_max"},
    "coalesce": {"adaptive-rx": "use_adaptive_rx_coalesce",
                 "adaptive-tx": "use_adaptive_tx_coalesce",
                 "rx-usecs": "rx_coalesce_usecs", "tx-usecs": "tx_coalesce_usecs"},
    "channels": {"combined": "combined_count", "rx": "rx_count", "tx": "tx_count",
                 "combined-max": "max_combined", "rx-max": "max_rx", "tx-max": "max_tx"},
    "pause": {"autoneg": "autoneg", "rx": "rx", "tx": "tx"},
}
ON_OFF = frozenset({"adaptive-rx", "adaptive-tx", "autoneg"})  # and all of pause
UP, LINK_LOCAL = 1, 253  # IFF_UP, RT_SCOPE_LINK
UNICAST = 1  # RTN_UNICAST


@dataclass(frozen=True)
class Link:
    """An interface as netlink shows it."""

    name: str
    up: bool
    carrier: bool
    mtu: int
    kind: str  # "veth", "bond", ...; "" for hardware
    rx_queues: int
    tx_queues: int
    xdp: bool = False  # whether a program is attached


@dataclass(frozen=True)
class Feature:
    """An offload: whether it is on, and whether the driver holds it so."""

    on: bool
    fixed: bool


@dataclass(frozen=True)
class TimeStamping:
    """What an interface can stamp; ``clock`` is the number of /dev/ptpN, -1: it has none."""

    hardware_rx: bool
    hardware_tx: bool
    clock: int


class Links(Protocol):
    """What stages and checks ask about interfaces, and what kinds set; all raise OSError."""

    def default_route(self) -> frozenset[str]:
        """The interfaces that carry a default route, of whatever table and family."""

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses that somebody gave it, as in "10.0.0.1/24"."""

    def link(self, name: str) -> Link: ...

    def driver(self, name: str) -> str: ...

    def values(self, name: str, group: Group) -> dict[str, int]:
        """By the words of WORDS."""

    def set_value(self, name: str, group: Group, word: str, value: int) -> None:
        """Sets one; the others of the group stay."""

    def features(self, name: str) -> dict[str, Feature]:
        """By the kernel's names, as in "rx-gro"."""

    def set_feature(self, name: str, feature: str, on: bool) -> None:
        """A driver may keep it all the same: read it back."""

    def rules(self, name: str) -> list[FlowRule]: ...

    def add_rule(self, name: str, rule: FlowRule) -> None: ...

    def remove_rule(self, name: str, location: int) -> None: ...

    def hash_table(self, name: str) -> list[int]:
        """Which queue each remainder of the receive hash goes to."""

    def set_hash_table(self, name: str, queues: list[int]) -> None:
        """An empty list restores the driver's own."""

    def time_stamping(self, name: str) -> TimeStamping: ...


class NoLinks:
    """Of a host that is only a tree of files: no interface answers."""

    def default_route(self) -> frozenset[str]:
        return frozenset()

    def addresses(self, name: str) -> tuple[str, ...]:
        return ()

    def _none(self, *_: object) -> Any:
        raise OSError(errno.ENODEV, "a tree of files has no interfaces")

    link = driver = values = set_value = features = set_feature = rules = add_rule = _none
    remove_rule = hash_table = set_hash_table = time_stamping = _none


class KernelLinks:
    """This machine's."""

    def default_route(self) -> frozenset[str]:
        indexes: set[int] = set()
        with _netlink() as route:
            for family in (socket.AF_INET, socket.AF_INET6):
                for message in route.route("dump", family=family):
                    if message["dst_len"] == 0 and message["type"] == UNICAST:
                        indexes.update(_outgoing(message))
            names = {each["index"]: each.get_attr("IFLA_IFNAME") for each in route.link("dump")}
        return frozenset(names[index] for index in indexes if index in names)

    def addresses(self, name: str) -> tuple[str, ...]:
        with _netlink() as route:
            index = self._index(route, name)
            return tuple(
                f"{each.get_attr('IFA_LOCAL') or each.get_attr('IFA_ADDRESS')}/{each['prefixlen']}"
                for each in route.addr("dump") if each["index"] == index
                and each["scope"] < LINK_LOCAL)

    def link(self, name: str) -> Link:
        with _netlink() as route:
            (message,) = route.link("get", index=self._index(route, name))
        info = message.get_attr("IFLA_LINKINFO")
        program = message.get_attr("IFLA_XDP")
        return Link(name, bool(message["flags"] & UP), bool(message.get_attr("IFLA_CARRIER")),
                    message.get_attr("IFLA_MTU"),
                    (info.get_attr("IFLA_INFO_KIND") or "") if info else "",
                    message.get_attr("IFLA_NUM_RX_QUEUES") or 1,
                    message.get_attr("IFLA_NUM_TX_QUEUES") or 1,
                    bool(program and program.get_attr("IFLA_XDP_ATTACHED")))

    @staticmethod
    def _index(route: IPRoute, name: str) -> int:
        found = route.link_lookup(ifname=name)
        if not found:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return int(found[0])

    def driver(self, name: str) -> str:
        return ethtool.driver(name)[0]

    def values(self, name: str, group: Group) -> dict[str, int]:
        if group == "pause":
            return ethtool.pause(name)
        with ethtool.pyroute2_ethtool(name) as call:
            found = getattr(call, _GETTERS[group])()
        return {word: int(found[member]) for word, member in WORDS[group].items()}

    def set_value(self, name: str, group: Group, word: str, value: int) -> None:
        if group == "pause":
            ethtool.set_pause(name, {**ethtool.pause(name), word: value})
            return
        with ethtool.pyroute2_ethtool(name) as call:
            found = getattr(call, _GETTERS[group])()
            found[WORDS[group][word]] = value
            getattr(call, _SETTERS[group])(found)

    def features(self, name: str) -> dict[str, Feature]:
        with ethtool.pyroute2_ethtool(name) as call:
            found = call.get_features()
            return {word: Feature(on, not available or found.is_never_changed(word))
                    for word, on, available, _, _ in found if word}

    def set_feature(self, name: str, feature: str, on: bool) -> None:
        with ethtool.pyroute2_ethtool(name) as call:
            features = call.get_features()
            if feature not in features:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            features[feature] = on
            call.set_features(features)

    def rules(self, name: str) -> list[FlowRule]:
        return ethtool.rules(name)

    def add_rule(self, name: str, rule: FlowRule) -> None:
        ethtool.add_rule(name, rule)

    def remove_rule(self, name: str, location: int) -> None:
        ethtool.remove_rule(name, location)

    def hash_table(self, name: str) -> list[int]:
        return ethtool.hash_table(name)

    def set_hash_table(self, name: str, queues: list[int]) -> None:
        ethtool.set_hash_table(name, queues)

    def time_stamping(self, name: str) -> TimeStamping:
        stamps, clock = ethtool.time_stamping(name)
        return TimeStamping(bool(stamps & ethtool.HARDWARE_RX),
                            bool(stamps & ethtool.HARDWARE_TX), clock)


_GETTERS = {"ring": "get_rings", "coalesce": "get_coalesce", "channels": "get_channels"}
_SETTERS = {"ring": "set_rings", "coalesce": "set_coalesce", "channels": "set_channels"}


@contextlib.contextmanager
def _netlink() -> Iterator[IPRoute]:
    """A socket of the caller's network namespace; what it refuses is an OSError."""
    try:
        with IPRoute() as route:
            yield route
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from None


def _outgoing(message: Any) -> set[int]:
    """The indexes of the interfaces that a route leaves by."""
    hops = message.get_attr("RTA_MULTIPATH") or []
    found = {hop["oif"] for hop in hops} | {message.get_attr("RTA_OIF")}
    return {int(index) for index in found if index}
