"""irqbalance(1), which spreads interrupts over the cores: told to leave the loops' alone.

It listens on a stream socket in /run/irqbalance (older ones: an abstract one), takes one request a
connection from root, and answers "setup" with "SLEEP n ... BANNED mask". What it is told holds
from its next round on, up to ten seconds later, and until it ends.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import time

from appliance.host.cpus import format_list, parse_mask
from appliance.host.host import Host, HostError
from appliance.host.kinds import CoreList

TARGET = "irqbalance cpus"
SOCKETS = "/run/irqbalance/irqbalance*.sock"
ANSWER_S = 2.0
ANSWER_BYTES_MAX = 1 << 20  # 8192 interrupts of a few words each
POLL_S = 0.25
SLEEP_S = 10  # its own default between two rounds


class Banned(CoreList):
    """The cores that irqbalance gives no interrupts to."""

    name = "irqbalance"
    late = True

    def read(self, host: Host, target: str) -> str | None:
        answer = ask(host, "setup")
        found = re.search(r"BANNED ([0-9a-f,]*)", answer or "")
        return format_list(parse_mask(found[1] or "0")) if found else None

    def why_not(self, host: Host, target: str) -> str:
        if "irqbalance" in host.programs().values():
            return "irqbalance runs, but answers root only"
        return "irqbalance does not run"

    def write(self, host: Host, target: str, value: str) -> None:
        """Returns when it holds, at the next round of irqbalance. "" is back to its own choice."""
        setup = ask(host, "setup") or ""
        sleep = re.search(r"SLEEP ([0-9]+)", setup)
        if ask(host, f"settings cpus {value or 'NULL'}") is None:
            raise HostError("irqbalance does not answer; look at `systemctl status irqbalance`")
        deadline = time.monotonic() + (int(sleep[1]) if sleep else SLEEP_S) + ANSWER_S
        while not self.same(self.read(host, target) or "", value):
            if time.monotonic() > deadline:
                raise HostError(f"irqbalance was told to leave cores {value or 'none'} alone and "
                                f"has not come round to it; stop it: systemctl stop irqbalance")
            time.sleep(POLL_S)


BANNED = Banned()


def ask(host: Host, request: str) -> str | None:
    """What irqbalance answers; None when nobody does. A setting is answered by nothing: ""."""
    for name in reversed(host.glob(SOCKETS)):
        # Through the folder: a path of a socket has 107 characters at most.
        try:
            folder = os.open(host.path(name).parent, os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            answer = _exchange(f"/proc/self/fd/{folder}/{name.rpartition('/')[2]}", request)
        finally:
            os.close(folder)
        if answer is not None:
            return answer
    if not host.real:
        return None
    abstract = re.search(r"@(irqbalance[0-9]+\.sock)$", host.read("/proc/net/unix") or "", re.M)
    return _exchange(f"\0{abstract[1]}", request) if abstract else None


def _exchange(address: str, request: str) -> str | None:
    credentials = struct.pack("3i", os.getpid(), os.geteuid(), os.getegid())
    rights = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(address)
            line.sendmsg([request.encode()], rights)
            line.shutdown(socket.SHUT_WR)
            answer = bytearray()
            while len(answer) < ANSWER_BYTES_MAX and (piece := line.recv(1 << 16)):
                answer += piece
        except OSError:
            return None
    return answer.decode("ascii", "replace")
