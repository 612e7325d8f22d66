"""Writes what is made from the spec: the C headers, the Cython declarations, the reference page.

    python -m itch_ouch.generate            writes them
    python -m itch_ouch.generate --check    fails when one of them is not what the spec says

All are committed, so that a build needs no generator; a test runs the check.
"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from itch_ouch import generate_rows, spec
from itch_ouch.spec_model import Field, Message

ROOT = Path(__file__).resolve().parent.parent

_C_INTEGERS = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}
_SWAPS = {2: "be16", 4: "be32", 8: "be64"}

_HEADER_TOP = """\
/* wire.h: packed structs over the bytes of a frame, encoders and length tables.
 *
 * Made from itch_ouch/spec.py by `python -m itch_ouch.generate`; edit the spec, not this file.
 *
 * Members are in wire order, that is big-endian: read `be32(m->shares)`, write
 * `m->shares = be32(n)`. The swaps are their own inverses. The structs are packed, so a pointer to
 * one may have any address; never take the address of a multi-byte member. A 48-bit timestamp is
 * six bytes: get48, put48. An encoder writes the fixed part and returns its bytes; an alpha
 * argument longer than one byte points to exactly as many bytes as the field has.
 */
#ifndef TICKPATH_WIRE_H
#define TICKPATH_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define WIRE_ASSERT(condition, text) static_assert(condition, text)
#else
#define WIRE_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define WIRE_AT(type, member, offset) WIRE_ASSERT(offsetof(type, member) == (offset), #member)
#define WIRE_PACKED __attribute__((packed, may_alias))
#define WIRE_TABLE static const uint8_t __attribute__((unused))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint16_t be16(uint16_t value) { return __builtin_bswap16(value); }
static inline uint32_t be32(uint32_t value) { return __builtin_bswap32(value); }
static inline uint64_t be64(uint64_t value) { return __builtin_bswap64(value); }
#else
static inline uint16_t be16(uint16_t value) { return value; }
static inline uint32_t be32(uint32_t value) { return value; }
static inline uint64_t be64(uint64_t value) { return value; }
#endif

/* A 48-bit big-endian integer at any address. */
static inline uint64_t get48(const uint8_t *bytes) {
    uint16_t high;
    uint32_t low;
    memcpy(&high, bytes, sizeof high);
    memcpy(&low, bytes + sizeof high, sizeof low);
    return (uint64_t)be16(high) << 32 | be32(low);
}

static inline void put48(uint8_t *bytes, uint64_t value) {
    const uint16_t high = be16((uint16_t)(value >> 32));
    const uint32_t low = be32((uint32_t)value);
    memcpy(bytes, &high, sizeof high);
    memcpy(bytes + sizeof high, &low, sizeof low);
}
"""

_PXD_TOP = '''\
"""Cython's view of csrc/wire.h.

Made from itch_ouch/spec.py by `python -m itch_ouch.generate`; edit the spec, not this file.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "wire.h" nogil:
    uint16_t be16(uint16_t value)
    uint32_t be32(uint32_t value)
    uint64_t be64(uint64_t value)
    uint64_t get48(const uint8_t* bytes)
    void put48(uint8_t* bytes, uint64_t value)
