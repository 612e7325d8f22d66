"""A recorded session replays to byte-equal orders, and whatever is not equal is noticed (R2)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from recording import record

from appliance.journal import replay
from appliance.journal.reader import JournalReader
from appliance.journal.record import HEADER, LENGTH, MAGIC, Kind
from appliance.journal.replay import NotReplayable, replay_journal

CUTS = 60
CROSS = Path(__file__).resolve().parents[2] / "docs/examples/strategies/cross.py"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    path = tmp_path_factory.mktemp("journal") / "session.tpj"
    return path, record(path)


def places(path: Path) -> Iterator[tuple[int, Kind, int]]:
    """(offset of the record, its kind, length of its payload)."""
    with closing(JournalReader(path)) as reader:
        offset = len(MAGIC)
        for item in reader:
            yield offset, item.kind, len(item.payload)
            offset = reader.offset


def copy_with(path: Path, to: Path, offset: int, value: int) -> Path:
    data = bytearray(path.read_bytes())
    data[offset] ^= value
    to.write_bytes(data)
    return to


@pytest.mark.parametrize(
    ("strategy", "kill_at", "seed"),
    [
        ("quote", None, 2),
        ("quote", 200, 3),
        ("cross", None, 4),
        ("cross", 50, 5),
        ("none", None, 6),
        (str(CROSS), None, 7),
    ],
)
def test_orders_come_out_byte_for_byte(
    tmp_path: Path, strategy: str, kill_at: int | None, seed: int
) -> None:
    if strategy.endswith(".py"):
        pytest.importorskip("numba")
    path = tmp_path / "session.tpj"
    lived = record(path, 3_000, seed, strategy, kill_at)
    result = replay_journal(path)
    assert result.equal and result.complete and result.broken_at is None, result.sentences()
    assert result.orders == len(lived["orders"]) == len(lived["received"])
    assert lived["orders"] == lived["received"], "what was recorded is what the venue got"
    assert result.digests == lived["digests"]
    assert result.commands == (1 if kill_at else 0)
    if strategy != "none":
        assert result.orders > 5
        assert lived["counters"]["feed_gaps_filled"], "the lines lost something"


def test_a_flipped_byte_in_an_order_is_noticed(
    session: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    path, _ = session
    orders = [(offset, size) for offset, kind, size in places(path) if kind is Kind.ORDER]
    offset, size = orders[len(orders) // 2]
    at = offset + LENGTH.size + HEADER.size + size - 1
    result = replay_journal(copy_with(path, tmp_path / "flipped.tpj", at, 1))
    assert result.difference is not None and not result.equal
    assert result.difference.number == len(orders) // 2 + 1
    assert result.difference.offset == offset
    recorded, replayed = result.difference.recorded, result.difference.replayed
    assert recorded is not None and replayed is not None
    assert recorded[:-1] == replayed[:-1] and recorded[-1] ^ replayed[-1] == 1


def test_a_flipped_byte_in_any_frame_is_noticed(
    session: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    path, _ = session
    frames = [(offset, size) for offset, kind, size in places(path) if kind is Kind.FRAME]
    choose = random.Random(7)
    for offset, size in choose.sample(frames, 25):
        # Past the MAC addresses, which nobody looks at; all the rest has a checksum.
        at = offset + LENGTH.size + HEADER.size + choose.randrange(14, size)
        result = replay_journal(copy_with(path, tmp_path / "flipped.tpj", at, 0x10))
        assert not result.equal, f"byte {at} of the frame at {offset}"


def test_an_order_too_few_or_too_many_is_noticed(
    session: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    path, _ = session
    data = path.read_bytes()
    rows = list(places(path))
    at = next(i for i, row in enumerate(rows) if i > len(rows) // 2 and row[1] is Kind.ORDER)
    begin, end = rows[at][0], rows[at + 1][0]
    missing = tmp_path / "missing.tpj"
    missing.write_bytes(data[:begin] + data[end:])
    result = replay_journal(missing)
    assert result.difference is not None or result.broken_at is not None
    double = tmp_path / "double.tpj"
    double.write_bytes(data[:end] + data[begin:end] + data[end:])
    result = replay_journal(double)
    assert result.broken_at == end and "sequence" in result.broken_why


def test_a_cut_recording_replays_as_far_as_it_goes(
    session: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    path, _ = session
    data = path.read_bytes()
    rows = list(places(path))
    starts = {offset for offset, _, _ in rows} | {len(data)}
    choose = random.Random(11)
    cut = tmp_path / "cut.tpj"
    for size in [choose.randrange(rows[1][0], len(data)) for _ in range(CUTS)] + [rows[9][0]]:
        cut.write_bytes(data[:size])
        result = replay_journal(cut)
        assert result.equal and not result.complete, result.sentences()
        last = max(offset for offset in starts if offset <= size)
        assert result.broken_at == (None if last == size else last)
        whole = [kind for offset, kind, _ in rows if offset < last]
        assert result.orders == whole.count(Kind.ORDER)
        assert result.frames == whole.count(Kind.FRAME)


def test_damaged_bytes_never_crash(
    session: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    path, _ = session
    headers = [offset for offset, _, _ in places(path)][1:]
    choose = random.Random(13)
    for _ in range(CUTS):
        at = choose.choice(headers) + choose.randrange(LENGTH.size + HEADER.size)
        replay_journal(copy_with(path, tmp_path / "damaged.tpj", at, choose.randrange(1, 256)))


def test_orders_alone_cannot_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "orders.tpj"
    record(path, 500, record="orders")
    assert {kind for _, kind, _ in places(path)} <= {
        Kind.START, Kind.ORDER, Kind.TICK, Kind.COMMAND, Kind.END
    }
    with pytest.raises(NotReplayable, match='record = "all"'):
        replay_journal(path)


def test_the_command_line(
    session: tuple[Path, dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = session
    assert replay.main([str(path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["equal"] and figures["orders"] > 20 and figures["broken_at"] is None
    cut = tmp_path / "cut.tpj"
    cut.write_bytes(path.read_bytes()[:-3])
    assert replay.main([str(cut)]) == 2
    assert "cut short at byte" in capsys.readouterr().out
    order = next(offset for offset, kind, _ in places(path) if kind is Kind.ORDER)
    flipped = copy_with(path, tmp_path / "f.tpj", order + LENGTH.size + HEADER.size, 1)
    assert replay.main([str(flipped)]) == 1
    assert "differs at order 1" in capsys.readouterr().out
    assert replay.main([str(tmp_path / "none.tpj")]) == 2
    assert "No such file" in capsys.readouterr().err
