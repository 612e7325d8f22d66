"""Kinds of settings of network interfaces. Targets are words: an interface, then what of it.

    link    eth0 ring rx            a number, or on/off; coalesce, channels, pause and feature alike
    rule    eth0 udp 233.1.2.3 26477    "queue 1", or absent: where those datagrams go
    table   eth0 table              "default", "queue 1" or a queue for each remainder of the hash

Reading never raises; what a driver cannot is None, and :meth:`LinkKind.why_not` has the sentence.
"""

from __future__ import annotations

import errno
from typing import cast, get_args

from appliance.host.ethtool import FlowRule
from appliance.host.host import Host, HostError
from appliance.host.kinds import ABSENT, Kind
from appliance.host.links import ON_OFF, Group, Links

NTUPLE = "rx-ntuple-filter"  # the feature that rules need


class LinkKind(Kind):
    """A number or switch of an interface. The other kinds here differ in what they ask and set."""

    name = "link"

    def read(self, host: Host, target: str) -> str | None:
        try:
            return self.get(host.links, *target.split(" "))
        except (OSError, KeyError):
            return None

    def write(self, host: Host, target: str, value: str) -> None:
        try:
            self.put(host.links, value, *target.split(" "))
        except OSError as error:
            raise HostError(link_refusal(host, target, value, error)) from None

    def why_not(self, host: Host, target: str) -> str:
        interface, *what = target.split(" ")
        try:
            self.get(host.links, interface, *what)
        except OSError as error:
            return _why(host, interface, what, error)
        except KeyError:
            pass
        return f"{interface} has no {' '.join(what)}"

    def get(self, links: Links, interface: str, *what: str) -> str | None:
        group, word = what
        if group == "feature":
            return "on" if links.features(interface)[word].on else "off"
        values = links.values(interface, _group(group))
        if not values.get(f"{word}-max", 1):
            return None
        number = values[word]
        if group == "pause" or word in ON_OFF:
            return "on" if number else "off"
        return str(number)

    def put(self, links: Links, value: str, interface: str, *what: str) -> None:
        group, word = what
        if group == "feature":
            links.set_feature(interface, word, value == "on")
            return
        number = {"on": 1, "off": 0}.get(value)
        links.set_value(interface, _group(group), word, int(value) if number is None else number)


class RuleKind(LinkKind):
    """Where the datagrams of an address and port go. Nobody else's rule is touched."""

    name = "rule"

    def get(self, links: Links, interface: str, *what: str) -> str | None:
        ntuple = links.features(interface).get(NTUPLE)
        if ntuple is not None and not ntuple.on:
            return None if ntuple.fixed else ABSENT
        rule = _rule(links, interface, *what)
        return ABSENT if rule is None else f"queue {rule.queue}"

    def put(self, links: Links, value: str, interface: str, *what: str) -> None:
        rule = _rule(links, interface, *what)
        if value != ABSENT:
            _, address, port = what
            # One that is there is replaced where it is: at no time is there none.
            location = -1 if rule is None else rule.location
            links.add_rule(interface, FlowRule(address, int(port), int(value.split()[1]), location))
        elif rule is not None:
            links.remove_rule(interface, rule.location)

    def write(self, host: Host, target: str, value: str) -> None:
        interface, *what = target.split(" ")
        try:
            self.put(host.links, value, interface, *what)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EOPNOTSUPP) and value != ABSENT:
                raise HostError(f"{interface}'s driver, {_driver(host, interface)}, takes no rule "
                                f"for {' '.join(what)}; set host.nic_queues to 1, so that one "
                                f"queue hears everything") from None
            raise HostError(link_refusal(host, target, "(none)" if value == ABSENT else value,
                                         error)) from None


class TableKind(LinkKind):
    """How the receive hash spreads what no rule names."""

    name = "table"

    def get(self, links: Links, interface: str, *what: str) -> str | None:
        table = links.hash_table(interface)
        if not table:
            return None
        if table == [index % queue_count(links, interface) for index in range(len(table))]:
            return "default"
        return f"queue {table[0]}" if len(set(table)) == 1 else " ".join(map(str, table))

    def put(self, links: Links, value: str, interface: str, *what: str) -> None:
        size = len(links.hash_table(interface))
        word, _, queue = value.partition(" ")
        table = [int(queue)] * size if word == "queue" else [int(each) for each in value.split()
                                                             if word != "default"]
        links.set_hash_table(interface, table)


LINK, RULE, TABLE = LinkKind(), RuleKind(), TableKind()


def queue_count(links: Links, interface: str) -> int:
    """How many receive queues are in use; 1 of a driver that does not say."""
    try:
        values = links.values(interface, "channels")
    except OSError:
        return 1
    return values["combined"] + values["rx"] or 1


def _group(word: str) -> Group:
    if word not in get_args(Group):
        raise KeyError(word)
    return cast(Group, word)


def _rule(links: Links, interface: str, *what: str) -> FlowRule | None:
    _, address, port = what
    return next((rule for rule in links.rules(interface)
                 if (rule.address, rule.port) == (address, int(port))), None)


def _driver(host: Host, interface: str) -> str:
    try:
        return host.links.driver(interface)
    except OSError:
        return "unknown"


def _why(host: Host, interface: str, what: list[str], error: OSError) -> str:
    """Why something of an interface cannot be read, as part of a sentence."""
    if error.errno == errno.ENODEV:
        return f"there is no interface {interface}"
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"only root may read {' '.join(what)} of {interface}"
    if error.errno == errno.EOPNOTSUPP:
        return f"{interface}'s driver, {_driver(host, interface)}, has no {' '.join(what[:2])}"
    return f"{' '.join(what)} of {interface} cannot be read ({error.strerror})"


def link_refusal(host: Host, target: str, value: str, error: OSError) -> str:
    """What an error of setting ``target`` means to the operator; one sentence."""
    interface, *what = target.split(" ")
    driver = _driver(host, interface)
    meanings = {
        errno.EOPNOTSUPP: f"{interface}'s driver, {driver}, cannot set {' '.join(what)}; leave the "
                          f"knob out with --skip",
        errno.ENODEV: f"there is no interface {interface} any more; look at `appliance tune plan`",
        errno.EPERM: f"{' '.join(what)} of {interface} may not be set; run this as root, in the "
                     f"network namespace that the interface belongs to",
        errno.EINVAL: f"{interface}'s driver, {driver}, does not take {value} for "
                      f"{' '.join(what)}; see `appliance tune explain`, or leave it out with "
                      f"--skip",
        errno.EBUSY: f"{interface} is in use in a way that forbids changing {' '.join(what)} (an "
                     f"XDP program or AF_XDP socket, say); stop what uses it and try again",
        errno.ENETDOWN: f"{interface} is down; set it up with `ip link set {interface} up`, and "
                        f"try again",
        errno.ENOSPC: f"{interface} has no room for another rule; remove one (`ethtool -n "
                      f"{interface}` shows them, `ethtool -N {interface} delete N` removes one)",
        errno.ENOMEM: f"{interface}: the kernel has no memory for {' '.join(what)} {value}; ask "
                      f"for less in [host]",
    }
    return meanings.get(error.errno or 0, f"{target}: {error.strerror}; see `appliance tune "
                                          f"explain`")
