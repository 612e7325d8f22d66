"""Queues for tests and scripts: the contract of ``csrc/pio.h`` at Python's speed.

The appliance's loop uses the same queue through its address and never this class's methods.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from errno import EAGAIN, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOBUFS, ENOENT, ENOTSUP, ETIMEDOUT
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any, NamedTuple

from dpdk_bindings._core import ffi, lib
from dpdk_bindings.dpdk import diagnose
from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.errors import PioError, check, text

# How long one send() keeps offering frames that the queue has no room for.
SEND_TIMEOUT_S = 1.0
# A tenth of a millisecond: short beside any human wait, long beside a poll.
POLL_INTERVAL_S = 1e-4

# Three questions, a second apart: what the host itself takes to find that nobody answers.
RESOLVE_TIMEOUT_S = 3.5
# Why pio_resolve gave no Ethernet address, and what helps.
_NO_ANSWER = (
    "nobody on the link of {1} answered for {0}",
    "see that the address is right, that it is there, and that both are in the same VLAN",
)
_UNRESOLVED = {
    EAGAIN: _NO_ANSWER,
    EHOSTUNREACH: _NO_ANSWER,
    ENETUNREACH: (
        "there is no way to {0} from {1}",
        "give its host a gateway, as in host(address=10.0.0.2/24,gateway=10.0.0.1):...",
    ),
    ENOBUFS: ("the host of {1} knows too many neighbours to ask for {0}", "ask for fewer"),
    ENOTSUP: (
        "{1} has no host that could ask for {0}",
        "wrap the queue, as in host(address=10.0.0.2/24):..., or give the Ethernet address",
    ),
}

# Backends around another: "fault:", "host(address=10.0.0.2/24):".
_WRAPPERS = re.compile(r"^(?:(?:fault|host|share)(?:\([^)]*\))?:)+")
# "dpdk:net_null0", "dpdk(queues=2):...", and either within "fault(...):" and its like.
_NAMES_DPDK = re.compile(r"(?:^|:)dpdk[:(]")
_DPDK_DEVICE = re.compile(r"(?:^|:)dpdk(?:\([^)]*\))?:(.*)")
_STATS = [name for name, _ in ffi.typeof("struct pio_stats").fields if name != "extra"]
_LINKS = {lib.PIO_LINK_DOWN: "down", lib.PIO_LINK_UP: "up", lib.PIO_LINK_GONE: "gone"}


class Frame(NamedTuple):
    """A received frame, copied out of the queue."""

    data: bytes
    timestamp_ns: int  # ns since the Unix epoch, 0 when the backend has none
    flags: int  # PIO_FRAME_*


@dataclass(frozen=True)
class BackendInfo:
    """One row of ``backends()``; ``why`` and ``remedy`` are empty when usable."""

    name: str
    summary: str
    built: bool
    usable: bool
    mode: str
    why: str
    remedy: str


def _dpdk_register() -> bool:
    """Puts the DPDK backend in its place, if this build has it; loads libdpdk."""
    try:
        from dpdk_bindings import _dpdk
    except ModuleNotFoundError:
        return False
    except ImportError as error:
        raise PioError(
            ENOENT,
            f"the DPDK backend cannot be loaded: {error}",
            "install the DPDK that it was built with (Debian: apt-get install libdpdk-dev), or "
            "build again",
        ) from None
    lib.pio_register(ffi.cast("struct pio_backend *", _dpdk.lib.dpdk_backend_address()))
    return True


def _dpdk_start(device: str) -> None:
    """Makes ``dpdk:`` names openable, the one of ``device`` above all: registers the backend,
    starts DPDK."""
    if _dpdk_register():
        from dpdk_bindings.dpdk import eal

        eal.start()
        diagnose.prepare(device)


def names_dpdk(name: str) -> bool:
    """Whether DPDK is in a queue's name, be it within another backend's."""
    return _NAMES_DPDK.search(name) is not None


def wrapping(name: str) -> tuple[str, str]:
    """What stands around a queue's name, and the name: "fault(loss=0.1):", "udp:eth0"."""
    inner = _WRAPPERS.sub("", name)
    return name.removesuffix(inner), inner


