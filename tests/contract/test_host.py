"""Host queues over memory links: what is taken out, what is handed on, what they answer."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest
from contract_cases import unique
from contract_driver import BURST_MAX, Hot, content, datagram
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from dpdk_bindings import PioError, Queue, open_queue

MAC, PEER_MAC, EVERYBODY = "02:00:00:00:00:02", "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"
ADDRESS, PEER = "10.0.0.2", "10.0.0.1"
SECOND = 10**9
REQUEST = bytes(Ether(dst=EVERYBODY, src=PEER_MAC) / ARP(hwsrc=PEER_MAC, psrc=PEER, pdst=ADDRESS))
REPLY = bytes(
    Ether(dst=MAC, src=PEER_MAC) / ARP(op=2, hwsrc=PEER_MAC, psrc=PEER, hwdst=MAC, pdst=ADDRESS)
)
PING = bytes(Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=ADDRESS) / ICMP() / b"ping")


@contextmanager
def stations(options: str = "", memory: str = "", wrap: str = "") -> Iterator[tuple[Queue, Queue]]:
    """A host, and the plain other end of its wire; the host's start is over."""
    link = f"memory:{unique('host')}{memory}"
    with (
        open_queue(link) as peer,
        open_queue(f"{wrap}host(address={ADDRESS}/24,mac={MAC}{options}):{link}") as host,
    ):
        for second in range(30):
            Hot(host).service(second * SECOND)
        peer.receive(100)
        yield host, peer


def everything(queue: Queue) -> list[bytes]:
    """Bursts until there is nothing: one may hold fewer frames than there are."""
    return list(chain.from_iterable(iter(Hot(queue).take, [])))


def answers(host: Queue, peer: Queue) -> list[bytes]:
    hot = Hot(host)
    for _ in range(20):
        hot.service(100 * SECOND)
    return everything(peer)


def test_control_frames_are_taken_out_of_a_burst_and_answered() -> None:
    others = [
        datagram(b"one"),
        bytes(Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst="10.0.0.3") / ICMP()),
        bytes(Ether(dst=MAC, src=PEER_MAC) / Dot1Q(vlan=7) / IP(dst=ADDRESS) / ICMP()),
        bytes(14),
    ]
    with stations() as (host, peer):
        peer.send([REQUEST, others[0], PING, *others[1:], PING])
        hot = Hot(host)
        frames = hot.rx(BURST_MAX)
        assert [content(frame) for frame in frames] == others
        assert answers(host, peer)[0][:6] == bytes.fromhex(PEER_MAC.replace(":", ""))
        hot.release(frames)
        hot.service()
        stats = host.stats()
        assert stats["rx_frames"] == len(others)
        assert stats["rx_bytes"] == sum(map(len, others))
        assert (stats["host_arp"], stats["host_icmp"], stats["tx_frames"]) == (1, 2, 0)
        peer.send([PING[:-1], REQUEST[:40]])
        assert hot.take() == []
        assert answers(host, peer) == []
        stats = host.stats()
        assert stats["host_malformed"] == 2
        assert stats["host_drop_ip_header"] == stats["host_drop_arp_short"] == 1


def test_frames_go_back_in_the_order_lent_however_they_are_released() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with stations(memory=",slots=64") as (host, peer):
        hot, sender = Hot(host), Hot(peer)
        sent, received = 0, 0
        held: list[Any] = []
        for _ in range(2000):
            burst = []
            for _ in range(rng.randrange(20)):
                control = rng.random() < 0.3
                burst.append(REQUEST if control else datagram(sent.to_bytes(4, "big") * 8))
                sent += not control
            taken = sender.send(burst)
            sent -= sum(frame != REQUEST for frame in burst[taken:])
            held += hot.rx(rng.randrange(BURST_MAX))
            # Were a slot given back too early, a later frame would stand in it by now.
            expected = [
                datagram(n.to_bytes(4, "big") * 8) for n in range(received, received + len(held))
            ]
            assert [content(frame) for frame in held] == expected
            part = rng.randrange(len(held) + 1)
            hot.release(held[:part])
            held, received = held[part:], received + part
            hot.service(100 * SECOND)
            sender.take()
        hot.release(held)
        for frame in iter(lambda: hot.take(), []):
            received += len(frame)
        assert len(sender.lend(BURST_MAX)) == BURST_MAX, "every slot came back"
        assert sent > 1000


