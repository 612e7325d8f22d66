"""The datagrams of the conformance suite: a feed, and everything that can be wrong with one.

Half of them are a made-up day, in sequence, repeated, reordered and now and then lost. The others
lie in one field each: Ethernet, IPv4, UDP, MoldUDP64 or ITCH, cut short, fragmentary, or noise.
Checksums that are not the lie itself are right, so that each lie gets as far as it can. The same
seed and count give the same frames; the first of a larger count are not those of a smaller one.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable, Iterator

from contract_driver import FRAME_BYTES_MIN

from feed_sim.generator import Generator
from itch_ouch import mold, net
from itch_ouch.errors import Refused

SEED = 2607
GROUP, PORT = "233.54.12.111", 26477
OTHER_GROUP, OTHER_PORT = "233.49.196.111", 26478
SOURCE, SOURCE_PORT = "10.1.0.1", 26400
SOURCE_MAC = b"\x02\0\0\0\0\1"
SESSIONS = (b"CONFORM001", b"CONFORM002")
# What an Ethernet interface of the usual MTU carries.
FRAME_BYTES_MAX = 1514
ETHERNET_BYTES, HEADERS_BYTES = 14, 42
CHECKSUM_BREAK = 76  # linux/skbuff.h, of UDP header and payload
MESSAGES_MAX = 6  # of a datagram
SYMBOLS = 20
# Where, as shares of the whole, a datagram is lost for good, and a new session begins.
LOSS_AT, ROLL_AT = 0.8, 0.9


def build(payload: bytes, group: str = GROUP, port: int = PORT, vlan: int = 0) -> bytes:
    return net.build_udp(
        payload, source_mac=SOURCE_MAC, destination_mac=net.group_mac(group),
        source_address=SOURCE, destination_address=group, source_port=SOURCE_PORT,
        destination_port=port, vlan_id=vlan)  # fmt: skip


def patch(frame: bytes, at: int, new: bytes, mend: bool = True) -> bytes:
    """``frame`` with other bytes, and the IPv4 checksum right again unless that is not wanted."""
    frame = frame[:at] + new + frame[at + len(new):]
    if not mend:
        return frame
    header = ETHERNET_BYTES + 4 * max(frame[ETHERNET_BYTES] & 15, 5)
    frame = frame[:24] + bytes(2) + frame[26:]
    total = sum(struct.unpack(f">{(header - ETHERNET_BYTES) // 2}H", frame[ETHERNET_BYTES:header]))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return frame[:24] + struct.pack(">H", total ^ 0xFFFF) + frame[26:]


def with_options(frame: bytes, options: bytes) -> bytes:
    """``frame`` with IPv4 options, whole 32-bit words of them."""
    total = len(frame) - ETHERNET_BYTES + len(options)
    longer = frame[:34] + options + frame[34:]
    start = bytes((0x45 + len(options) // 4, 0)) + struct.pack(">H", total)
    return patch(longer, ETHERNET_BYTES, start)


def fragment(rng: random.Random, frame: bytes) -> bytes:
    """A first fragment, a middle or a last one; never all that a whole takes."""
    word = rng.choice((0x2000, 0x2000 | rng.randrange(1, 180), rng.randrange(1, 180)))
    return patch(frame, 18, struct.pack(">HH", rng.randrange(65536), word))


def udp_length(frame: bytes, length: int, checksum: bool) -> bytes:
    """A UDP length that is not the rest of the datagram, with a checksum or, lawfully, without."""
    frame = patch(frame, 38, struct.pack(">H", length), mend=False)
    return frame if checksum else patch(frame, 40, bytes(2), mend=False)


def damaged_payload(rng: random.Random, payload: bytes) -> bytes:
    """A payload cut short, drawn out or with one field changed: the checksums will be right.

    The sequence number stays: one wild leap of it, and the books would be STALE from there on.
    """
    how = rng.randrange(6)
    at = rng.choice((rng.randrange(10), rng.randrange(18, len(payload))))
    if how == 0:
        return payload[:at]
    if how == 1:
        return payload + rng.randbytes(rng.randrange(1, 9))
    if how == 2:  # the header's count of messages
        return payload[:18] + struct.pack(">H", rng.choice((0, 1, 7, 99, 0xFFFE))) + payload[20:]
    if how == 3 and len(payload) > 22:  # the first message's length
        return payload[:20] + struct.pack(">H", rng.randrange(80)) + payload[22:]
    if how == 4 and len(payload) > 22:  # its type
        return payload[:22] + rng.randbytes(1) + payload[23:]
    return payload[:at] + rng.randbytes(1) + payload[at + 1:]


def _u16(at: int, choose: Callable[[random.Random], int]) -> Callable[..., bytes]:
    return lambda rng, frame, payload: patch(frame, at, struct.pack(">H", choose(rng)))


# Each makes one wrong (or merely unusual) frame of a good one and its payload.
LIES: dict[str, Callable[[random.Random, bytes, bytes], bytes]] = {
    "ethertype": lambda rng, frame, _: patch(frame, 12, rng.choice((b"\x86\xdd", b"\x88\xb5"))),
    "vlan": lambda rng, frame, payload: build(payload[:1400], vlan=rng.randrange(1, 4095)),
    "ip version": lambda rng, frame, _: patch(frame, 14, bytes((rng.randrange(16) << 4 | 5,))),
    "ip header": lambda rng, frame, _: patch(frame, 14, bytes((0x40 | rng.randrange(5),))),
    "ip longer": _u16(16, lambda rng: rng.randrange(1501, 65536)),
    "ip shorter": _u16(16, lambda rng: rng.randrange(20, 48)),
    "ip checksum": lambda rng, frame, _: patch(
        frame, 24, bytes((frame[24] ^ 1 << rng.randrange(8),)), mend=False),
    "options": lambda rng, frame, payload: with_options(
        build(payload[:1400]), b"\1" * 4 * rng.randrange(1, 4)),
    "bad options": lambda rng, frame, payload: with_options(
        build(payload[:1400]), b"\7\1\0\0"),
    "fragment": lambda rng, frame, _: fragment(rng, frame),
    "protocol": lambda rng, frame, _: patch(frame, 23, bytes((rng.choice((6, 132, 255)),))),
    "udp longer": lambda rng, frame, payload: udp_length(
        frame, 8 + len(payload) + rng.randrange(1, 999), rng.random() < 0.5),
    "udp shorter": lambda rng, frame, payload: udp_length(
        frame, rng.randrange(8 + len(payload)), rng.random() < 0.5),
    "udp checksum": lambda rng, frame, _: patch(
        frame, 40, bytes((frame[40] ^ 1 << rng.randrange(8),)), mend=False),
    "no udp checksum": lambda rng, frame, _: patch(frame, 40, bytes(2), mend=False),
    "group": lambda rng, frame, payload: build(payload, group=OTHER_GROUP),
    "port": lambda rng, frame, payload: build(payload, port=OTHER_PORT),
    "cut": lambda rng, frame, _: frame[: rng.randrange(FRAME_BYTES_MIN, len(frame))],
    "padded": lambda rng, frame, _: frame + bytes(min(18, FRAME_BYTES_MAX - len(frame))),
    "payload": lambda rng, frame, payload: build(damaged_payload(rng, payload)),
    "noise in udp": lambda rng, frame, _: build(rng.randbytes(rng.randrange(1400))),
    "noise": lambda rng, frame, _: _noise(rng),
}


def _noise(rng: random.Random) -> bytes:
    """Random bytes of any length; no VLAN tag, which some drivers may take out and lose."""
    noise = rng.randbytes(rng.choice((FRAME_BYTES_MIN, 60, rng.randrange(14, 200),
                                      FRAME_BYTES_MAX)))
    return noise[:12] + b"\xff" + noise[13:]


def _messages(count: int, seed: int) -> Iterator[bytes]:
    """The ITCH messages of a made-up day, without its close."""
    day = Generator(count, SYMBOLS, seed, max(count // 20, 100))
    while day.step():
        framed, at = bytes(day.framed()), 0
        while at < len(framed):
            length = int.from_bytes(framed[at : at + 2], "big")
            yield framed[at + 2 : at + 2 + length]
            at += 2 + length


def datagrams(count: int, seed: int = SEED) -> list[bytes]:
    """``count`` frames: a feed on ``GROUP`` and ``PORT``, with what a bad network adds."""
    rng = random.Random(seed)
    lies = list(LIES.values())
    messages = _messages(count * (MESSAGES_MAX + 1) // 4 + 1000, seed)
    frames: list[bytes] = []
    held: list[bytes] = []  # sent late: the feed is out of order until then
    session, sequence, lost = SESSIONS[0], 1, False
    while len(frames) < count:
        share = len(frames) / count
        if share > ROLL_AT and session == SESSIONS[0]:
            frames.append(build(mold.header(session, sequence, mold.COUNT_END)))
            session, sequence = SESSIONS[1], 1
        some = [next(messages) for _ in range(rng.randrange(1, MESSAGES_MAX + 1))]
        payload = mold.build(session, sequence, some)
        sequence += len(some)
        if share > LOSS_AT and not lost:
            lost = True
            continue
        while rng.random() < 0.5:  # before the good one, so that what it does is seen
            frames.append(rng.choice(lies)(rng, build(payload), payload))
        if held and rng.random() < 0.5:
            frames.append(build(held.pop(0)))
        if rng.random() < 0.02:
            held.append(payload)
            continue
        frames.append(build(payload))
        if rng.random() < 0.04:  # the other line's, late
            frames.append(frames[-1 - rng.randrange(min(len(frames), 8))])
        if rng.random() < 0.01:
            frames.append(build(mold.header(session, sequence, 0)))
    return frames[:count]


def _as_read(frame: bytes) -> bytes:
    """A frame of an untagged datagram as the kernel reads it, which takes a UDP length short of the
    IP one, and reads that far; the appliance refuses such a datagram. Of all others: nothing."""
    at = ETHERNET_BYTES + 4 * (frame[ETHERNET_BYTES] & 15) if len(frame) >= HEADERS_BYTES else 0
    if frame[12:14] != b"\x08\x00" or not 34 <= at <= len(frame) - 8:
        return b""
    if at > 34 and frame[34:35] == b"\7":  # the bad option of LIES
        return b""
    length, total = (int.from_bytes(frame[i : i + 2], "big") for i in (at + 4, 16))
    if 8 <= length < total - (at - ETHERNET_BYTES) and ETHERNET_BYTES + total <= len(frame):
        return patch(frame, 16, struct.pack(">H", at - ETHERNET_BYTES + length))
    return frame


def through_the_kernel(frame: bytes) -> bytes | None:
    """What a socket bound to GROUP and PORT makes of a frame, as a frame of its own, or None."""
    try:
        seen = net.parse_udp(_as_read(frame))
    except Refused:
        return None
    heard = (str(seen.destination_address), seen.destination_port) == (GROUP, PORT)
    return build(seen.payload) if heard else None


def counted_by_the_socket(frame: bytes) -> bool:
    """Whether a socket bound to GROUP and PORT counts the frame as lost: its UDP checksum alone is
    wrong, and it is so long that the kernel looks at that when the datagram is read. Of a short
    one it knows before it knows for whom it is (and counts it in InCsumErrors of the host)."""
    read = _as_read(frame)
    if not read or through_the_kernel(frame) is not None:
        return False
    right = through_the_kernel(patch(read, 40, bytes(2), mend=False))
    return right is not None and len(right) - 34 > CHECKSUM_BREAK


def steered(frame: bytes) -> bytes | None:
    """The frame, if afxdp's program gives it to a queue with steer=GROUP:PORT; else it is the
    kernel's, or nobody's. Lengths and checksums are not the program's to look at."""
    ip = ETHERNET_BYTES
    while frame[ip - 2 : ip] in (b"\x81\x00", b"\x88\xa8") and ip < ETHERNET_BYTES + 8:
        ip += 4
    udp = ip + 4 * (frame[ip] & 15) if len(frame) >= ip + 28 else 0
    if udp < ip + 20 or frame[ip - 2 : ip] != b"\x08\x00" or frame[ip] >> 4 != 4:
        return None
    if frame[ip + 9] != 17 or frame[ip + 16 : ip + 20] != socket.inet_aton(GROUP):
        return None
    if int.from_bytes(frame[ip + 6 : ip + 8], "big") & 0x1FFF:
        return frame  # a later fragment to the group is ours to refuse
    if len(frame) < udp + 8 or int.from_bytes(frame[udp + 2 : udp + 4], "big") != PORT:
        return None
    return frame


