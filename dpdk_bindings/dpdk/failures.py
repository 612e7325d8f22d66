"""What DPDK answers with, as exceptions: one sentence why, one that mends it."""

from __future__ import annotations

import os
from errno import EBUSY, ECHILD, EINVAL, ENODEV, ENOSYS, ENOTSUP, EOPNOTSUPP
from typing import NoReturn

from dpdk_bindings._dpdk import lib
from dpdk_bindings.errors import PioError


def refuse(number: int, what: str, remedy: str) -> NoReturn:
    """Raises what suits ``-number``; ``what`` is done to a port or a pool, and can be closed.

    ValueError when it is closed, RuntimeError in a forked child, else PioError.
    """
    number = abs(number)
    if number == ENODEV:
        raise ValueError(f"cannot {what}: it is closed, or its device is gone")
    if number == ECHILD:
        raise RuntimeError(
            f"cannot {what}: this process was forked from the one that runs DPDK; start it by "
            "spawn instead, with a DPDK of its own"
        )
    if number in (ENOTSUP, EOPNOTSUPP, ENOSYS):
        raise PioError(number, f"cannot {what}: the device does not support it", remedy)
    if number in (EINVAL, EBUSY):
        raise PioError(number, f"cannot {what}: the device refuses it", remedy)
    raise PioError(number, f"cannot {what}: {os.strerror(number)}", remedy)


def refuse_in_child(what: str) -> None:
    """Raises RuntimeError in a child forked from the process that runs DPDK."""
    if lib.dpdk_eal_forked():
        refuse(ECHILD, what, "")
