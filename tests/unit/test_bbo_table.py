"""A day file's best prices as a table, against books as a beginner would keep them."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from core_rig import wire
from plain_book import PlainBook

from appliance.columns import BBO, decode_bbo, read_bbo
from appliance.config import TablesSection

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = 3
SIDES = "BS"


def framed(messages: list[bytes], end: bool = False) -> bytes:
    content = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
    return content + (b"\0\0" if end else b"")


def random_day(seed: int, count: int) -> tuple[list[bytes], list[tuple[int, ...]]]:
    """Messages, some of them bad, and the rows that they must give."""
    rng = random.Random(seed)
    book = PlainBook()
    messages, rows = [], []
    for sequence in range(1, count + 1):
        before = {at: tuple(book.best(at, side) for side in (0, 1)) for at in range(SYMBOLS)}
        known = list(book.orders) or [1]
        reference, new = rng.choice([*known, 10**9]), sequence * 7
        shares, price = rng.choice([0, 100, 200]), rng.randrange(100, 108)
        locate, side = rng.randrange(SYMBOLS), rng.randrange(2)
        kind = rng.choice(["add", "add", "delete", "executed", "cancel", "replace", "unknown"])
        stamp = {"timestamp": sequence * 10}
        if kind == "add":
            messages.append(wire("itch_add_order", stock_locate=locate, shares=shares, price=price,
                                 order_reference_number=new, buy_sell_indicator=SIDES[side],
                                 **stamp))
            book.add(new, side, shares, price, locate)
        elif kind == "delete":
            messages.append(wire("itch_order_delete", order_reference_number=reference, **stamp))
            book.delete(reference)
        elif kind == "executed":
            messages.append(wire("itch_order_executed", order_reference_number=reference,
                                 executed_shares=shares, **stamp))
            book.reduce(reference, shares)
        elif kind == "cancel":
            messages.append(wire("itch_order_cancel", order_reference_number=reference,
                                 cancelled_shares=shares, **stamp))
            book.reduce(reference, shares)
        elif kind == "replace":
            messages.append(wire("itch_order_replace", original_order_reference_number=reference,
                                 new_order_reference_number=new, shares=shares, price=price,
                                 **stamp))
            book.replace(reference, new, shares, price)
        else:
            messages.append(b"~" + bytes(rng.randrange(40)))
        for at in range(SYMBOLS):
            after = tuple(book.best(at, side) for side in (0, 1))
            if after != before[at]:
                changed = sum(1 << s for s in (0, 1) if after[s] != before[at][s])
                (bid, bid_shares), (ask, ask_shares) = (best or (0, 0) for best in after)
                rows.append((sequence, sequence * 10, at, changed, bid, ask, bid_shares,
                             ask_shares))
    return messages, rows


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_plain_books(seed: int) -> None:
    messages, expected = random_day(seed, 3000)
    made = decode_bbo(framed(messages, end=True))
    assert made.rows.dtype == BBO
    assert (made.message_count, made.problem) == (3000, None)
    assert [tuple(row) for row in made.rows.tolist()] == expected
    assert made.faults["book_missing_reference"]


def test_a_table_that_was_too_short_grows() -> None:
    """More rows than bytes of the file suggest: adds at ever better prices."""
    messages = [wire("itch_add_order", stock_locate=1, order_reference_number=n, shares=1,
                     buy_sell_indicator="B", price=n) for n in range(1, 20_001)]
    made = decode_bbo(framed(messages))
    assert made.rows["sequence"].tolist() == list(range(1, 20_001))
    assert made.rows["bid_price"].tolist() == list(range(1, 20_001))
    assert set(made.rows["ask_shares"].tolist()) == {0}


def test_damage_ends_the_reading_and_says_where(tmp_path: Path) -> None:
    messages, rows = random_day(9, 200)
    content = framed(messages)
    cut = decode_bbo(content[:-1])
    assert cut.message_count == 199
    assert cut.problem == f"the file ends inside a message, at offset {cut.end_offset}"
    wrong = decode_bbo(content + framed([wire("itch_system_event") + b"x"]) + content)
    assert (wrong.message_count, wrong.end_offset) == (200, len(content))
    assert wrong.problem is not None and "length" in wrong.problem
    behind = decode_bbo(framed(messages, end=True) + content)
    assert behind.problem is not None and "end-of-session" in behind.problem
    assert len(behind.rows) == len(rows)
    path = tmp_path / "day.itch.gz"
    path.write_bytes(gzip.compress(content)[:-300])
    zipped = read_bbo(path)
    assert zipped.problem is not None and zipped.problem.startswith("the gzip stream is damaged")


def test_plain_gzip_and_empty_files(tmp_path: Path) -> None:
    messages, _ = random_day(4, 500)
    plain, packed, empty = (tmp_path / name for name in ("a.itch", "a.itch.gz", "e.itch"))
    plain.write_bytes(framed(messages))
    packed.write_bytes(gzip.compress(framed(messages)))
    empty.write_bytes(b"")
    assert read_bbo(plain).rows.tobytes() == read_bbo(packed).rows.tobytes()
    assert (len(read_bbo(empty).rows), read_bbo(empty).problem) == (0, None)


def test_full_tables_are_told() -> None:
    messages = [wire("itch_add_order", stock_locate=1, order_reference_number=n, shares=1,
                     buy_sell_indicator="B", price=n) for n in range(1, 200)]
    made = decode_bbo(framed(messages), TablesSection(orders=64, levels=64))
    assert set(made.faults) & {"book_levels_full", "book_orders_full"}


def appliance(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "appliance.cli", *words], cwd=ROOT, text=True,
                          capture_output=True, env=os.environ | environment)


@pytest.mark.parametrize(("orders", "levels", "word"), [
    (1024, 64, "raise levels = 64 under [tables]"), (64, 1024, "raise orders = 64 under [tables]")])
def test_rows_of_books_that_were_full_are_no_success(
    orders: int, levels: int, word: str, tmp_path: Path
) -> None:
    day, config = tmp_path / "day.itch", tmp_path / "a.toml"
    day.write_bytes(framed([wire(
        "itch_add_order", stock_locate=1, order_reference_number=n, shares=1,
        buy_sell_indicator="B", price=n % 150) for n in range(1, 400)]))
    config.write_text(f"[tables]\norders = {orders}\nlevels = {levels}\n")
    out = str(tmp_path / "bbo.npy")
    done = appliance("bbo", str(day), out, "-c", str(config))
    assert (done.returncode, done.stderr.count(word)) == (1, 1), done.stderr
    assert appliance("bbo", str(day), out).returncode == 0


def test_a_missing_pyarrow_is_told_before_the_day_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError\n")
    done = appliance("bbo", str(tmp_path / "none.itch"), str(tmp_path / "bbo.parquet"),
                     PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install 'tickpath[report]'" in done.stderr


def test_the_verb_writes_numpy_and_parquet(tmp_path: Path) -> None:
    messages, rows = random_day(1, 300)
    day = tmp_path / "day.itch"
    day.write_bytes(framed(messages))
    done = appliance("bbo", str(day), str(tmp_path / "bbo.npy"))
    assert done.returncode == 0, done.stderr
    table = np.load(tmp_path / "bbo.npy")
    assert [tuple(row) for row in table.tolist()] == rows
    wrong = appliance("bbo", str(day), str(tmp_path / "bbo.txt"))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    day.write_bytes(framed(messages)[:-1])
    cut = appliance("bbo", str(day), str(tmp_path / "cut.npy"))
    assert cut.returncode == 2 and "ends inside a message" in cut.stderr
    assert len(np.load(tmp_path / "cut.npy"))
    parquet = pytest.importorskip("pyarrow.parquet")
    assert appliance("bbo", str(day), str(tmp_path / "bbo.parquet")).returncode == 2
    read = parquet.read_table(tmp_path / "bbo.parquet")
    assert read.column_names == list(BBO.names or ())
    assert read["sequence"].to_pylist() == [row[0] for row in rows if row[0] < 300]