def innermost_backend(name: str) -> str:
    """The backend that moves the frames: "udp" of "fault(loss=0.1):udp:eth0"."""
    return re.split(r"[:(]", wrapping(name)[1], maxsplit=1)[0]


def configure_dpdk(names: Iterable[str], options: EalOptions, core: int = -1) -> None:
    """Says how DPDK is to be started, if one of these queues is DPDK's.

    Before the first of them is opened; ``core`` stands in where the options name none. Otherwise
    DPDK is not even loaded. Raises PioError when it runs already with other options.
    """
    if any(map(names_dpdk, names)) and _dpdk_register():
        from dpdk_bindings.dpdk import eal

        eal.configure(options, core)


def dpdk_memory(options: EalOptions) -> str:
    """What memory DPDK would start with here, in words. Raises PioError when it would not."""
    _dpdk_register()
    from dpdk_bindings.dpdk import eal

    free = eal.huge_bytes_free() >> 20
    if eal.takes_huge_pages(options):
        return f"{options.memory_mib} MiB in huge pages"
    why = "as asked"
    if options.huge_pages != "off":
        why = f"because {free} MiB are free in huge pages"
    return f"{options.memory_mib} MiB of ordinary memory, {why}; cards need huge pages"


def backends() -> list[BackendInfo]:
    """Every backend that there is, probed on this host, the best first."""
    rows: list[BackendInfo] = []
    with contextlib.suppress(PioError):
        _dpdk_register()
    while (backend := lib.pio_backend_at(len(rows))) != ffi.NULL:
        mode, error = ffi.new("char[32]"), ffi.new("struct pio_error *")
        number = backend.probe(mode, 32, error)
        rows.append(
            BackendInfo(
                name=text(backend.name),
                summary=text(backend.summary),
                built=bool(lib.pio_backend_built(backend)),
                usable=number == 0,
                mode=text(mode),
                why=text(error.why) if number else "",
                remedy=text(error.remedy) if number else "",
            )
        )
    return rows


class _Held:
    """The C queue of a Queue, for its finalizer to see; entered by the threads that are in it.

    A thread enters before it looks whether the queue is there, and the finalizer takes it away
    before it looks whether a thread is in it: one of them sees the other.
    """

    def __init__(self, name: str, queue: Any) -> None:
        self.name = name
        self.queue = queue
        self.threads: set[int] = set()

    def __enter__(self) -> Any:
        self.threads.add(threading.get_ident())
        if self.queue is None:
            self.threads.discard(threading.get_ident())
            raise ValueError(f"queue {self.name} is closed")
        return self.queue

    def __exit__(self, *failure: object) -> None:
        self.threads.discard(threading.get_ident())


def _close(held: _Held, pid: int) -> None:
    """Closes a queue in the process that opened it; a fork's copy is not the fork's to close.

    When the interpreter ends, daemon threads go on: what one of them is in is left to the kernel.
    """
    queue, held.queue = held.queue, None
    if held.threads:
        held.queue = queue
    elif os.getpid() == pid:
        lib.pio_close(queue)


def _statistics_end(table: int, pid: int) -> None:
    if os.getpid() == pid:
        from dpdk_bindings import _dpdk

        _dpdk.lib.dpdk_xstats_end(_dpdk.ffi.cast("struct tp_statistics *", table))


