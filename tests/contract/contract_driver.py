"""The six hot functions of a queue, called as the loop calls them: through its address."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable
from typing import Any

from dpdk_bindings import Queue
from dpdk_bindings._core import ffi, lib

BURST_MAX: int = lib.PIO_BURST_MAX
FRAME_BYTES_MIN: int = lib.PIO_FRAME_BYTES_MIN
# The counters that say why a frame that was sent is not among those received.
LOSSES = ("rx_missed", "rx_oversize", "rx_malformed", "fault_lost", "rx_undersize")


class Hot:
    """The hot half of a queue. Frames are cffi structs by value, to be read before release."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue  # keeps the address good
        self.c: Any = ffi.cast("struct pio_queue *", queue.address)

    def rx(self, count_max: int) -> list[Any]:
        frames = ffi.new("struct pio_frame[]", max(count_max, 1))
        count = self.c.rx_burst(self.c, frames, count_max)
        assert count <= count_max
        return _values(frames, count)

    def release(self, frames: list[Any]) -> None:
        self.c.rx_release(self.c, _array(frames), len(frames))

    def lend(self, count_max: int) -> list[Any]:
        frames = ffi.new("struct pio_frame[]", max(count_max, 1))
        count = self.c.tx_lend(self.c, frames, count_max)
        assert count <= count_max
        return _values(frames, count)

    def burst(self, frames: list[Any]) -> int:
        taken = int(self.c.tx_burst(self.c, _array(frames), len(frames)))
        assert taken <= len(frames)
        return taken

    def give_back(self, frames: list[Any]) -> None:
        self.c.tx_return(self.c, _array(frames), len(frames))

    def service(self, now_ns: int = 1) -> None:
        self.c.service(self.c, now_ns)

    def send(self, datas: list[bytes]) -> int:
        """One lend and one burst of at most BURST_MAX; what is not taken is given back."""
        lent = self.lend(min(len(datas), BURST_MAX))
        for frame, data in zip(lent, datas, strict=False):
            fill(frame, data)
        taken = self.burst(lent)
        self.give_back(lent[taken:])
        return taken

    def take(self, count_max: int = BURST_MAX) -> list[bytes]:
        """One burst, copied and released."""
        frames = self.rx(count_max)
        datas = [content(frame) for frame in frames]
        self.release(frames)
        return datas


class Sending:
    """Sends frames in order, as many in a burst as are taken."""

    def __init__(self, queue: Queue, datas: list[bytes]) -> None:
        self.queue = ffi.cast("struct pio_queue *", queue.address)
        self.datas, self.at = datas, 0
        self.frames = ffi.new("struct pio_frame[]", BURST_MAX)

    def step(self, most: int = BURST_MAX) -> None:
        datas = self.datas[self.at : self.at + most]
        lent = self.queue.tx_lend(self.queue, self.frames, len(datas))
        for i in range(lent):
            frame, data = self.frames[i], datas[i]
            ffi.memmove(frame.data, data, len(data))
            frame.length, frame.timestamp_ns, frame.flags = len(data), 0, 0
        taken = self.queue.tx_burst(self.queue, self.frames, lent)
        self.queue.tx_return(self.queue, self.frames + taken, lent - taken)
        self.at += taken
        self.queue.service(self.queue, 1)


class Receiving:
    """Digests what arrives: each frame's length and bytes, in order, or what ``each`` makes of it
    and its flags."""

    def __init__(self, queue: Queue, each: Callable[[bytes, int], bytes] | None = None) -> None:
        self.queue = ffi.cast("struct pio_queue *", queue.address)
        self.digest, self.count = hashlib.blake2b(), 0
        self.each = each
        self.frames = ffi.new("struct pio_frame[]", BURST_MAX)

    def step(self) -> int:
        count = int(self.queue.rx_burst(self.queue, self.frames, BURST_MAX))
        for i in range(count):
            data = bytes(ffi.buffer(self.frames[i].data, self.frames[i].length))
            if self.each:
                data = self.each(data, self.frames[i].flags)
            self.digest.update(len(data).to_bytes(4, "big") + data)
        self.queue.rx_release(self.queue, self.frames, count)
        self.queue.service(self.queue, 1)
        self.count += count
        return count


def _values(frames: Any, count: int) -> list[Any]:
    """Each frame as a struct of its own, as C's assignment would copy it."""
    return [ffi.new("struct pio_frame *", frames[i]) for i in range(count)]


def _array(frames: list[Any]) -> Any:
    return ffi.new("struct pio_frame[]", [frame[0] for frame in frames] or 1)


def fill(frame: Any, data: bytes, timestamp_ns: int = 0) -> None:
    """Writes ``data`` into a lent frame; what does not fit sets the length alone."""
    if len(data) <= frame.length:
        ffi.memmove(frame.data, data, len(data))
    frame.length = len(data)
    frame.timestamp_ns = timestamp_ns
    frame.flags = 0


def content(frame: Any) -> bytes:
    return bytes(ffi.buffer(frame.data, frame.length))


def datagram(payload: bytes, total_length: int | None = None, fragment: int = 0) -> bytes:
    """An Ethernet frame with UDP in it, whose IP length and fragment word may be lies."""
    length = 28 + len(payload) if total_length is None else total_length
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, length & 0xFFFF, 7, fragment, 64, 17, 0, 1, 2)
    udp = struct.pack(">HHHH", 9000, 9001, (length - 20) & 0xFFFF, 0)
    return bytes(12) + b"\x08\x00" + ip + udp + payload


def datagrams(seed: int, count: int, bytes_max: int) -> list[bytes]:
    """Valid, hostile and fragmentary frames of every size from the shortest to ``bytes_max``."""
    rng = random.Random(seed)
    frames: list[bytes] = []
    for index in range(count):
        payload = rng.randbytes(rng.randrange(min(1400, bytes_max - 42)))
        kind = index % 6
        if kind == 0:
            frame = datagram(payload)
        elif kind == 1:
            frame = datagram(payload, total_length=rng.randrange(65536))
        elif kind == 2:
            frame = datagram(payload, fragment=rng.randrange(65536))
        elif kind == 3:
            frame = datagram(payload)[: rng.randrange(FRAME_BYTES_MIN, 42)]
        elif kind == 4:
            frame = rng.randbytes(rng.randrange(FRAME_BYTES_MIN, 200))
        else:
            frame = rng.randbytes(rng.choice((FRAME_BYTES_MIN, 60, 1514, bytes_max)))
        frames.append(frame)
    return frames
