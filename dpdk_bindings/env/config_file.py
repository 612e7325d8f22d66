"""TOML files into typed structs, with errors that say where and what was meant.

``load(path, Type)`` decodes with msgspec (which brings the types, ranges and defaults) and turns
whatever is wrong into one sentence: file, line, key, and the key or kind that was meant.
"""

from __future__ import annotations

import difflib
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

T = TypeVar("T")

# A key ends in its unit; these are the ones people reach for instead of each other.
_UNITS = {
    "per_s": "events a second",  # before "s", which ends it, too
    "ns": "nanoseconds",
    "us": "microseconds",
    "ms": "milliseconds",
    "s": "seconds",
    "bytes": "bytes",
    "mib": "MiB",
    "ppm": "millionths",
}


class ConfigError(ValueError):
    """What is wrong with a configuration file, as one sentence with its remedy."""


def load(path: Path, kind: type[T]) -> T:
    """Reads ``path`` as TOML into ``kind``; raises ConfigError."""
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    return decode(text, kind, str(path))


def decode(text: str, kind: type[T], name: str) -> T:
    """As :func:`load`, from text; ``name`` stands in the error for the file."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error), text, kind, name)) from None


def _explain(message: str, text: str, kind: type[Any], name: str) -> str:
    what, _, where = message.partition(" - at `")
    parts = re.split(r"[.\[\]]", where.rstrip("`").lstrip("$"))
    path = [part for part in parts if part and not re.fullmatch(r"\d+|\.+", part)]
    unknown = re.search(r"unknown field `([^`]*)`", what)
    if unknown:
        key = unknown.group(1)
        line = _line_of(text, [*path, key])
        known = _fields(kind, path)
        section = f"[{'.'.join(path)}]" if path else "the file"
        return f"{name}{line}: unknown key '{key}' in {section}; {_meant(key, known)}"
    missing = re.search(r"missing required field `([^`]*)`", what)
    if missing:
        section = f"[{'.'.join(path)}]" if path else "the file"
        return f"{name}: {section} needs the key '{missing.group(1)}'; add it"
    line = _line_of(text, path)
    key = ".".join(path) or "the file"
    said = _lower(what.replace("`", ""))
    return f"{name}{line}: {key}: {said}{_unit_hint(path)}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _unit_hint(path: list[str]) -> str:
    if path:
        for unit, word in _UNITS.items():
            if path[-1].endswith("_" + unit):
                return f"; give a plain number of {word}"
    return ""


def _meant(key: str, known: list[str]) -> str:
    for candidate in known:
        if candidate != key and _stem(candidate) == _stem(key):
            return f"did you mean '{candidate}'? the unit is part of the key"
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known keys are " + ", ".join(known)


def _stem(key: str) -> str:
    return re.sub(r"_(ns|us|ms|s|bytes|kib|mib|gib|ppm)$", "", key)


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _fields(kind: Any, path: list[str]) -> list[str]:
    """The keys of the table at ``path``."""
    for part in path:
        kind = _plain(get_type_hints(kind, include_extras=True).get(part, object))
        if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            return []
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower()


def default_toml(kind: type[msgspec.Struct], headline: str) -> str:
    """The complete default of ``kind`` with the description of every table and key."""
    lines = textwrap.wrap(headline, 97, initial_indent="# ", subsequent_indent="# ")
    for table, hint in get_type_hints(kind, include_extras=True).items():
        section, meta = get_args(hint)[:2]
        lines += ["", f"# {meta.description}", f"[{table}]"]
        default = section()
        for key, key_hint in get_type_hints(section, include_extras=True).items():
            text = get_args(key_hint)[1].description
            lines += textwrap.wrap(text, 97, initial_indent="# ", subsequent_indent="# ")
            lines.append(f"{key} = {_toml(getattr(default, key))}")
    return "\n".join(lines) + "\n"


def _line_of(text: str, path: list[str]) -> str:
    """":LINE" of a key, or "" where it cannot be told (inline tables, arrays of tables)."""
    section, key = ".".join(path[:-1]), path[-1] if path else ""
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        if header:
            current = header.group(1)
            if current == ".".join(path):
                return f":{number}"
        elif current == section and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return f":{number}"
    return ""