'''


def _is_array(f: Field) -> bool:
    """Alpha of more than one byte, MAC addresses and 48-bit integers are arrays of bytes."""
    return f.length not in _C_INTEGERS or (f.type in ("alpha", "bytes") and f.length > 1)


def _member(f: Field) -> str:
    if _is_array(f):
        return f"uint8_t {f.name}[{f.length}]"
    return f"{_C_INTEGERS[f.length]} {f.name}"


def _argument(f: Field) -> str:
    if f.type == "int" and f.length == 6:
        return f"uint64_t {f.name}"
    return f"const uint8_t *{f.name}" if _is_array(f) else _member(f)


def _arguments(message: Message) -> list[Field]:
    """An encoder asks for everything but the type, which it knows, and the appendage's length."""
    return [f for f in message.fixed if f.name not in ("message_type", "appendage_length")]


def _signature(message: Message, end: str) -> list[str]:
    """The arguments and `end`, as indented lines."""
    arguments = ["uint8_t *out", *map(_argument, _arguments(message))]
    text = ", ".join(arguments) + end
    # A line is never broken between a type and its name.
    lines = textwrap.wrap(text.replace(", ", ",~").replace(" ", "@").replace("~", " "), 88)
    return [line.replace("@", " ") for line in lines]


def _constants() -> list[tuple[str, int, str]]:
    """Constants other than letters and sizes: (name, value, why)."""
    tags = [(f"OUCH_TAG_{t.name}".upper(), t.number, t.note) for t in spec.OUCH_TAGS]
    cancel = [
        (f"OUCH_CANCEL_REASON_{_slug(text)}", ord(letter), text)
        for letter, text in spec.CANCEL_REASONS.items()
    ]
    reject = [
        (f"OUCH_REJECT_REASON_{_slug(text)}", code, text)
        for code, text in spec.REJECT_REASONS.items()
    ]
    return [
        ("MOLD_COUNT_HEARTBEAT", 0, "message_count of a heartbeat"),
        ("MOLD_COUNT_END", 0xFFFF, "message_count of an end of session"),
        ("MOLD_SESSION_BYTES", spec.MOLD_HEADER.fields[0].length, ""),
        ("OUCH_PRICE_MARKET", 0x7FFFFFFF, "the price of a market order"),
        *tags, *cancel, *reject,
    ]  # fmt: skip


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text.upper().replace(",", ""))


def _sizes(message: Message) -> Iterator[tuple[str, int]]:
    name = message.name.upper()
    yield f"{name}_BYTES", message.bytes
    if message.appendage == "optional":
        yield f"{name}_BYTES_BARE", message.bytes_bare
    if message.bytes_older:
        yield f"{name}_BYTES_OLDER", message.bytes_older


def _struct(message: Message) -> Iterator[str]:
    yield f"/* {message.title}."
    yield f" * {message.document}, {message.section}. */"
    if message.letter:
        yield f"enum {{ {message.name.upper()} = '{message.letter}' }};"
    for name, value in _sizes(message):
        yield f"enum {{ {name} = {value} }};"
    yield f"typedef struct {message.name} {{"
    for f in message.fixed:
        yield f"    {_member(f)};"
    yield f"}} WIRE_PACKED {message.name}_t;"
    yield f'WIRE_ASSERT(sizeof({message.name}_t) == {message.bytes}, "{message.name}");'
    for f in message.fixed[1:]:
        yield f"WIRE_AT({message.name}_t, {f.name}, {f.offset});"
    yield ""


def _writer(message: Message) -> str:
    family, _, rest = message.name.partition("_")
    return f"{family}_write_{rest}"


def _encoder(message: Message) -> Iterator[str]:
    """The encoder of one message. An optional appendage is left out: the bare form is written."""
    yield f"static inline uint32_t {_writer(message)}("
    yield from (f"    {line}" for line in _signature(message, ") {"))
    yield f"    {message.name}_t *m = ({message.name}_t *)out;"
    if message.letter:
        yield f"    m->message_type = {message.name.upper()};"
    for f in _arguments(message):
        if f.type == "int" and f.length == 6:
            yield f"    put48(m->{f.name}, {f.name});"
        elif _is_array(f):
            yield f"    memcpy(m->{f.name}, {f.name}, {f.length});"
        elif f.length == 1:
            yield f"    m->{f.name} = {f.name};"
        else:
            yield f"    m->{f.name} = {_SWAPS[f.length]}({f.name});"
    if message.appendage == "required":
        yield "    m->appendage_length = 0;"
    bare = "_BARE" if message.appendage == "optional" else ""
    yield f"    return {message.name.upper()}_BYTES{bare};"
    yield "}"
    yield ""


def _tables() -> list[tuple[str, str, list[int]]]:
    """The 256-entry tables, each with what it says."""

    def by_letter(messages: tuple[Message, ...], attribute: str) -> list[int]:
        table = [0] * 256
        for m in messages:
            table[ord(m.letter)] = getattr(m, attribute)
        return table

    def by_tag() -> list[int]:
        table = [0] * 256
        for t in spec.OUCH_TAGS:
            table[t.number] = t.length
        return table

    tables = [("itch_message_bytes", "length by type letter; 0: unknown type", spec.ITCH, "bytes")]
    for way, messages in (("in", spec.OUCH_IN), ("out", spec.OUCH_OUT)):
        full, bare = f"ouch_{way}_message_bytes", f"ouch_{way}_message_bytes_bare"
        tables.append((full, "fixed part with the appendage length; 0: unknown", messages, "bytes"))
        tables.append((bare, "shortest valid length; 0: unknown type", messages, "bytes_bare"))
        older = f"ouch_{way}_message_bytes_older"
        tables.append((older, "also accepted, from an earlier revision", messages, "bytes_older"))
    made = [(name, why, by_letter(messages, key)) for name, why, messages, key in tables]
    return [*made, ("ouch_tag_bytes", "value bytes by tag; 0: unknown tag", by_tag())]


def header() -> str:
    """The text of csrc/wire.h."""
    lines = [_HEADER_TOP]
    lines.append("enum {")
    for name, value, why in _constants():
        lines.append(f"    {name} = {value}," + (f" /* {why} */" if why else ""))
    lines += ["};", ""]
    for message in spec.MESSAGES:
        lines += _struct(message)
        if message.letter:
            lines += _encoder(message)
    for name, why, table in _tables():
        lines += [f"/* {name}: {why}. */", f"WIRE_TABLE {name}[256] = {{"]
        for row in range(0, 256, 16):
            lines.append("    " + ", ".join(str(n) for n in table[row : row + 16]) + ",")
        lines += ["};", ""]
    lines.append("#endif")
    return "\n".join(lines) + "\n"


def declarations() -> str:
    """The text of wire.pxd."""
    lines = [_PXD_TOP, "    enum:"]
    lines += [f"        {name}" for name, _, _ in _constants()]
    for message in spec.MESSAGES:
        if message.letter:
            lines.append(f"        {message.name.upper()}")
        lines += [f"        {name}" for name, _ in _sizes(message)]
    for message in spec.MESSAGES:
        lines += ["", f"    ctypedef struct {message.name}_t:"]
        lines += [f"        {_member(f)}" for f in message.fixed]
        if message.letter:
            lines += ["", f"    uint32_t {_writer(message)}("]
            lines += [f"        {line}" for line in _signature(message, ")")]
    lines.append("")
    lines += [f"    const uint8_t[256] {name}" for name, _, _ in _tables()]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The text of docs/wire.md."""
    lines = [
        "# Wire formats",
        "",
        "Made from `itch_ouch/spec.py` by `python -m itch_ouch.generate`; edit the spec, not this",
        "page. Integers are big-endian and unsigned, alpha is ASCII padded with spaces on the",
        "right. price4 counts 1/10,000 dollar, price8 counts 1/100,000,000 dollar. The lists of",
        "values are open: a value outside them never makes a message invalid.",
    ]
    groups = (
        ("Ethernet, IPv4, UDP", spec.NETWORK), ("MoldUDP64", spec.MOLD), ("ITCH 5.0", spec.ITCH),
        ("OUCH 5.0 inbound, to the venue", spec.OUCH_IN),
        ("OUCH 5.0 outbound, from the venue", spec.OUCH_OUT),
    )  # fmt: skip
    for title, messages in groups:
        lines += ["", f"## {title}", "", f"Source: {messages[0].document}."]
        for message in messages:
            lines += _page_of(message)
    lines += ["", "## OUCH 5.0 appendage", ""]
    lines += ["Each option is a length byte (which counts tag and value), the tag, the value.", ""]
    lines += ["| tag | name | bytes | type | note |", "|---|---|---|---|---|"]
    for t in spec.OUCH_TAGS:
        lines.append(f"| {t.number} | {t.name} | {t.length} | {t.type} | {t.note} |")
    return "\n".join(lines) + "\n"


def _page_of(message: Message) -> Iterator[str]:
    letter = f"`{message.letter}` " if message.letter else ""
    size = f"{message.bytes} bytes"
    if message.appendage == "optional":
        size = f"{message.bytes_bare} bytes, or {message.bytes} and the appendage"
    elif message.appendage == "required":
        size += " and the appendage"
    if message.bytes_older:
        size += f"; {message.bytes_older} in an earlier revision"
    yield from ("", f"### {letter}{message.title}", "")
    section = f"Section {message.section}" if message.letter else message.section
    yield from (f"`{message.name}`, {size}. {section}.", "")
    yield from ("| offset | bytes | field | type | values |", "|---|---|---|---|---|")
    for f in message.fixed:
        values = "; ".join(f"`{key}` {text}" for key, text in f.values.items())
        note = ". ".join(part for part in (f.note, values) if part)
        yield f"| {f.offset} | {f.length} | {f.name} | {f.type} | {note} |"
    if message.tags:
        yield from ("", f"Options: {', '.join(map(str, message.tags))}.")


def outputs() -> dict[Path, str]:
    """Every generated file with the text that it should hold."""
    return {
        ROOT / "itch_ouch/csrc/wire.h": header(),
        ROOT / "itch_ouch/csrc/rows.h": generate_rows.header(),
        ROOT / "itch_ouch/wire.pxd": declarations(),
        ROOT / "docs/wire.md": page(),
    }


def main(arguments: list[str]) -> int:
    stale = [p for p, text in outputs().items() if not p.exists() or p.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            name = path.relative_to(ROOT)
            print(f"{name} is not what the spec says; run python -m itch_ouch.generate")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(outputs()[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
