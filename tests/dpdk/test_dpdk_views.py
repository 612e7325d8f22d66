"""Views of frames: they show their frame for as long as they live, and never another's."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from dpdk_bindings.dpdk import Burst, Port

ROOT = Path(__file__).resolve().parents[2]


def frame(number: int, length: int = 60) -> bytes:
    return number.to_bytes(4, "big") * (length // 4)


def loop(port: Port, *frames: bytes) -> Burst:
    """Sends frames to ourselves and receives them."""
    assert port.transmit(frames) == len(frames)
    burst = port.receive(count=len(frames))
    assert len(burst) == len(frames)
    return burst


def out(port: Port) -> int:
    """Frames in bursts and views; net_ring keeps none."""
    gc.collect()
    return port.rx_pool().in_use


def test_a_burst_is_a_sequence_of_frames(ring: Port) -> None:
    sent = [frame(1), frame(2, 64), frame(3, 1500)]
    burst = loop(ring, *sent)
    assert [bytes(view) for view in burst] == sent
    assert bytes(burst[-1]) == sent[2]
    assert burst.array(1).tobytes() == sent[1]
    assert burst.lengths.tolist() == [60, 64, 1500]
    assert burst.timestamps_ns.tolist() == [0, 0, 0]
    assert out(ring) == 3
    with pytest.raises(IndexError, match="frame 3 of a burst of 3"):
        burst[3]
    burst.release()
    assert (len(burst), out(ring)) == (0, 0)
    burst.release()


def test_an_end_without_release_gives_back(ring: Port) -> None:
    burst = loop(ring, frame(1), frame(2))
    assert out(ring) == 2
    del burst
    assert out(ring) == 0
    with pytest.raises(ZeroDivisionError), loop(ring, frame(1)) as burst:
        burst[0][0] = 1 // 0
    assert out(ring) == 0


def test_the_last_view_of_a_frame_gives_it_back(ring: Port) -> None:
    burst = loop(ring, frame(1), frame(2), frame(3))
    piece = burst[0][4:20][2:4]
    array = burst.array(1)[10:20:3]
    escaped = np.frombuffer(burst[1], ">u4")
    burst.release()
    assert out(ring) == 2  # the third had no view
    for _ in range(30):  # the ring's frames come and go; these two do not
        assert bytes(loop(ring, frame(9), frame(8))[1]) == frame(8)
    assert bytes(piece) == frame(1)[6:8]
    assert escaped.tolist() == [2] * 15
    del array
    assert out(ring) == 2
    del escaped
    assert out(ring) == 1
    piece.release()
    del piece
    assert out(ring) == 0


def test_views_of_a_frame_are_of_the_same_bytes(ring: Port) -> None:
    burst = loop(ring, frame(7))
    first, second, array = burst[0], burst[0], burst.array(0)
    first[0:4] = b"abcd"
    array[1] = ord("x")
    assert bytes(second[:4]) == b"axcd"
    assert burst.read(0, 4).tobytes() == b"axcd"


def test_views_outlive_the_port(ring: Port) -> None:
    from dpdk_bindings import dpdk

    before = dpdk.mbufs_missing()
    burst = loop(ring, frame(5), frame(6))
    view, array = burst[0], burst.array(1)
    ring.close()
    assert dpdk.mbufs_missing() == before + 2
    burst.release()
    assert dpdk.mbufs_missing() == before + 2
    assert bytes(view) == frame(5)
    assert array.tobytes() == frame(6)
    del view
    assert dpdk.mbufs_missing() == before + 1
    del array
    assert dpdk.mbufs_missing() == before
    for use in (ring.receive, ring.stats, ring.rx_pool, lambda: ring.transmit([frame(1)])):
        with pytest.raises(ValueError, match="closed"):
            use()
    ring.close()


def test_a_frame_with_a_view_is_not_sent(ring: Port) -> None:
    burst = loop(ring, frame(1), frame(2))
    view = burst[1]
    with pytest.raises(BufferError, match="frame 1 has views out"):
        ring.transmit(burst)
    assert len(burst) == 2  # and nothing was
    assert not ring.receive()
    del view
    assert ring.transmit(burst) == 2
    assert len(burst) == 0
    with pytest.raises(IndexError):
        burst[0]
    again = ring.receive()
    assert [bytes(again[0]), bytes(again[1])] == [frame(1), frame(2)]


def test_what_the_device_does_not_take_stays(ring: Port) -> None:
    room = ring.info.tx_slots
    ring.transmit([frame(0)] * room)
    with ring.allocate(64, 60) as burst:
        for index in range(64):
            burst.fill(index, frame(index))
        taken = ring.transmit(burst)
        assert taken < 64
        assert bytes(burst[0]) == frame(taken)
        assert len(burst) == 64 - taken
    while ring.receive(count=1024):
        pass
    assert out(ring) == 0


def test_frames_are_written_in_place(ring: Port) -> None:
    burst = ring.allocate(3, 60)
    burst[0][:] = frame(1)
    burst.array(1)[:] = 0xFF
    burst.fill(2, bytearray(frame(3, 100)))
    burst.resize(1, 70)
    assert burst.lengths.tolist() == [60, 70, 100]
    view = burst[0]
    with pytest.raises(BufferError, match="frame 0 has views out"):
        burst.resize(0, 20)
    del view
    with pytest.raises(ValueError, match="no room for 60000 bytes"):
        burst.resize(0, 60000)
    with pytest.raises(ValueError, match="no room for 5000 bytes"):
        burst.fill(0, bytes(5000))
    with pytest.raises(ValueError, match="no room for 5000 bytes"):
        ring.allocate(1, 5000)
    burst.resize(2, 13)
    with pytest.raises(ValueError, match="frame 2 is shorter than an Ethernet header"):
        ring.transmit(burst)
    burst.resize(2, 14)
    assert ring.transmit(burst) == 3
    assert bytes(ring.receive()[2]) == frame(3)[:14]


def test_a_whole_burst_is_read_and_written(ring: Port) -> None:
    burst = loop(ring, frame(1, 60), frame(2, 16))
    rows = burst.read(12, 8)
    assert rows.shape == (2, 8)
    assert rows[0].tobytes() == frame(1)[:8]
    assert rows[1].tobytes() == frame(2)[:4] + bytes(4)  # past its end
    assert not burst.read(70000, 4).any()
    burst.write(2, b"\xaa\xbb")
    assert burst.read(0, 4).tobytes() == b"\0\0\xaa\xbb" * 2
    before = [bytes(view) for view in burst]
    with pytest.raises(ValueError, match="shorter than 18 bytes"):
        burst.write(14, b"1234")
    assert [bytes(view) for view in burst] == before


def test_taken_frames_are_a_burst_of_their_own(ring: Port) -> None:
    burst = loop(ring, *(frame(i) for i in range(8)))
    odd = burst.take(burst.read(3, 1)[:, 0] % 2 == 1)
    assert [view[3] for view in odd] == [1, 3, 5, 7]
    assert [view[3] for view in burst] == [0, 2, 4, 6]
    last = burst.take([-1, 0])
    assert [view[3] for view in last] == [0, 6]
    assert [view[3] for view in burst] == [2, 4]
    assert len(burst.take([])) == len(burst.take([False, False])) == 0
    with pytest.raises(IndexError):
        burst.take([2])
    with pytest.raises(IndexError):
        burst.take([True])
    assert out(ring) == 8
    del odd, last
    assert out(ring) == 2


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_no_view_shows_another_frame(ring: Port, seed: int) -> None:
    """Random holding, slicing, releasing and sending, against the bytes as they were."""
    rng = random.Random(seed)
    held: list[tuple[memoryview, bytes]] = []
    bursts: list[Burst] = []
    number = 0
    for _ in range(1500):
        act = rng.randrange(6)
        if act == 0:
            count = rng.randrange(1, 9)
            sent = [frame(number + i, rng.randrange(20, 600)) for i in range(count)]
            number += count
            bursts.append(loop(ring, *sent))
        elif act == 1 and bursts:
            burst = rng.choice(bursts)
            if burst:
                index = rng.randrange(len(burst))
                view, low = burst[index], rng.randrange(10)
                held.append((view[low:], bytes(view)[low:]))
        elif act == 2 and bursts:
            bursts.pop(rng.randrange(len(bursts))).release()
        elif act == 3 and held:
            held.pop(rng.randrange(len(held)))
        elif act == 4 and bursts:
            burst = bursts.pop(rng.randrange(len(bursts)))
            try:
                ring.transmit(burst)
                ring.receive().release()
            except BufferError:
                bursts.append(burst)
        elif act == 5 and bursts and (burst := rng.choice(bursts)):
            bursts.append(burst.take([rng.randrange(len(burst))]))
        assert all(bytes(view) == was for view, was in held)
    del held, bursts, burst
    view = None
    assert out(ring) == 0


def test_threads_share_a_queue(ring: Port) -> None:
    """Two send, two receive and keep views across threads; none is lost, doubled or torn."""
    each, seen, lock = 4000, [], threading.Lock()
    done = threading.Event()

    def send(base: int) -> None:
        for number in range(base, base + each):
            while not ring.transmit([frame(number)]):
                time.sleep(0)

    def receive() -> None:
        while not done.is_set() or (burst := ring.receive()):
            if not (burst := ring.receive(count=7)):
                time.sleep(0)
                continue
            views = list(burst)
            burst.release()
            with lock:
                seen.extend(int.from_bytes(view[:4], "big") for view in views
                            if bytes(view[:4]) * 15 == bytes(view))  # fmt: skip

    receivers = [threading.Thread(target=receive) for _ in range(2)]
    senders = [threading.Thread(target=send, args=(i * each,)) for i in range(2)]
    for thread in receivers + senders:
        thread.start()
    for thread in senders:
        thread.join()
    deadline = time.monotonic() + 20
    while len(seen) < 2 * each and time.monotonic() < deadline:
        time.sleep(0.01)
    done.set()
    for thread in receivers:
        thread.join()
    assert sorted(seen) == list(range(2 * each))
    assert out(ring) == 0


def test_a_pool_of_ones_own_lends_until_it_is_empty(ring: Port) -> None:
    from dpdk_bindings import dpdk

    before = dpdk.mbufs_missing()
    with dpdk.Mempool(64, 256) as pool:
        whole = pool.available
        burst = pool.allocate(40, 60)
        assert (pool.in_use, pool.available) == (40, whole - 40)
        rest = [pool.allocate(1000, 60)]
        assert len(rest[0]) == whole - 40
        assert len(pool.allocate(1, 60)) == 0
        rest.clear()
        assert pool.in_use == 40
        with pytest.raises(ValueError, match="no room for 257 bytes"):
            pool.allocate(1, 257)
        burst.write(0, frame(1))
        assert ring.transmit(burst) == 40
        received = ring.receive()
    assert dpdk.mbufs_missing() == before + 40
    assert bytes(received[39]) == frame(1)
    with pytest.raises(ValueError, match="closed"):
        pool.counts()
    del received
    assert dpdk.mbufs_missing() == before


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


PRELUDE = """
import atexit, os, sys, threading
from dpdk_bindings import dpdk
dpdk.start(huge_pages="off")
port = dpdk.Port("net_ring0")
port.transmit([bytes([i]) * 60 for i in range(8)])
burst = port.receive()
"""


def test_views_that_live_to_the_end_harm_nothing() -> None:
    """They are read at exit, in every place that lives long, and DPDK stops after them all."""
    code = """
