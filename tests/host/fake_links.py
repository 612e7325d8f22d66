"""Network cards that exist only in a test, with the refusals of real drivers."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fuse import Fuse

from appliance.host.ethtool import FlowRule
from appliance.host.links import Feature, Group, Link, TimeStamping

RULES_MAX = 8


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _features() -> dict[str, Feature]:
    on = ("rx-gro", "tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-generic-segmentation",
          "rx-vlan-hw-parse", "rx-lro", "tx-tcp-ecn-segmentation")
    off = ("rx-ntuple-filter", "rx-gro-list", "rx-udp-gro-forwarding", "tx-udp-segmentation")
    return {**{name: Feature(True, False) for name in on},
            **{name: Feature(False, False) for name in off},
            "rx-gro-hw": Feature(False, True)}  # fmt: skip


@dataclass
class Card:
    """One interface; a group that is missing is one that its driver has no call for."""

    driver: str = "ixgbe"
    up: bool = True
    xdp: bool = False
    addresses: tuple[str, ...] = ()
    values: dict[Group, dict[str, int]] = field(default_factory=lambda: {
        "ring": {"rx": 512, "tx": 512, "rx-max": 2048, "tx-max": 4096},
        "coalesce": {"adaptive-rx": 1, "adaptive-tx": 1, "rx-usecs": 50, "tx-usecs": 30},
        "channels": {"combined": 4, "rx": 0, "tx": 0, "combined-max": 8, "rx-max": 0,
                     "tx-max": 0},
        "pause": {"autoneg": 1, "rx": 1, "tx": 1},
    })  # fmt: skip
    features: dict[str, Feature] = field(default_factory=_features)
    rules: dict[int, FlowRule] | None = field(default_factory=dict)
    table: list[int] = field(default_factory=lambda: [0, 1, 2, 3] * 4)
    refuses: dict[str, int] = field(default_factory=dict)  # a word of a group -> errno


class FakeLinks:
    """Implements appliance.host.links.Links over ``cards``."""

    def __init__(self, fuse: Fuse | None = None, **cards: Card) -> None:
        self.cards = cards
        self.routes: frozenset[str] = frozenset()
        self.fuse = fuse or Fuse()
        self.resized: Callable[[str, int], None] = lambda name, count: None

    def _card(self, name: str) -> Card:
        if name not in self.cards:
            raise _error(errno.ENODEV)
        return self.cards[name]

    @staticmethod
    def _default(card: Card) -> list[int]:
        count = card.values["channels"]["combined"]
        return [each % count for each in range(len(card.table))]

    def default_route(self) -> frozenset[str]:
        return self.routes

    def addresses(self, name: str) -> tuple[str, ...]:
        return self._card(name).addresses

    def link(self, name: str) -> Link:
        card = self._card(name)
        return Link(name, card.up, card.up, 1500, "", 4, 4, card.xdp)

    def driver(self, name: str) -> str:
        return self._card(name).driver

    def values(self, name: str, group: Group) -> dict[str, int]:
        card = self._card(name)
        if group not in card.values:
            raise _error(errno.EOPNOTSUPP)
        return dict(card.values[group])

    def set_value(self, name: str, group: Group, word: str, value: int) -> None:
        most = self.values(name, group).get(f"{word}-max", value)
        card = self._card(name)
        if value > most or word in card.refuses:
            raise _error(card.refuses.get(word, errno.EINVAL))
        if group == "channels":
            if card.table != self._default(card):
                raise _error(errno.EINVAL)  # as the kernel does of a table that was configured
            card.values[group][word] = value
            card.table = self._default(card)
            self.resized(name, value)
        card.values[group][word] = value
        self.fuse.passed()

    def features(self, name: str) -> dict[str, Feature]:
        return dict(self._card(name).features)

    def set_feature(self, name: str, feature: str, on: bool) -> None:
        card = self._card(name)
        if feature in card.refuses:
            raise _error(card.refuses[feature])
        if not card.features[feature].fixed:
            card.features[feature] = Feature(on, False)
        if feature == "rx-ntuple-filter" and not on and card.rules:
            card.rules.clear()  # as drivers do
        self.fuse.passed()

    def rules(self, name: str) -> list[FlowRule]:
        rules = self._card(name).rules
        if rules is None:
            raise _error(errno.EOPNOTSUPP)
        return list(rules.values())

    def add_rule(self, name: str, rule: FlowRule) -> None:
        card = self._card(name)
        if card.rules is None or not card.features["rx-ntuple-filter"].on:
            raise _error(errno.EOPNOTSUPP)
        if "rule" in card.refuses:
            raise _error(card.refuses["rule"])
        free = [place for place in range(RULES_MAX) if place not in card.rules]
        if not free and rule.location < 0:
            raise _error(errno.ENOSPC)
        place = rule.location if rule.location >= 0 else free[-1]
        card.rules[place] = replace(rule, location=place)
        self.fuse.passed()

    def remove_rule(self, name: str, location: int) -> None:
        rules = self._card(name).rules
        if rules is None or location not in rules:
            raise _error(errno.ENOENT)
        del rules[location]
        self.fuse.passed()

    def hash_table(self, name: str) -> list[int]:
        table = self._card(name).table
        if not table:
            raise _error(errno.EOPNOTSUPP)
        return list(table)

    def set_hash_table(self, name: str, queues: list[int]) -> None:
        card = self._card(name)
        card.table = queues or self._default(card)
        self.fuse.passed()

    def time_stamping(self, name: str) -> TimeStamping:
        self._card(name)
        return TimeStamping(True, True, 0)
