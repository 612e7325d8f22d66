"""The memory backend between processes: joining, crashing, refusing."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contract_cases import unique
from contract_driver import BURST_MAX, Hot, datagrams

from dpdk_bindings import PioError, open_queue
from dpdk_bindings.env import Segment

SPAWN = multiprocessing.get_context("spawn")
WAIT_S = 30


@pytest.fixture
def name() -> Iterator[str]:
    name = unique("memory")
    yield name
    left = Path(f"/dev/shm/tickpath.{name}")
    assert not left.exists(), "the last one to close removes the segment"


def _echo(name: str, count: int) -> None:
    """Sends back what arrives, each byte's bits turned over."""
    table = bytes(255 - byte for byte in range(256))
    with open_queue(f"memory:{name}") as queue:
        done = 0
        while done < count:
            frames = queue.receive(BURST_MAX, timeout_s=WAIT_S)
            assert frames
            assert queue.send([frame.translate(table) for frame in frames]) == len(frames)
            done += len(frames)
        # The other end must have read all before this one's segment may go.
        while queue.link == "up":
            queue.receive(1, timeout_s=0.01)


def test_two_processes_exchange_ten_thousand_frames(name: str) -> None:
    frames = datagrams(seed=7, count=10_000, bytes_max=1514)
    table = bytes(255 - byte for byte in range(256))
    with open_queue(f"memory:{name},slots=4096") as queue:
        child = SPAWN.Process(target=_echo, args=(f"{name},slots=4096", len(frames)))
        child.start()
        got: list[bytes] = []
        for at in range(0, len(frames), 1000):
            assert queue.send(frames[at : at + 1000], timeout_s=WAIT_S) == 1000
            while len(got) < at + 1000:
                burst = queue.receive(BURST_MAX, timeout_s=WAIT_S)
                assert burst, "the echo stopped"
                got += burst
        assert queue.link == "up"
        assert got == [frame.translate(table) for frame in frames]
        stats = queue.stats()
        assert stats["tx_frames"] == stats["rx_frames"] == len(frames)
    child.join(WAIT_S)
    assert child.exitcode == 0


def _hold(name: str, ready: Any, lend: int) -> None:
    """Takes part of what is there, holds it, and waits to be killed."""
    queue = open_queue(f"memory:{name}")
    hot = Hot(queue)
    lent = [hot.rx(lend), hot.lend(lend)]
    ready.put(len(lent[0]))
    signal.pause()


def test_a_killed_end_can_be_opened_again_and_loses_nothing(name: str) -> None:
    frames = datagrams(seed=8, count=60, bytes_max=1500)
    ready: Any = SPAWN.Queue()
    with open_queue(f"memory:{name}") as queue:
        assert queue.send(frames) == 60
        child = SPAWN.Process(target=_hold, args=(name, ready, 16))
        child.start()
        assert ready.get(timeout=WAIT_S) == 16
        with pytest.raises(PioError) as caught:
            open_queue(f"memory:{name}")
        assert caught.value.errno == errno.EBUSY
        assert f"processes {os.getpid()} and {child.pid}" in caught.value.why
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join(WAIT_S)
        # The dead one's claim is gone with it, and what it had not released comes again.
        with open_queue(f"memory:{name}") as again:
            assert again.receive(100, timeout_s=1.0) == frames
            assert again.send(frames) == 60
        assert queue.receive(100) == frames
        assert queue.link == "down"


def test_a_segment_of_the_dead_starts_empty(name: str) -> None:
    ready: Any = SPAWN.Queue()
    child = SPAWN.Process(target=_send_and_wait, args=(name, ready))
    child.start()
    ready.get(timeout=WAIT_S)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(WAIT_S)
    assert Path(f"/dev/shm/tickpath.{name}").exists()
    with (
        open_queue(f"memory:{name},slots=128") as one,
        open_queue(f"memory:{name},slots=128") as two,
    ):
        assert one.receive() == two.receive() == []
        assert one.send([bytes(60)]) == 1 and two.receive() == [bytes(60)]


def _send_and_wait(name: str, ready: Any) -> None:
    queue = open_queue(f"memory:{name}")
    queue.send([bytes(60)] * 10)
    ready.put(True)
    signal.pause()


def test_link_follows_the_peer(name: str) -> None:
    with open_queue(f"memory:{name}") as one:
        assert one.link == "down"
        with open_queue(f"memory:{name}"):
            assert one.link == "up"
        assert one.link == "down"


def test_ends_must_agree(name: str) -> None:
    with open_queue(f"memory:{name},slots=64"):
        with pytest.raises(PioError, match="has slots=64,frame_bytes=2048; give both ends"):
            open_queue(f"memory:{name},slots=128")
        with pytest.raises(PioError, match="give both ends the same"):
            open_queue(f"memory:{name},slots=64,frame_bytes=4096")


def test_another_kind_of_segment_is_not_taken_for_a_link(name: str) -> None:
    with (
        Segment.create(name, 1 << 20),
        pytest.raises(PioError, match="is in use and is no memory link; choose another name"),
    ):
        open_queue(f"memory:{name},slots=64")


