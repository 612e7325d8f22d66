"""The ladder: ``auto:eth0`` opens the best backend that works there, and says what it passed over.

The rungs, best first: DPDK, AF_XDP without a copy, with one, in the kernel's generic path, netmap,
packet sockets, plain UDP sockets. Nothing better is ever left out in silence: every rung that was
not taken is named with its reason. ``auto:0000:03:00.0`` is a card that the kernel does not drive:
there is one rung, DPDK.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from difflib import get_close_matches
from errno import EINVAL, ENODEV, ENOTSUP
from ipaddress import IPv4Address
from pathlib import Path

from dpdk_bindings.dpdk.diagnose import PCI_ADDRESS, SHARED_DRIVERS
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import Queue, open_queue, wrapping

SYS_NET = Path("/sys/class/net")
# "auto:eth0,steer=10.0.0.2:26400": what is heard there, for those rungs that must know.
AUTO = re.compile(r"^auto:(?P<device>[^,]*)(?:,steer=(?P<steer>[0-9.:+]*))?$")
_SHARE = re.compile(r"\bshare(?:\([^)]*\))?:")
AFXDP_MODES = ("zerocopy", "copy", "skb")
PORT_MAX = 65535
# What can be required of a ladder: its backends and their modes; DPDK's begin with "poll".
REQUIRABLE = ("dpdk", "afxdp", *AFXDP_MODES, "netmap", "afpacket", "mmap-v2", "udp", "busy-poll",
              "plain")


@dataclass(frozen=True)
class Rung:
    """One way to open the interface: a queue's name, or why there is none."""

    label: str
    name: str = ""
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Climb:
    """A queue, and the rungs above it that were not taken, best first."""

    queue: Queue
    refused: tuple[Rung, ...]
    label: str  # of the rung that was taken

    @property
    def sentence(self) -> str:
        """One line: what was taken, and why each better one was not."""
        taken = f"{self.queue.wrapped} {self.queue.mode}"
        if not self.refused:
            return f"took {taken}, the best there is"
        return f"took {taken}; not {reasons(self.refused)}"


class NoRungError(PioError):
    """No rung works, or none that has what is required; ``refused`` are all, best first."""

    def __init__(self, why: str, refused: tuple[Rung, ...]) -> None:
        remedies = "; ".join(dict.fromkeys(rung.remedy for rung in refused))
        super().__init__(ENOTSUP, why, f"mend one of these, the best first: {remedies}")
        self.refused = refused


def is_auto(name: str) -> bool:
    """Whether a queue's name leaves the choice of backend to the ladder."""
    return wrapping(name)[1].startswith("auto:")


def rungs(name: str) -> list[Rung]:
    """The rungs of an ``auto:`` name, best first. Raises PioError when the name is none."""
    prefix, inner = wrapping(name)
    found = AUTO.match(inner)
    if found is None or not found["device"]:
        raise PioError(EINVAL, f"'{name}' names no interface for the ladder",
                       "write auto:INTERFACE, as in auto:eth0; options are for one backend's own "
                       "name, as in afxdp:eth0,queue=1")
    device, steer = found["device"], found["steer"] or ""
    if not name.isprintable():
        raise PioError(EINVAL, f"the queue name {name!r} has what cannot be printed",
                       "write it without, as in auto:eth0")
    if steer and not all(map(_is_destination, steer.split("+"))):
        raise PioError(EINVAL, f"'{steer}' is nothing that can be heard",
                       "write ADDRESS:PORT, as in 233.54.12.111:26477")
    if PCI_ADDRESS.fullmatch(device):
        return [Rung("dpdk", f"{prefix}dpdk:{device}")]
    # Not by /sys, which shows the network namespace that it was mounted in.
    known = ", ".join(interface for _, interface in socket.if_nameindex())
    if device not in known.split(", "):
        raise PioError(ENODEV, f"there is no network interface '{device}'",
                       f"name one of those that exist: {known}; or, of a card that DPDK has, its "
                       f"PCI address")
    # A host of our own answers ARP, and so must hear it. In one order: who shares a queue gives it
    # one name.
    heard = "all" if "host(" in prefix else "+".join(sorted(set(steer.split("+"))))
    taken = f",steer={heard}" if heard else ""
    return [
        _dpdk(prefix, device),
        *(Rung(f"afxdp {mode}", f"{prefix}afxdp:{device},mode={mode}{taken}")
          for mode in AFXDP_MODES),
        # The emulated adapter is no faster than packet sockets, and ssh over the interface ends.
        Rung("netmap", f"{prefix}netmap:{device},native=1"),
        Rung("afpacket", f"{_alone(prefix)}afpacket:{device}"),
        _udp(_alone(prefix), device, steer.partition("+")[0] if _SHARE.search(prefix) else steer),
    ]


