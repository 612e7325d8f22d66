"""The ethtool calls that pyroute2 lacks, by ioctl: pause frames, flow rules, and a few more.

Each call opens its socket, so it asks the network namespace of its caller. Every failure is an
OSError with the kernel's number: EOPNOTSUPP is "the driver cannot", ENODEV "no such interface".
Layouts are those of linux/ethtool.h; a test compares them with the header.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pyroute2.ethtool.ioctl import IoctlEthtool, NoSuchDevice, NotSupportedError

SIOCETHTOOL = 0x8946
NAME_BYTES_MAX = 15

GDRVINFO, GPAUSEPARAM, SPAUSEPARAM = 0x03, 0x12, 0x13
GRXCLSRLCNT, GRXCLSRULE, GRXCLSRLALL, SRXCLSRLDEL, SRXCLSRLINS = 0x2E, 0x2F, 0x30, 0x31, 0x32
GRXFHINDIR, SRXFHINDIR, GET_TS_INFO = 0x38, 0x39, 0x41

REQUEST = struct.Struct("=16sQ16x")  # ifreq: name, ifr_data
DRIVER_INFO = struct.Struct("=I32s32s32s32s32s12x5I")
PAUSE = struct.Struct("=4I")  # cmd, autoneg, rx, tx
TIME_STAMPING = struct.Struct("=2Ii32x")  # cmd, so_timestamping, phc_index, types and filters
# ethtool_rxnfc: cmd, flow_type, data, then ethtool_rx_flow_spec, then rule_cnt; rule_locs follow.
RULES = struct.Struct("=2IQ168sI4x")
# ethtool_rx_flow_spec: flow_type, h_u, h_ext, m_u, m_ext, ring_cookie, location.
FLOW = struct.Struct("=I52s20s52s20s4xQI4x")
UDP4 = struct.Struct("!4s4sHHB")  # ethtool_tcpip4_spec, first of both unions

UDP_V4_FLOW = 0x02
LOCATION_SPECIAL = 0x80000000  # in the table's size: the driver chooses locations
LOCATION_ANY = 0xFFFFFFFF
HARDWARE_TX, HARDWARE_RX = 1 << 0, 1 << 2  # SOF_TIMESTAMPING_{TX,RX}_HARDWARE
TABLE_ENTRIES_MAX = 4096  # far above any card's
RULES_MAX = 1 << 16  # far above any card's

assert (REQUEST.size, DRIVER_INFO.size, PAUSE.size) == (40, 196, 16)
assert (TIME_STAMPING.size, RULES.size, FLOW.size) == (44, 192, 168)


@dataclass(frozen=True)
class FlowRule:
    """UDP over IPv4 to ``address`` and ``port`` goes to ``queue``; 0.0.0.0 and 0 stand for any."""

    address: str
    port: int
    queue: int
    location: int = -1  # in the card's table; -1: anywhere

    def pack(self, location: int) -> bytes:
        """The ethtool_rx_flow_spec."""
        address, ports = ipaddress.IPv4Address(self.address), self.port
        header = UDP4.pack(bytes(4), address.packed, 0, ports, 0)
        mask = UDP4.pack(bytes(4), b"\xff" * 4 if int(address) else bytes(4), 0,
                         0xFFFF if ports else 0, 0)
        return FLOW.pack(UDP_V4_FLOW, header, bytes(20), mask, bytes(20), self.queue, location)


def unpack_rule(data: bytes) -> FlowRule | None:
    """The rule of an ethtool_rx_flow_spec; None when it looks at more, or at something else."""
    kind, header, _, mask, extra, cookie, location = FLOW.unpack(data)
    source, address, source_port, port, service = UDP4.unpack_from(mask)
    whole = address in (bytes(4), b"\xff" * 4) and port in (0, 0xFFFF)
    more = any((*source, source_port, service, *extra))
    if kind != UDP_V4_FLOW or not whole or more:
        return None
    _, wanted, _, wanted_port, _ = UDP4.unpack_from(header)
    return FlowRule(str(ipaddress.IPv4Address(wanted if any(address) else bytes(4))),
                    wanted_port if port else 0, cookie, location)


def call(name: str, data: bytes, size: int = 0) -> bytes:
    """One SIOCETHTOOL with ``data``, in ``size`` bytes when the answer is longer; the answer."""
    if not 0 < len(name.encode()) <= NAME_BYTES_MAX:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    buffer = ctypes.create_string_buffer(data, max(size, len(data)))
    request = REQUEST.pack(name.encode(), ctypes.addressof(buffer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as file:
        fcntl.ioctl(file, SIOCETHTOOL, request)
    return buffer.raw


@contextlib.contextmanager
def pyroute2_ethtool(name: str) -> Iterator[IoctlEthtool]:
    """pyroute2's calls on an interface, with their failures as OSError."""
    if not 0 < len(name.encode()) <= NAME_BYTES_MAX:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    with contextlib.closing(IoctlEthtool(name)) as ethtool:
        try:
            yield ethtool
        except NotSupportedError:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP)) from None
        except NoSuchDevice:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None


