"""scapy layers for every message, made from the spec.

    from itch_ouch.layers import ITCHAddOrder, MoldUDP64
    Ether() / IP(dst="233.54.12.111") / UDP() / MoldUDP64(
        session=b"000010059B", sequence_number=1,
        messages=[ITCHAddOrder(stock=b"AAPL", price=1_000_000, shares=100)])

A class is named after its message: ITCHAddOrder, OUCHEnterOrder, OUCHOrderAccepted. Fields have
the spec's names; prices are integers in the feed's unit; alpha longer than one byte is shown
without its padding and padded when built. What no layer fits stays Raw.

UDP port 26477 (TotalView) is bound to MoldUDP64; `bind` adds others. Orders over MoldUDP64 need the
direction, which no packet tells: bind MoldUDP64ToVenue and MoldUDP64FromVenue to their ports.
"""

import struct
from typing import Any, ClassVar

from scapy.compat import raw
from scapy.fields import (
    ByteEnumField,
    ByteField,
    Field,
    FieldLenField,
    IntField,
    LongField,
    PacketListField,
    ShortField,
    StrFixedLenField,
    StrLenField,
)
from scapy.layers.inet import UDP
from scapy.packet import Packet, Raw, bind_top_down

from itch_ouch import spec
from itch_ouch.spec_model import Field as SpecField
from itch_ouch.spec_model import Message

TOTALVIEW_PORT = 26477

_INTEGERS = {1: ByteField, 2: ShortField, 4: IntField, 8: LongField}


class AlphaField(StrFixedLenField):  # type: ignore[misc]
    """Text padded with spaces on the right; a single byte is kept as it is."""

    def i2m(self, pkt: Any, x: bytes | str | None) -> bytes:
        length: int = self.length_from(pkt)
        value = x.encode() if isinstance(x, str) else x or b""
        return value[:length].ljust(length)

    def addfield(self, pkt: Any, s: bytes, val: bytes | str | None) -> bytes:
        return s + self.i2m(pkt, val)

    def m2i(self, pkt: Any, x: bytes) -> bytes:
        return x.rstrip(b" ") if len(x) > 1 else x


class Timestamp48Field(Field):  # type: ignore[misc]
    """A big-endian integer of six bytes."""

    def __init__(self, name: str, default: int) -> None:
        super().__init__(name, default, "6s")

    def i2m(self, pkt: Any, x: int | None) -> bytes:
        return int(x or 0).to_bytes(6, "big")

    def m2i(self, pkt: Any, x: bytes) -> int:
        return int.from_bytes(x, "big")


class _InList(Packet):  # type: ignore[misc]
    """A packet that is an item of a list: what follows it belongs to the list, not to it."""

    name = "item"

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


class OUCHTag(_InList):
    """One option of an appendage; `length` counts the tag and the value."""

    name = "OUCH option"
    fields_desc: ClassVar = [
        FieldLenField("length", None, length_of="value", fmt="B", adjust=lambda _, n: n + 1),
        ByteEnumField("tag", 28, {t.number: t.name for t in spec.OUCH_TAGS}),
        StrLenField("value", b"\x00", length_from=lambda p: max(p.length - 1, 0)),
    ]


class AppendageField(PacketListField):  # type: ignore[misc]
    """The appendage with its length in front; None: the optional length itself is absent."""

    def __init__(self, name: str, *, required: bool) -> None:
        super().__init__(name, [], OUCHTag)
        self.default: list[Packet] | None = [] if required else None

    def any2i(self, pkt: Any, x: Any) -> Any:
        return None if x is None else super().any2i(pkt, x)

    def addfield(self, pkt: Any, s: bytes, val: list[Packet] | None) -> bytes:
        if val is None:
            return s
        tags = b"".join(raw(tag) for tag in val)
        return s + struct.pack("!H", len(tags)) + tags

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, list[Packet] | None]:
        if len(s) < 2:
            return s, None
        end = 2 + int.from_bytes(s[:2], "big")
        tags, values = s[2:end], []
        while tags and tags[0] and len(tags) > tags[0]:
            values.append(OUCHTag(tags[: tags[0] + 1]))
            tags = tags[tags[0] + 1 :]
        if tags:
            values.append(Raw(tags))
        return s[end:], values

    def i2repr(self, pkt: Any, x: list[Packet] | None) -> str:
        return "absent" if x is None else str(super().i2repr(pkt, x))