def test_a_burst_of_nothing_but_control_frames_goes_back_at_once() -> None:
    with stations(memory=",slots=64") as (host, peer):
        hot, sender = Hot(host), Hot(peer)
        for _ in range(100):
            assert sender.send([REQUEST] * 64) == 64
            assert hot.rx(BURST_MAX) == []
        stats = answers(host, peer) and host.stats()
        assert stats["host_full"] == stats["host_drop_inbox_full"] >= 64 * 100 - 32 - 80
        assert stats["host_arp"] + stats["host_full"] == 6400


def test_more_control_frames_than_can_be_held_are_handed_on() -> None:
    with stations() as (host, peer):
        hot = Hot(host)
        peer.send([datagram(b"held")])
        held = hot.rx(1)
        peer.send([REQUEST] * 100)
        more = hot.rx(BURST_MAX) + hot.rx(BURST_MAX)
        assert [content(frame) for frame in more] == [REQUEST] * 36
        hot.release(held + more)
        peer.send([REQUEST] * 100)
        assert hot.rx(BURST_MAX) == hot.rx(BURST_MAX) == []


def test_replies_wait_while_the_caller_holds_lent_frames() -> None:
    with stations() as (host, peer):
        hot = Hot(host)
        lent = hot.lend(3)
        peer.send([REQUEST])
        hot.take()
        assert answers(host, peer) == []
        hot.give_back(lent)
        assert len(answers(host, peer)) == 1


def test_a_full_wire_delays_replies_and_loses_none() -> None:
    with stations(memory=",slots=2") as (host, peer):
        hot = Hot(host)
        full = host.stats()["tx_full"]
        assert hot.send([datagram(b"a"), datagram(b"b")]) == 2
        peer.send([REQUEST])
        hot.take()
        for _ in range(100):
            hot.service(100 * SECOND)
        assert host.stats()["tx_full"] == full, "what the host asked for itself is not counted"
        assert everything(peer) == [datagram(b"a"), datagram(b"b")]
        assert len(answers(host, peer)) == 1
        assert host.stats()["tx_frames"] == 2


def test_the_link_coming_back_is_announced() -> None:
    link = f"memory:{unique('host')}"
    with open_queue(f"host(address={ADDRESS}/24,mac={MAC},groups=233.54.12.111):{link}") as host:
        hot = Hot(host)
        for start in (0, 100):
            for second in range(10):
                hot.service((start + second) * SECOND)
            with open_queue(link) as peer:
                for second in range(10, 30):
                    hot.service((start + second) * SECOND)
                frames = [Ether(frame) for frame in peer.receive(100)]
                assert sum(frame.haslayer(ARP) for frame in frames) == 2
                assert sum(frame.dst == "01:00:5e:00:00:16" for frame in frames) == 2
                assert len(frames) == 4


def test_closing_leaves_the_groups() -> None:
    link = f"memory:{unique('host')}"
    with open_queue(link) as peer:
        host = open_queue(f"host(address={ADDRESS}/24,mac={MAC},groups=233.54.12.111):{link}")
        for second in range(30):
            Hot(host).service(second * SECOND)
        peer.receive(100)
        host.close()
        (leave,) = peer.receive(100)
        assert leave[38:39] == b"\x22" and leave[46] == 3, "CHANGE_TO_INCLUDE{}"


# ---- resolving -----------------------------------------------------------------------------------


def test_an_address_is_resolved_and_what_arrives_meanwhile_is_kept() -> None:
    for wrap in ("", "fault:"):
        with stations(wrap=wrap) as (host, peer):
            data = [datagram(b"%d" % n) for n in range(300)]
            peer.send([REPLY, *data[:150]])
            with pytest.raises(PioError):
                host.resolve(PEER, timeout_s=0.05)  # nobody had asked when that came
            peer.send([*data[150:], REPLY])
            assert host.resolve(PEER) == PEER_MAC
            assert host.receive(1000) == data
            assert host.stats()["rx_missed"] == 0


