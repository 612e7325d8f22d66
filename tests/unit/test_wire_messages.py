"""Every ITCH and OUCH message: literal bytes both ways, against itchfeed, and every length."""

import os

import numpy as np
import pytest
from wire_literals import LITERALS
from wire_support import captures, frames, soup_payload

from itch_ouch import dtypes, itch, layers, ouch, spec
from itch_ouch.errors import Refused
from itch_ouch.spec_model import Message

ENTER_ORDER = bytes.fromhex(
    "4f 00000071 54 000000e1 43564c5420202020 000000000009c440 30 59 41 4e 4e"
    "4f524445522031202020202020 20 0006 05 02 4c494d45"
)


@pytest.mark.parametrize(("name", "fields", "text"), LITERALS, ids=lambda v: str(v)[:24])
def test_literal_bytes_build(name: str, fields: dict[str, int | bytes], text: str) -> None:
    assert bytes(getattr(layers, name)(**fields)) == bytes.fromhex(text)


@pytest.mark.parametrize(("name", "fields", "text"), LITERALS, ids=lambda v: str(v)[:24])
def test_literal_bytes_dissect(name: str, fields: dict[str, int | bytes], text: str) -> None:
    layer = getattr(layers, name)
    messages = [m for m in spec.MESSAGES if m.letter and layers.layer_name(m) == name]
    dissected = layers.dissect(tuple(messages), bytes.fromhex(text))
    assert type(dissected) is layer
    assert {key: dissected.getfieldval(key) for key in fields} == fields


def test_literals_cover_every_message() -> None:
    assert [name for name, _, _ in LITERALS] == [cls.__name__ for cls in layers.LAYERS.values()]


def _literal(message: Message) -> bytes:
    name = layers.layer_name(message)
    return next(bytes.fromhex(text) for n, _, text in LITERALS if n == name)


