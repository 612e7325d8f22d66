"""The loop's clock: ns since the Unix epoch from the time-stamp counter (csrc/tp_clock.h)."""

from __future__ import annotations

from dpdk_bindings._core import ffi, lib

# Long enough for a rate error of a few parts per million, short enough to go unnoticed at start.
CALIBRATION_MS = 20
_SOURCES = ("monotonic", "tsc", "cntvct")


class Clock:
    """A calibrated clock; reading it costs a counter read and a multiplication.

    Two clocks calibrated in two processes agree to within their ``error_ppb`` times the time since.
    """

    def __init__(self, calibration_ms: int = CALIBRATION_MS) -> None:
        self._clock = ffi.new("struct tp_clock *")
        lib.tp_clock_calibrate(self._clock, calibration_ms)

    @property
    def address(self) -> int:
        """Address of the ``struct tp_clock``; keep this object alive beside it."""
        return int(ffi.cast("uintptr_t", self._clock))

    @property
    def source(self) -> str:
        """"tsc" or "cntvct", or "monotonic" where no constant counter exists (slower)."""
        return _SOURCES[self._clock.source]

    @property
    def error_ppb(self) -> int:
        """Bound of the rate's error, parts per 10^9."""
        return int(self._clock.error_ppb)

    @property
    def ticks_per_s(self) -> float:
        """The counter's rate in Hz; 0 for the monotonic source."""
        q32 = int(self._clock.ns_per_tick_q32)
        return 1e9 * 2**32 / q32 if q32 else 0.0

    def now(self) -> int:
        """ns since the Unix epoch."""
        return int(lib.tp_clock_now(self._clock))
