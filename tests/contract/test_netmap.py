"""netmap over its stand-in: what the contract suite does not ask of every backend.

netmap_kernel.c says what a pass here proves of netmap itself: nothing. test_netmap_module.py asks
the module, where it is loaded.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from ctypes import CDLL
from typing import Any

import pytest
from afpacket_ends import wait_for
from contract_driver import BURST_MAX, FRAME_BYTES_MIN, Hot, content, datagram, fill
from netmap_standin import (
    LAYOUT,
    LAYOUTS,
    OPEN_ERRNO,
    REGISTER_ERRNO,
    RESET,
    RINGS,
    SYNC_ERRNO,
    missing,
    pipe_name,
    standing_in,
)
from private_network import PrivateNetwork

from dpdk_bindings import PioError, Queue, backends, open_queue
from dpdk_bindings._core import ffi

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

MORE, CHANGED = 0x20, 0x01


@pytest.fixture
def kernel() -> Iterator[CDLL]:
    with standing_in() as kernel:
        backends()  # makes the stand-in's memory, which stays
        yield kernel


@pytest.fixture
def ends(kernel: CDLL) -> Iterator[tuple[Queue, Queue, str]]:
    pipe = pipe_name()
    with open_queue(f"netmap:{pipe}{{1") as left, open_queue(f"netmap:{pipe}}}1") as right:
        yield left, right, pipe


def frame(number: int, length: int = 60) -> bytes:
    return datagram(number.to_bytes(4, "big")).ljust(length, b"\0")


def refused(name: str) -> PioError:
    fds = len(os.listdir("/proc/self/fd"))
    with pytest.raises(PioError) as caught:
        open_queue(name)
    assert len(os.listdir("/proc/self/fd")) == fds, "a refusal leaves nothing open"
    return caught.value


# ---- refusals ----


@pytest.mark.parametrize(
    ("number", "why", "remedy"),
    [
        (errno.ENOENT, "netmap is not loaded", "modprobe netmap"),
        (errno.ENXIO, "netmap is not loaded", "modprobe netmap"),
        (errno.EACCES, "no permission to open /dev/netmap", "run as root"),
        (errno.EMFILE, "/dev/netmap: Too many open files", "dmesg"),
    ],
)
def test_a_device_that_cannot_be_opened(kernel: CDLL, number: int, why: str, remedy: str) -> None:
    kernel.netmap_kernel_set(OPEN_ERRNO, number)
    error = refused("netmap:feed{1")
    assert error.errno == number and error.why == why and remedy in error.remedy
    (row,) = [row for row in backends() if row.name == "netmap"]
    assert row.built and not row.usable and (row.why, row.remedy) == (error.why, error.remedy)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.EBUSY, "is in use"),
        (errno.ENOMEM, "no memory left"),
        (errno.EOPNOTSUPP, "the emulation is not allowed"),
        (errno.ENXIO, "finds no port"),
        (errno.EACCES, "no permission to open netmap port"),
        (errno.EINVAL, "refuses port 'vale7:x': Invalid argument"),
    ],
)
def test_a_port_that_is_refused(kernel: CDLL, number: int, why: str) -> None:
    kernel.netmap_kernel_set(REGISTER_ERRNO, number)
    error = refused("netmap:vale7:x")
    assert error.errno == number and why in error.why and error.remedy


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("", "names no port"),
        ("{1", "is no end of a pipe"),
        ("feed}", "is no end of a pipe"),
        ("eth0*", "a port's '*' is not known here"),
        ("vale0", "no network interface 'vale0'"),
        ("nowhere", "no network interface 'nowhere'"),
        ("lo-x", "ends in no ring's number"),
        ("lo^x", "ends in no ring's number"),
        ("lo-99999999", "ends in no ring's number"),
        ("x" * 64, "is longer than 63 bytes"),
        ("feed{1,slots=5", "unknown queue option"),
        ("feed{1,rx_slots=8", "out of range"),
        ("lo", "the MTU of 'lo' makes frames of 65550 bytes"),
    ],
)
def test_names_that_mean_nothing(kernel: CDLL, device: str, why: str) -> None:
    error = refused(f"netmap:{device}")
    assert why in error.why and error.remedy


@pytest.mark.parametrize("layout", range(1, LAYOUTS + 1))
def test_rings_that_cannot_be_are_not_used(kernel: CDLL, layout: int) -> None:
    kernel.netmap_kernel_set(LAYOUT, layout)
    assert "describes rings that cannot be" in refused("netmap:vale0:x").why


def test_a_wish_that_is_not_granted(kernel: CDLL) -> None:
    with PrivateNetwork() as network:
        network.veth("left", "right")
        with pytest.raises(PioError, match="gives port 'left' rx_slots=256") as caught:
            network.open_queue("netmap:left,rx_slots=512")
    assert "ethtool -G" in caught.value.remedy


def test_one_queue_has_a_ring_for_itself(kernel: CDLL) -> None:
    kernel.netmap_kernel_set(RINGS, 3)
    with PrivateNetwork() as network:
        network.veth("left", "right")
        with network.open_queue("netmap:left-0"), network.open_queue("netmap:left-2"):
            with network.open_queue("netmap:left^") as stack:
                assert stack.mode == "stack"
            for name in ("netmap:left-2", "netmap:left"):
                with pytest.raises(PioError, match="is in use"):
                    network.open_queue(name)
        with pytest.raises(PioError, match="Invalid argument"):
            network.open_queue("netmap:left-3")


# ---- frames ----


def test_unsendable_frames_leave_no_hole(ends: tuple[Queue, Queue, str]) -> None:
    left, right, _ = ends
    hot = Hot(left)
    for round_ in range(100):
        lent = hot.lend(8)
        for index, each in enumerate(lent):
            fill(each, frame(round_ * 8 + index))
        lent[0].length = FRAME_BYTES_MIN - 1
        lent[3].length = left.frame_bytes_max + 1
        assert hot.burst(lent[:5]) == 5
        hot.give_back(lent[7:])
        assert hot.burst(lent[5:7]) == 2
        assert right.receive(8) == [frame(round_ * 8 + index) for index in (1, 2, 4, 5, 6)]
    stats = left.stats()
    assert (stats["tx_undersize"], stats["tx_oversize"], stats["tx_frames"]) == (100, 100, 500)


def spoil(kernel: CDLL, pipe: str, right: Queue, slots: list[dict[str, int]]) -> list[bytes]:
    """What arrives after the slots that wait were written over; and puts them back."""
    Hot(right).service()
    ring = kernel.netmap_kernel_ring(f"{pipe}}}1".encode(), 1, 0).contents
    former = []
    for at, change in enumerate(slots, ring.head):
        slot = ring.slots[at]
        former.append((slot, slot.buffer_index, slot.length, slot.flags))
        for name, value in change.items():
            setattr(slot, name, value)
    arrived = Hot(right).take()
    for slot, *values in former:
        slot.buffer_index, slot.length, slot.flags = values
    return arrived


def test_slots_that_are_no_frames_are_passed_by(
    kernel: CDLL, ends: tuple[Queue, Queue, str]
) -> None:
    left, right, pipe = ends
    assert left.send([frame(index) for index in range(10)]) == 10
    slots: list[dict[str, int]] = [
        {}, {"flags": MORE}, {"flags": MORE}, {}, {"buffer_index": 1 << 31}, {"length": 2049},
        {"length": 13}, {"length": 0}, {"buffer_index": 0}, {}]
    assert spoil(kernel, pipe, right, slots) == [frame(0), frame(9)]
    stats = right.stats()
    assert stats["rx_frames"] == 2 and stats["rx_oversize"] == 2 and stats["rx_malformed"] == 2
    assert stats["rx_undersize"] == stats["rx_blanks"] == 1
    for _ in range(5):  # all slots came back
        assert left.send([frame(1)] * 200) == 200
        assert right.receive(256) == [frame(1)] * 200


def test_a_ring_full_of_no_frames_comes_back(
    kernel: CDLL, ends: tuple[Queue, Queue, str]
) -> None:
    left, right, pipe = ends
    assert left.send([frame(0)] * 300) == 255
    ring = kernel.netmap_kernel_ring(f"{pipe}}}1".encode(), 1, 0).contents
    for at in range(255):
        ring.slots[at].length = 13
    assert right.receive(300) == [] and right.stats()["rx_undersize"] == 255
    Hot(right).service()
    assert left.send([frame(1)] * 300) == 255


def test_a_ring_that_makes_no_sense_is_given_up(
    kernel: CDLL, ends: tuple[Queue, Queue, str]
) -> None:
    left, right, pipe = ends
    ring = kernel.netmap_kernel_ring(f"{pipe}}}1".encode(), 1, 0).contents
    ring.tail = 9999
    assert Hot(right).take() == []
    assert right.link == "gone" and right.stats()["ring_resets"] == 1
    assert Hot(right).lend(4) == [] and right.stats()["tx_full"] == 4
    kernel.netmap_kernel_set(RESET, 1)
    assert left.link == "gone" and left.stats()["ring_resets"] == 1


def test_frames_of_a_failing_sync_are_never_sent_late(
    kernel: CDLL, ends: tuple[Queue, Queue, str]
) -> None:
    left, right, _ = ends
    held = Hot(left).lend(3)
    for each in held:
        fill(each, frame(7))
    kernel.netmap_kernel_set(SYNC_ERRNO, errno.EIO)
    hot = Hot(left)
    assert hot.burst(held[:2]) == 2
    assert left.link == "down"
    stats = left.stats()
    assert (stats["tx_error"], stats["tx_frames"], stats["tx_bytes"]) == (2, 0, 0)
    more = hot.lend(4)
    assert len({int(ffi.cast("uintptr_t", each.data)) for each in [held[2], *more]}) == 5
    assert hot.burst(held[2:]) == 1 and left.stats()["tx_error"] == 3
    hot.give_back(more)
    assert stats["sync_errors"] > 0
    kernel.netmap_kernel_set(SYNC_ERRNO, 0)
    assert left.link == "up"
    assert left.send([frame(8)]) == 1
    assert right.receive(10) == [frame(8)]


def test_an_idle_service_is_one_call_and_reading_takes_none(
    kernel: CDLL, ends: tuple[Queue, Queue, str]
) -> None:
    left, right, _ = ends
    hot = Hot(right)
    hot.service()
    before = kernel.netmap_kernel_syncs()
    hot.service()
    assert kernel.netmap_kernel_syncs() == before + 1
    left.send([frame(0)] * 100)
    hot.service()
    before = kernel.netmap_kernel_syncs()
    for _ in range(9):
        assert len(hot.take(10)) == 10
        hot.service()
    # A quarter of 256 was given back once in between.
    assert kernel.netmap_kernel_syncs() == before + 1


# ---- interfaces ----


def test_an_interface_with_several_rings_is_heard_whole(kernel: CDLL) -> None:
    kernel.netmap_kernel_set(RINGS, 3)
    with PrivateNetwork() as network:
        network.veth("left", "right")
        with (network.open_queue("netmap:left-1") as left,
              network.open_queue("netmap:right,promiscuous=0") as right):
            wait_for(lambda: left.link == right.link == "up")
            assert right.mac and right.mode == "emulated" and right.frame_bytes_max == 1518
            hot, sent = Hot(right), [frame(index)[:-1] + bytes([index]) for index in range(60)]
            error = network.call(_hear, right)
            assert error == 0
            assert left.send(sent) == 60
            hot.service()
            held = hot.rx(BURST_MAX)
            assert sorted(content(each) for each in held) == sorted(sent)
            for number in range(3):
                ours = [data for data in map(content, held) if data[-1] % 3 == number]
                assert ours == [data for data in sent if data[-1] % 3 == number]
            hot.release(held[:31])
            assert [content(each) for each in held[31:]]
            hot.release(held[31:])


def _hear(queue: Queue) -> int:
    c: Any = Hot(queue).c
    return int(c.info.backend.hear(c, bytes.fromhex("01005e000001"), ffi.new("struct pio_error *")))


def test_a_frame_beyond_the_mtu_and_one_without_a_link_are_errors(kernel: CDLL) -> None:
    with PrivateNetwork() as network:
        network.veth("left", "right")
        left, right = (network.open_queue(f"netmap:{end}") for end in ("left", "right"))
        with left, right:
            wait_for(lambda: left.link == right.link == "up")
            tagged = (bytes(12) + b"\x81\x00").ljust(1518, b"t")
            assert left.send([bytes(1515), tagged, bytes(1514)]) == 3
            assert right.receive(10) == [tagged, bytes(1514)]
            assert left.stats()["tx_error"] == 1
            network.set("right", state="down")
            wait_for(lambda: left.link == "down")
            assert left.send([frame(1)] * 3) == 3 and left.stats()["tx_error"] == 4
            network.set("right", state="up")
            wait_for(lambda: left.link == right.link == "up")
            assert right.receive(10) == [] and left.send([frame(2)]) == 1
            assert right.receive(10) == [frame(2)]
            network.delete("left")
            wait_for(lambda: left.link == "gone" and right.link == "gone")
            assert left.send([frame(3)]) == 0


def test_the_stack_is_a_port_of_its_own(kernel: CDLL) -> None:
    with PrivateNetwork() as network:
        network.veth("left", "right")
        with (network.open_queue("netmap:left") as card,
              network.open_queue("netmap:left^") as stack):
            wait_for(lambda: stack.link == "up")
            assert stack.mac == card.mac
            assert stack.send([frame(1)]) == 1
            assert stack.receive(4) == [frame(1)] and card.receive(4) == []


def test_a_switch_has_many_ports(kernel: CDLL) -> None:
    with (open_queue("netmap:vale3:a") as a, open_queue("netmap:vale3:b,rx_slots=32") as b,
          open_queue("netmap:vale4:c") as other):
        assert a.mode == "vale" and a.mac == "" and a.frame_bytes_max == 2048
        assert a.send([frame(index) for index in range(40)]) == 40
        assert b.receive(64) == [frame(index) for index in range(31)]
        assert kernel.netmap_kernel_dropped() >= 9, "the switch holds nobody up"
        assert other.receive(4) == a.receive(4) == []


def test_an_interface_whose_driver_has_no_netmap_can_be_declined(
    kernel: CDLL, network: PrivateNetwork
) -> None:
    with pytest.raises(PioError) as caught:
        network.open_queue("netmap:left,native=1")
    assert caught.value.errno == errno.ENOTSUP
    assert "take the interface from the kernel" in caught.value.why
    assert "netmap:left" in caught.value.remedy
    with network.open_queue("netmap:left,native=0") as queue:
        assert queue.mode == "emulated"
