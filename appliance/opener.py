"""Opening queues for an engine without rights: a process with them, for as long as that takes.

The opener is started by a connection to its socket, which systemd made and only the engine's user
may connect to. It opens the configuration's queues that take privileges, sends their descriptors
and names in one message, and ends. The engine asks for nothing in particular: which queues there
are is in the configuration, which only root may write.

    engine: connect  ->  opener: {"queues": {ROLE: {"name": ..., "fds": COUNT, "kept": COUNT}}} and
                         the descriptors, or {"error": SENTENCE}

What several roles share is opened once: of the others the answer says with whom ("with": ROLE).

IP groups are joined here, too: an engine without a network cannot. The socket that holds the
memberships goes along, and is kept open by the engine for as long as it lives.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from appliance.config import Config
from appliance.errors import RunError
from appliance.queue_names import queue_names
from dpdk_bindings import PioError, innermost_backend
from dpdk_bindings.afxdp import open_for_another

OPENED_HERE = ("afpacket", "afxdp")
MESSAGE_BYTES_MAX = 1 << 16
FDS_MAX = 64  # three queues of eight
TIMEOUT_S = 20.0
# All but the last of fds=, which is no descriptor.
_FDS = re.compile(r"(?<=,fds=)\d+(?:\+\d+)*(?=\+\d+)|(?<=,fd=)\d+|(?<=,poll_fd=)\d+")
# A member's name: what is its own, and what it shares.
_SHARED = re.compile(r"(?P<member>.*?\bshare(?:\([^)]*\))?:)(?P<device>.*)")
_DEVICE = re.compile(r"afxdp:(?P<interface>[^,]+).*,steer=(?P<steer>[^,]+)")


class Opened(msgspec.Struct):
    """One queue, under the name its descriptors had at the opener."""

    name: str
    fds: int  # in the name, in this order
    kept: int = 0  # after them: only to be held open
    shared: str = msgspec.field(default="", name="with")  # the role that has the descriptors


class Answer(msgspec.Struct):
    """What the opener says, once."""

    queues: dict[str, Opened] = {}
    error: str = ""


def renumbered(name: str, fds: list[int]) -> str:
    """The queue's name with the numbers that the descriptors have in this process."""
    ours = iter(fds)

    def replace(found: re.Match[str]) -> str:
        return "+".join(str(next(ours)) for _ in found[0].split("+"))

    return _FDS.sub(replace, name)


def _groups(name: str) -> tuple[str, list[str]]:
    """The interface of an afxdp queue, and the IP groups that it is to join there."""
    found = _DEVICE.search(name)
    if found is None or ",join=0" in name:
        return "", []
    addresses = [entry.partition(":")[0] for entry in found["steer"].split("+")]
    return found["interface"], [address for address in addresses if address != "all"
                                and ipaddress.IPv4Address(address).is_multicast]


def _joined(interface: str, groups: list[str]) -> socket.socket:
    """A socket that hears nothing and holds the memberships; PioError when one is refused."""
    member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        for group in groups:
            # struct ip_mreqn, ip(7)
            request = struct.pack("@4s4si", ipaddress.IPv4Address(group).packed, bytes(4),
                                  socket.if_nametoindex(interface))
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    except OSError as error:
        member.close()
        raise PioError(error.errno or errno.EIO,
                       f"the kernel does not join {group} on '{interface}': {error.strerror}",
                       "see that it has IPv4, or say join=0") from None
    with suppress(OSError):  # "not connected": its way out is shut all the same, for good
        member.shutdown(socket.SHUT_WR)
    return member


def _open(name: str, stack: ExitStack) -> tuple[Opened, list[int]]:
    if innermost_backend(name) == "afpacket":
        # Protocol 0: it hears nothing until the engine has bound it.
        made = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        made.setblocking(False)
        return Opened(f"{name},fd={made.fileno()}", 1), [made.fileno()]
    opened = stack.enter_context(open_for_another(name))
    interface, groups = _groups(name)
    if not groups:
        return Opened(opened.name, len(opened.fds)), [*opened.fds]
    member = stack.enter_context(_joined(interface, groups))
    return (Opened(f"{opened.name},join=0", len(opened.fds), kept=1),
            [*opened.fds, member.fileno()])


def _open_all(config: Config, stack: ExitStack) -> tuple[dict[str, Opened], list[int]]:
    """Every queue that is opened here, by role, and the descriptors of all; once what is shared."""
    queues, fds, holders = dict[str, Opened](), list[int](), dict[str, str]()
    for role, name in queue_names(config).items():
        if innermost_backend(name) not in OPENED_HERE:
            continue
        found = _SHARED.fullmatch(name)
        holder = holders.get(found["device"]) if found else None
        if found and holder:
            opened = _SHARED.fullmatch(queues[holder].name)
            assert opened is not None
            queues[role] = Opened(found["member"] + opened["device"], 0, shared=holder)
            continue
        queues[role], more = _open(name, stack)
        fds += more
        if found:
            holders[found["device"]] = role
    return queues, fds


def serve(listening: socket.socket, config: Config) -> None:
    """Answers one connection; what cannot be opened is told to it, and raised."""
    connection, _ = listening.accept()
    with connection, ExitStack() as stack:
        try:
            queues, fds = _open_all(config, stack)
        except (PioError, OSError) as error:
            connection.sendall(msgspec.json.encode(Answer(error=str(error))))
            raise
        socket.send_fds(connection, [msgspec.json.encode(Answer(queues))], fds)


def fetch(path: Path) -> dict[str, str]:
    """Role to name of the queues that the opener at ``path`` opened for us."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(path))
            data, fds, _, _ = socket.recv_fds(
                connection, MESSAGE_BYTES_MAX, FDS_MAX, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise RunError(f"nobody opens queues at {path} ({error.strerror or error}); "
                           f"systemctl start appliance-opener.socket") from None
    if not data:
        raise RunError(f"the opener at {path} ended without an answer; "
                       f"see journalctl -u appliance-opener")
    answer = msgspec.json.decode(data, type=Answer)
    if answer.error:
        raise RunError(answer.error)
    names, numbers = dict[str, str](), dict[str, list[int]]()
    for role, opened in answer.queues.items():
        if not opened.shared:
            numbers[role] = fds[: opened.fds]
            fds = fds[opened.fds + opened.kept :]
        names[role] = renumbered(opened.name, numbers[opened.shared or role])
    return names
