"""What the service manager is told: sd_notify(3) over its datagram socket, in a few lines.

Invariant: a watchdog's WATCHDOG=1 is sent only when the loop's heartbeat in the shared segment has
moved since the last look. So a hung loop, a stopped engine and a hung control process starve the
watchdog alike, and it is the manager that acts. Without a manager (no NOTIFY_SOCKET) nothing is
sent and nothing fails.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.state import FEED_STATES, Kill, State

STATUS_INTERVAL_S = 2.0  # every change of it is a signal on the manager's bus


@dataclass
class Notifier:
    """The manager's socket, if there is one. A message that cannot be sent is not worth a day."""

    address: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """NOTIFY_SOCKET is a path, or "@name" in the abstract namespace; others are not spoken."""
        address = environment.get("NOTIFY_SOCKET", "")
        return cls(address if address[:1] in ("/", "@") else "")

    def send(self, **fields: str) -> None:
        """One datagram of NAME=value lines; a value's line breaks become spaces."""
        if not self.address:
            return
        lines = [f"{name}={' '.join(value.split())}" for name, value in fields.items()]
        with contextlib.suppress(OSError), socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        ) as sender:
            sender.setblocking(False)
            address = "\0" + self.address[1:] if self.address[0] == "@" else self.address
            sender.sendto("\n".join(lines).encode(), address)


def status_line(state: State) -> str:
    """The run in one line, for ``systemctl status``."""
    counts = state.counter_map()
    word = int(state.header["kill"])
    trading = "armed"
    if word:
        reason = bytes(state.header["kill_reason"]).decode("utf-8", "replace")
        known = word in Kill.__members__.values()
        trading = f"halted ({reason or (Kill(word).name.lower() if known else word)})"
    return (f"feed {FEED_STATES[counts['feed_state']]}, {counts['feed_messages']:,} messages; "
            f"trading {trading}; orders: {counts['sent_new']:,} new, {counts['orders_open']:,} "
            f"open, {counts['orders_filled']:,} filled")


@dataclass
class Pulse:
    """Turns the loop's heartbeat into READY, STATUS and WATCHDOG; ``beat`` a few times a second."""

    state: State
    notifier: Notifier
    _last_ns: int = field(default=0, init=False)
    _ready: bool = field(default=False, init=False)
    _status: str = field(default="", init=False)
    _status_due_s: float = field(default=0.0, init=False)

    def beat(self) -> None:
        """Says what is new; the watchdog is fed only if the loop has published since."""
        heartbeat_ns = int(self.state.header["heartbeat_ns"])
        fields: dict[str, str] = {}
        if heartbeat_ns != self._last_ns:
            self._last_ns = heartbeat_ns
            fields["WATCHDOG"] = "1"
            if not self._ready:
                self._ready = True
                fields["READY"] = "1"
        if time.monotonic() >= self._status_due_s:
            self._status_due_s = time.monotonic() + STATUS_INTERVAL_S
            status = status_line(self.state)
            if status != self._status:
                self._status = fields["STATUS"] = status
        if fields:
            self.notifier.send(**fields)

    def stopping(self) -> None:
        """The end has begun: the watchdog is no longer asked for."""
        self.notifier.send(STOPPING="1", STATUS="ending: " + status_line(self.state))
