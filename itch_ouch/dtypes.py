"""numpy dtypes of the messages, made from the spec.

A *wire* dtype lies over the message's own bytes: big-endian, packed, a 48-bit timestamp as six
bytes. A *native* dtype is what columns hold: native integers, the timestamp as 64 bits, without
the message type (a column has one), with the message's number in its file or session in front.
"""

import numpy as np

from itch_ouch import spec
from itch_ouch.spec_model import Field, Message


def _is_text(field: Field) -> bool:
    return field.type in ("alpha", "bytes")


def wire_dtype(message: Message) -> np.dtype[np.void]:
    """The dtype of a message's fixed part as it is on the wire."""

    def kind(field: Field) -> str:
        if _is_text(field):
            return f"S{field.length}"
        return f">u{field.length}" if field.length in (1, 2, 4, 8) else f"V{field.length}"

    dtype = np.dtype([(f.name, kind(f)) for f in message.fixed])
    assert dtype.itemsize == message.bytes
    return dtype


def native_dtype(message: Message) -> np.dtype[np.void]:
    """The dtype of a column's rows: `sequence`, then the fields without the message type."""

    def kind(field: Field) -> str:
        if _is_text(field):
            return f"S{field.length}"
        return "u8" if field.length == 6 else f"u{field.length}"

    fields = [(f.name, kind(f)) for f in message.fixed if f.name != "message_type"]
    return np.dtype([("sequence", "u8"), *fields])


WIRE = {m.name: wire_dtype(m) for m in spec.MESSAGES}
NATIVE = {m.name: native_dtype(m) for m in spec.MESSAGES if m.letter}