def _is_destination(text: str) -> bool:
    """Whether it is an address, or an address and a port; port 0 is any."""
    address, _, port = text.partition(":")
    try:
        IPv4Address(address)
    except ValueError:
        return False
    return ":" not in text or (port.isdigit() and int(port) <= PORT_MAX)


def _dpdk(prefix: str, device: str) -> Rung:
    """DPDK takes cards that the kernel has given up, or that it can share with the kernel."""
    card = SYS_NET / device / "device"
    if not card.exists():
        return Rung("dpdk", why=f"{device} is no card", remedy="DPDK's virtual devices have names "
                    "of their own: docs/dpdk.md")
    driver, address = (os.path.basename(os.path.realpath(path)) for path in (card / "driver", card))
    if driver in SHARED_DRIVERS:
        return Rung("dpdk", f"{prefix}dpdk:{address}")
    return Rung("dpdk", why=f"the kernel's {driver} drives {device}",
                remedy=f"give the card to DPDK ([host] devices = [\"{address}\"], `appliance tune "
                f"apply`) and name it auto:{address}")


def _alone(prefix: str) -> str:
    """Where several could share a socket each has its own, since the kernel sorts; but a host of
    our own is one, and stays shared."""
    return prefix if "host(" in prefix else _SHARE.sub("", prefix)


def _udp(prefix: str, device: str, steer: str) -> Rung:
    """A socket has one address and one port."""
    address, _, port = steer.partition(":")
    if not port.isdigit():
        return Rung("udp", why="it takes one address and port, and the name has "
                    f"{steer or 'none'}", remedy=f"write udp:{device},address=...,port=...")
    return Rung("udp", f"{prefix}udp:{device},address={address},port={port}")


def reasons(refused: tuple[Rung, ...]) -> str:
    """Why each was not taken; those with one reason share it."""
    shared: dict[str, list[str]] = {}
    for rung in refused:
        shared.setdefault(rung.why, []).append(rung.label)
    return "; ".join(f"{', '.join(labels)}: {why}" for why, labels in shared.items())


def climb(name: str, require: str = "", only: str = "") -> Climb:
    """Opens the best rung that works; ``require`` ends the ladder below the first that has it.

    ``require`` is a backend or mode, as in ``[engine] require``. Raises NoRungError when no
    rung works, or none that has what is required: each is named with its reason. ``only``: the
    label of the one rung that is tried.
    """
    refused: list[Rung] = []
    if require and require not in REQUIRABLE and not require.startswith("poll"):
        near = get_close_matches(require, REQUIRABLE, 1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise PioError(EINVAL, f"nothing on the ladder of {name} is called '{require}'",
                       f"{meant}name a backend or a mode: {', '.join(REQUIRABLE)}")
    for rung in rungs(name):
        if only not in ("", rung.label):
            continue
        if not rung.name:
            refused.append(rung)
            continue
        try:
            queue = open_queue(rung.name)
        except PioError as error:
            refused.append(Rung(rung.label, rung.name, error.why, error.remedy))
            continue
        if require and require not in (queue.wrapped, queue.mode.rpartition("+")[2]):
            why = f"it is {queue.wrapped} {queue.mode}, not {require}"
            queue.close()
            refused.append(Rung(rung.label, rung.name, why, "lift the requirement"))
            continue
        return Climb(queue, tuple(refused), rung.label)
    wanted = f" with {require}" if require else ""
    why = f"{name}: no way to open it{wanted}: {reasons(tuple(refused))}"
    raise NoRungError(why, tuple(refused))
