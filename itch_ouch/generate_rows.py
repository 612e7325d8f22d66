"""The text of csrc/rows.h: ITCH messages as native rows, a loop for each type. See generate.py."""

from __future__ import annotations

from collections.abc import Iterator

from itch_ouch import dtypes, spec
from itch_ouch.spec_model import Field, Message

_TOP = """\
/* rows.h: ITCH messages as rows of native integers, a loop for each type.
 *
 * Made from itch_ouch/spec.py by `python -m itch_ouch.generate`; edit the spec, not this file.
 *
 * A row is a row of dtypes.NATIVE: the message's number, then its fields without the type, packed;
 * a 48-bit timestamp has 64 bits, alpha is copied as it is. A kind is a type's place in the spec,
 * from 1; 0 is a type that the spec does not name. A place is where itch_sort.h found a message:
 * its number in the batch in the upper half, its offset in the lower.
 */
#ifndef TICKPATH_ROWS_H
#define TICKPATH_ROWS_H

#include "wire.h"
"""

_INTEGERS = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 6: "uint64_t", 8: "uint64_t"}


def _is_array(f: Field) -> bool:
    return f.type in ("alpha", "bytes") and f.length > 1


def _fields(message: Message) -> list[Field]:
    return [f for f in message.fixed if f.name != "message_type"]


def _stem(message: Message) -> str:
    return message.name.removeprefix("itch_")


def _row(message: Message) -> Iterator[str]:
    """The struct of a row, and how a message becomes one."""
    name, stem = message.name, _stem(message)
    yield f"typedef struct {name}_row {{"
    yield "    uint64_t sequence;"
    for f in _fields(message):
        tail = f"[{f.length}]" if _is_array(f) else ""
        yield f"    {'uint8_t' if tail else _INTEGERS[f.length]} {f.name}{tail};"
    yield f"}} WIRE_PACKED {name}_row_t;"
    yield f'WIRE_ASSERT(sizeof({name}_row_t) == {dtypes.NATIVE[name].itemsize}, "{name}_row");'
    yield ""
    yield f"static inline void itch_row_{stem}("
    yield f"    {name}_row_t *row, const uint8_t *message, uint64_t sequence) {{"
    yield f"    const {name}_t *m = (const {name}_t *)message;"
    yield "    row->sequence = sequence;"
    for f in _fields(message):
        if _is_array(f):
            yield f"    memcpy(row->{f.name}, m->{f.name}, {f.length});"
        elif f.length == 1:
            yield f"    row->{f.name} = m->{f.name};"
        elif f.length == 6:
            yield f"    row->{f.name} = get48(m->{f.name});"
        else:
            yield f"    row->{f.name} = be{8 * f.length}(m->{f.name});"
    yield "}"
    yield ""


def header() -> str:
    """The text of csrc/rows.h."""
    lines = [_TOP, "enum {"]
    lines += [f"    ITCH_KIND_{_stem(m).upper()} = {n}," for n, m in enumerate(spec.ITCH, 1)]
    lines += [f"    ITCH_KINDS = {len(spec.ITCH) + 1}, /* how many there are, not a kind */", "};"]
    kinds = [0] * 256
    for number, message in enumerate(spec.ITCH, 1):
        kinds[ord(message.letter)] = number
    lines += ["", "/* itch_kinds: the kind by type letter. */", "WIRE_TABLE itch_kinds[256] = {"]
    for start in range(0, 256, 16):
        lines.append("    " + ", ".join(str(n) for n in kinds[start : start + 16]) + ",")
    lines += ["};", "", "/* itch_row_bytes: a row's length by kind. */"]
    lengths = ", ".join(str(dtypes.NATIVE[m.name].itemsize) for m in spec.ITCH)
    lines += ["WIRE_TABLE itch_row_bytes[ITCH_KINDS] = {", f"    0, {lengths},", "};", ""]
    for message in spec.ITCH:
        lines += _row(message)
    lines += [
        "/* X(kind, name, row type) for every kind, in their order. */",
        "#define ITCH_KINDS_EACH(X) \\",
        *(f"    X({n}, {_stem(m)}, {m.name}_row_t) \\" for n, m in enumerate(spec.ITCH, 1)),
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"
