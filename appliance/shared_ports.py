"""Roles that name one queue of one device, made members of it (``share``, docs/packet-io.md).

An AF_XDP queue, netmap's rings and a queue of DPDK's are opened once. So that feed and orders can
go through one port, each role that names it gets a name under which it opens its part: the device's
text is the same in all of them, and says what all want of it. Of ``afpacket`` and ``udp`` each role
has a socket of its own: there the kernel sorts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import permutations, product

from dpdk_bindings import wrapping
from dpdk_bindings.env.config_file import ConfigError

_TAKEN = re.compile(r"(?P<backend>afxdp|netmap|auto|dpdk)(?:\((?P<options>[^)]*)\))?:(?P<rest>.*)")
_WRAPPER = re.compile(r"(?P<backend>[a-z]+)(?:\((?P<options>[^)]*)\))?:")
# Options of which each role may have its own: the device, or its host, gets all of them.
_JOINED = ("steer", "groups")


@dataclass(frozen=True)
class Role:
    """What the configuration says of a role: its queue, and where its datagrams are addressed."""

    role: str
    name: str
    address: str
    port: int

    @property
    def destination(self) -> str:
        return f"{self.address}:{self.port}" if self.port else self.address

    @property
    def wildness(self) -> int:
        """How much of its destination is left open."""
        return (self.address == "0.0.0.0") + (self.port == 0)


@dataclass
class _Parts:
    """A queue's name, taken apart: what is the role's own, and what is the device's."""

    role: Role
    outer: str  # wrappers of the role's own
    host: dict[str, str] | None  # options of the host around the device
    within: str  # wrappers within that
    backend: str
    device: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for all that would open the same queue."""
        queue = self.options.get("queue", "0")
        return self.backend, self.device.partition(",")[0], queue.lstrip("0") or "0"

    @property
    def hears(self) -> str:
        """What the role is to have: as its name says itself, or else the configuration."""
        steer = self.options.get("steer", "all")
        return self.role.destination if steer == "all" else steer

    def named(self, share: str) -> str:
        """The whole name again, with its place in the shared queue."""
        host = "" if self.host is None else f"host({_text(self.host)}):"
        head = f"{self.outer}{share}:{host}{self.within}{self.backend}"
        options = _text(self.options)
        if self.backend == "dpdk":
            return f"{head}({options}):{self.device}" if options else f"{head}:{self.device}"
        return f"{head}:{self.device}{',' if options else ''}{options}"


def _options(text: str | None) -> dict[str, str]:
    pairs = (one.partition("=") for one in (text or "").split(",") if one)
    return {key: value for key, _, value in pairs}


def _text(options: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" if value else key for key, value in options.items())


def _parts(role: Role) -> _Parts | None:
    """None: nothing that is to be shared, or its owner shares it already, by name."""
    prefix, inner = wrapping(role.name)
    found = _TAKEN.fullmatch(inner)
    wrappers = list(_WRAPPER.finditer(prefix))
    if found is None or any(one["backend"] == "share" for one in wrappers):
        return None
    host = next((one for one in wrappers if one["backend"] == "host"), None)
    outer = prefix[: host.start()] if host else prefix
    within = prefix[host.end() :] if host else ""
    device, options = found["rest"], _options(found["options"])
    if found["backend"] != "dpdk":  # whose own arguments follow the device
        device, _, words = device.partition(",")
        options = _options(words)
    return _Parts(role, outer, _options(host["options"]) if host else None, within,
                  found["backend"], device, options)


def _refuse(group: list[_Parts], what: str) -> ConfigError:
    roles = " and ".join(one.role.role for one in group)
    return ConfigError(f"{roles} name one queue of {group[0].key[1]} {what}")


def _union(values: Iterable[str]) -> str:
    """Destinations or groups of several, each once."""
    return "+".join(dict.fromkeys(one for value in values for one in value.split("+")))


def _agreed(group: list[_Parts], each: list[dict[str, str]]) -> dict[str, str]:
    """One table of options for all, in which every one's are. ConfigError where two differ."""
    agreed: dict[str, str] = {}
    for options in each:
        for key, value in options.items():
            if key in _JOINED and key in agreed:
                agreed[key] = _union((agreed[key], value))
            elif agreed.setdefault(key, value) != value:
                raise _refuse(group, f"with {key}={agreed[key]} and {key}={value}; say the same")
    return agreed


def _rest(group: list[_Parts]) -> _Parts:
    """Who has what nobody else hears: who hears the most, the order session before a line."""
    return max(reversed(group), key=lambda one: (one.role.wildness, one.role.role == "orders"))


def _covers(taken: str, wanted: str) -> bool:
    """Whether who hears the one destination gets what is for the other."""
    address, _, port = taken.partition(":")
    its_address, _, its_port = wanted.partition(":")
    return address in ("0.0.0.0", its_address) and port in ("", its_port)


def _share(group: list[_Parts]) -> Iterator[tuple[str, str]]:
    """Role and name of each member."""
    rest = _rest(group)
    for one, other in permutations(group, 2):
        for taken, wanted in product(one.hears.split("+"), other.hears.split("+")):
            if taken == wanted or (other is rest and _covers(taken, wanted)):
                pair = [each for each in group if each in (one, other)]
                raise _refuse(pair, f"and hear the same there, {wanted}; give each its own address "
                              f"or port")
    hosts = [one.host for one in group if one.host is not None]
    within = {one.within for one in group if one.host is not None}
    devices = {one.device for one in group}
    if len(within) > 1 or len(devices) > 1:
        differ = within if len(within) > 1 else devices
        words = (f"as {each}" if each else "plainly" for each in sorted(differ))
        raise _refuse(group, f"{' and '.join(words)}; say the same")
    wants_steer = group[0].backend in ("afxdp", "auto") or any("steer" in one.options
                                                               for one in group)
    agreed = _agreed(group, [one.options for one in group])
    all_of_it = agreed.get("steer") == "all" or "all" in agreed.get("steer", "").split("+")
    for one in group:
        options = dict(agreed)
        if wants_steer:
            # Its own first: a rung of the ladder that takes one destination takes that.
            mine = (one, *group) if one.backend == "auto" else group
            options["steer"] = "all" if all_of_it or (hosts and one.backend == "afxdp") else (
                _union(each.hears for each in mine))
        whole = _Parts(one.role, one.outer, _agreed(group, hosts) if hosts else None,
                       "".join(within), one.backend, one.device, options)
        yield one.role.role, whole.named("share" if one is rest else f"share(hears={one.hears})")


def shared(roles: list[Role]) -> dict[str, str]:
    """Role to name, of those alone that share a queue. ConfigError when they do not agree."""
    groups: dict[tuple[str, str, str], list[_Parts]] = {}
    for role in roles:
        parts = _parts(role)
        if parts is not None:
            groups.setdefault(parts.key, []).append(parts)
    return {role: name for group in groups.values() if len(group) > 1
            for role, name in _share(group)}
