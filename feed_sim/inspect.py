"""What is in a file: a day file, plain or gzip, or a capture."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpdk_bindings import open_queue
from feed_sim.reader import Scan

GZIP_MAGIC = b"\x1f\x8b"
# pcap in both byte orders with us and ns, and pcapng.
CAPTURE_MAGIC = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d",
                 b"\x0a\x0d\x0d\x0a")
CHUNK_BYTES = 1 << 22
GUNZIP_BYTES = 1 << 12
FRAMES_AT_ONCE = 1 << 16
MOST_ACTIVE = 5


@dataclass
class Source:
    """The bytes of a day file, uncompressed; ``problem`` says why they ended too soon."""

    path: Path
    problem: str | None = None
    read_bytes: int = 0

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as stream:
            first = stream.read(CHUNK_BYTES)
            if not first.startswith(GZIP_MAGIC):
                while first:
                    self.read_bytes += len(first)
                    yield first
                    first = stream.read(CHUNK_BYTES)
                return
            yield from self._gunzip(first, stream)

    def _gunzip(self, raw: bytes, stream: Any) -> Iterator[bytes]:
        """Members one after another; on damage, what came before it."""
        member, begun = zlib.decompressobj(wbits=31), False
        while raw or (raw := stream.read(CHUNK_BYTES)):
            self.read_bytes += len(raw)
            content = bytearray()
            try:
                # In small pieces, so that damage costs no more than the piece it is in.
                for start in range(0, len(raw), GUNZIP_BYTES):
                    content += member.decompress(raw[start : start + GUNZIP_BYTES])
                    begun = True
                    if member.eof:
                        raw = (member.unused_data + raw[start + GUNZIP_BYTES :]).lstrip(b"\0")
                        member, begun = zlib.decompressobj(wbits=31), False
                        self.read_bytes -= len(raw)
                        break
                else:
                    raw = b""
            except zlib.error:
                self.problem = "the gzip stream is damaged"
            if content:
                yield bytes(content)
            if self.problem:
                return
        if begun:
            self.problem = "the gzip stream ends early"


def is_capture(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in CAPTURE_MAGIC


def scan_day(path: Path, progress: Callable[[int], None]) -> Scan:
    scan, source, rest = Scan(), Source(path), b""
    for chunk in source.chunks():
        content = rest + chunk if rest else chunk
        rest = content[scan.framed(content, False) :]
        progress(source.read_bytes)
        if scan.problem:
            return scan
    if source.problem:
        scan.stop(source.problem)
    elif rest:
        scan.framed(rest, True)
    return scan


def scan_capture(path: Path, progress: Callable[[int], None]) -> Scan:
    scan = Scan()
    if "," in str(path):
        raise ValueError(f"{path}: a capture's path must not contain a comma; rename or link it")
    with open_queue(f"pcap:{path}") as queue:
        while queue.link == "up" or scan.frames_seen == 0:
            if not scan.frames(queue.address, FRAMES_AT_ONCE) and queue.link != "up":
                break
            progress(0)
        scan.frames(queue.address, FRAMES_AT_ONCE)
        stats = queue.stats()
    if stats["rx_malformed"]:
        scan.stop("the capture is damaged or ends inside a record", stats["rx_end_offset"])
    elif stats["rx_truncated"]:
        scan.stop(f"{stats['rx_truncated']} frames were captured without their ends", 0)
    return scan


def clock(ns: int) -> str:
    """ns since midnight as HH:MM:SS.nnnnnnnnn."""
    seconds, ns = divmod(ns, 1_000_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ns:09}"


def inspect_file(path: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """Everything for the report; ``problem`` is None or one sentence with the offset."""
    capture = is_capture(path)
    scan = scan_capture(path, progress) if capture else scan_day(path, progress)
    rows: dict[str, Any] = {
        "file": str(path),
        "kind": "capture" if capture else "day file",
        "bytes": path.stat().st_size,
        "messages": scan.messages,
        "by_type": scan.by_type,
        "symbols": scan.symbol_count,
    }
    if scan.span_ns:
        first, last = scan.span_ns
        rows |= {"first": clock(first), "last": clock(last), "span_s": (last - first) / 1e9}
    rows["most_active"] = {
        name or f"locate {locate}": count for locate, name, count in scan.most_active(MOST_ACTIVE)
    }
    if capture:
        streams = scan.streams()
        rows |= {
            "frames": scan.frames_seen,
            "frames_not_udp": scan.not_udp,
            "frames_not_moldudp64": scan.not_mold,
            "requests": scan.requests,
            "streams_not_followed": scan.streams_dropped,
            "messages_of_wrong_length": scan.bad_lengths,
            "gaps": sum(s["gaps"] for s in streams),
            "streams": streams,
        }
    else:
        rows |= {"empty_messages": scan.empty, "end_mark": scan.ended, "end_offset": scan.offset}
    rows["problem"] = None
    if scan.problem:
        rows["problem"] = f"{scan.problem}, at offset {scan.offset:,}"
        rows["end_offset"] = scan.offset
    return rows
