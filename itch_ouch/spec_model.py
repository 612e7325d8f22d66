"""What a wire message is made of: the vocabulary that the tables of `spec.py` are written in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

FieldType = Literal["alpha", "bytes", "int", "price4", "price8", "tags"]
Appendage = Literal["none", "required", "optional"]

ITCH_DOCUMENT: Final = "Nasdaq TotalView-ITCH 5.0 (2023-04 revision)"
OUCH_DOCUMENT: Final = "Nasdaq OUCH 5.0 (2025-07-25)"
MOLD_DOCUMENT: Final = "MoldUDP64 Protocol Specification V1.00"
ETHERNET_DOCUMENT: Final = "IEEE 802.3, 802.1Q; RFC 791; RFC 768"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `length` bytes at `offset`; a field of type tags follows the fixed part."""

    name: str
    offset: int
    length: int
    type: FieldType
    note: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message or header; `letter` is empty for a header, which has no type of its own.

    `bytes` is the fixed part with the appendage length, `bytes_bare` the shortest valid length.
    `bytes_older` is a length that an earlier revision had and that is still accepted.
    """

    name: str
    title: str
    letter: str
    document: str
    section: str
    fields: tuple[Field, ...]
    appendage: Appendage = "none"
    tags: tuple[int, ...] = ()
    bytes_older: int = 0

    @property
    def bytes(self) -> int:
        return sum(f.length for f in self.fields)

    @property
    def bytes_bare(self) -> int:
        return self.bytes - (2 if self.appendage == "optional" else 0)

    @property
    def fixed(self) -> tuple[Field, ...]:
        """The fields of the fixed part: all but the appendage itself."""
        return tuple(f for f in self.fields if f.type != "tags")


@dataclass(frozen=True, slots=True)
class Tag:
    """An option of the OUCH appendage: on the wire a length byte (tag and value), tag, value."""

    number: int
    name: str
    length: int
    type: Literal["alpha", "int", "signed", "price4", "signed_price4"]
    note: str = ""


Row = tuple[str, int, FieldType, str, Mapping[str, str]]


def values_of(text: str) -> dict[str, str]:
    """'B buy; S sell' as a mapping; the letter `_` stands for a space."""
    pairs = (item.strip().partition(" ") for item in text.split(";") if item.strip())
    return {key.replace("_", " "): meaning for key, _, meaning in pairs}


def alpha(name: str, length: int = 1, values: str = "", note: str = "") -> Row:
    return name, length, "alpha", note, values_of(values)


def integer(name: str, length: int, note: str = "") -> Row:
    return name, length, "int", note, {}


def price(name: str, length: int = 4, note: str = "") -> Row:
    return name, length, "price4", note, {}


def lay_out(rows: list[Row]) -> tuple[Field, ...]:
    fields: list[Field] = []
    offset = 0
    for name, length, kind, note, values in rows:
        fields.append(Field(name, offset, length, kind, note, values))
        offset += length
    return tuple(fields)


def header(name: str, title: str, document: str, section: str, *rows: Row) -> Message:
    return Message(name, title, "", document, section, lay_out(list(rows)))


def itch(name: str, letter: str, title: str, section: str, *rows: Row) -> Message:
    head = [
        alpha("message_type", 1, f"{letter} {title.lower()}"),
        integer("stock_locate", 2, "index of the stock, for the day; 0: not about one stock"),
        integer("tracking_number", 2, "Nasdaq internal"),
        integer("timestamp", 6, "ns since midnight, US Eastern"),
    ]
    return Message(f"itch_{name}", title, letter, ITCH_DOCUMENT, section, lay_out([*head, *rows]))


def ouch(
    name: str,
    letter: str,
    title: str,
    section: str,
    *rows: Row,
    appendage: Appendage = "optional",
    tags: tuple[int, ...] = (28,),
    bytes_older: int = 0,
) -> Message:
    head = [alpha("message_type", 1, f"{letter} {title.lower()}")]
    tail: list[Row] = []
    if appendage != "none":
        tail.append(integer("appendage_length", 2, f"bytes of options that follow ({appendage})"))
        tail.append(("appendage", 0, "tags", "", {}))
    fields = lay_out([*head, *rows, *tail])
    return Message(
        f"ouch_{name}", title, letter, OUCH_DOCUMENT, section, fields, appendage,
        tags if appendage != "none" else (), bytes_older,
    )  # fmt: skip
