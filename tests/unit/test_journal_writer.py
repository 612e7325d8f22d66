"""The writer process: nothing committed is lost, nothing is overwritten, errors halt trading."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journal_children import die_with_records, make_engine_state

from appliance.config import Config
from appliance.journal.reader import read_journal
from appliance.journal.record import Kind, pack
from appliance.state import State
from dpdk_bindings.env import Ring

WAIT_S = 30.0
_numbers = itertools.count()


@pytest.fixture
def state() -> Iterator[State]:
    state = make_engine_state(f"test-writer-{os.getpid()}-{next(_numbers)}", 1 << 16)
    yield state
    state.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_bytes(Config().to_json())
    return path


def start(segment: str, path: Path, config: Path, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.journal.writer", segment, str(path),
         "--config-json", str(config)],
        stderr=subprocess.PIPE, text=True, **options,
    )


def ended(writer: subprocess.Popen[str]) -> tuple[int, str]:
    _, complaint = writer.communicate(timeout=WAIT_S)
    return writer.returncode, complaint


def ring_of(state: State) -> Ring:
    return Ring(state.address + int(state.header["journal_offset"]))


def put(ring: Ring, record: bytes) -> None:
    deadline = time.monotonic() + WAIT_S
    while not ring.put(record):
        assert time.monotonic() < deadline, "the writer gives room back"
        time.sleep(0.001)


def frames(first: int, count: int) -> list[bytes]:
    return [
        pack(Kind.FRAME, bytes([i & 0xFF]) * (i % 1500), now_ns=i, number=i)
        for i in range(first, first + count)
    ]


def test_everything_is_on_file_in_order_whatever_the_signals(
    state: State, config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.tpj"
    writer = start(state.segment.name, path, config)
    ring, sent = ring_of(state), []
    for turn in range(10):
        for record in frames(turn * 300, 300):  # many turns of the 64 KiB ring
            put(ring, record)
            sent.append(record)
        if turn == 3 and path.exists():
            writer.send_signal(signal.SIGTERM)
            writer.send_signal(signal.SIGINT)
    assert writer.poll() is None
    state.header["loop_done"] = 1
    assert ended(writer) == (0, "")
    records = list(read_journal(path))
    assert records[0].kind is Kind.START and records[0].payload == config.read_bytes()
    assert records[-1].kind is Kind.END
    written = [
        pack(r.kind, r.payload, role=r.role, now_ns=r.now_ns, number=r.number, flags=r.flags)
        for r in records[1:-1]
    ]
    assert written == sent
    assert int(state.header["journal_done"]) == 1 and int(state.header["journal_error"]) == 0


def test_a_recording_with_holes_has_no_end(state: State, config: Path, tmp_path: Path) -> None:
    from appliance.telemetry.registry import COUNTER_INDEX

    put(ring_of(state), frames(5, 1)[0])
    state.counters[COUNTER_INDEX["journal_full"]] = 1
    state.header["loop_done"] = 1
    assert ended(start(state.segment.name, tmp_path / "j", config)) == (0, "")
    assert [r.kind for r in read_journal(tmp_path / "j")] == [Kind.START, Kind.FRAME]


def test_an_engine_that_dies_leaves_a_journal_of_all_it_committed(
    config: Path, tmp_path: Path
) -> None:
    name, path = f"test-writer-{os.getpid()}-{next(_numbers)}", tmp_path / "j"
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Queue()
    engine = spawn.Process(target=die_with_records, args=(name, 100, ready))
    engine.start()
    assert ready.get(timeout=WAIT_S) == "committed"
    writer = start(name, path, config)
    deadline = time.monotonic() + WAIT_S
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    engine.join(WAIT_S)
    assert ended(writer) == (0, "")
    kinds = [r.kind for r in read_journal(path)]
    assert kinds == [Kind.START] + [Kind.FRAME] * 100, "no END: the loop was not left in good order"
    assert not Path(f"/dev/shm/tickpath.{name}").exists()


def test_an_existing_file_is_never_touched(state: State, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.tpj"
    path.write_bytes(b"precious")
    code, complaint = ended(start(state.segment.name, path, config))
    assert code == 2 and "never written over; name another path" in complaint
    assert complaint.count("\n") == 1
    assert path.read_bytes() == b"precious"
    assert int(state.header["journal_error"]) == errno.EEXIST


def test_a_storage_error_halts_trading(state: State, config: Path, tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    path = tmp_path / "j"
    writer = start(state.segment.name, path, config, preexec_fn=little_room)
    ring = ring_of(state)
    for record in frames(1, 2000):
        if not ring.put(record) and int(state.header["journal_error"]):
            break
        time.sleep(0.0001)
    code, complaint = ended(writer)
    assert code == 1 and int(state.header["journal_error"]) == errno.EFBIG
    assert complaint.count("\n") == 1 and "trading is halted" in complaint
    assert int(state.header["journal_done"]) == 0


def test_a_directory_that_is_not_there(state: State, config: Path, tmp_path: Path) -> None:
    code, complaint = ended(start(state.segment.name, tmp_path / "no" / "j", config))
    assert code == 1 and "make the directory first" in complaint
    assert int(state.header["journal_error"]) == errno.ENOENT


def test_a_damaged_ring_halts_trading(state: State, config: Path, tmp_path: Path) -> None:
    good = frames(7, 1)[0]
    put(ring_of(state), good)
    put(ring_of(state), good + b"x")  # longer than its header says
    code, complaint = ended(start(state.segment.name, tmp_path / "j", config))
    assert code == 1 and "length cannot be right" in complaint
    assert int(state.header["journal_error"]) == errno.EIO


def test_wrong_arguments_are_one_sentence(config: Path, tmp_path: Path) -> None:
    code, complaint = ended(start("no-such-segment", tmp_path / "j", config))
    assert code == 2 and "start the process that makes it" in complaint
    code, complaint = ended(start("no-such-segment", tmp_path / "j", tmp_path / "none.json"))
    assert code == 2 and "check --config-json" in complaint
    config.write_bytes(b"{")
    code, complaint = ended(start("no-such-segment", tmp_path / "j", config))
    assert code == 2 and "configuration" in complaint and complaint.count("\n") == 1