view, array = burst[0], burst.array(1)
class Last:
    def __init__(self, kept): self.kept = kept
    def __del__(self, write=os.write): write(1, bytes(self.kept[:1]).hex().encode() + b" ")
last = Last(burst[2])
cycle = [Last(burst[4])]; cycle.append(cycle)
atexit.register(lambda: os.write(1, bytes(view[:1]).hex().encode() + b" "))
local = threading.local(); local.view = Last(burst[5])
"""
    assert sorted(run(PRELUDE + code).split()) == ["00", "02", "04", "05"]
    # What sys keeps goes last of all, and takes the module with it.
    assert run(PRELUDE + code + "sys.kept = Last(burst[3])").split()[-1] == "03"
    run(PRELUDE + "view = burst[0]; port.close()")
    run(PRELUDE + "view = burst[0]; import ctypes; ctypes.pythonapi.Py_IncRef("
        "ctypes.py_object(view))")  # fmt: skip


def test_a_forked_child_lets_the_frames_be() -> None:
    code = """
view = burst[0]
before = port.rx_pool()
child = os.fork()
if not child:
    assert bytes(view[:1]) == b"\\0"
    for use in (port.receive, port.stats, lambda: burst[1], lambda: port.transmit(burst)):
        try: use()
        except RuntimeError as error: assert "forked" in str(error)
        else: os._exit(1)
    del view
    burst.release(); del burst
    port.close(); del port
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert port.rx_pool() == before
assert [bytes(one[:1]) for one in burst] == [bytes([i]) for i in range(8)]
del view
burst.release()
assert port.rx_pool().in_use == 0
print("well")
"""
    assert run(PRELUDE + code) == "well\n"
