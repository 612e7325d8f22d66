"""The bench's own rules: what is refused, what is worse, what is wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from struct import calcsize
from typing import Any

import pytest

from bench import peers
from bench.compare import FORMAT, WORSE_SHARE, CompareError, compare, read_result
from bench.oracle import FORMATS, Oracle, field_sum
from bench.plots import write_plots
from bench.rows import QUANTILES, Figure, Row, curve_of, percentiles, spread
from bench.settings import Settings
from dpdk_bindings.env import Histogram
from itch_ouch import spec

ROOT = Path(__file__).resolve().parents[2]


def bench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *words], cwd=ROOT, text=True,
                          capture_output=True, env=os.environ | environment)


def result(*figures: Figure, **about: Any) -> dict[str, Any]:
    common = {"cpu": "one", "cores": 2, "messages": 10, "symbols": 1}
    return {"format": FORMAT, "about": common | about, "rows": [f.to_dict() for f in figures]}


def figure(name: str, *samples: float, better: str = "lower") -> Figure:
    made = Figure("m", Row(name, "ns", samples[0], better=better))
    for value in samples:
        made.take(Row(name, "ns", value), {})
    return made


# ---- figures -------------------------------------------------------------------------------------


def test_a_figure_has_median_extremes_and_noise() -> None:
    assert spread([5.0, 1.0, 2.0, 3.0, 4.0]) == {"median": 3, "min": 1, "max": 5, "noise": 1 / 3}
    assert spread([7.0]) == {"median": 7, "min": 7, "max": 7, "noise": 0}


def test_a_figure_whose_counts_differ_is_refused() -> None:
    made = Figure("book", Row("ours", "ns", 1.0))
    made.take(Row("ours", "ns", 1.0, counts={"messages": 5, "own": 1}), {"messages": 5})
    assert not made.refused
    made.take(Row("ours", "ns", 1.0, counts={"messages": 4000}), {"messages": 5000})
    assert made.refused == "messages 4,000, the oracle's 5,000"
    shown = made.to_dict()
    assert shown["refused"] and not {"median", "samples", "value"} & set(shown)


def test_a_curve_is_a_value_a_quantile() -> None:
    histogram = Histogram()
    for value in range(1, 1001):
        histogram.record(value)
    curve = curve_of(histogram)
    assert len(curve) == len(QUANTILES)
    assert curve == sorted(curve)
    rows = percentiles("x", histogram.summary(), {"p99": "<= 1"}, curve)
    assert [row.name for row in rows] == ["x p50", "x p90", "x p99", "x p99.9", "x max"]
    assert (rows[0].curve, rows[2].target, rows[4].better) == (curve, "<= 1", "")


# ---- the oracle ----------------------------------------------------------------------------------


def add(reference: int, side: bytes, shares: int, price: int, locate: int = 1) -> bytes:
    return (b"A" + locate.to_bytes(2, "big") + bytes(8) + reference.to_bytes(8, "big") + side
            + shares.to_bytes(4, "big") + b"SYMBOL  " + price.to_bytes(4, "big"))


def test_the_oracle_counts_by_hand() -> None:
    books = Oracle()
    head = bytes(10)
    for message in (
        add(1, b"B", 100, 50),  # a best bid: operation and row
        add(2, b"B", 100, 40),  # behind it
        add(3, b"S", 100, 45),  # a best ask, which crosses
        b"E" + head + (1).to_bytes(8, "big") + (40).to_bytes(4, "big") + bytes(8),  # 60 left
        # At the same price with the same shares: two operations, and no row.
        b"U" + head + (1).to_bytes(8, "big") + (4).to_bytes(8, "big") + (60).to_bytes(4, "big")
        + (50).to_bytes(4, "big"),
        b"D" + head + (2).to_bytes(8, "big"),
    ):
        books.apply(message)
    counts = books.counts()
    assert counts.pop("field_sum")
    assert counts == {"messages": 6, "live_orders": 2, "crossed_books": 1,
                      "missing_references": 0, "bbo_operations": 5, "bbo_rows": 3}


def test_the_oracle_adds_every_field() -> None:
    """One message by hand; and that its formats have every type's length."""
    head = bytes([0, 1, 0, 2, 0, 0, 0, 0, 1, 0])
    message = b"X" + head + (5).to_bytes(8, "big") + bytes(3) + b"7"
    assert field_sum(message) == 1 + 2 + 256 + 5 + ord("7")
    assert field_sum(b"S" + bytes(10) + b"C") == ord("C")
    assert {letter: calcsize(form) + 1 for letter, form in FORMATS.items()} == {
        message.letter: message.bytes for message in spec.ITCH}