def test_a_peer_that_writes_nonsense_harms_nobody(name: str) -> None:
    """Lengths, positions and all else in shared memory may be anything at any time."""
    options = "slots=64,frame_bytes=256"
    with (
        open_queue(f"memory:{name},{options}") as one,
        open_queue(f"memory:{name},{options}") as two,
        Segment.attach(name) as segment,
    ):
        memory = segment.buffer()
        for fill in (0xFF, 0x00, 0x55, 0x01, 0x80):
            one.send([bytes(60)] * 8, timeout_s=0.0)
            memory[:] = bytes([fill]) * len(memory)
            for _ in range(100):
                for queue in (one, two):
                    assert all(14 <= len(frame) <= 256 for frame in queue.receive(64))
                    queue.send([bytes(60)] * 4, timeout_s=0.0)
        assert two.stats()["rx_malformed"] > 0


HEADS_OFFSET = 4096  # the slots of end 0's direction; their stride is 5 lines here
STRIDE_BYTES = 320
TAIL_OFFSET = 128  # of end 0's direction


def test_after_a_silence_a_frame_comes_alone_and_then_bursts_do(name: str) -> None:
    """The first does not wait for the line that would tell of a second."""
    with open_queue(f"memory:{name}") as one, open_queue(f"memory:{name}") as two:
        hot = Hot(two)
        for _ in range(3):
            assert hot.take() == []
            frames = datagrams(seed=9, count=20, bytes_max=200)
            one.send(frames)
            assert [hot.take(), hot.take(8), hot.take()] == [frames[:1], frames[1:9], frames[9:]]


def test_a_sender_that_died_before_it_moved_the_tail_is_followed(name: str) -> None:
    options = "slots=64,frame_bytes=256"
    with open_queue(f"memory:{name},{options}") as two:
        # End 0 is the receiver here, so the sender's direction is the second.
        offset = TAIL_OFFSET + 256
        with open_queue(f"memory:{name},{options}") as one, Segment.attach(name) as segment:
            one.send([bytes(60)] * 5)
            tail = segment.buffer()[offset : offset + 8]
            assert int.from_bytes(tail, "little") == 5
            tail[:] = (3).to_bytes(8, "little")
            del tail
        with open_queue(f"memory:{name},{options}") as one:
            one.send([bytes(range(60))])
            assert two.receive(64) == [bytes(60)] * 5 + [bytes(range(60))]


@pytest.mark.parametrize("nonsense", [b"\xff" * 8, bytes(8), b"\x00\x00\x00\x00\x2a\x00\x00\x00"])
def test_a_slot_of_nonsense_is_counted_and_the_link_goes_on(name: str, nonsense: bytes) -> None:
    """What was sent is passed by, once; what comes after it is received."""
    options = "slots=64,frame_bytes=256"
    with (
        open_queue(f"memory:{name},{options}") as one,
        open_queue(f"memory:{name},{options}") as two,
        Segment.attach(name) as segment,
    ):
        memory = segment.buffer()
        for lap in range(3):
            one.send([bytes(60)] * 10)
            at = HEADS_OFFSET + lap * 11 * STRIDE_BYTES
            memory[at : at + 8] = nonsense
            assert two.receive(64) == []
            assert two.stats()["rx_malformed"] == lap + 1
            one.send([bytes(range(60))])
            assert two.receive(64) == [bytes(range(60))]
        assert len(Hot(one).lend(64)) == 64, "what was passed by is the sender's again"


NAMES = [
    ("nothing:x", "names no packet backend of this build"),
    ("memory", "names no packet backend of this build"),
    ("", "names no packet backend of this build"),
    ("memory:", "bad name"),
    ("memory:a/b", "bad name"),
    ("memory:.hidden", "bad name"),
    ("memory:" + "n" * 400, "longer than"),
    ("memory:" + "n" * 200, "longer than"),
    ("memory:x,slots=3", "not a power of two"),
    ("memory:x,slots=0", "out of range"),
    ("memory:x,slots=", "has no value"),
    ("memory:x,slots=-4", "out of range"),
    ("memory:x,slots=99999999999999999999999", "out of range"),
    ("memory:x,frame_bytes=1e3", "out of range"),
    ("memory:x,colour=red", "unknown queue option"),
    ("memory:x,slots", "unknown queue option"),
    ("pcap:", "names no file"),
    ("pcap:/no/such/file.pcap", "cannot open"),
    ("pcap:/", "not a regular file"),
    ("pcap:,out=/no/such/directory/x.pcap", "cannot write"),
    ("pcap:x,loop=0", "out of range"),
    ("fault(", "names no queue to wrap"),
    ("fault(loss=0.1)", "names no queue to wrap"),
    ("fault(loss=0.1)memory:x", "names no queue to wrap"),
    ("fault(loss=0.1):", "names no packet backend"),
    ("fault(loss=2):memory:x", "out of range"),
    ("fault(loss=nan):memory:x", "out of range"),
    ("fault(depth=65):memory:x", "out of range"),
    ("fault(seed=-1):memory:x", "out of range"),
    ("fault(gain=1):memory:x", "unknown queue option"),
]


@pytest.mark.parametrize(("queue_name", "why"), NAMES, ids=[row[0][:40] or "-" for row in NAMES])
def test_a_wrong_name_is_one_sentence_and_its_remedy(queue_name: str, why: str) -> None:
    with pytest.raises(PioError) as caught:
        open_queue(queue_name)
    error = caught.value
    assert why in error.why
    assert error.errno and error.remedy
    assert "\n" not in str(error) and len(str(error)) < 512
    assert not list(Path("/dev/shm").glob("tickpath.x*"))