def test_beyond_its_backlog_the_oldest_frames_are_missed_by_name() -> None:
    with stations() as (host, peer):
        data = [datagram(b"%d" % n) for n in range(3000)]
        peer.send(data[:100])
        held = Hot(host).rx(1)
        peer.send(data[100:])
        with pytest.raises(PioError, match="nobody on the link"):
            host.resolve(PEER, timeout_s=0.05)
        assert content(held[0]) == data[0], "nothing is lost while the caller holds older frames"
        assert host.stats()["rx_missed"] == 0
        Hot(host).release(held)
        with pytest.raises(PioError):
            host.resolve(PEER, timeout_s=0.05)
        received = host.receive(3000)
        missed = host.stats()["rx_missed"]
        assert missed and received == data[1 + missed :]


def test_what_cannot_be_resolved_says_why() -> None:
    with stations() as (host, _):
        for address, number, words in (
            ("206.200.127.140", errno.ENETUNREACH, "no way to 206.200.127.140.*gateway="),
            ("10.0.0.9", errno.ETIMEDOUT, "answered for 10.0.0.9.*VLAN"),
            ("venue", errno.EINVAL, "no IPv4 address"),
        ):
            with pytest.raises(PioError, match=words) as raised:
                host.resolve(address, timeout_s=0.01)
            assert raised.value.errno == number
    with open_queue(f"memory:{unique('host')}") as plain:
        with pytest.raises(PioError, match=r"no host.*wrap the queue, as in host\(") as raised:
            plain.resolve(PEER)
        assert raised.value.errno == errno.ENOTSUP
    with (
        open_queue(f"host(address=10.0.0.2/24,mac={MAC}):memory:{unique('host')}") as alone,
        pytest.raises(PioError, match=r"is down.*start the other side"),
    ):
        alone.resolve(PEER, timeout_s=0.01)


# ---- opening -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "has no address"),
        ("(address=10.0.0.2,mac=02:00:00:00:00:02)", "address=10.0.0.2 is no address"),
        ("(address=10.0.0.0/24,mac=02:00:00:00:00:02)", "no address to live at"),
        ("(address=10.0.0.255/24,mac=02:00:00:00:00:02)", "no address to live at"),
        ("(address=224.0.0.5/24,mac=02:00:00:00:00:02)", "no address to live at"),
        ("(address=10.0.0.2/33,mac=02:00:00:00:00:02)", "no address to live at"),
        ("(address=10.0.0.2/24x,mac=02:00:00:00:00:02)", "no address to live at"),
        ("(address=10.0.0.2/24)", "no Ethernet address of its own.*mac="),
        ("(address=10.0.0.2/24,mac=03:00:00:00:00:02)", "no Ethernet address to live at"),
        ("(address=10.0.0.2/24,mac=02:00:00:00:00)", "no Ethernet address to live at"),
        ("(address=10.0.0.2/24,mac=02:00:00:00:00:02,gateway=10.0.1.1)", "gateway=10.0.1.1 is no"),
        ("(address=10.0.0.2/24,mac=02:00:00:00:00:02,gateway=10.0.0.2)", "gateway=10.0.0.2 is no"),
        ("(address=10.0.0.2/24,groups=10.0.0.3)", "'10.0.0.3', which is no multicast group"),
        ("(address=10.0.0.2/24,groups=224.0.0.1)", "which is no multicast group"),
        ("(address=10.0.0.2/24,groups=" + "+".join(f"225.0.0.{n}" for n in range(17)) + ")",
         "more than 16 groups|longer than"),
        ("(address=10.0.0.2/24,vlan=4095)", "vlan=4095 is out of range"),
        ("(address=10.0.0.2/24,lan=1)", "unknown queue option 'lan=1'"),
        ("(address=10.0.0.2/24", "names no queue to wrap"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_says_why(options: str, words: str) -> None:
    with pytest.raises(PioError, match=words):
        open_queue(f"host{options}:memory:{unique('host')}")


def test_short_frames_are_refused_and_the_inner_queues_refusal_is_passed_on() -> None:
    options = f"(address=10.0.0.2/24,mac={MAC})"
    with pytest.raises(PioError, match="frames have 64 bytes, and a host needs"):
        open_queue(f"host{options}:memory:{unique('host')},frame_bytes=64")
    with pytest.raises(PioError, match="names no packet backend"):
        open_queue(f"host{options}:nothing:here")
    with open_queue(f"host(address=10.0.0.2/31,mac={MAC},vlan=5):memory:{unique('host')}") as host:
        assert (host.mode, host.mac, host.backend) == ("host+shared", MAC, "host")
