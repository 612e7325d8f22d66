"""Names as a hostile hand would type them: one sentence with its remedy, and nothing is opened."""

from __future__ import annotations

import errno

import pytest
from afxdp_ends import program_on
from private_network import PrivateNetwork

from dpdk_bindings import PioError, open_queue
from dpdk_bindings.ladder import climb

# A backend, and the options that it cannot do without.
BACKENDS = {"afxdp": ",steer=all", "afpacket": "", "udp": ",address=10.1.0.1,port=5",
            "netmap": ""}  # fmt: skip
UNTYPEABLE = ["left\0x", "left\n", "left\t", "left\udcff", "\x1b[31mleft"]


@pytest.fixture
def addressed(network: PrivateNetwork) -> PrivateNetwork:
    network.address("left", "10.1.0.1")
    return network


def refusal(network: PrivateNetwork, name: str) -> PioError:
    with pytest.raises(PioError) as caught:
        network.open_queue(name)
    told = str(caught.value)
    assert caught.value.why and caught.value.remedy and told.isprintable(), repr(told)
    assert program_on(network, "left") == 0, name
    return caught.value


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_name_that_is_none_is_told_in_one_line(addressed: PrivateNetwork, backend: str) -> None:
    needs = BACKENDS[backend]
    for device, why in (
        *((device, "has what cannot be printed") for device in UNTYPEABLE),
        ("left,", "unknown queue option ''"),
        ("left,,", "unknown queue option ''"),
        (",left", "unknown queue option 'left'"),
        ("left,=5", "unknown queue option '=5'"),
        ("left,rx_slots", "unknown queue option 'rx_slots'"),
        ("left, rx_slots=64", "unknown queue option ' rx_slots=64'"),
        ("left,RX_SLOTS=64", "unknown queue option 'RX_SLOTS=64'"),
        ("left,rx_slots=", "queue option rx_slots="),
        ("left,rx_slots=64,rx_slots=64", "queue option rx_slots= is there twice"),
        ("left,rx_slots=0x40", "rx_slots=0x40 is out of range"),
        ("left,rx_slots=64 ", "rx_slots=64  is out of range"),
        ("left,rx_slots=99999999999999999999", "is out of range"),
        ("left," + "x" * 300, "longer than"),
    ):
        assert why in str(refusal(addressed, f"{backend}:{device}{needs}")), device


@pytest.mark.parametrize("backend", ["afxdp", "afpacket", "udp"])
def test_a_name_of_no_interface_is_told_with_those_there_are(
    addressed: PrivateNetwork, backend: str
) -> None:
    for device in ("", " ", "left ", "left x", "LEFT", "lefé", "../left", "%s%n", "a" * 15):
        said = refusal(addressed, f"{backend}:{device}{BACKENDS[backend]}")
        assert said.errno == errno.ENODEV and f"no network interface '{device}'" in said.why
        assert "left" in said.remedy
    for device in ("a" * 16, "é" * 8):
        said = refusal(addressed, f"{backend}:{device}{BACKENDS[backend]}")
        assert said.errno == errno.ENAMETOOLONG
        assert f"'{device}' is longer than 15 bytes" in said.why


def test_a_word_without_a_value_is_not_the_default(addressed: PrivateNetwork) -> None:
    for name in ("afxdp:left,steer=all,mode=", "afxdp:left,huge_pages=,steer=all",
                 "udp:left,address=,port=5"):  # fmt: skip
        assert "has no value" in refusal(addressed, name).why


def test_words_of_the_ladder_are_told(addressed: PrivateNetwork) -> None:
    for name, require, why, remedy in (
        *((f"auto:{device}", "", "cannot be printed", "auto:eth0") for device in UNTYPEABLE),
        ("auto:left", "zero-copy", "called 'zero-copy'", "did you mean 'zerocopy'?"),
        ("auto:left", "dpdk,udp", "called 'dpdk,udp'", "busy-poll"),
        ("auto:left,steer=10.1.0.1:99999", "", "'10.1.0.1:99999' is nothing", "ADDRESS:PORT"),
        ("auto:left,steer=10.1.0:5", "", "'10.1.0:5' is nothing", "ADDRESS:PORT"),
        ("auto:left,steer=10.1.0.1:5+", "", "is nothing", "ADDRESS:PORT"),
    ):
        with pytest.raises(PioError) as caught:
            addressed.call(climb, name, require)
        assert why in caught.value.why and remedy in caught.value.remedy, str(caught.value)
        assert str(caught.value).isprintable()
    # One queue is not the ladder's to choose.
    with pytest.raises(PioError, match=r"leaves the choice to the ladder.*ladder\.climb"):
        addressed.call(open_queue, "host(address=10.1.0.1/24):auto:left")


def test_other_kinds_of_interface_are_taken_or_told(network: PrivateNetwork) -> None:
    """Those that this kernel can make; none of their drivers but tap's takes a program."""
    kinds = {"bridge": {}, "bond": {}, "dummy": {}, "ifb": {},
             "macvlan": {"link": network.index("left"), "macvlan_mode": "bridge"},
             "vlan": {"link": network.index("left"), "vlan_id": 5}}  # fmt: skip
    made = []
    for kind, attributes in kinds.items():
        try:
            network.link("add", ifname=f"a-{kind}", kind=kind, **attributes)
            network.set(f"a-{kind}", state="up")
        except Exception as error:  # pyroute2 has several of its own
            print(f"no {kind} here: {error}")
            continue
        made.append(f"a-{kind}")
    for name in made:
        with network.open_queue(f"afpacket:{name}") as queue:
            assert queue.mode == "mmap-v2"
        with network.open_queue(f"afxdp:{name},steer=all,mode=skb") as queue:
            assert queue.mode == "skb"
        with network.open_queue(f"afxdp:{name},steer=all") as queue:
            assert queue.mode in ("copy", "skb")
            native = queue.mode == "copy"
        if not native:
            said = refusal(network, f"afxdp:{name},steer=all,mode=copy")
            assert f"the driver of '{name}' takes no XDP program" in said.why
            assert said.remedy == f"take mode=skb, or afpacket:{name}"
        assert program_on(network, name) == 0
    assert made, "not one kind of interface could be made"