# ---- compare -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "better", "worse"),
    [
        ((100.0,), (104.0,), "lower", False),
        ((100.0,), (106.0,), "lower", True),
        ((100.0,), (50.0,), "lower", False),
        ((100.0,), (94.0,), "higher", True),
        ((100.0,), (150.0,), "higher", False),
        ((80.0, 100.0, 120.0), (112.0,), "lower", False),  # noise 10 %
        ((80.0, 100.0, 120.0), (116.0,), "lower", True),
    ],
)
def test_worse_is_beyond_five_percent_and_the_noise(
    old: tuple[float, ...], new: tuple[float, ...], better: str, worse: bool
) -> None:
    changes = compare(result(figure("x", *old, better=better)),
                      result(figure("x", *new, better=better)))
    assert [change.regressed for change in changes] == [worse]
    assert WORSE_SHARE == 0.05


def test_what_was_shown_and_is_refused_is_worse() -> None:
    refused = figure("x", 1.0)
    refused.refused = "messages 1, the oracle's 2"
    (change,) = compare(result(figure("x", 1.0)), result(refused))
    assert change.regressed and "the oracle's 2" in change.line


def test_what_is_gone_or_failed_is_worse() -> None:
    old, new = result(figure("x", 1.0), figure("y", 1.0)), result(figure("x", 1.0))
    fine, gone = compare(old, new)
    assert not fine.regressed and gone.regressed and gone.line == "y: in OLD and not in NEW"
    new["failed"] = {"bench.book:ours": "bench.book:ours ended with status 1:\nlost: 3"}
    failed = compare(old, new)[-1]
    assert failed.regressed and "\n" not in failed.line
    assert failed.line.startswith("bench.book:ours: failed in NEW") and "lost: 3" in failed.line
    assert all(change.regressed for change in compare(old, result() | {"failed": new["failed"]}))


def test_a_figure_is_that_of_its_measure() -> None:
    other = figure("x", 9.0)
    other.measure = "n"
    one, two = compare(result(figure("x", 1.0), other), result(figure("x", 1.0), other))
    assert not one.regressed and not two.regressed


@pytest.mark.parametrize(
    ("new", "word"),
    [
        (result(figure("x", 1.0), cpu="another"), "two processors"),
        (result(figure("x", 1.0), messages=11), "two numbers of messages"),
        (result(figure("y", 1.0)), "no figure in common"),
        (result(figure("x", 1.0, better="")), "no figure in common"),
    ],
)
def test_only_like_is_compared_with_like(new: dict[str, Any], word: str) -> None:
    shown_only = [row for row in new["rows"] if not row.get("better")]
    old = result(figure("x", 1.0, better="" if shown_only else "lower"))
    with pytest.raises(CompareError, match=word):
        compare(old, new)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff", b'{"format": "other"}',
                                     b'{"format": "tickpath bench 1"}',
                                     b'{"format": "tickpath bench 1", "rows": []}',
                                     b'{"format": "tickpath bench 1", "about": {}, "rows": [1]}',
                                     b'{"format": "tickpath bench 1", "about": {}}'])
def test_what_is_no_result_is_one_sentence(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CompareError, match=r"x\.json"):
        read_result(path)


def test_the_verb_compares_files(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(result(figure("x", 100.0))))
    new.write_text(json.dumps(result(figure("x", 110.0))))
    worse = bench("compare", str(old), str(new))
    assert (worse.returncode, worse.stdout.count("\n")) == (1, 1)
    assert "x: 100 to 110 ns, 10.0% worse" in worse.stdout
    assert bench("compare", str(new), str(old)).returncode == 0
    new.write_text(json.dumps(result(figure("x", 100.0)) | {"failed": {"they": "no"}}))
    failed = bench("compare", str(old), str(new))
    assert (failed.returncode, failed.stdout) == (1, "they: failed in NEW: no\n")
    old.write_text(json.dumps({"format": FORMAT, "rows": []}))
    bare = bench("compare", str(old), str(new))
    assert (bare.returncode, bare.stderr.count("\n"), bare.stdout) == (2, 1, "")
    wrong = bench("compare", str(old), str(tmp_path / "none.json"))
    assert (wrong.returncode, wrong.stderr.count("\n"), wrong.stdout) == (2, 1, "")


# ---- peers ---------------------------------------------------------------------------------------

SETTINGS = Settings(1000, 2, Path("nowhere"))


def peer(*lines: str, counted: bool = True) -> list[Row]:
    script = "".join(f"print({line!r})\n" for line in lines)
    return peers.Peer("they", "book", (sys.executable, "-c", script)).run(SETTINGS, counted)


