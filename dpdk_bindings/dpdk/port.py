"""Ports: a device that DPDK drives, its queues, and all that it can be asked and told."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from errno import EBUSY, EINVAL, EMSGSIZE
from types import TracebackType

import numpy as np
import numpy.typing as npt

from dpdk_bindings._dpdk import ffi, lib
from dpdk_bindings.dpdk import diagnose
from dpdk_bindings.dpdk.burst import Buffer, Burst, lent
from dpdk_bindings.dpdk.eal import start
from dpdk_bindings.dpdk.failures import refuse, refuse_in_child
from dpdk_bindings.dpdk.flow import FlowRule
from dpdk_bindings.dpdk.pool import PoolCounts, counted
from dpdk_bindings.dpdk.port_info import (
    Link,
    PortInfo,
    bit_names,
    info_of,
    link_of,
    mac_bytes,
    mac_text,
)
from dpdk_bindings.errors import PioError, check, text

RSS_KEY_BYTES = 40
RSS_KEY_BYTES_MAX = 256
EXTENDED_NAME_BYTES = 64
# Whatever a device grows to; one that has more is asked again.
EXTENDED_STATS_GUESS = 256
_STATS = (
    "rx_frames", "rx_bytes", "rx_missed", "rx_errors", "rx_no_mbuf",
    "tx_frames", "tx_bytes", "tx_errors",
)  # fmt: skip
_LIMITS = {
    "queues": (1, lib.DPDK_QUEUES_MAX),
    "rx_slots": (32, 8192),
    "tx_slots": (32, 8192),
    "frame_bytes": (64, 16384),
    "segment_bytes": (256, 16384),
    "lent_max": (1, 1 << 20),
}


class Port:
    """A device opened by its DPDK arguments, as "net_memif0,role=client" or "0000:03:00.0".

    All ``queues`` of it are this object's. Starts DPDK, with what it was told before or defaults,
    when it does not run. A context manager; raises PioError, a sentence with its remedy.

    - ``rx_slots``, ``tx_slots``: descriptors a queue.
    - ``frame_bytes``: the longest frame. ``segment_bytes``: room of one received mbuf; a longer
      frame arrives in several and is copied into one.
    - ``lent_max``: received frames of a queue that may be in bursts and views at once, beside those
      on the device's ring. Past that the device finds no memory and counts what it loses.
    - ``promiscuous``: hear frames for other addresses, too.
    - ``checksums``: have the device check them where it can; ``hardware_timestamps`` likewise.

    Threads may share a port: the users of a queue take turns, and more queues are no faster for it
    than a core each can make them.
    """

    def __init__(
        self,
        device: str,
        *,
        queues: int = 1,
        rx_slots: int = 1024,
        tx_slots: int = 1024,
        frame_bytes: int = 2048,
        segment_bytes: int | None = None,
        lent_max: int = 1024,
        promiscuous: bool = True,
        checksums: bool = False,
        hardware_timestamps: bool = False,
    ) -> None:
        segment_bytes = min(segment_bytes or frame_bytes, frame_bytes)
        numbers = {
            "queues": queues, "rx_slots": rx_slots, "tx_slots": tx_slots,
            "frame_bytes": frame_bytes, "segment_bytes": max(segment_bytes, 256),
            "lent_max": lent_max,
        }  # fmt: skip
        for name, value in numbers.items():
            low, high = _LIMITS[name]
            if not low <= value <= high:
                raise ValueError(f"{name} is from {low} to {high:,}, not {value}")
        if not device or len(device) > 199:
            raise ValueError("a device's arguments are 1 to 199 bytes, as in net_ring0")
        refuse_in_child(f"open {device}")
        start()
        options = ffi.new("struct dpdk_port_options *", numbers)
        options.promiscuous, options.checksums = promiscuous, checksums
        options.timestamps, options.forwards = hardware_timestamps, 1
        out, error = ffi.new("struct dpdk_handle **"), ffi.new("struct pio_error *")
        diagnose.prepare(device)
        try:
            check(lib.dpdk_handle_open(device.encode(), options, out, error), error)
        except PioError as refusal:
            raise diagnose.explained(device, refusal) from None
        self.device = device
        self.queues = queues
        self._handle = ffi.gc(out[0], lib.dpdk_handle_free)
        self._rules: set[FlowRule] = set()
        self._open = True

    def __enter__(self) -> Port:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Port {self.device} ({self.queues} queues{'' if self._open else ', closed'})>"

    def close(self) -> None:
        """Ends its rules and gives the device back; bursts and views live on.

        Harmless when already closed.
        """
        for rule in tuple(self._rules):
            rule.close()
        self._open = False
        lib.dpdk_handle_close(self._handle)

    def _queue(self, queue: int) -> int:
        if not 0 <= queue < self.queues:
            raise IndexError(f"queue {queue} of {self.device}, which has {self.queues}")
        return queue

    # ---- bursts ----

    def receive(self, queue: int = 0, count: int = 64) -> Burst:
        """What has arrived on ``queue``, up to ``count`` frames (1,024 at most); never waits."""
        if count < 0:
            raise ValueError("a count is not negative")
        out = ffi.new("struct dpdk_burst **")
        got = lib.dpdk_handle_receive(self._handle, self._queue(queue), min(count, 1 << 16), out)
        if got > 0:
            return Burst._own(out[0])
        if got < 0:
            refuse(got, f"receive on {self.device}", "open it again")
        return Burst()

    def transmit(self, frames: Burst | Iterable[Buffer], queue: int = 0) -> int:
        """Sends frames in order and returns how many the device took.

        A :class:`Burst` is handed over as it is: what was taken is out of it, the rest is still
        yours to offer again. BufferError, and nothing is sent, while a view of one of its frames is
        out; ValueError when one is shorter than an Ethernet header. Anything else is copied into
        frames of the queue's own pool.
        """
        if not isinstance(frames, Burst):
            return self._transmit_copies(list(frames), queue)
        if not frames._burst:
            return 0
        culprit = ffi.new("uint32_t *")
        taken = int(lib.dpdk_handle_transmit(
            self._handle, self._queue(queue), frames._burst, culprit
        ))  # fmt: skip
        if taken >= 0:
            return taken
        if taken == -EBUSY:
            raise BufferError(
                f"frame {culprit[0]} has views out; let them go before it is sent (del, or "
                "memoryview.release), or send a copy of its bytes"
            )
        if taken == -EINVAL:
            raise ValueError(f"frame {culprit[0]} is shorter than an Ethernet header, 14 bytes")
        if taken == -EMSGSIZE:
            raise ValueError(
                f"frame {culprit[0]} is longer than {self.device} sends whole; open it with a "
                "larger frame_bytes (and with memif a larger bsize=), or send less at once"
            )
        refuse(taken, f"transmit on {self.device}", "open it again")

    def _transmit_copies(self, frames: Sequence[Buffer], queue: int) -> int:
        sent = 0
        while sent < len(frames):
            with self.allocate(len(frames) - sent, 0, queue) as burst:
                for index in range(len(burst)):
                    burst.fill(index, frames[sent + index])
                offered = len(burst)
                taken = self.transmit(burst, queue)
            sent += taken
            if taken < offered or not taken:
                break
        return sent

    def allocate(self, count: int, length: int, queue: int = 0) -> Burst:
        """Up to ``count`` frames of ``length`` undefined bytes, of the queue's own pool.

        Fewer, or none, when the pool runs low. ValueError when a frame has no such room.
        """
        if count < 0 or length < 0:
            raise ValueError("neither a count nor a length is negative")
        out = ffi.new("struct dpdk_burst **")
        number = lib.dpdk_handle_lend(
            self._handle, self._queue(queue), min(count, 1 << 16), min(length, 1 << 16), out
        )
        return lent(number, out, length, self.device)

    def _pool(self, queue: int, transmitting: bool) -> PoolCounts:
        counts = ffi.new("struct dpdk_pool_counts *")
        self._check(
            lib.dpdk_handle_pool(self._handle, self._queue(queue), transmitting, counts),
            "count a pool of",
        )
        return counted(counts)

    def rx_pool(self, queue: int = 0) -> PoolCounts:
        """Where the frames are that ``queue`` receives into; its ring's are in use."""
        return self._pool(queue, False)

    def tx_pool(self, queue: int = 0) -> PoolCounts:
        """Where the frames are that :meth:`allocate` lends.

        The same pool as :meth:`rx_pool`, unless ``segment_bytes`` is less than ``frame_bytes``.
        """
        return self._pool(queue, True)

    # ---- what it is ----

    def _check(self, number: int, what: str, remedy: str = "open it again") -> int:
        if number < 0:
            refuse(number, f"{what} {self.device}", remedy)
        return int(number)

    @property
    def info(self) -> PortInfo:
        """What the device is and could do, as of now."""
        raw = ffi.new("struct dpdk_device_info *")
        self._check(lib.dpdk_handle_info(self._handle, raw), "ask about")
        return info_of(self.device, self.queues, raw)

    @property
    def mac(self) -> str:
        """Its Ethernet address, as in "02:00:00:00:00:01"."""
        return self.info.mac

    @property
    def link(self) -> Link:
        """Its link now, without waiting for it."""
        raw = ffi.new("struct dpdk_link_state *")
        self._check(lib.dpdk_handle_link(self._handle, raw), "ask for the link of")
        return link_of(raw)

    # ---- what it hears ----

    @property
    def mtu(self) -> int:
        """Longest payload of a frame, bytes. Set: PioError when the device cannot.

        Some devices are stopped and started for it. A frame of it must fit in ``frame_bytes``.
        """
        return self.info.mtu

    @mtu.setter
    def mtu(self, mtu: int) -> None:
        if not 68 <= mtu <= 0xFFFF:
            raise ValueError(f"an MTU is 68 to 65,535 bytes, not {mtu}")
        room = self.tx_pool().frame_bytes
        if mtu + 18 > room:
            raise ValueError(
                f"frames of an MTU of {mtu} do not fit in {room} bytes; open the port with "
                f"frame_bytes={mtu + 18} or more"
            )
        self._check(
            lib.dpdk_handle_set_mtu(self._handle, mtu),
            f"set the MTU {mtu} of",
            "see info.mtu_min and info.mtu_max",
        )

    def _hearing(self) -> int:
        return self._check(lib.dpdk_handle_hearing(self._handle), "ask what is heard by")

    @property
    def promiscuous(self) -> bool:
        """Whether frames for other addresses are heard, too."""
        return bool(self._hearing() & 1)

    @promiscuous.setter
    def promiscuous(self, on: bool) -> None:
        number = lib.dpdk_handle_set_promiscuous(self._handle, on)
        self._check(number, "set promiscuous of", "leave it: such a device hears all it is sent")

    @property
    def all_multicast(self) -> bool:
        """Whether frames to every group are heard."""
        return bool(self._hearing() & 2)

    @all_multicast.setter
    def all_multicast(self, on: bool) -> None:
        number = lib.dpdk_handle_set_all_multicast(self._handle, on)
        self._check(number, "set all_multicast of", "set port.promiscuous = True")

    @property
    def multicast(self) -> tuple[str, ...]:
        """The Ethernet group addresses it was told to hear. Set: replaces them, 64 at most."""
        room = ffi.new("uint8_t[]", 6 * lib.DPDK_GROUPS_MAX)
        number = lib.dpdk_handle_groups(self._handle, room, lib.DPDK_GROUPS_MAX)
        count = self._check(number, "ask for the groups of")
        data = bytes(ffi.buffer(room, 6 * count))
        return tuple(mac_text(data[at : at + 6]) for at in range(0, len(data), 6))

    @multicast.setter
    def multicast(self, groups: Iterable[str]) -> None:
        data = [mac_bytes(group) for group in groups]
        if any(not group[0] & 1 for group in data):
            raise ValueError("the first byte of a group's Ethernet address is odd")
        if len(data) > lib.DPDK_GROUPS_MAX:
            raise ValueError(f"a port hears {lib.DPDK_GROUPS_MAX} groups at most, not {len(data)}")
        number = lib.dpdk_handle_set_groups(self._handle, b"".join(data), len(data))
        self._check(number, "set the groups of", "set port.all_multicast = True, or promiscuous")

    # ---- what it counts ----

    def stats(self) -> dict[str, int]:
        """What the device counts, and beside it what became of frames in several pieces.

        ``rx_missed``: no room on the ring. ``rx_no_mbuf``: no memory in the pool. ``rx_copied``,
        ``rx_oversize``, ``rx_no_frame``: copied into one mbuf; longer than ``frame_bytes``,
        dropped; dropped for want of memory. These three are not reset.
        """
        values, counts = ffi.new("uint64_t[8]"), ffi.new("struct dpdk_handle_counts *")
        self._check(lib.dpdk_handle_stats(self._handle, values, counts), "read statistics of")
        stats = dict(zip(_STATS, map(int, values), strict=True))
        for name in ("rx_copied", "rx_oversize", "rx_no_frame"):
            stats[name] = int(getattr(counts, name))
        return stats

    def stats_extended(self) -> dict[str, int]:
        """All that the driver counts, by its own names."""
        room = EXTENDED_STATS_GUESS
        while True:
            names = ffi.new("char[]", EXTENDED_NAME_BYTES * room)
            values = ffi.new("uint64_t[]", room)
            number = lib.dpdk_handle_extended_stats(self._handle, names, values, room)
            count = self._check(number, "read extended statistics of")
            if count <= room:
                break
            room = count
        starts = (names + EXTENDED_NAME_BYTES * i for i in range(count))
        return {text(start): int(values[i]) for i, start in enumerate(starts)}

    def stats_reset(self) -> None:
        """Sets what the device counts to 0."""
        number = lib.dpdk_handle_stats_reset(self._handle)
        self._check(number, "reset statistics of", "take differences of two readings instead")

    # ---- which queue hears what ----

    @property
    def rss_table(self) -> npt.NDArray[np.uint16]:
        """The queue of each row of the redirection table: shape (info.rss_table_size,), a copy.

        A datagram's hash picks the row. Set: replaces all rows; PioError when the device cannot.
        """
        table = np.zeros(max(self.info.rss_table_size, 1), np.uint16)
        at = ffi.from_buffer("uint16_t[]", table)
        number = lib.dpdk_handle_rss_table(self._handle, at, len(table))
        self._check(number, "read the RSS table of", "open it with queues=2 or more")
        return table

    @rss_table.setter
    def rss_table(self, queues: npt.ArrayLike) -> None:
        table = np.ascontiguousarray(queues, np.uint16)
        if table.ndim != 1 or (size := self.info.rss_table_size) != len(table):
            raise ValueError(f"the table has {size} rows, one queue each")
        if table.max(initial=0) >= self.queues:
            raise ValueError(f"queues are numbered from 0 to {self.queues - 1}")
        at = ffi.from_buffer("uint16_t[]", table)
        number = lib.dpdk_handle_set_rss_table(self._handle, at, len(table))
        self._check(number, "set the RSS table of", "open it with queues=2 or more")

    @property
    def rss_types(self) -> tuple[str, ...]:
        """What is hashed to pick a queue, as in "ipv4-udp"; empty: everything is on queue 0."""
        types = ffi.new("uint64_t *")
        number = lib.dpdk_handle_rss(self._handle, types, ffi.NULL, 0)
        self._check(number, "ask for the RSS of", "open it with queues=2 or more")
        return bit_names(types[0], lib.dpdk_rss_name)

    @property
    def rss_key(self) -> bytes:
        """The key of the hash, 40 bytes where the device does not say how long it is."""
        types, length = ffi.new("uint64_t *"), self.info.rss_key_bytes or RSS_KEY_BYTES
        key = ffi.new("uint8_t[]", RSS_KEY_BYTES_MAX)  # not all drivers mind the length
        number = lib.dpdk_handle_rss(self._handle, types, key, length)
        self._check(number, "ask for the RSS key of", "open it with queues=2 or more")
        return bytes(ffi.buffer(key, length))

    def flow(
        self,
        address: str,
        udp_port: int | None = None,
        *,
        queue: int | None = None,
        drop: bool = False,
    ) -> FlowRule:
        """A rule: IPv4 to ``address``, UDP to ``udp_port`` or any, goes to ``queue`` or is dropped.

        In force until the rule or the port is closed. PioError when the device cannot.
        """
        if drop == (queue is not None):
            raise ValueError("say either queue= or drop=True")
        if udp_port is not None and not 1 <= udp_port <= 0xFFFF:
            raise ValueError(f"a UDP port is from 1 to 65,535, not {udp_port}")
        steer = ffi.new("struct dpdk_steer *")
        steer.address = int(ipaddress.IPv4Address(address))
        steer.port = udp_port or 0
        steer.queue = lib.DPDK_STEER_DROP if queue is None else self._queue(queue)
        out, error = ffi.new("struct rte_flow **"), ffi.new("struct pio_error *")
        check(lib.dpdk_handle_flow(self._handle, steer, out, error), error)
        where = "dropped" if queue is None else f"to queue {queue}"
        rule = FlowRule(self, out[0], f"{address}:{udp_port or 'any'} {where}")
        self._rules.add(rule)
        return rule
