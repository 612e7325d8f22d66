"""A child of `appliance run` that is told when it is alone, however control died."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """The death of this process, control, is a SIGTERM to us: be it killed by -9, or dead by now.

    To be called by the child's main thread, of a ``parent`` that started it.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        signal.raise_signal(signal.SIGTERM)
