"""DPDK's own telemetry: what its libraries tell about this process over a socket."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

from dpdk_bindings._dpdk import lib
from dpdk_bindings.errors import PioError, text

TIMEOUT_S = 5.0
# The greeting is shorter; it says how long an answer can be.
GREETING_BYTES = 1024


def _socket_path() -> Path:
    """Where the first of a file prefix serves; others of it add a number each."""
    folder = Path(text(lib.dpdk_eal_runtime_folder()))
    return folder / "dpdk_telemetry.v2"


def _connect() -> tuple[socket.socket, int]:
    """A connection to this very process, and the longest answer's bytes."""
    path = _socket_path()
    for candidate in sorted(path.parent.glob(path.name + "*")):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(str(candidate))
            greeting = json.loads(connection.recv(GREETING_BYTES))
            if greeting["pid"] == os.getpid():
                return connection, int(greeting["max_output_len"])
        except (OSError, ValueError, KeyError):
            pass
        connection.close()
    raise PioError(
        errno.ENOENT,
        f"DPDK serves no telemetry for this process in {path.parent}",
        "start it with dpdk.start(telemetry=True)",
    )


def telemetry(path: str = "/") -> Any:
    """What DPDK answers to ``path``, as in ``telemetry("/ethdev/stats,0")``, decoded from JSON.

    ``"/"`` lists the paths, ``"/help,/ethdev/stats"`` explains one. Needs
    ``start(telemetry=True)``. Raises PioError when nothing is served, LookupError when DPDK knows
    no such path or parameter.
    """
    if not path.startswith("/"):
        raise ValueError(f"a telemetry path begins with a slash, as /ethdev/list does: {path!r}")
    if not lib.dpdk_eal_running():
        raise PioError(errno.EAGAIN, "DPDK has not been started in this process",
                       "call dpdk.start(telemetry=True) first")
    connection, answer_bytes = _connect()
    with connection:
        connection.send(path.encode())
        answer = json.loads(connection.recv(answer_bytes))
    value = answer.get(path.split(",")[0])
    if value is None:
        raise LookupError(f'DPDK\'s telemetry has no answer to {path}; telemetry("/") lists paths')
    return value