class Queue:
    """One RX/TX pair. Owned by the thread that uses it; a context manager.

    Opening raises :class:`~dpdk_bindings.errors.PioError`, a sentence with its remedy. A queue
    nobody closed is closed when it is collected, or when the interpreter ends.
    """

    def __init__(self, name: str) -> None:
        if not name.isprintable():
            raise PioError(EINVAL, f"the queue name {name!r} has what cannot be printed",
                           "write it without, as in afxdp:eth0")
        if wrapping(name)[1].startswith("auto:"):
            raise PioError(EINVAL, f"'{name}' leaves the choice to the ladder, and is no one queue",
                           "name a backend, as in afxdp:eth0 (`appliance backends eth0` says which "
                           "works); or in Python, dpdk_bindings.ladder.climb(name).queue")
        device = _DPDK_DEVICE.search(name)
        if names_dpdk(name):
            _dpdk_start(device[1] if device else "")
        out, error = ffi.new("struct pio_queue **"), ffi.new("struct pio_error *")
        try:
            check(lib.pio_open(name.encode(), out, error), error)
        except PioError as refusal:
            raise (diagnose.explained(device[1], refusal) if device else refusal) from None
        self.name = name
        self._held = _Held(name, out[0])
        self._closer = weakref.finalize(self, _close, self._held, os.getpid())
        self._statistics_closer: Callable[[], Any] = lambda: None
        self._frames = ffi.new("struct pio_frame[]", lib.PIO_BURST_MAX)

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._held.queue is None else f"{self.mode}, link {self.link}"
        return f"<Queue {self.name} ({state})>"

    def _open(self) -> Any:
        queue = self._held.queue
        if queue is None:
            raise ValueError(f"queue {self.name} is closed")
        return queue

    @property
    def address(self) -> int:
        """Address of the ``struct pio_queue``, for Cython; keep this object alive beside it."""
        return int(ffi.cast("uintptr_t", self._open()))

    @property
    def abi(self) -> int:
        return int(self._open().info.abi)

    @property
    def backend(self) -> str:
        return text(self._open().info.backend.name)

    @property
    def wrapped(self) -> str:
        """The backend at the bottom: "dpdk" of "host(...):fault(...):dpdk:net_memif0"."""
        return innermost_backend(self.name)

    @property
    def mode(self) -> str:
        """What was really obtained: "shared", "zerocopy", "copy", ..."""
        return text(self._open().info.mode)

    @property
    def link(self) -> str:
        """"up", "down" (no peer, or a file at its end) or "gone"."""
        with self._held as queue:
            queue.service(queue, time.time_ns())
            return _LINKS[queue.info.link]

    @property
    def mac(self) -> str:
        """The device's own Ethernet address, as in "02:00:00:00:00:01"; "" when it has none."""
        mac = bytes(ffi.buffer(self._open().info.mac))
        return mac.hex(":") if any(mac) else ""

    @property
    def frame_bytes_max(self) -> int:
        return int(self._open().info.frame_bytes_max)

    def receive(self, count_max: int = 32, timeout_s: float = 0.0) -> list[bytes]:
        """Up to ``count_max`` frames as bytes; waits at most ``timeout_s`` for the first."""
        return [frame.data for frame in self.receive_frames(count_max, timeout_s)]

    def receive_frames(self, count_max: int = 32, timeout_s: float = 0.0) -> list[Frame]:
        """As :meth:`receive`, with timestamps and flags."""
        with self._held as queue:
            return self._receive(queue, count_max, time.monotonic() + timeout_s)

    def _receive(self, queue: Any, count_max: int, deadline: float) -> list[Frame]:
        received: list[Frame] = []
        while len(received) < count_max:
            queue.service(queue, time.time_ns())
            want = min(count_max - len(received), lib.PIO_BURST_MAX)
            count = queue.rx_burst(queue, self._frames, want)
            for frame in self._frames[0:count]:
                data = bytes(ffi.buffer(frame.data, frame.length))
                received.append(Frame(data, frame.timestamp_ns, frame.flags))
            queue.rx_release(queue, self._frames, count)
            if not count and (received or time.monotonic() >= deadline):
                break
            if not count:
                time.sleep(POLL_INTERVAL_S)
        return received

    def send(
        self,
        frames: Iterable[bytes],
        timestamp_ns: int = 0,
        timeout_s: float = SEND_TIMEOUT_S,
    ) -> int:
        """Sends frames in order; returns how many the queue took within ``timeout_s``.

        A frame longer than the queue's frames is counted (``tx_oversize``) and skipped.
        """
        with self._held as queue:
            return self._send(queue, frames, timestamp_ns, time.monotonic() + timeout_s)

    def _send(
        self, queue: Any, frames: Iterable[bytes], timestamp_ns: int, deadline: float
    ) -> int:
        sent = 0
        for data in frames:
            while queue.tx_lend(queue, self._frames, 1) == 0:
                queue.service(queue, time.time_ns())
                if time.monotonic() >= deadline:
                    return sent
                time.sleep(POLL_INTERVAL_S)
            frame = self._frames[0]
            if len(data) <= frame.length:
                ffi.memmove(frame.data, data, len(data))
            frame.length = len(data)
            frame.timestamp_ns = timestamp_ns
            frame.flags = 0
            while queue.tx_burst(queue, self._frames, 1) == 0:
                queue.service(queue, time.time_ns())
                if time.monotonic() >= deadline:
                    queue.tx_return(queue, self._frames, 1)
                    return sent
                time.sleep(POLL_INTERVAL_S)
            sent += 1
        queue.service(queue, time.time_ns())
        return sent

    def stats(self) -> dict[str, int]:
        """Every counter by name, the backend's own included."""
        queue = self._open()
        info = queue.info
        counts = {name: int(getattr(info.stats, name)) for name in _STATS}
        for i in range(lib.PIO_STATS_EXTRA_MAX):
            if info.backend.extra_names[i] == ffi.NULL:
                break
            counts[text(info.backend.extra_names[i])] = int(info.stats.extra[i])
        drops, count = 0, ffi.new("uint64_t *")
        while (name := lib.pio_host_drop(queue, drops, count)) != ffi.NULL:
            counts[f"host_drop_{text(name)}"] = int(count[0])
            drops += 1
        return counts

    def resolve(self, address: str, timeout_s: float = RESOLVE_TIMEOUT_S) -> str:
        """The Ethernet address to send to for an IPv4 address, as the queue's host finds it.

        Asks the network if need be. Frames that arrive meanwhile are kept for the next receive; of
        more than a thousand the oldest are counted as ``rx_missed``. Raises PioError when nobody
        answers, when there is no way there, and for a queue without a ``host(...)``.
        """
        try:
            number = int(IPv4Address(address))
        except ValueError:
            raise PioError(
                EINVAL, f"{address!r} is no IPv4 address", "write it as in 10.0.0.1"
            ) from None
        with self._held as queue:
            return self._resolve(queue, number, address, time.monotonic() + timeout_s)

    def _resolve(self, queue: Any, number: int, address: str, deadline: float) -> str:
        mac = ffi.new("uint8_t[6]")
        while True:
            queue.service(queue, time.time_ns())
            result = lib.pio_resolve(queue, number, mac)
            if result == 0:
                return bytes(ffi.buffer(mac)).hex(":")
            if result != EAGAIN or time.monotonic() >= deadline:
                break
            time.sleep(POLL_INTERVAL_S)
        if result == EAGAIN and queue.info.link != lib.PIO_LINK_UP:
            why = f"the link of {self.name} is {_LINKS[queue.info.link]}: nobody can be asked for"
            raise PioError(ETIMEDOUT, f"{why} {address}", "bring it up, or start the other side")
        why, remedy = _UNRESOLVED[result]
        raise PioError(
            ETIMEDOUT if result == EAGAIN else result, why.format(address, self.name), remedy
        )

    def publish_statistics(self, table: int) -> bool:
        """Has the device's own statistics written to a ``struct tp_statistics`` at this address.

        At once, and then until the queue is closed: of a DPDK device by a thread of its own, about
        once a second, of an afxdp queue by its service. False where there is nothing to write.
        """
        queue, device = self._open(), _DPDK_DEVICE.search(self.name)
        if device is None:
            return not lib.afxdp_statistics_to(queue, ffi.cast("struct tp_statistics *", table))
        from dpdk_bindings import _dpdk

        where = _dpdk.ffi.cast("struct tp_statistics *", table)
        if _dpdk.lib.dpdk_xstats_to(device[1].encode(), where):
            return False
        self._statistics_closer()
        self._statistics_closer = weakref.finalize(self, _statistics_end, table, os.getpid())
        return True

    def close(self) -> None:
        """Gives everything back. Harmless when already closed."""
        self._statistics_closer()
        self._held.threads.clear()
        self._closer()


def open_queue(name: str) -> Queue:
    """Opens ``"BACKEND:DEVICE[,key=value...]"``, as in ``memory:feed-a,slots=4096``."""
    return Queue(name)
