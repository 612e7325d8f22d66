"""Writes csrc/sums.h from the spec: what the decode measure does with every field.

    python -m bench.generate [--check]      see itch_ouch/generate.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from itch_ouch import spec
from itch_ouch.spec_model import Message

TARGET = Path(__file__).resolve().parent / "csrc/sums.h"
_WORD_BYTES = 8

_TOP = """\
/* sums.h: the sum of every field of every row, so that none is decoded for nothing.
 *
 * Made from itch_ouch/spec.py by `python -m bench.generate`; edit the spec, not this file.
 *
 * Alpha counts as little-endian words of up to 8 bytes. bench/oracle.py makes the same sum of the
 * messages' own bytes.
 */
#ifndef TICKPATH_SUMS_H
#define TICKPATH_SUMS_H

#include "itch_sort.h"

static inline uint64_t sum_word(const uint8_t *bytes, uint32_t length) {
    uint64_t word = 0;
    memcpy(&word, bytes, length);
    return word;
}
"""

_BOTTOM = """\
/* The sum of a batch's rows; rows[kind] is the first of its kind. */
static inline uint64_t sum_rows(const itch_batch *batch, uint8_t *const rows[ITCH_KINDS]) {
    uint64_t sum = 0;
#define SUM_KIND(kind, name, type)                                                               \\
    for (uint32_t i = 0; i < batch->counts[kind]; i++)                                           \\
        sum += sum_##name((const type *)rows[kind] + i);
    ITCH_KINDS_EACH(SUM_KIND)
#undef SUM_KIND
    return sum;
}

#endif
"""


def _terms(message: Message) -> Iterator[str]:
    yield "row->sequence"
    for f in message.fixed:
        if f.name == "message_type":
            continue
        if f.type not in ("alpha", "bytes") or f.length == 1:
            yield f"row->{f.name}"
            continue
        for start in range(0, f.length, _WORD_BYTES):
            yield f"sum_word(row->{f.name} + {start}, {min(_WORD_BYTES, f.length - start)})"


def header() -> str:
    lines = [_TOP]
    for message in spec.ITCH:
        name = message.name.removeprefix("itch_")
        lines.append(f"static inline uint64_t sum_{name}(const {message.name}_row_t *row) {{")
        lines.append("    uint64_t sum = 0;")
        lines += [f"    sum += {term};" for term in _terms(message)]
        lines += ["    return sum;", "}", ""]
    return "\n".join([*lines, _BOTTOM])


def main(arguments: list[str]) -> int:
    if TARGET.exists() and TARGET.read_text() == header():
        return 0
    if "--check" in arguments:
        print("bench/csrc/sums.h is not what the spec says; run python -m bench.generate")
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(header())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
