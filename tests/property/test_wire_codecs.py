"""scapy builds what the codecs read and reads what they build, for every message and any field.

A failing example prints the blob that reproduces it (@reproduce_failure).
"""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from wire_harness import MESSAGES, Harness, arguments

from itch_ouch import columns, dtypes, itch, layers, mold, net, ouch, spec
from itch_ouch.errors import Refused
from itch_ouch.spec_model import Message

SETTINGS = settings(
    max_examples=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PROTOCOL = {
    m.name: family for family in (spec.ITCH, spec.OUCH_IN, spec.OUCH_OUT) for m in family
}  # fmt: skip

Values = dict[str, int | bytes]


def values_of(message: Message) -> st.SearchStrategy[Values]:
    """Any integers and any bytes: the codecs do not judge contents."""
    return st.fixed_dictionaries(
        {
            f.name: st.binary(min_size=f.length, max_size=f.length)
            if f.type == "alpha"
            else st.integers(0, 256**f.length - 1)
            for f in arguments(message)
        }
    )


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return Harness(Path(tmp_path_factory.mktemp("wire")))


def check(message: Message, data: bytes) -> str:
    if message.name.startswith("itch"):
        return itch.check(data)
    family = PROTOCOL[message.name]
    return ouch.check_out(data) if family is spec.OUCH_OUT else ouch.check_in(data)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.name)
@SETTINGS
@given(data=st.data())
def test_scapy_and_codecs_agree(harness: Harness, message: Message, data: st.DataObject) -> None:
    values = data.draw(values_of(message))
    misalign = data.draw(st.integers(0, 7))
    built = bytes(layers.LAYERS[message.name](**values))
    assert check(message, built) == "ok"
    assert harness.read(message, built, misalign) == values
    written = harness.write(message, values, misalign)
    assert written == built
    dissected = layers.dissect(PROTOCOL[message.name], written)
    assert bytes(dissected) == written
    for field in arguments(message):
        value = dissected.getfieldval(field.name)
        assert (value.ljust(field.length) if isinstance(value, bytes) else value) == (
            values[field.name]
        )
    whole = (written + b"\0\0")[: message.bytes]
    row = np.frombuffer(whole, dtypes.WIRE[message.name])[0]
    for field in arguments(message):
        if field.type == "alpha":
            kept = bytes(values[field.name]).rstrip(b"\0")
            assert row[field.name] == kept
        elif field.length != 6:
            assert int(row[field.name]) == values[field.name]


@SETTINGS
@given(data=st.data())
def test_columns_hold_what_scapy_builds(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(spec.ITCH), max_size=12))
    drawn = [(m, data.draw(values_of(m))) for m in chosen]
    built = [bytes(layers.LAYERS[m.name](**values)) for m, values in drawn]
    content = b"".join(struct.pack("!H", len(b)) + b for b in built)
    result = columns.decode_columns(content)
    assert (result.problem, result.message_count) == (None, len(built))
    positions = dict.fromkeys(result.tables, 0)
    for number, (message, values) in enumerate(drawn, 1):
        row = result.tables[message.letter][positions[message.letter]]
        positions[message.letter] += 1
        assert row["sequence"] == number
        for name, value in values.items():
            kept = value.rstrip(b"\0") if isinstance(value, bytes) else value
            assert row[name].item() == kept


TAGS = st.lists(
    st.sampled_from(spec.OUCH_TAGS).flatmap(
        lambda t: st.tuples(st.just(t.number), st.binary(min_size=t.length, max_size=t.length))
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    "message", [m for m in MESSAGES if m.appendage != "none"], ids=lambda m: m.name
)
@SETTINGS
@given(tags=TAGS, unknown=st.binary(max_size=20))
def test_appendages_agree(message: Message, tags: list[tuple[int, bytes]], unknown: bytes) -> None:
    outbound = PROTOCOL[message.name] is spec.OUCH_OUT
    tags = [*tags, (200, unknown)]
    layer = layers.LAYERS[message.name]
    written = bytes(layer())
    for tag, value in tags:
        written = ouch.append_tag(written, tag, value, outbound=outbound)
    built = layer(appendage=[layers.OUCHTag(tag=tag, value=value) for tag, value in tags])
    assert bytes(built) == written
    assert check(message, written) == "ok"
    dissected = layers.dissect(PROTOCOL[message.name], written)
    assert [(t.tag, t.value) for t in dissected.appendage] == tags
    assert bytes(dissected) == written
    for tag, value in reversed(tags):
        if [t for t, _ in tags].count(tag) == 1:
            assert ouch.find_tag(written, tag, outbound=outbound) == value


@SETTINGS
@given(
    session=st.binary(min_size=10, max_size=10),
    sequence=st.integers(0, 2**64 - 20),
    messages=st.lists(st.binary(max_size=60), max_size=20),
    flow=st.tuples(*[st.integers(0, 2**32 - 1)] * 2, *[st.integers(0, 2**16 - 1)] * 2),
    vlan_id=st.integers(0, 4095),
    padding=st.integers(0, 30),
)
def test_packets_agree(
    session: bytes,
    sequence: int,
    messages: list[bytes],
    flow: tuple[int, int, int, int],
    vlan_id: int,
    padding: int,
) -> None:
    payload = mold.build(session, sequence, messages)
    ours = net.build_udp(
        payload, source_mac=bytes(6), destination_mac=bytes(6), source_address=flow[0],
        destination_address=flow[1], source_port=flow[2], destination_port=flow[3],
        vlan_id=vlan_id, time_to_live=9,
    )  # fmt: skip
    datagram = net.parse_udp(ours + bytes(padding))
    assert datagram.vlan_id == vlan_id
    assert mold.parse(datagram.payload) == (session, sequence, messages, False)
    link = Ether(dst="00:00:00:00:00:00", src="00:00:00:00:00:00")
    if vlan_id:
        link = link / Dot1Q(vlan=vlan_id)
    ip = IP(
        src=str(datagram.source_address), dst=str(datagram.destination_address), id=0, flags="DF",
        ttl=9,
    )  # fmt: skip
    mold_layer = layers.MoldUDP64(
        session=session, sequence_number=sequence, messages=[Raw(m) for m in messages]
    )
    theirs = link / ip / UDP(sport=flow[2], dport=flow[3]) / mold_layer
    assert bytes(theirs) == ours
    assert bytes(layers.MoldUDP64(payload)) == payload


@settings(SETTINGS, max_examples=300)
@given(
    cut=st.integers(0, 200),
    patches=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=6),
)
def test_damaged_frames_are_refused_or_read_inside_their_bounds(
    cut: int, patches: list[tuple[int, int]]
) -> None:
    order = bytes(layers.ITCHAddOrder(stock=b"ZVZZT"))
    frame = bytearray(
        net.build_udp(
            mold.build(b"SESSION", 1, [order, b""]), source_mac=bytes(6),
            destination_mac=bytes(6), source_address=1, destination_address=2, source_port=3,
            destination_port=4,
        )
    )  # fmt: skip
    for offset, value in patches:
        frame[offset % len(frame)] = value
    data = bytes(frame[: max(len(frame) - cut, 0)])
    try:
        packet = mold.parse(net.parse_udp(data, True).payload)
    except Refused as refused:
        assert refused.reason in net.RESULTS + mold.RESULTS
        return
    assert 20 + sum(2 + len(m) for m in packet.messages) <= len(data) - 42
    assert all(m in data for m in packet.messages)
