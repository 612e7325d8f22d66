"""A figure and its rounds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """One figure: ``value`` of this round, ``samples`` of all."""

    name: str
    unit: str
    value: float
    target: str = ""
    samples: list[float] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "unit": self.unit, "target": self.target,
                "median": statistics.median(self.samples), "min": min(self.samples),
                "max": max(self.samples), "samples": self.samples}
