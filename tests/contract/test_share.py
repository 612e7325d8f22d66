"""One queue for several consumers: who gets what, what is lost when one does not read, refusals."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from afpacket_ends import wait_for
from afxdp_ends import udp
from contract_cases import unique
from contract_driver import Hot
from dpdk_cases import device, missing
from private_network import PrivateNetwork

from dpdk_bindings import PioError, Queue, innermost_backend, open_queue
from dpdk_bindings._core import ffi

FEED, ORDERS = ("233.54.12.111", 26477), ("10.0.0.2", 26400)
HEARS = f"share(hears={FEED[0]}:{FEED[1]})"
ASKS_UNREAD = 65_536  # pio_share.h


class Shared:
    """The far end of a memory link, and two members of the near one."""

    def __init__(self, options: str = "", wrap: str = "") -> None:
        self.name = f"{wrap}memory:{unique('share')}{options}"
        self.far = open_queue(self.name.removeprefix(wrap))
        self.feed, self.rest = open_queue(f"{HEARS}:{self.name}"), open_queue(f"share:{self.name}")

    def queues(self) -> tuple[Queue, Queue, Queue]:
        return self.far, self.feed, self.rest


@pytest.fixture
def shared() -> Iterator[Shared]:
    with ExitStack() as stack:
        made = Shared()
        for queue in made.queues():
            stack.enter_context(queue)
        yield made


def in_turn(queues: list[Queue], wants: int) -> list[list[bytes]]:
    """All that there is for each, asked round and round for so many frames."""
    got: list[list[bytes]] = [[] for _ in queues]
    idle = 0
    while idle < 10:
        bursts = [Hot(queue).take(wants) for queue in queues]
        for frames, burst in zip(got, bursts, strict=True):
            frames += burst
        idle = 0 if any(bursts) else idle + 1
    return got


def numbered(to: tuple[str, int], number: int) -> bytes:
    return udp(*to, payload=number.to_bytes(4, "big"))


def test_each_gets_its_own_in_order(shared: Shared) -> None:
    frames = [numbered(FEED if i % 3 else ORDERS, i) for i in range(300)]
    assert shared.far.send(frames) == 300
    got = in_turn([shared.rest, shared.feed], 16)
    assert got == [frames[::3], [frame for i, frame in enumerate(frames) if i % 3]]
    assert (shared.feed.mode, shared.feed.wrapped) == ("share+shared", "memory")
    assert innermost_backend(f"fault:{HEARS}:dpdk(queues=2):x") == "dpdk"


@pytest.mark.parametrize("wants", [1, 8, 64])
def test_members_that_keep_up_lose_nothing_however_uneven_it_is(
    shared: Shared, wants: int
) -> None:
    """All is for one of three; the others ask as often, find none of theirs, and pull as much."""
    frames = [numbered(FEED, i) for i in range(4000)]
    assert shared.far.send(frames) == len(frames)
    with open_queue(f"share(hears=10.9.9.9):{shared.name}") as third:
        queues = [shared.rest, third, shared.feed]
        assert in_turn(queues, wants) == [[], [], frames]
        assert not any(queue.stats()["rx_missed"] for queue in queues)


def test_the_last_to_close_closes_the_queue(shared: Shared) -> None:
    shared.far.send([numbered(ORDERS, 1), numbered(FEED, 2)])
    assert len(shared.feed.receive()) == 1
    shared.rest.close()  # with a frame set aside
    assert shared.far.link == "up"
    shared.far.send([numbered(FEED, 3), numbered(ORDERS, 4)])
    assert shared.feed.receive() == [numbered(FEED, 3)]
    assert shared.feed.stats()["share_unclaimed"] == shared.feed.stats()["rx_missed"] == 1
    with open_queue(f"share:{shared.name}") as again:
        shared.far.send([numbered(ORDERS, 5)])
        assert again.receive() == [numbered(ORDERS, 5)]
    shared.feed.close()
    assert shared.far.link == "down"


def test_one_sends_at_a_time_and_each_counts_its_own(shared: Shared) -> None:
    feed, rest = Hot(shared.feed), Hot(shared.rest)
    lent = feed.lend(4)
    assert rest.lend(3) == [] and shared.rest.stats()["tx_full"] == 3
    for i, frame in enumerate(lent):
        frame.data[0], frame.length = i, 60
    assert feed.burst(lent[:2]) == 2
    assert rest.lend(1) == []
    feed.give_back(lent[2:])
    assert rest.send([b"\x09" * 70]) == 1
    assert [frame[0] for frame in shared.far.receive(10)] == [0, 1, 9]
    runt = rest.lend(1)[0]
    runt.length = 13
    assert rest.burst([runt]) == 1
    assert [queue.stats()["tx_undersize"] for queue in (shared.feed, shared.rest)] == [0, 1]
    sent = [(queue.stats()["tx_frames"], queue.stats()["tx_bytes"])
            for queue in (shared.feed, shared.rest)]
    assert sent == [(2, 120), (1, 70)]
    feed.lend(200)
    shared.feed.close()  # gives back what it had lent
    assert rest.send([b"\x08" * 60] * 64) == 64


def test_who_never_reads_stalls_nobody_and_loses_by_name(shared: Shared) -> None:
    hot, got = Hot(shared.feed), 0
    for i in range(3000):
        shared.far.send([numbered(ORDERS, i), numbered(FEED, i)])
        got += len(hot.take())
    assert got == 3000
    counts = shared.rest.stats()
    assert counts["share_full"] == counts["rx_missed"] > 2000
    assert shared.feed.stats()["rx_missed"] == 0
    kept = shared.rest.receive(3000)  # the newest, and all that were not lost
    assert kept == [numbered(ORDERS, i) for i in range(3000 - len(kept), 3000)]
    assert len(kept) + counts["share_full"] == 3000


def test_a_small_queue_comes_back_from_who_does_not_read() -> None:
    shared = Shared(",slots=16")
    with shared.far, shared.feed, shared.rest:
        hot = Hot(shared.feed)
        far = Hot(shared.far)
        assert sum(far.send([numbered(ORDERS, i)]) for i in range(16)) == 16
        assert hot.take() == [] and far.send([numbered(FEED, 0)]) == 0  # all are set aside
        for _ in range(ASKS_UNREAD):
            hot.c.rx_burst(hot.c, ffi.NULL, 0)
        assert hot.take() == []
        assert shared.rest.stats()["share_unread"] == 16
        assert far.send([numbered(FEED, 1)]) == 1
        assert hot.take() == [numbered(FEED, 1)]


def test_rx_losses_of_the_medium_are_told_once(tmp_path: Path) -> None:
    file = tmp_path / "cut.pcap"
    with open_queue(f"pcap:,out={file}") as out:
        out.send([numbered(FEED, 1), numbered(ORDERS, 2)])
    file.write_bytes(file.read_bytes() + b"\xff" * 20)  # a record that cannot be
    name = f"pcap:{file}"
    with open_queue(f"{HEARS}:{name}") as feed, open_queue(f"share:{name}") as rest:
        assert feed.receive() == [numbered(FEED, 1)]
        assert rest.link == "up", "there is more to come for it"
        assert rest.receive() == [numbered(ORDERS, 2)]
        assert (feed.link, rest.link) == ("down", "down")
        assert [queue.stats()["rx_malformed"] for queue in (feed, rest)] == [1, 0]


def test_the_host_beneath_is_asked_through_any_member() -> None:
    link = f"memory:{unique('share')}"
    left, right = (f"host(address=10.77.1.{n}/24,mac=02:00:00:00:00:0{n})" for n in (1, 2))
    with (open_queue(f"{left}:{link}") as far, open_queue(f"{HEARS}:{right}:{link}") as feed,
          open_queue(f"fault:share:{right}:{link}") as rest, ExitStack() as stack):
        stop = threading.Event()

        def answer() -> None:
            while not stop.is_set():
                far.receive(10, 0.01)

        thread = threading.Thread(target=answer)
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        assert rest.resolve("10.77.1.1") == feed.resolve("10.77.1.1") == "02:00:00:00:00:01"


@pytest.mark.parametrize(("wrap", "why", "remedy"), [
    ("share", "has all that nobody else hears", "say what this one hears"),
    ("share()", "has all that nobody else hears", "say what this one hears"),
    (HEARS, "hears 233.54.12.111, port 26477, already", "to one of them"),
    ("share(hears=)", "has no value", "leave it out"),
    ("share(hears=10.0.0.1:0)", "'10.0.0.1:0', which is no destination", "write ADDRESS:PORT"),
    ("share(hears=10.0.0.1:65536)", "10.0.0.1:65536', which is no", "write ADDRESS:PORT"),
    ("share(hears=10.0.0.1+)", "no destination", "write ADDRESS:PORT"),
    ("share(hears=0.0.0.0)", "every destination", "leave hears= out"),
    ("share(hears=" + "+".join(f"10.0.0.{i}" for i in range(18)) + ")", None, None),
    ("share(heard=1)", "unknown queue option", "hears"),
    ("share(hears=10.0.0.1", "names no queue to wrap", "share(hears="),
])
def test_refusals(shared: Shared, wrap: str, why: str | None, remedy: str | None) -> None:
    if why is None:  # as many as there are places for
        open_queue(f"{wrap}:{shared.name}").close()
        return
    with pytest.raises(PioError) as refused:
        open_queue(f"{wrap}:{shared.name}")
    assert why in refused.value.why and remedy in refused.value.remedy
    shared.far.send([numbered(ORDERS, 1), numbered(FEED, 1)])
    assert (len(shared.feed.receive()), len(shared.rest.receive())) == (1, 1)


def test_too_many_destinations_and_members(shared: Shared) -> None:
    with ExitStack() as stack:
        for member in range(6):
            stack.enter_context(open_queue(f"share(hears=10.1.0.{member}):{shared.name}"))
        with pytest.raises(PioError, match="8 share"):
            open_queue(f"share(hears=10.2.0.1):{shared.name}")
    twenty = [f"10.3.{i}.1" for i in range(20)]
    with (open_queue(f"share(hears={'+'.join(twenty)}):{shared.name}"),
          pytest.raises(PioError, match="more than 32")):
        open_queue(f"share(hears={'+'.join(twenty).replace('10.3', '10.4')}):{shared.name}")


def test_a_refused_first_member_leaves_nothing_open() -> None:
    name = f"memory:{unique('share')}"
    with pytest.raises(PioError, match="no destination"):
        open_queue(f"share(hears=x):{name}")
    assert not Path(f"/dev/shm/tickpath.{name.partition(':')[2]}").exists()
    with pytest.raises(PioError, match="names no packet backend"):
        open_queue("share:nosuch:x")


def test_a_fork_does_not_attach_to_its_parents_queue(shared: Shared) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            open_queue(f"share(hears=10.9.9.9):{shared.name}")
            os._exit(1)
        except PioError as error:  # as a process of its own it is a third on the link
            os._exit(0 if "share" not in error.why.partition("memory")[0] else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("mode", ["skb", "copy"])
def test_two_on_the_one_queue_of_an_interface(network: PrivateNetwork, mode: str) -> None:
    steer = f"{FEED[0]}:{FEED[1]}+{ORDERS[0]}:{ORDERS[1]}"
    name = f"afxdp:right,mode={mode},steer={steer}"
    with (network.open_queue("afpacket:left") as far, network.open_queue(f"{HEARS}:{name}") as feed,
          network.open_queue(f"share:{name}") as rest):
        frames = [numbered(FEED if i % 2 else ORDERS, i) for i in range(200)]
        assert far.send(frames) == 200
        got: list[list[bytes]] = [[], []]

        def all_there() -> bool:
            for into, more in zip(got, in_turn([feed, rest], 64), strict=True):
                into += more
            return sum(map(len, got)) == 200

        wait_for(all_there)
        assert got == [frames[1::2], frames[::2]]
        for queue in (feed, rest):
            assert queue.send([numbered(FEED, 1)]) == 1
            assert queue.stats()["tx_frames"] <= 1
        with pytest.raises(PioError):  # by another name it is another queue, and the card has one
            network.open_queue(f"share:{name},rx_slots=1024")


def test_two_on_the_one_queue_pair_of_a_dpdk_device() -> None:
    if reason := missing():
        pytest.skip(reason)
    name = f"dpdk(rx_slots=64,tx_slots=64):{device('net_ring')}"  # it hears what it sends
    with open_queue(f"{HEARS}:{name}") as feed, open_queue(f"share:{name}") as rest:
        frames = [numbered(FEED if i % 2 else ORDERS, i) for i in range(40)]
        assert rest.send(frames) == 40
        assert in_turn([feed, rest], 16) == [frames[1::2], frames[::2]]
        assert rest.send(frames) == 40
        assert len(Hot(feed).rx(8)) == 4 and len(Hot(feed).lend(20)) == 20
        feed.close()  # with frames of the device's lent to it, both ways
        assert rest.send(frames) == 40
        # Four were handed out; what it had not seen yet is of the rest now.
        assert [len(frame) for frame in rest.receive(80)] == [len(frames[0])] * (80 - 4)


def test_namespaces_keep_interfaces_of_one_name_apart(network: PrivateNetwork) -> None:
    with PrivateNetwork() as other:
        other.veth("left", "right")
        with (network.open_queue("share:afxdp:right,steer=all") as one,
              other.open_queue("share:afxdp:right,steer=all") as two):
            assert one.mac != two.mac