@pytest.mark.parametrize("message", spec.ITCH, ids=lambda m: m.name)
def test_itchfeed_agrees(message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """The values in wire order, since itchfeed names some fields differently, and the bytes."""
    monkeypatch.setitem(os.environ, "ITCH_NO_CPP", "1")
    feed = pytest.importorskip("itch.messages", reason="itchfeed is not installed")
    data = _literal(message)
    theirs = feed.messages[message.letter.encode()](data)
    row = np.frombuffer(data, dtypes.WIRE[message.name])[0]
    timestamp = int.from_bytes(bytes(row["timestamp"]), "big")
    ours = [
        row[f.name].item().ljust(f.length) if f.type == "alpha" else int(row[f.name])
        for f in message.fixed
        if f.name not in ("message_type", "timestamp")
    ]
    values = [value for key, value in vars(theirs).items() if key != "timestamp"]
    assert (values, theirs.timestamp) == (ours, timestamp)
    assert theirs.to_bytes() == data
    assert bytes(layers.dissect(spec.ITCH, theirs.to_bytes())) == data


@pytest.mark.parametrize("message", spec.ITCH, ids=lambda m: m.name)
def test_itch_accepts_one_length(message: Message) -> None:
    data = _literal(message)
    assert itch.check(data) == "ok"
    assert itch.check(data[:-1]) == "length"
    assert itch.check(data + b"\0") == "length"
    assert itch.check(data[:1]) == "length"


def test_itch_unknown_and_empty() -> None:
    known = {m.letter for m in spec.ITCH}
    for code in range(256):
        expected = "length" if chr(code) in known else "unknown"
        assert itch.check(bytes([code])) == expected
        assert itch.check(bytes([code]) + bytes(299)) == expected
    assert itch.check(b"") == "empty"


def test_h_and_small_h_are_two_messages() -> None:
    assert layers.dissect(spec.ITCH, b"h" + bytes(20)).name == "Operational Halt"
    assert layers.dissect(spec.ITCH, b"H" + bytes(24)).name == "Stock Trading Action"


OUCH = [(m, False) for m in spec.OUCH_IN] + [(m, True) for m in spec.OUCH_OUT]


def check(data: bytes, outbound: bool) -> str:
    return ouch.check_out(data) if outbound else ouch.check_in(data)


@pytest.mark.parametrize(("message", "outbound"), OUCH, ids=lambda v: getattr(v, "name", ""))
def test_ouch_lengths(message: Message, outbound: bool) -> None:
    """Of all lengths, the bare one and what the appendage length says, and no other."""
    bare = _literal(message)
    assert len(bare) == message.bytes_bare
    option = b"\x02\x1c\x05"
    accepted = [bare]
    if message.appendage != "none":
        fixed = bare[: message.bytes - 2]
        accepted += [fixed + b"\0\0", fixed + b"\0\3" + option, fixed + b"\0\6" + 2 * option]
    for data in accepted:
        assert check(data, outbound) == "ok"
    for data in accepted[1:]:
        assert check(data + b"\x02", outbound) == "length"
    whole = accepted[-1]
    for length in range(1, len(whole)):
        fine = whole[:length] in accepted or length == message.bytes_older
        assert check(whole[:length], outbound) == ("ok" if fine else "length")


def test_ouch_types_by_direction() -> None:
    for messages, outbound in ((spec.OUCH_IN, False), (spec.OUCH_OUT, True)):
        known = {m.letter for m in messages}
        for code in range(256):
            result = check(bytes([code]), outbound)
            assert (result == "type") == (chr(code) not in known)
        assert check(b"", outbound) == "empty"


@pytest.mark.parametrize(
    ("expected", "tags"),
    [
        ("ok", ""),
        ("ok", "05024c494d45"),
        ("ok", "05024c494d45 021c01 020c50"),
        ("ok", "0163"),  # an unknown tag without a value
        ("ok", "0463ffffff"),  # an unknown tag with one
        ("appendage", "00"),
        ("appendage", "02"),
        ("appendage", "05024c494d"),
        ("appendage", "021c01 03"),
        ("appendage", "ff1c01"),
        ("tag_length", "04024c494d"),
        ("tag_length", "011c"),
        ("tag_length", "05024c494d45 031c0101"),
    ],
)
def test_ouch_appendage_walk(expected: str, tags: str) -> None:
    appendage = bytes.fromhex(tags)
    data = ENTER_ORDER[:45] + len(appendage).to_bytes(2, "big") + appendage
    assert ouch.check_in(data) == expected


def test_ouch_tags_are_found_and_added() -> None:
    assert ouch.check_in(ENTER_ORDER) == "ok"
    assert ouch.find_tag(ENTER_ORDER, 2, outbound=False) == b"LIME"
    assert ouch.find_tag(ENTER_ORDER, 28, outbound=False) is None
    more = ouch.append_tag(ENTER_ORDER, 28, b"\x07", outbound=False)
    assert more == ENTER_ORDER[:45] + bytes.fromhex("0009 05024c494d45 021c07")
    assert ouch.find_tag(more, 28, outbound=False) == b"\x07"
    layer = layers.OUCHEnterOrder(more)
    assert [(t.tag, t.value) for t in layer.appendage] == [(2, b"LIME"), (28, b"\x07")]
    with pytest.raises(Refused, match="length"):
        ouch.append_tag(ENTER_ORDER[:46], 28, b"\x07", outbound=False)


def test_ouch_tag_on_a_bare_message() -> None:
    cancel = bytes(layers.OUCHCancelOrder(user_ref_num=3))
    assert len(cancel) == 9
    assert ouch.find_tag(cancel, 28, outbound=False) is None
    assert ouch.append_tag(cancel, 28, b"\x07", outbound=False) == cancel + b"\0\3\x02\x1c\x07"
    explicit = layers.OUCHCancelOrder(user_ref_num=3, appendage=[])
    assert bytes(explicit) == cancel + b"\0\0"
    assert bytes(layers.OUCHCancelOrder(bytes(explicit))) == cancel + b"\0\0"


def test_real_ouch_messages_decode_to_the_last_byte() -> None:
    files = captures("ouch50")
    if not files:
        pytest.skip("../shared/data/pcap/nasdaq-ouch50 is not here")
    names = set()
    for path in files:
        for frame in frames(path):
            kind, data = soup_payload(frame)
            if kind not in "US":
                assert data == b""
                continue
            assert check(data, kind == "S") == "ok"
            layer = layers.dissect(spec.OUCH_OUT if kind == "S" else spec.OUCH_IN, data)
            assert bytes(layer) == data
            names.add(layer.name)
    assert names == {"Enter Order", "Order Accepted", "Cancel Order Request", "Order Canceled"}
