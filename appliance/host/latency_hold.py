"""Holds /dev/cpu_dma_latency: no core falls into deep sleep while the file is open.

The kernel takes the bound as four bytes, in microseconds, and lets go when the file is closed,
which the end of the process does (Linux Documentation/power/pm_qos_interface.rst).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

DEVICE = "/dev/cpu_dma_latency"


class LatencyHold:
    """Open from construction until :meth:`close`; ``held`` says whether that was permitted.

    ``limit_us`` below 0 holds nothing. ``why`` is why not, as part of a sentence.
    """

    def __init__(self, limit_us: int, root: Path = Path("/")) -> None:
        self._file = -1
        self.why = ""
        if limit_us < 0:
            self.why = "host.idle_latency_us is -1"
            return
        try:
            self._file = os.open(root / DEVICE.lstrip("/"), os.O_WRONLY)
            os.write(self._file, struct.pack("=i", limit_us))
        except OSError as error:
            self.why = f"{DEVICE}: {error.strerror}"
            self.close()

    @property
    def held(self) -> bool:
        return self._file >= 0

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
