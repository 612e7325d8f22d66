"""Cuts line B for the middle third of a run, and tells afterwards what came of it."""

from __future__ import annotations

import time
from typing import Any

from dpdk_bindings.env.namespaces import Networks

SIDE, LINE = "exchange", "line-b"
LOOK_S = 0.1  # between looks at what the line has carried
OPEN_FRAMES = 200  # by now they are the feed's: kernels find their neighbours with a few


class Cut:
    """Told the time by the demo's waiting loop; the run begins with the line's first frames."""

    def __init__(self, networks: Networks, seconds: float) -> None:
        self._networks = networks
        self._third_s = seconds / 3
        self._began_s = 0.0
        self._looked_s = 0.0
        self._is_down = False
        self._before = 0  # frames that the line carried until it was cut
        self._done = False

    def turn(self) -> None:
        """Cuts or mends the line when it is time for that."""
        now = time.monotonic()
        if self._done or now - self._looked_s < LOOK_S:
            return
        self._looked_s = now
        if not self._began_s:
            self._began_s = now if self._carried() >= OPEN_FRAMES else 0.0
        elif not self._is_down and now - self._began_s >= self._third_s:
            self._before = self._carried()
            self._set("down")
            self._is_down = True
        elif self._is_down and now - self._began_s >= 2 * self._third_s:
            self._set("up")
            self._done = True

    def _set(self, state: str) -> None:
        self._networks.set(SIDE, LINE, state)

    def _carried(self) -> int:
        """Frames that the exchange's end of the line has sent."""
        return self._networks.sent(SIDE, LINE)

    def check(self, figures: dict[str, Any]) -> tuple[str, bool, str]:
        """The line was cut, the other went on, and it came back."""
        counters = figures["counters"]
        lines = counters["rx_frames_feed_a"], counters["rx_frames_feed_b"]
        good = self._done and 0 < self._before < lines[1] < lines[0]
        detail = (f"line A brought {lines[0]:,} datagrams, line B {self._before:,} before it was "
                  f"cut and {lines[1] - self._before:,} after it was mended")
        return "cut", good, detail if self._done else "the run was over before line B was mended"