def _layer_field(message: Message, field: SpecField) -> Any:
    if field.type == "tags":
        return AppendageField(field.name, required=message.appendage == "required")
    if field.name == "message_type":
        return AlphaField(field.name, message.letter.encode(), 1)
    if field.type == "alpha":
        return AlphaField(field.name, b"", field.length)
    if field.length == 6:
        return Timestamp48Field(field.name, 0)
    return _INTEGERS[field.length](field.name, 0)


def layer_name(message: Message) -> str:
    """The name of a message's class: itch_add_order is ITCHAddOrder."""
    family, *words = message.name.split("_")
    return family.upper() + "".join(word.capitalize() for word in words)


def _layer(message: Message) -> type[Packet]:
    fields = [_layer_field(message, f) for f in message.fields if f.name != "appendage_length"]
    about = f"{message.title}: {message.document}, {message.section}."
    namespace = {"name": message.title, "fields_desc": fields, "__doc__": about}
    return type(layer_name(message), (_InList,), {**namespace, "__module__": __name__})


LAYERS: dict[str, type[Packet]] = {
    m.name: _layer(m) for m in (*spec.ITCH, *spec.OUCH_IN, *spec.OUCH_OUT)
}
globals().update({layer.__name__: layer for layer in LAYERS.values()})


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module {__name__!r} has no layer {name!r}")


def dissect(messages: tuple[Message, ...], data: bytes) -> Packet:
    """One message as the layer of its type, or Raw when its type or length is none of those."""
    for message in messages:
        if data[:1] != message.letter.encode():
            continue
        fits = len(data) == message.bytes_bare
        if message.appendage != "none" and len(data) >= message.bytes:
            stated = int.from_bytes(data[message.bytes - 2 : message.bytes], "big")
            fits = fits or len(data) == message.bytes + stated
        if fits:
            return LAYERS[message.name](data)
    return Raw(data)


class _MessagesField(PacketListField):  # type: ignore[misc]
    """MoldUDP64's message blocks: a 2-byte length in front of each."""

    __slots__ = ("known",)

    def __init__(self, messages: tuple[Message, ...]) -> None:
        super().__init__("messages", [], Raw)
        self.known = messages

    def addfield(self, pkt: Any, s: bytes, val: list[Packet]) -> bytes:
        blocks = [raw(message) for message in val]
        return s + b"".join(struct.pack("!H", len(block)) + block for block in blocks)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, list[Packet]]:
        values: list[Packet] = []
        count = 0 if pkt.message_count == 0xFFFF else pkt.message_count
        while len(values) < count and len(s) >= 2:
            end = 2 + int.from_bytes(s[:2], "big")
            if end > len(s):
                break
            values.append(dissect(self.known, s[2:end]))
            s = s[end:]
        return s, values


def _mold_fields(messages: tuple[Message, ...]) -> list[Any]:
    return [
        AlphaField("session", b"", spec.MOLD_HEADER.fields[0].length),
        LongField("sequence_number", 1),
        FieldLenField("message_count", None, count_of="messages", fmt="H"),
        _MessagesField(messages),
    ]


class MoldUDP64(Packet):  # type: ignore[misc]
    """A downstream packet of ITCH messages; message_count 0xFFFF is an end of session."""

    name = "MoldUDP64"
    fields_desc = _mold_fields(spec.ITCH)


class MoldUDP64ToVenue(Packet):  # type: ignore[misc]
    """A packet of OUCH messages to the venue."""

    name = "MoldUDP64 orders to the venue"
    fields_desc = _mold_fields(spec.OUCH_IN)


class MoldUDP64FromVenue(Packet):  # type: ignore[misc]
    """A packet of OUCH messages from the venue."""

    name = "MoldUDP64 orders from the venue"
    fields_desc = _mold_fields(spec.OUCH_OUT)


class MoldUDP64Request(Packet):  # type: ignore[misc]
    """A request for message_count messages from sequence_number on."""

    name = "MoldUDP64 request"
    fields_desc: ClassVar = [
        AlphaField("session", b"", spec.MOLD_HEADER.fields[0].length),
        LongField("sequence_number", 1),
        ShortField("message_count", 1),
    ]


def bind(port: int, layer: type[Packet] = MoldUDP64) -> None:
    """Dissects UDP datagrams to or from a port as a layer, before any other meaning of a port."""
    UDP.payload_guess[:0] = [({"dport": port}, layer), ({"sport": port}, layer)]


bind_top_down(UDP, MoldUDP64, sport=TOTALVIEW_PORT, dport=TOTALVIEW_PORT)
bind(TOTALVIEW_PORT)
