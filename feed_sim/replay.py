"""Sends a file out of a queue: a day file as MoldUDP64 packets, a capture's frames as they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpdk_bindings import open_queue
from dpdk_bindings.env import StopWord
from dpdk_bindings.queue import Queue
from feed_sim.files import ADDRESS, SESSION
from feed_sim.inspect import Source, is_capture
from feed_sim.player import Player

# How long a reader may take to come; without one, what is sent is lost.
WAIT_S = 5.0
WAIT_INTERVAL_S = 0.01
# Short enough to stop and to show progress between, whatever the pace.
BYTES_AT_ONCE = 1 << 16
FRAMES_AT_ONCE = 1024


def _play_day(
    path: Path, player: Player, stop: StopWord, progress: Callable[[int], None]
) -> str | None:
    source, rest, offset = Source(path), b"", 0
    for chunk in source.chunks():
        for start in range(0, len(chunk), BYTES_AT_ONCE):
            content = rest + chunk[start : start + BYTES_AT_ONCE]
            used = player.framed(content)
            rest, offset = content[used:], offset + used
            progress(source.read_bytes)
            if stop.value or rest[:2] == b"\0\0":
                return None
    if source.problem:
        return f"{source.problem}, at offset {offset:,}"
    return f"the file ends inside a message, at offset {offset:,}" if rest else None


def _play_capture(
    path: Path, player: Player, stop: StopWord, progress: Callable[[int], None]
) -> str | None:
    if "," in str(path):
        raise ValueError(f"{path}: a capture's path must not contain a comma; rename or link it")
    with open_queue(f"pcap:{path}") as source:
        while not stop.value:
            if not player.frames(source.address, FRAMES_AT_ONCE) and source.link != "up":
                break
            progress(0)
        stats = source.stats()
    if stats["rx_malformed"]:
        at = stats["rx_end_offset"]
        return f"the capture is damaged or ends inside a record, at offset {at:,}"
    return None


def _await_reader(queue: Queue, stop: StopWord) -> None:
    """Waits for the link to be up: a file's and a network's is, shared memory's needs a reader."""
    deadline = time.monotonic() + WAIT_S
    while queue.link != "up" and not stop.value:
        if time.monotonic() > deadline:
            raise RuntimeError(f"queue {queue.name} has nobody at its other end; start its reader "
                               "first")
        time.sleep(WAIT_INTERVAL_S)


def replay_file(
    path: Path, to: str, rate: float, speed: float, session: str,
    progress: Callable[[int], None],
) -> dict[str, Any]:
    """Plays ``path`` into queue ``to``; returns the figures, with a ``problem`` or None."""
    capture = is_capture(path)
    with open_queue(to) as queue, StopWord() as stop:
        _await_reader(queue, stop)
        player = Player(queue, stop, session.encode("ascii") or SESSION, ADDRESS, rate, speed)
        play = _play_capture if capture else _play_day
        problem = play(path, player, stop, progress)
        player.finish(end_of_session=not capture)
        return {
            "file": str(path),
            "queue": to,
            "mode": queue.mode,
            "messages": player.messages,
            "packets": player.packets,
            "messages_too_long": player.too_long,
            "seconds": round(player.seconds, 6),
            "messages_per_s": round(player.messages / player.seconds) if player.seconds else 0,
            "pacing_error_ns": player.pacing_error_ns(),
            "stopped_by_signal": stop.value,
            "problem": problem,
        }
