"""IGMP of csrc/net_host.h: joins, answers to queries of every version, leaving."""

from __future__ import annotations

import pytest
from net_host_rig import GROUPS, PEER_MAC, SECOND, Host, igmp_frame, igmp_of, number, query
from scapy.layers.inet import IP
from scapy.layers.l2 import ARP, Ether

from dpdk_bindings._core import lib

IS_IN, IS_EX, TO_IN, TO_EX = 1, 2, 3, 4
JOIN_V3 = bytes.fromhex(
    "01005e000016 020000000002 0800"
    "46c0 0030 0000 4000 01 02 f9ef 0a000002 e0000016 94040000"
    "2200 32b6 0000 0002 0400 0000 e9360c6f 0400 0000 e931c46f"
)
REPORT_V2 = bytes.fromhex(
    "01005e360c6f 020000000002 0800"
    "46c0 0020 0000 4000 01 02 e470 0a000002 e9360c6f 94040000 1600 f459 e9360c6f"
)


def igmp_frames(frames: list[bytes]) -> list[bytes]:
    return [frame for frame in frames if not Ether(frame).haslayer(ARP)]


def records(frame: bytes) -> list[tuple[int, str, list[str]]]:
    """The group records of a version 3 report."""
    report = igmp_of(frame)
    assert Ether(frame).dst == "01:00:5e:00:00:16" and Ether(frame)[IP].dst == "224.0.0.22"
    return [(r.rtype, r.maddr, list(r.srcaddrs)) for r in report.records]


def all_of(kind: int) -> list[tuple[int, str, list[str]]]:
    return [(kind, group, []) for group in GROUPS]


def answers(host: Host, frame: object, seconds: float = 11) -> list[bytes]:
    host.receive(frame)  # type: ignore[arg-type]
    return igmp_frames(host.tick(seconds))


def test_a_join_is_reported_as_often_as_the_robustness_says() -> None:
    host = Host()
    assert igmp_frames(host.first) == [JOIN_V3]
    later = igmp_frames(host.tick(20))
    assert sorted(r for frame in later for r in records(frame)) == sorted(all_of(TO_EX))
    host.receive(query(robustness=4))
    host.tick(11)
    host.link(False)
    host.link(True)
    again = igmp_frames(host.tick(20))
    assert sorted(r for frame in again for r in records(frame)) == sorted(all_of(TO_EX) * 4)


def test_without_groups_nothing_is_said() -> None:
    host = Host(groups=())
    assert igmp_frames(host.first + host.tick(20)) == []
    assert answers(host, query()) == answers(host, query(length=8)) == []
    lib.net_host_leave(host.c)
    assert host.out() == []


def test_a_general_query_is_answered_once_within_its_time() -> None:
    for code, most_s in ((10, 1.0), (100, 10.0), (0x80 | 0x0F, 24.8)):
        host = Host().quiet()
        assert host.receive(query(code=code)) == []
        start = host.now
        while not (frames := igmp_frames(host.tick(0.1))):
            assert host.now - start < most_s * SECOND + SECOND
        assert host.now - start <= (most_s + 0.1) * SECOND
        assert [records(frame) for frame in frames] == [all_of(IS_EX)]
        assert igmp_frames(host.tick(60)) == []


def test_many_queries_at_once_are_one_answer() -> None:
    host = Host().quiet()
    for _ in range(10):
        host.receive(query())
        host.receive(query(GROUPS[0]))
    kinds = [records(frame) for frame in igmp_frames(host.tick(11))]
    assert kinds.count(all_of(IS_EX)) == 1 and len(kinds) <= 2


def test_a_group_query_is_answered_for_the_group() -> None:
    host = Host().quiet()
    assert [records(f) for f in answers(host, query(GROUPS[1]))] == [[(IS_EX, GROUPS[1], [])]]
    assert answers(host, query("233.1.1.1")) == []


