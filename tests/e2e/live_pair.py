"""End to end: an exchange and an appliance as processes, through ``scripts/demo.py``."""

from __future__ import annotations

import importlib.util
import json
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def load_demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Pair:
    """One run of both sides; figures, books and checks as the demo has them."""

    def __init__(self, out: Path, *words: str) -> None:
        demo = load_demo()
        self.options = demo.arguments([*words, "--json", "--out", str(out)])
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            links = demo.make_links(self.options, stack)
            self.statuses = demo.run(self.options, links)
        self.figures: dict[str, Any] = json.loads((out / "appliance.json").read_text())
        self.venue: dict[str, Any] = json.loads((out / "venue.json").read_text())
        self.books = demo.compare_books(out) if self.options.checkpoint_every else {}
        self.checks = demo.checks(
            self.figures, self.venue, self.books, self.statuses, links
        )

    @property
    def failed(self) -> list[str]:
        return [f"{row['name']}: {row['detail']}" for row in self.checks if not row["ok"]]
