"""A client of the order gateway made of struct and sockets' words: no code of the product's codecs.

It keeps its own MoldUDP64 stream to the venue and reads the venue's, over any queue.
"""

from __future__ import annotations

import ipaddress
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from dpdk_bindings.queue import Queue

VENUE = ("206.200.127.140", 26480)
CLIENT = ("10.0.0.7", 40000)
MAC_CLIENT, MAC_VENUE = b"\x02\x00\x00\x00\x00\x07", b"\x02\x00\x00\x00\x00\x01"


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(payload: bytes, source: Any = CLIENT, destination: Any = VENUE) -> bytes:
    addresses = b"".join(ipaddress.IPv4Address(a).packed for a in (source[0], destination[0]))
    length = 8 + len(payload)
    udp = struct.pack(">HHHH", source[1], destination[1], length, 0) + payload
    pseudo = addresses + struct.pack(">HH", 17, length)
    udp = udp[:6] + struct.pack(">H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, 16, 17, 0) + addresses
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return MAC_VENUE + MAC_CLIENT + b"\x08\x00" + ip + udp


def packet(session: bytes, sequence: int, messages: list[bytes], count: int | None = None) -> bytes:
    head = session + struct.pack(">QH", sequence, len(messages) if count is None else count)
    return head + b"".join(struct.pack(">H", len(m)) + m for m in messages)


def option(tag: int, value: bytes) -> bytes:
    return struct.pack(">BB", 1 + len(value), tag) + value


def enter(number: int, side: str = "B", quantity: int = 100, symbol: str = "TESTA",
          price: int = 100_0000, life: str = "0", display: str = "Y", cross: str = "N",
          options: bytes = b"") -> bytes:
    return struct.pack(">cIcI8sQccccc14sH", b"O", number, side.encode(), quantity,
                       symbol.encode().ljust(8), price, life.encode(), display.encode(), b"P",
                       b"N", cross.encode(), b"client order  ", len(options)) + options


def replace(old: int, number: int, quantity: int, price: int, life: str = "0",
            display: str = "Y", options: bytes = b"") -> bytes:
    return struct.pack(">cIIIQccc14sH", b"U", old, number, quantity, price, life.encode(),
                       display.encode(), b"N", b"client order  ", len(options)) + options


def cancel(number: int, quantity: int = 0) -> bytes:
    return struct.pack(">cII", b"X", number, quantity)


LAYOUTS: dict[bytes, tuple[str, tuple[str, ...]]] = {
    b"S": (">xQc", ("time", "event")),
    b"A": (">xQIcI8sQccQcccc14sH", (
        "time", "number", "side", "quantity", "symbol", "price", "life", "display", "reference",
        "capacity", "sweep", "cross", "state", "id", "options")),
    b"U": (">xQIIcI8sQccQcccc14sH", (
        "time", "old", "number", "side", "quantity", "symbol", "price", "life", "display",
        "reference", "capacity", "sweep", "cross", "state", "id", "options")),
    b"C": (">xQIIc", ("time", "number", "quantity", "reason")),
    b"E": (">xQIIQcQH", ("time", "number", "quantity", "price", "liquidity", "match", "options")),
    b"J": (">xQIH14s", ("time", "number", "reason", "id")),
    b"Q": (">xQI", ("time", "next")),
}


def decode(message: bytes) -> dict[str, Any]:
    layout, names = LAYOUTS[message[:1]]
    size = struct.calcsize(layout)
    fields: dict[str, Any] = dict(zip(names, struct.unpack(layout, message[:size]), strict=True))
    assert len(message) == size + fields.get("options", 0), message
    return {"type": message[:1].decode(), **fields}


@dataclass
class Client:
    queue: Queue
    session: bytes = b"CLIENT0001"
    sequence: int = 1
    sent: list[bytes] = field(default_factory=list)
    venue_session: bytes = b""
    expected: int = 1
    answers: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[bytes, int, int]] = field(default_factory=list)
    ended: bool = False

    def put(self, *messages: bytes) -> None:
        """Sends messages in one packet, in sequence."""
        payload = packet(self.session, self.sequence, list(messages))
        self.sequence += len(messages)
        self.sent += messages
        assert self.queue.send([datagram(payload)]) == 1

    def take(self) -> None:
        """Reads what is there; messages of the venue's stream are appended once, in order."""
        for frame in self.queue.receive(64):
            assert frame[0:6] == MAC_CLIENT and checksum(frame[14:34]) == 0
            payload = frame[42:]
            session, sequence, count = struct.unpack_from(">10sQH", payload)
            if len(payload) == 20 and 0 < count < 0xFFFF:
                self.requests.append((session, sequence, count))
                continue
            if session != self.venue_session and sequence == 1:
                self.venue_session, self.expected = session, 1
            if session != self.venue_session:
                continue
            if count == 0xFFFF:
                self.ended = True
                continue
            offset = 20
            for number in range(sequence, sequence + count):
                (length,) = struct.unpack_from(">H", payload, offset)
                if number == self.expected:
                    self.answers.append(decode(payload[offset + 2 : offset + 2 + length]))
                    self.expected += 1
                offset += 2 + length
            assert offset == len(payload)

    def wait(self, count: int, timeout_s: float = 5.0) -> list[dict[str, Any]]:
        """The answers so far without the S messages, once there are ``count`` of them."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.take()
            answers = [a for a in self.answers if a["type"] != "S"]
            if len(answers) >= count or time.monotonic() > deadline:
                assert len(answers) == count, answers
                return answers
            time.sleep(0.0005)
