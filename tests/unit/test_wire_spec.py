"""The spec against an independent copy of its tables, and what is made from it against the spec."""

import json
import shutil
import subprocess

import pytest
from wire_support import ROOT, shared

from itch_ouch import dtypes, generate, layers, spec
from itch_ouch.spec_model import Message

# Lengths as the documents state them, the appendage length included where there is one.
ITCH_BYTES = (
    "S=12 R=39 H=25 Y=20 L=26 V=35 W=12 K=28 J=35 h=21 A=36 F=40 E=31 C=36 X=23 D=19 U=35 P=44 "
    "Q=40 B=19 I=50 N=20 O=48"
)
OUCH_IN_BYTES = "O=47 U=40 X=11 M=12 C=19 D=11 E=11 Q=3"
OUCH_OUT_BYTES = (
    "S=10 A=64 U=68 C=20 D=34 E=36 B=38 J=31 P=15 I=15 T=32 M=20 R=16 X=27 G=19 K=19 Q=15"
)
PROTOCOLS = [
    ("itch50", spec.ITCH, ITCH_BYTES),
    ("ouch50_in", spec.OUCH_IN, OUCH_IN_BYTES),
    ("ouch50_out", spec.OUCH_OUT, OUCH_OUT_BYTES),
]


def _plain(name: str) -> str:
    """A field's name without case and punctuation: Buy/Sell Indicator, buy_sell_indicator."""
    return "".join(c for c in name.lower() if c.isalnum())


@pytest.mark.parametrize(("key", "messages", "sizes"), PROTOCOLS, ids=lambda v: v[:10])
def test_lengths_are_those_of_the_documents(
    key: str, messages: tuple[Message, ...], sizes: str
) -> None:
    assert {f"{m.letter}={m.bytes}" for m in messages} == set(sizes.split())
    assert len(messages) == len(sizes.split())


@pytest.mark.parametrize(("key", "messages", "sizes"), PROTOCOLS, ids=lambda v: v[:10])
def test_fields_equal_the_independent_tables(
    key: str, messages: tuple[Message, ...], sizes: str
) -> None:
    tables = json.loads(shared("protocols/tables.json").read_text())[key]
    assert {m.letter for m in messages} == set(tables)
    for message in messages:
        theirs = [
            (_plain(f["name"]), f["offset"], f["length"], f["type"])
            for f in tables[message.letter]["fields"]
            if f["type"] != "TagValue"
        ]
        ours = [(_plain(f.name), f.offset, f.length, f.type) for f in message.fixed]
        assert ours == theirs, message.name
        notes = " ".join(f["notes"] for f in tables[message.letter]["fields"])
        assert (message.appendage == "optional") == ("OPTIONAL field" in notes), message.name
        options = [f["notes"] for f in tables[message.letter]["fields"] if f["type"] == "TagValue"]
        if options:
            listed = options[0].split(" (")[0].split(",")
            assert message.tags == tuple(int(tag) for tag in listed), message.name


def test_names_and_letters_are_unique() -> None:
    assert len({m.name for m in spec.MESSAGES}) == len(spec.MESSAGES)
    for messages in (spec.ITCH, spec.OUCH_IN, spec.OUCH_OUT):
        assert len({m.letter for m in messages}) == len(messages)
    assert len({t.number for t in spec.OUCH_TAGS}) == len(spec.OUCH_TAGS)
    known = {t.number for t in spec.OUCH_TAGS}
    assert all(set(m.tags) <= known for m in spec.MESSAGES)


def test_generated_files_are_what_the_spec_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_check_notices_a_stale_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = generate.ROOT / "docs/wire.md"
    monkeypatch.setattr(generate, "outputs", lambda: {page: "something else"})
    assert generate.main(["--check"]) == 1
    assert "docs/wire.md" in capsys.readouterr().out
    assert page.read_text() != "something else"


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [("gcc", ["-std=c11", "-xc"]), ("g++", ["-std=c++17", "-xc++"])],
)
def test_header_compiles_without_a_warning(compiler: str, flags: list[str]) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    command = [compiler, *flags, "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only"]
    source = '#include "wire.h"\n'
    include = ["-I", str(ROOT / "itch_ouch/csrc"), "-"]
    result = subprocess.run([*command, *include], input=source, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("message", spec.MESSAGES, ids=lambda m: m.name)
def test_wire_dtype_has_the_offsets_of_the_spec(message: Message) -> None:
    fields = dtypes.WIRE[message.name].fields
    assert fields is not None
    assert {name: entry[1] for name, entry in fields.items()} == {
        f.name: f.offset for f in message.fixed
    }


def test_every_message_has_a_layer_of_its_name() -> None:
    assert layers.ITCHAddOrder is layers.LAYERS["itch_add_order"]
    assert layers.OUCHOrderAccepted is layers.LAYERS["ouch_order_accepted"]
    assert len(layers.LAYERS) == len(spec.ITCH) + len(spec.OUCH_IN) + len(spec.OUCH_OUT)
    with pytest.raises(AttributeError, match="ITCHNonsense"):
        layers.ITCHNonsense  # noqa: B018 - the access is the test
