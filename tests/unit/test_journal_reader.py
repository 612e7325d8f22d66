"""A journal file cut or damaged anywhere: all that is whole is read, and the place is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.journal.reader import JournalError, JournalReader, read_journal
from appliance.journal.record import LENGTH, MAGIC, Kind, Record, pack, parse

RECORDS = [
    pack(Kind.START, b"{}", now_ns=1),
    pack(Kind.FRAME, b"f" * 61, role=1, now_ns=2, number=3, flags=4),
    pack(Kind.TICK, now_ns=5),
    pack(Kind.ORDER, b"Q\0\0", role=2, now_ns=5, number=1),
    pack(Kind.END, now_ns=6),
]


def framed(records: list[bytes]) -> bytes:
    return MAGIC + b"".join(LENGTH.pack(len(r)) + r for r in records)


def read(path: Path, data: bytes) -> tuple[list[Record], JournalError | None]:
    path.write_bytes(data)
    seen: list[Record] = []
    try:
        for record in read_journal(path):
            seen.append(record)
    except JournalError as error:
        return seen, error
    return seen, None


def test_records_come_back(tmp_path: Path) -> None:
    seen, error = read(tmp_path / "j", framed(RECORDS))
    assert error is None
    assert seen == [parse(r) for r in RECORDS]
    assert seen[1] == Record(Kind.FRAME, 1, 2, 3, 4, b"f" * 61)


def test_cut_at_every_offset(tmp_path: Path) -> None:
    data, starts = framed(RECORDS), [len(MAGIC)]
    for record in RECORDS:
        starts.append(starts[-1] + LENGTH.size + len(record))
    for size in range(len(data)):
        seen, error = read(tmp_path / "j", data[:size])
        whole = sum(1 for start in starts[1:] if start <= size)
        assert seen == [parse(r) for r in RECORDS[:whole]]
        if size < len(MAGIC):
            assert error is not None and error.broken_at == 0
        elif size in starts:
            assert error is None
        else:
            assert error is not None and error.broken_at == starts[whole]
            assert "cut short" in str(error)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b"x" * 31, "cannot have 31 bytes"),
        (pack(Kind.TICK) + b"x", "says 0 bytes and has 1"),
        (b"\x63" + pack(Kind.TICK)[1:], "99"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, record: bytes, why: str) -> None:
    good = framed(RECORDS[:2])
    seen, error = read(tmp_path / "j", good + LENGTH.pack(len(record)) + record)
    assert len(seen) == 2
    assert error is not None and error.broken_at == len(good) and why in str(error)


def test_what_is_no_journal_says_so(tmp_path: Path) -> None:
    for data in (b"", b"TPJ", b"\x1f\x8b" + bytes(100)):
        seen, error = read(tmp_path / "j", data)
        assert not seen and error is not None and error.broken_at == 0
    seen, error = read(tmp_path / "j", framed(RECORDS[1:]))
    assert not seen and error is not None and "how it began" in str(error)


@given(st.binary(max_size=300))
def test_any_bytes_end_in_records_or_a_place(tmp_path_factory: pytest.TempPathFactory,
                                             tail: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "j"
    seen, error = read(path, framed(RECORDS[:1]) + tail)
    assert seen[0].kind is Kind.START
    if error is not None:
        assert len(framed(RECORDS[:1])) <= error.broken_at <= path.stat().st_size


def test_a_reader_may_be_iterated_again(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(framed(RECORDS))
    with JournalReader(tmp_path / "j") as reader:
        assert list(reader) == list(reader)
        assert reader.start().payload == b"{}"