def heard(frame: bytes) -> bytes | None:
    """The frame, if a member of a shared queue with hears=GROUP:PORT gets it: a datagram whose port
    can be read. Later fragments are not its."""
    ip = ETHERNET_BYTES
    while frame[ip - 2 : ip] in (b"\x81\x00", b"\x88\xa8") and ip < ETHERNET_BYTES + 8:
        ip += 4
    udp = ip + 4 * (frame[ip] & 15) if len(frame) >= ip + 20 else 0
    if udp < ip + 20 or frame[ip - 2 : ip] != b"\x08\x00" or frame[ip] >> 4 != 4:
        return None
    first = frame[ip + 9] == 17 and not int.from_bytes(frame[ip + 6 : ip + 8], "big") & 0x1FFF
    to = frame[ip + 16 : ip + 20] + frame[udp + 2 : udp + 4]
    return frame if first and to == socket.inet_aton(GROUP) + PORT.to_bytes(2, "big") else None


def filtered(frame: bytes) -> bytes | None:
    """The frame, unless dpdk's own filter sees with steer=GROUP:PORT that it is a datagram for
    another; what is no datagram, ARP above all, it lets pass."""
    ip = ETHERNET_BYTES + 4 * (frame[12:14] == b"\x81\x00" and len(frame) >= 18)
    if len(frame) < ip + 20 or frame[ip - 2 : ip] != b"\x08\x00" or frame[ip] >> 4 != 4:
        return frame
    if frame[ip + 9] != 17:
        return frame
    udp, later = ip + 4 * (frame[ip] & 15), int.from_bytes(frame[ip + 6 : ip + 8], "big") & 0x1FFF
    ours = later or frame[udp + 2 : udp + 4] == PORT.to_bytes(2, "big")
    return frame if ours and frame[ip + 16 : ip + 20] == socket.inet_aton(GROUP) else None
