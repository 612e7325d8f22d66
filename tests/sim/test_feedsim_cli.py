"""feedsim at the command line: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from naive_book import NaiveBook, unframe

from dpdk_bindings import open_queue
from feed_sim.cli import main
from feed_sim.exchange.config import default_toml, load

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def figures(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    rows: dict[str, Any] = json.loads(result.stdout)
    return rows


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("day") / "day.itch"
    figures("generate", "-n", 20_000, "-k", 20, path)
    return path


def wrong(result: Result, *words: str) -> None:
    """Exit code 2, the words in one line on standard error, and no traceback."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_every_command_has_help_with_an_example() -> None:
    for command in ("generate", "replay", "exchange", "inspect"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert f"feedsim {command}" in result.output and "For example" in result.output


def test_inspect_agrees_with_generate(day: Path, tmp_path: Path) -> None:
    for name in ("x.itch", "x.itch.gz", "x.pcap", "x.pcapng"):
        made = figures("generate", "-n", 5000, "-k", 20, tmp_path / name)
        seen = figures("inspect", tmp_path / name)
        assert seen["by_type"] == made["by_type"] and seen["messages"] == 5000
        assert seen["symbols"] == 20 and seen["problem"] is None
        assert (seen["first"], seen["last"][:8]) == ("09:29:00.000000000", "16:00:00")
        if "pcap" in name:
            (stream,) = seen["streams"]
            assert (stream["first_sequence"], stream["last_sequence"]) == (1, 5000)
            assert seen["gaps"] == 0 and stream["messages"] == 5000
    assert "problem" in run("inspect", day).output


def test_inspect_counts_gaps_and_repeats(tmp_path: Path) -> None:
    figures("generate", "-n", 3000, "-k", 5, tmp_path / "a.pcap")
    with (open_queue(f"pcap:{tmp_path / 'a.pcap'}") as source,
          open_queue(f"pcap:,out={tmp_path / 'b.pcap'}") as out):
        frames = source.receive(10_000)
        out.send([*frames[:10], frames[5], *frames[12:]])
    seen = figures("inspect", tmp_path / "b.pcap")
    lost = [int.from_bytes(f[60:62], "big") for f in frames[10:12]]
    (stream,) = seen["streams"]
    assert stream["gaps"] == 1 and stream["gap_messages"] == sum(lost)
    assert stream["repeated_messages"] == int.from_bytes(frames[5][60:62], "big")
    assert seen["messages"] == 3000 - sum(lost)


@pytest.mark.parametrize("kind", ["itch", "itch.gz", "pcap", "pcapng"])
def test_a_cut_file_is_read_as_far_as_it_goes(kind: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / f"a.{kind}", tmp_path / f"cut.{kind}"
    figures("generate", "-n", 5000, "-k", 20, whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2 + 1])
    result = run("inspect", "--json", cut)
    wrong(result, "offset", "cut")
    rows = json.loads(result.stdout)
    assert 1000 < rows["messages"] < 4000 and rows["end_offset"] > 0
    assert str(f"{rows['end_offset']:,}") in rows["problem"]
    if kind == "itch":
        assert rows["end_offset"] == len(content) // 2 + 1 - rows_left(cut, rows["end_offset"])


def rows_left(path: Path, offset: int) -> int:
    """Bytes behind the last whole message, which must be less than a message and its length."""
    left = len(path.read_bytes()) - offset
    assert 0 < left < 52
    return left


def test_damage_in_the_middle_is_found(day: Path, tmp_path: Path) -> None:
    content = bytearray(day.read_bytes())
    offset = 0
    for message in list(unframe(bytes(content)))[:1000]:
        offset += 2 + len(message)
    content[offset + 1] ^= 1
    path = tmp_path / "damaged.itch"
    path.write_bytes(content)
    result = run("inspect", "--json", path)
    wrong(result, f"offset {offset:,}", "bytes")
    assert json.loads(result.stdout)["messages"] == 1000


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    wrong(run("inspect", tmp_path / "none.itch"), "none.itch", "no such file")
    wrong(run("inspect", tmp_path), "directory")
    (tmp_path / "text.itch").write_text("this is not a day file at all\n")
    wrong(run("inspect", tmp_path / "text.itch"), "offset 0")
    (tmp_path / "empty.itch").write_bytes(b"")
    assert figures("inspect", tmp_path / "empty.itch")["messages"] == 0


def collect(queue: Any, until: threading.Event) -> bytes:
    """The messages of line A in sequence, as a day file."""
    content, expected = bytearray(), 1
    while not until.is_set():
        for frame in queue.receive(64, timeout_s=0.01):
            payload = frame[42:]
            count = int.from_bytes(payload[18:20], "big")
            if count == 0xFFFF:
                assert int.from_bytes(payload[10:18], "big") == expected
                until.set()
            elif count:
                assert int.from_bytes(payload[10:18], "big") == expected
                expected += count
                content += payload[20:]
    return bytes(content)


@pytest.mark.parametrize("pace", [["--max"], ["--rate", "100000"], ["--speed", "200000"]])
def test_replay_sends_every_message_in_its_time(day: Path, pace: list[str]) -> None:
    name = f"memory:replay-{time.monotonic_ns()}"
    rows: dict[str, Any] = {}
    with open_queue(name) as queue:
        sender = threading.Thread(
            target=lambda: rows.update(figures("replay", day, "--to", name, *pace)))
        sender.start()
        assert collect(queue, threading.Event()) == day.read_bytes()
        sender.join()
    assert rows["messages"] == 20_000 and rows["problem"] is None
    if "--rate" in pace:
        assert 0.19 < rows["seconds"] < 0.4 and rows["pacing_error_ns"]["count"] == 20_000
    if "--speed" in pace:
        assert 23460 / 200_000 <= rows["seconds"] < 0.4


def test_replay_says_what_is_wrong(day: Path, tmp_path: Path) -> None:
    wrong(run("replay", day, "--to", "memory:x", "--max", "--rate", "5"), "give one")
    wrong(run("replay", day, "--to", "nonsense:x"), "nonsense")
    wrong(run("replay", tmp_path / "none", "--to", "memory:x"), "no such file")
    wrong(run("replay", day, "--to", "memory:x", "--session", "far too long"), "10 ASCII")
    wrong(run("replay", day, "--to", "memory:nobody", "--max"), "start its reader")


@pytest.mark.parametrize("toml, words", [
    ("[exchange]\nsecond = 5\n", [":2", "[exchange]", "'second'", "did you mean 'seconds'"]),
    ("[exchang]\n", ["in the file", "did you mean 'exchange'"]),
    ("[flow]\nmessages_per_s = \"many\"\n", [":2", "flow.messages_per_s", "expected int"]),
    ("[flow]\nlive_orders = 0\n", ["flow.live_orders", ">= 1"]),
    ("[feed]\na_group = \"233.54.12\"\n", ["feed.a_group", "no IPv4 address"]),
    ("[feed]\nline_b = \"memory:feed-a\"\n", ["same queue"]),
    ("[exchange]\nsymbols = [\"AB\", \"ab\"]\n", ["'ab'", "no symbol"]),
    ("[exchange]\nsymbols = 0\n", ["1 to 65535"]),
    ("[exchange]\nstart_at = \"9:30\"\n", ["exchange.start_at"]),
    ("[exchange\n", ["not valid TOML", "line 1"]),
    ("[feed]\nline_a = \"nosuch:x\"\n", ["nosuch"]),
    ("[exchange]\ncore = 4096\n[orders]\nqueue = \"\"\n", ["core 4096"]),
])
def test_a_bad_configuration_is_one_sentence(toml: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(toml)
    wrong(run("exchange", "-c", path, "--seconds", "1"), *words)


def test_the_documented_default_is_the_default(tmp_path: Path) -> None:
    assert (ROOT / "docs/exchange.toml").read_text() == default_toml()
    assert run("exchange", "--default-config").output == default_toml()
    path = tmp_path / "default.toml"
    path.write_text(default_toml())
    path.with_name("empty.toml").write_text("")
    assert load(path) == load(path.with_name("empty.toml"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_market_within_a_second(number: int, tmp_path: Path) -> None:
    """In a process of its own: summary printed, code 0, the feed closed in order, nothing left."""
    name = f"stop-{number}-{time.monotonic_ns()}"
    path = tmp_path / "x.toml"
    path.write_text(f'[exchange]\nwait_s = 0\n[feed]\nline_a = "memory:{name}"\nline_b = ""\n'
                    '[orders]\nqueue = ""\n')
    command = [sys.executable, "-m", "feed_sim.cli", "exchange", "-c", str(path), "--json"]
    done = threading.Event()
    with open_queue(f"memory:{name}") as queue:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        started = time.monotonic()
        timer = threading.Timer(1.5, lambda: process.send_signal(number))
        timer.start()
        content = collect(queue, done)
        output, _ = process.communicate(timeout=5)
        assert time.monotonic() - started < 1.5 + 1.0
    rows = json.loads(output)
    assert process.returncode == 0 and rows["stopped_by_signal"] == number
    messages = list(unframe(content))
    assert len(messages) == rows["sequence"]
    assert [m[11:12] for m in messages[-3:]] == [b"M", b"E", b"C"]
    book = NaiveBook()
    book.apply_all(messages)
    assert len(book.orders) == rows["live_orders"]
    assert not list(Path("/dev/shm").glob(f"*{name}*"))