def test_a_query_for_sources_is_answered_for_them() -> None:
    host, sources = Host().quiet(), ("10.1.0.1", "10.1.0.2")
    (frame,) = answers(host, query(GROUPS[0], sources=sources))
    assert records(frame) == [(IS_IN, GROUPS[0], list(sources))]
    host.receive(query(GROUPS[0], sources=sources))
    host.receive(query(GROUPS[0], sources=("10.1.0.3",)))
    (frame,) = igmp_frames(host.tick(11))
    assert records(frame) == [(IS_IN, GROUPS[0], [*sources, "10.1.0.3"])]
    host.receive(query(GROUPS[0], sources=sources))
    host.receive(query(GROUPS[0]))  # the whole group is asked for, too
    host.receive(query(GROUPS[0], sources=sources))
    (frame,) = igmp_frames(host.tick(11))
    assert records(frame) == [(IS_EX, GROUPS[0], [])]
    many = tuple(f"10.1.1.{last}" for last in range(17))
    (frame,) = answers(host, query(GROUPS[0], sources=many))
    assert records(frame) == [(IS_EX, GROUPS[0], [])], "more than are remembered"


@pytest.mark.parametrize(("code", "kind"), [(100, 0x16), (0, 0x12)])
def test_an_older_query_is_answered_in_its_version(code: int, kind: int) -> None:
    host = Host().quiet()
    frames = answers(host, query(code=code, length=8))
    assert sorted(Ether(frame)[IP].dst for frame in frames) == sorted(GROUPS)
    for frame in frames:
        message = igmp_of(frame)
        assert (message.type, message.gaddr) == (kind, Ether(frame)[IP].dst)
    assert kind != 0x16 or REPORT_V2 in frames
    # The older version stays while such a router may be there, whatever else is heard.
    frames = answers(host, query())
    assert {igmp_of(frame).type for frame in frames} == {kind} and len(frames) == 2
    (frame,) = answers(host, query(GROUPS[0], code=code, length=8))
    assert igmp_of(frame).gaddr == GROUPS[0]
    host.tick(300)
    assert [records(frame) for frame in answers(host, query())] == [all_of(IS_EX)]


def test_another_members_report_is_enough_in_version_2_and_not_in_3() -> None:
    report = b"\x16\0\0\0" + number(GROUPS[0]).to_bytes(4, "big")
    host = Host().quiet()
    host.receive(query(length=8))
    host.receive(igmp_frame(report, GROUPS[0]))
    assert [igmp_of(frame).gaddr for frame in igmp_frames(host.tick(11))] == [GROUPS[1]]
    host = Host().quiet()
    host.receive(query())
    host.receive(igmp_frame(report, GROUPS[0]))
    assert [records(frame) for frame in igmp_frames(host.tick(11))] == [all_of(IS_EX)]


def test_a_version_2_router_hears_joins_and_leaves_of_its_version() -> None:
    host = Host().quiet()
    host.receive(query(length=8))
    host.tick(11)
    host.link(False)
    host.link(True)
    frames = igmp_frames(host.tick(25))
    assert sorted(igmp_of(frame).gaddr for frame in frames) == sorted(GROUPS * 2)
    assert {igmp_of(frame).type for frame in frames} == {0x16}
    lib.net_host_leave(host.c)
    frames = host.out()
    assert [(igmp_of(f).type, igmp_of(f).gaddr) for f in frames] == [(0x17, g) for g in GROUPS]
    assert {Ether(frame)[IP].dst for frame in frames} == {"224.0.0.2"}


def test_leaving_is_one_report() -> None:
    host = Host().quiet()
    lib.net_host_leave(host.c)
    assert [records(frame) for frame in host.out()] == [all_of(TO_IN)]
    assert igmp_frames(host.tick(20)) == []


def test_queries_reach_us_by_any_of_our_addresses() -> None:
    for destination in ("224.0.0.1", "10.0.0.2", GROUPS[0]):
        host = Host().quiet()
        frame = query(GROUPS[0], destination=destination)
        assert len(answers(host, frame)) == 1
    assert Ether(bytes(query())).src == PEER_MAC