def driver(name: str) -> tuple[str, str]:
    """The driver's name and firmware."""
    words = DRIVER_INFO.unpack(call(name, struct.pack("=I", GDRVINFO), DRIVER_INFO.size))
    return _text(words[1]), _text(words[3])


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("ascii", "replace")


def pause(name: str) -> dict[str, int]:
    _, autoneg, rx, tx = PAUSE.unpack(call(name, PAUSE.pack(GPAUSEPARAM, 0, 0, 0)))
    return {"autoneg": autoneg, "rx": rx, "tx": tx}


def set_pause(name: str, values: dict[str, int]) -> None:
    call(name, PAUSE.pack(SPAUSEPARAM, values["autoneg"], values["rx"], values["tx"]))


def time_stamping(name: str) -> tuple[int, int]:
    """What can be stamped, as bits of SOF_TIMESTAMPING_*, and the index of the card's clock."""
    words = TIME_STAMPING.unpack(call(name, struct.pack("=I", GET_TS_INFO), TIME_STAMPING.size))
    return words[1], words[2]


# ---- where received frames go --------------------------------------------------------------------


def _rules_call(name: str, command: int, flow: bytes = bytes(FLOW.size), count: int = 0) -> bytes:
    return call(name, RULES.pack(command, 0, 0, flow, count), RULES.size + 4 * count)


def rules(name: str) -> list[FlowRule]:
    """The rules of the card that are of our sort; others are passed over."""
    found = []
    for location in _locations(name)[0]:
        empty = FLOW.pack(0, b"", b"", b"", b"", 0, location)
        rule = unpack_rule(RULES.unpack(_rules_call(name, GRXCLSRULE, empty)[:RULES.size])[3])
        if rule is not None:
            found.append(rule)
    return found


def _locations(name: str) -> tuple[list[int], int]:
    """Where there are rules, and the size of the table with LOCATION_SPECIAL."""
    _, _, data, _, count = RULES.unpack(_rules_call(name, GRXCLSRLCNT))
    count = min(count, RULES_MAX)
    # Of an empty table, too: its size is told only here.
    answer = _rules_call(name, GRXCLSRLALL, count=count)
    _, _, size, _, count = RULES.unpack(answer[:RULES.size])
    # rule_locs begins where rule_cnt ends, before the structure's own padding.
    places = struct.unpack_from(f"={count}I", answer, RULES.size - 4)
    return list(places), data | size


def add_rule(name: str, rule: FlowRule) -> None:
    """Adds a rule, at its own location or at the last free one, which is the weakest."""
    taken, size = _locations(name)
    location = rule.location
    if location < 0 and size & LOCATION_SPECIAL:
        location = LOCATION_ANY
    elif location < 0:
        free = sorted(set(range(min(size, RULES_MAX))) - set(taken))
        if not free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        location = free[-1]
    _rules_call(name, SRXCLSRLINS, rule.pack(location))


def remove_rule(name: str, location: int) -> None:
    _rules_call(name, SRXCLSRLDEL, FLOW.pack(0, b"", b"", b"", b"", 0, location))


def hash_table(name: str) -> list[int]:
    """Which queue each remainder of the receive hash goes to."""
    _, size = struct.unpack("=2I", call(name, struct.pack("=2I", GRXFHINDIR, 0)))
    size = min(size, TABLE_ENTRIES_MAX)
    answer = call(name, struct.pack("=2I", GRXFHINDIR, size), 8 + 4 * size)
    return list(struct.unpack_from(f"={size}I", answer, 8))


def set_hash_table(name: str, queues: list[int]) -> None:
    """Sets it; an empty one restores the driver's own."""
    call(name, struct.pack(f"={2 + len(queues)}I", SRXFHINDIR, len(queues), *queues))
