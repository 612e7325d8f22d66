"""Writes the table of EAL options in docs/dpdk.md from the types that take them (R7).

``python -m dpdk_bindings.generate``; ``--check`` writes nothing and fails when it is out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from msgspec.structs import fields

from dpdk_bindings.dpdk.options import EalOptions

PAGE = Path(__file__).resolve().parent.parent / "docs/dpdk.md"
BLOCK = re.compile(r"(<!-- EalOptions -->\n).*?(<!-- end -->\n)", re.S)


def _value(value: object) -> str:
    """As TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def table() -> str:
    """A row an option: name, default, meaning, with the values it may have."""
    lines = ["| Option | Default | Meaning |", "|---|---|---|"]
    hints = get_type_hints(EalOptions, include_extras=True)
    for field in fields(EalOptions):
        kind, meta = get_args(hints[field.name])
        values = get_args(kind) if get_origin(kind) is Literal else ()
        words = f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""
        if meta.ge is not None:
            words += f" From {meta.ge:,} to {meta.le:,}."
        default = f"`{_value(field.default)}`"
        lines.append(f"| `{field.name}` | {default} | {meta.description}{words} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The page as it should be."""
    return BLOCK.sub(lambda match: match[1] + table() + match[2], PAGE.read_text())


def main(arguments: list[str]) -> int:
    if (text := page()) == PAGE.read_text():
        return 0
    if "--check" in arguments:
        print("docs/dpdk.md is out of date: run python -m dpdk_bindings.generate")
        return 1
    PAGE.write_text(text)
    print("wrote docs/dpdk.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
