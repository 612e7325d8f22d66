"""What a recording is made of: the records of the journal ring, which are also those of the file.

A file is the ring's records one after the other, each behind a 4-byte length: first a START record
(the configuration as JSON), then in the order of the loop everything that came in and every order
that went out, last an END record. ``step`` is pure, so the FRAME, COMMAND and TICK records give the
same ORDER records again (R2).
"""

from __future__ import annotations

import enum
import struct
from typing import NamedTuple

import numpy as np

MAGIC = b"TPJOURN1"  # begins a file

# struct journal_record (csrc/journal.h): kind, role, length, now_ns, number, flags, reserved.
HEADER = struct.Struct("<HHIQQII")
LENGTH = struct.Struct("<I")


class Kind(enum.IntEnum):
    """What a record holds; the payload follows its header."""

    START = 1  # configuration as JSON
    FRAME = 2  # a received frame; role says from where, number is its timestamp, flags its flags
    COMMAND = 3  # the kill word changed; number is its value
    TICK = 4  # a step without frames that changed something
    ORDER = 5  # an OUCH message about to be sent; number is its sequence
    END = 6  # the loop was left in good order


class Record(NamedTuple):
    """One record, copied out."""

    kind: Kind
    role: int
    now_ns: int
    number: int
    flags: int
    payload: bytes


RECORD_DTYPE = np.dtype(
    [
        ("kind", "<u2"),
        ("role", "<u2"),
        ("length", "<u4"),
        ("now_ns", "<u8"),
        ("number", "<u8"),
        ("flags", "<u4"),
        ("reserved", "<u4"),
    ]
)
assert RECORD_DTYPE.itemsize == HEADER.size == 32


def parse(data: bytes) -> Record:
    """A record from the ring or the file; raises ValueError when its length lies."""
    if len(data) < HEADER.size:
        raise ValueError(f"a record of {len(data)} bytes is shorter than its header")
    kind, role, length, now_ns, number, flags, _ = HEADER.unpack_from(data)
    if HEADER.size + length != len(data):
        raise ValueError(f"a record says {length} bytes and has {len(data) - HEADER.size}")
    return Record(Kind(kind), role, now_ns, number, flags, data[HEADER.size :])


def pack(kind: Kind, payload: bytes = b"", *, role: int = 0, now_ns: int = 0, number: int = 0,
         flags: int = 0) -> bytes:
    """The bytes of one record."""
    return HEADER.pack(kind, role, len(payload), now_ns, number, flags, 0) + payload
