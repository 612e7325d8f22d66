"""The listening socket that a service manager passes to a service: sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from appliance.errors import RunError

FIRST_FD = 3


def is_passed(environment: Mapping[str, str] = os.environ) -> bool:
    """Has a manager opened a socket for this very process?"""
    return environment.get("LISTEN_PID") == str(os.getpid())


def take_socket(environment: Mapping[str, str] = os.environ) -> socket.socket | None:
    """That socket, or None; RunError when there is not exactly one."""
    if not is_passed(environment):
        return None
    count = environment.get("LISTEN_FDS", "")
    if count != "1":
        raise RunError(f"the service manager passes {count or 'no'} sockets, and one is served; "
                       f"give the .socket unit one address")
    os.set_inheritable(FIRST_FD, False)
    return socket.socket(fileno=FIRST_FD)
