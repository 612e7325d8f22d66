"""What every measure is told, and the machine that it is measured on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Absent(Exception):
    """A contender that is not there; one sentence with its remedy. The others go on."""


@dataclass(frozen=True)
class Settings:
    """How much of what. ``out`` holds the generated days and the results."""

    messages: int
    symbols: int
    out: Path

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"out": str(self.out)})

    @classmethod
    def from_json(cls, text: str) -> Settings:
        values = json.loads(text)
        return cls(values["messages"], values["symbols"], Path(values["out"]))


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine() -> dict[str, Any]:
    """What must be the same for two results to be compared, and what is good to know."""
    return {"cpu": cpu_name(), "cores": os.cpu_count(), "kernel": platform.release(),
            "python": platform.python_version()}


def last_core() -> int:
    return max(os.sched_getaffinity(0))


def first_core() -> int:
    return min(os.sched_getaffinity(0))