def test_a_peer_prints_rows() -> None:
    rows = peer("hello", json.dumps({"name": "cold", "unit": "ns", "value": 2.5,
                                     "counts": {"messages": 1}, "unheard_of": 1}))
    assert [(row.name, row.value, row.counts) for row in rows] == [
        ("they, cold", 2.5, {"messages": 1})]


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((), "no row"),
        (("{",), "what is no row"),
        (('{"name": "x"}',), "what is no row"),
        (('{"name": "x", "unit": "ns", "value": "fast"}',), "what is no row"),
        (('{"name": "x", "unit": "ns", "value": 1, "counts": 3}',), "what is no row"),
        (('{"name": "x", "unit": "ns", "value": 1}',), "without counts"),
    ],
)
def test_a_peer_that_errs_is_one_sentence(lines: tuple[str, ...], word: str) -> None:
    with pytest.raises(peers.PeersError, match=word):
        peer(*lines)


@pytest.mark.parametrize(
    "table", [None, "[[peer", "[[peer]]\nname = 'x'\nmeasure = 'book'\ncommand = 'x'", "peer = 3"]
)
def test_a_wrong_table_is_one_sentence(
    table: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "peers.toml"
    if table is not None:
        path.write_text(table)
    monkeypatch.setenv(peers.VARIABLE, str(path))
    with pytest.raises(peers.PeersError):
        peers.peers_of("book")


def test_a_measure_that_is_none_is_told(tmp_path: Path) -> None:
    table = tmp_path / "peers.toml"
    table.write_text('[[peer]]\nname = "they"\nmeasure = "boook"\ncommand = ["true"]\n')
    done = bench("hiccups", "--out", str(tmp_path), TICKPATH_BENCH_PEERS=str(table))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "they names no measure with 'boook'" in done.stderr


# ---- the whole of it -----------------------------------------------------------------------------


def test_a_small_run_with_a_peer(tmp_path: Path) -> None:
    """The books of a small day; one peer tells the truth, the other is refused."""
    row = {"name": "all", "unit": "ns/message", "value": 1.0}
    entries = []
    for name, messages in (("honest", 20000), ("lazy", 19999)):
        line = json.dumps(row | {"counts": {"messages": messages}})
        command = json.dumps([sys.executable, "-c", f"print({line!r})"])
        entries.append(f'[[peer]]\nname = "{name}"\nmeasure = "book"\ncommand = {command}\n')
    table = tmp_path / "peers.toml"
    table.write_text("".join(entries))
    done = bench("book", "hiccups", "--rounds", "2", "--messages", "20000", "--symbols", "20",
                 "--out", str(tmp_path), TICKPATH_BENCH_PEERS=str(table))
    assert done.returncode == 1, done.stderr
    assert "bench: lazy, all: refused: messages 19,999, the oracle's 20,000" in done.stderr
    kept = json.loads((tmp_path / "book-hiccups.json").read_text())
    rows = {row["name"]: row for row in kept["rows"]}
    assert len(rows["book: tickpath, cold"]["samples"]) == 2
    assert rows["honest, all"]["median"] == 1.0
    assert "refused" in rows["lazy, all"] and "median" not in rows["lazy, all"]
    pytest.importorskip("matplotlib")
    for kind in ("png", "svg"):
        assert (tmp_path / f"book-hiccups-latency.{kind}").stat().st_size > 1000


def test_wrong_input_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = bench("hiccups", "--rounds", "1", "--out", str(tmp_path / "file"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = bench("hiccups", TICKPATH_BENCH_PEERS=str(tmp_path / "none.toml"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert bench("nothing").returncode == 2


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    table = tmp_path / "peers.toml"
    table.write_text(
        '[[peer]]\nname = "bad"\nmeasure = "hiccups"\ncommand = ["sh", "-c", "exit 3"]\n'
        '[[peer]]\nname = "gone"\nmeasure = "hiccups"\ncommand = ["./no-such-program"]\n')
    done = bench("hiccups", "--rounds", "2", "--out", str(tmp_path), "--json",
                 TICKPATH_BENCH_PEERS=str(table))
    assert done.returncode == 1
    assert "bench: bad ended with status 3" in done.stderr
    kept = json.loads(done.stdout)
    assert set(kept["failed"]) == {"bad"} and "no-such-program" in kept["absent"]["gone"]
    assert all(len(row["samples"]) == 2 for row in kept["rows"])


def test_cost_over_size_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = []
    for size in (100, 1000, 10_000):
        point = Figure("scale", Row(f"at {size}", "ns", 1.0, series="by symbols", size=size))
        point.take(Row("", "ns", size / 50), {})
        points.append(point)
    paths = write_plots(result(*points, rounds=1), tmp_path, "scale")
    assert [path.name for path in paths] == ["scale-size.png", "scale-size.svg"]
    assert all(path.stat().st_size > 1000 for path in paths)
