"""Whole day files as columns, and what becomes of damaged ones."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
from wire_literals import LITERALS
from wire_support import shared

from itch_ouch import columns, dtypes, itch, spec

MESSAGES = [bytes.fromhex(text) for name, _, text in LITERALS if name.startswith("ITCH")]


def framed(messages: list[bytes], end: bool = False) -> bytes:
    content = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
    return content + (b"\0\0" if end else b"")


def test_every_type_has_its_table_with_the_values_of_the_literals() -> None:
    result = columns.decode_columns(framed(MESSAGES * 2, end=True))
    assert result.problem is None
    assert result.message_count == 46
    assert set(result.tables) == {m.letter for m in spec.ITCH}
    for number, (message, (_, fields, _)) in enumerate(zip(spec.ITCH, LITERALS, strict=False), 1):
        table = result.tables[message.letter]
        assert table.dtype == dtypes.NATIVE[message.name]
        assert table["sequence"].tolist() == [number, number + 23]
        for name, value in fields.items():
            length = next(f.length for f in message.fixed if f.name == name)
            expected = value.ljust(length) if isinstance(value, bytes) else value
            assert table[name].tolist() == [expected, expected], name


def test_native_integers_are_native() -> None:
    table = columns.decode_columns(framed(MESSAGES)).tables["A"]
    assert table.dtype["price"] == np.dtype(np.uint32)
    assert table.dtype["timestamp"] == np.dtype(np.uint64)
    assert table.dtype["stock"] == np.dtype("S8")


def test_every_truncation_gives_what_came_before_it() -> None:
    content = framed(MESSAGES[:6])
    ends = [len(framed(MESSAGES[:n])) for n in range(7)]
    for length in range(len(content) + 1):
        result = columns.decode_columns(content[:length])
        whole = max(n for n, end in enumerate(ends) if end <= length)
        assert (result.message_count, result.end_offset) == (whole, ends[whole])
        if length in ends:
            assert result.problem is None
        else:
            assert result.problem == f"the file ends inside a message, at offset {ends[whole]}"


def test_a_wrong_length_ends_the_reading() -> None:
    good = framed(MESSAGES[:3])
    result = columns.decode_columns(good + framed([MESSAGES[0] + b"\0"]) + good)
    assert (result.message_count, result.end_offset) == (3, len(good))
    assert result.problem is not None and "length" in result.problem


def test_bytes_after_the_end_mark_are_reported() -> None:
    good = framed(MESSAGES[:3], end=True)
    result = columns.decode_columns(good + good)
    assert (result.message_count, result.end_offset) == (3, len(good))
    assert result.problem is not None and "end-of-session" in result.problem


def test_unknown_types_are_counted_and_skipped() -> None:
    result = columns.decode_columns(framed([MESSAGES[0], b"~new", b"~", MESSAGES[0]]))
    assert result.problem is None
    assert result.unknown == {"~": 2}
    assert result.message_count == 4
    assert result.tables["S"]["sequence"].tolist() == [1, 4]


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.itch"
    path.touch()
    assert columns.read_columns(path) == columns.Columns({}, {}, 0, 0, None)


def test_gzip_equals_plain_and_members_join(tmp_path: Path) -> None:
    content = framed(MESSAGES * 50)
    plain, packed = tmp_path / "day.itch", tmp_path / "day.itch.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content[:5000]) + gzip.compress(content[5000:]))
    one, other = columns.read_columns(plain), columns.read_columns(packed)
    assert one.message_count == other.message_count == 50 * 23
    for letter, table in one.tables.items():
        assert table.tobytes() == other.tables[letter].tobytes()


@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage after"])
def test_damaged_gzip_gives_what_came_before(tmp_path: Path, damage: str) -> None:
    rng = np.random.default_rng(7)
    orders = [m[:11] + rng.bytes(len(m) - 11) for m in MESSAGES * 2000]
    packed = gzip.compress(framed(orders))
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "flipped":
        middle = len(packed) // 2
        packed = packed[:middle] + bytes(64) + packed[middle + 64 :]
    else:
        packed += b"garbage"
    path = tmp_path / "damaged.itch.gz"
    path.write_bytes(packed)
    result = columns.read_columns(path)
    assert result.problem is not None
    assert result.problem.startswith("the gzip stream is damaged")
    expected = columns.decode_columns(framed(orders)).tables["D"]
    # Only the checksum at a member's end tells flipped bytes from good ones: the first are good.
    good = len(expected) if damage == "garbage after" else len(expected) // 3
    assert result.tables["D"][:good].tobytes() == expected[:good].tobytes()
    if damage != "flipped":
        assert result.end_offset == len(framed(orders[: result.message_count]))


def test_scatter_refuses_rows_of_another_type() -> None:
    for letter, name in (("S", "itch_add_order"), ("~", "itch_system_event")):
        with pytest.raises(ValueError, match="another type"):
            itch.scatter(framed(MESSAGES[:1]), {ord(letter): np.empty(1, dtypes.NATIVE[name])})


def test_scatter_writes_nothing_behind_a_table() -> None:
    """As when a file grows between the two walks."""
    rows = np.zeros(300, dtypes.NATIVE["itch_system_event"])
    content = framed(MESSAGES[:1] * 300)
    itch.scatter(content, {ord("S"): rows[:200]})
    assert set(rows["sequence"][200:].tolist()) == {0}
    itch.scatter(content, {ord("S"): rows})
    assert rows["sequence"].tolist() == list(range(1, 301))


def test_batches_of_any_mixture_equal_one_message_after_the_other() -> None:
    """Random messages, unknown ones among them, against the wire dtypes of numpy."""
    rng = np.random.default_rng(3)
    lengths, shares = [0, 30, 300, 40_000], [0.2, 0.4, 0.3, 0.1]  # of the unknown ones' contents
    messages: list[bytes] = []
    for i in rng.integers(0, len(MESSAGES) + 1, 5000):
        if i == len(MESSAGES):
            messages.append(b"~" + rng.bytes(int(rng.choice(lengths, p=shares))))
        else:
            messages.append(MESSAGES[i][:1] + rng.bytes(len(MESSAGES[i]) - 1))
    result = columns.decode_columns(framed(messages, end=True))
    assert result.message_count == 5000 and result.problem is None
    for message in spec.ITCH:
        numbers = [n for n, m in enumerate(messages, 1) if m[:1] == message.letter.encode()]
        raw = b"".join(messages[n - 1] for n in numbers)
        wire = np.frombuffer(raw, dtypes.WIRE[message.name])
        table = result.tables[message.letter]
        assert table["sequence"].tolist() == numbers
        for field in message.fixed[1:]:
            values = wire[field.name]
            if field.length == 6:
                expected = [int.from_bytes(v.tobytes(), "big") for v in values]
            else:
                expected = values.tolist()
            assert table[field.name].tolist() == expected, (message.name, field.name)


def test_real_day_files_decode_to_the_last_byte() -> None:
    path = shared("data/itch/12302019-head-1000msgs.itch")
    result = columns.read_columns(path)
    assert result.problem is None
    assert result.end_offset == path.stat().st_size
    assert {k: len(t) for k, t in result.tables.items()} == {"R": 993, "H": 3, "Y": 3, "S": 1}
    path = shared("data/itch/synthetic-7msgs.itch")
    result = columns.read_columns(path)
    assert (result.problem, result.end_offset) == (None, path.stat().st_size)
    assert {k: len(t) for k, t in result.tables.items()} == {"A": 4, "X": 1, "U": 1, "D": 1}


def test_arrow_and_parquet_keep_values_and_say_units(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    result = columns.decode_columns(framed(MESSAGES))
    paths = columns.write_parquet(result, tmp_path / "day")
    assert len(paths) == 23
    table = parquet.read_table(tmp_path / "day/add_order.parquet")
    fields = next(fields for name, fields, _ in LITERALS if name == "ITCHAddOrder")
    expected = {k: v.decode() if isinstance(v, bytes) else v for k, v in fields.items()}
    assert table.to_pylist() == [{"sequence": 11, **expected}]
    assert table.schema.field("price").metadata[b"unit"] == b"1/10000 dollar"
    assert table.schema.field("timestamp").metadata[b"unit"] == b"ns since midnight, US Eastern"
    levels = parquet.read_schema(tmp_path / "day/mwcb_decline_level.parquet")
    assert levels.field("level_1").metadata[b"unit"] == b"1/100000000 dollar"


def test_text_beyond_ascii_survives_as_question_marks() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    order = bytearray(next(m for m in MESSAGES if m[:1] == b"A"))
    order[24:32] = b"A\xff\x00B    "
    table = columns.to_arrow(columns.decode_columns(framed([bytes(order)])))["A"]
    assert table["stock"].to_pylist() == ["A?\x00B"]


def test_without_pyarrow_one_sentence_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = columns.decode_columns(framed(MESSAGES))
    with pytest.raises(ImportError, match=r"pip install 'tickpath\[report\]'"):
        columns.write_parquet(result, tmp_path)
