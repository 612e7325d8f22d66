"""memif with small buffers: a frame is one buffer at most, since the driver breaks longer ones."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import pytest

from dpdk_bindings import Queue, open_queue

pytest.importorskip("dpdk_bindings._dpdk", reason="built without DPDK")
BUFFER_BYTES = 256


@pytest.fixture
def ends() -> Iterator[tuple[Queue, Queue]]:
    """Client and server of a ring of 64 buffers, which a few hundred frames go round."""
    link = f"socket=tickpath-test-{os.getpid()},bsize={BUFFER_BYTES},rsize=6"
    with (
        open_queue(f"dpdk:net_memif60,role=server,{link}") as server,
        open_queue(f"dpdk:net_memif61,role=client,{link}") as client,
    ):
        deadline = time.monotonic() + 5.0
        while (client.link, server.link) != ("up", "up") and time.monotonic() < deadline:
            time.sleep(0.01)
        yield client, server


def test_a_frame_longer_than_a_buffer_is_counted_and_not_sent(ends: tuple[Queue, Queue]) -> None:
    client, server = ends
    assert client.frame_bytes_max == server.frame_bytes_max == BUFFER_BYTES
    frames = [b"a" * BUFFER_BYTES, b"b" * (BUFFER_BYTES + 1), b"c" * 60]
    assert client.send(frames) == 3
    assert client.stats()["tx_oversize"] == 1
    assert server.receive(4, timeout_s=1.0) == [frames[0], frames[2]]


def test_a_port_refuses_a_frame_longer_than_a_buffer() -> None:
    from dpdk_bindings import dpdk

    link = f"socket=tickpath-port-{os.getpid()},bsize={BUFFER_BYTES}"
    with dpdk.Port(f"net_memif62,role=server,{link}") as port:
        frames = [bytes(BUFFER_BYTES), bytes(BUFFER_BYTES + 1)]
        with pytest.raises(ValueError, match="frame 1 is longer than"):
            port.transmit(frames)
        assert port.stats()["tx_frames"] == 0


@pytest.mark.parametrize("back", [False, True], ids=["to-server", "to-client"])
def test_every_length_goes_round_the_ring(ends: tuple[Queue, Queue], back: bool) -> None:
    sender, receiver = ends[::-1] if back else ends
    rng = random.Random(5)
    receiver.receive(1)  # a client offers the server buffers when it first looks
    for _ in range(300):
        frame = rng.randbytes(rng.randrange(14, BUFFER_BYTES + 1))
        assert sender.send([frame]) == 1
        assert receiver.receive(4, timeout_s=1.0) == [frame]
