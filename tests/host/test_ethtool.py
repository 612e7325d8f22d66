"""The layouts of the ethtool calls against the kernel's own header, and rules as bytes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.host import ethtool
from appliance.host.ethtool import FlowRule

LAYOUT = r"""
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void hex(const void *data, size_t size) {
    for (size_t i = 0; i < size; i++) printf("%02x", ((const unsigned char *)data)[i]);
    printf("\n");
}

int main(void) {
    printf("%zu %zu %zu %zu %zu\n", sizeof(struct ethtool_drvinfo),
           sizeof(struct ethtool_pauseparam), sizeof(struct ethtool_ts_info),
           sizeof(struct ethtool_rxnfc), sizeof(struct ethtool_rx_flow_spec));
    printf("%zu %zu %zu\n", offsetof(struct ethtool_rxnfc, fs),
           offsetof(struct ethtool_rxnfc, rule_cnt), offsetof(struct ethtool_rxnfc, rule_locs));
    printf("%d %d %d %d %d %d %d %d %d %d %d %d\n", SIOCETHTOOL, ETHTOOL_GDRVINFO,
           ETHTOOL_GPAUSEPARAM, ETHTOOL_SPAUSEPARAM, ETHTOOL_GRXCLSRLCNT, ETHTOOL_GRXCLSRULE,
           ETHTOOL_GRXCLSRLALL, ETHTOOL_SRXCLSRLDEL, ETHTOOL_SRXCLSRLINS, ETHTOOL_GRXFHINDIR,
           ETHTOOL_SRXFHINDIR, ETHTOOL_GET_TS_INFO);
    printf("%u %u %d\n", RX_CLS_LOC_SPECIAL, RX_CLS_LOC_ANY, UDP_V4_FLOW);
    struct ethtool_rx_flow_spec flow;
    memset(&flow, 0, sizeof flow);
    flow.flow_type = UDP_V4_FLOW;
    flow.h_u.udp_ip4_spec.ip4dst = inet_addr("233.54.12.111");
    flow.m_u.udp_ip4_spec.ip4dst = 0xffffffff;
    flow.h_u.udp_ip4_spec.pdst = htons(26477);
    flow.m_u.udp_ip4_spec.pdst = 0xffff;
    flow.ring_cookie = 5;
    flow.location = 7;
    hex(&flow, sizeof flow);
}
"""


def test_layouts_are_the_kernels(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    (tmp_path / "layout.c").write_text(LAYOUT)
    subprocess.run(["cc", "-o", "layout", "layout.c"], cwd=tmp_path, check=True)
    lines = subprocess.run(["./layout"], cwd=tmp_path, check=True, capture_output=True,
                           text=True).stdout.split("\n")  # fmt: skip
    sizes = [ethtool.DRIVER_INFO.size, ethtool.PAUSE.size, ethtool.TIME_STAMPING.size,
             ethtool.RULES.size, ethtool.FLOW.size]  # fmt: skip
    assert lines[0].split() == [str(size) for size in sizes]
    assert lines[1] == f"16 184 {ethtool.RULES.size - 4}"
    numbers = [ethtool.SIOCETHTOOL, ethtool.GDRVINFO, ethtool.GPAUSEPARAM, ethtool.SPAUSEPARAM,
               ethtool.GRXCLSRLCNT, ethtool.GRXCLSRULE, ethtool.GRXCLSRLALL, ethtool.SRXCLSRLDEL,
               ethtool.SRXCLSRLINS, ethtool.GRXFHINDIR, ethtool.SRXFHINDIR,
               ethtool.GET_TS_INFO]  # fmt: skip
    assert lines[2].split() == [str(number) for number in numbers]
    assert lines[3] == f"{ethtool.LOCATION_SPECIAL} {ethtool.LOCATION_ANY} {ethtool.UDP_V4_FLOW}"
    assert lines[4] == FlowRule("233.54.12.111", 26477, 5).pack(7).hex()


@pytest.mark.parametrize("rule", [
    FlowRule("233.54.12.111", 26477, 3, 9), FlowRule("0.0.0.0", 26477, 0, 0),
    FlowRule("10.0.0.1", 0, 511, 4095),
])  # fmt: skip
def test_a_rule_comes_back_as_it_went(rule: FlowRule) -> None:
    assert ethtool.unpack_rule(rule.pack(rule.location)) == rule


@pytest.mark.parametrize("offset, what", [
    (0, "a flow of another sort"), (76, "a source address"), (84, "a source port"),
    (80, "part of an address"), (88, "a type of service"), (130, "a VLAN tag"),
])  # fmt: skip
def test_a_rule_that_looks_at_more_is_not_ours(offset: int, what: str) -> None:
    data = bytearray(FlowRule("233.54.12.111", 26477, 3).pack(1))
    data[offset] ^= 0x80
    assert ethtool.unpack_rule(bytes(data)) is None, what


class Card:
    """Answers the calls about rules as a driver does: it has 16 places."""

    def __init__(self, special: bool = False) -> None:
        self.rules: dict[int, bytes] = {}
        self.special = special

    def call(self, name: str, data: bytes, size: int = 0) -> bytes:
        command, kind, extra, flow, count = ethtool.RULES.unpack(data)
        location = ethtool.FLOW.unpack(flow)[-1]
        places = b""
        if command == ethtool.GRXCLSRLCNT:
            count, extra = len(self.rules), ethtool.LOCATION_SPECIAL if self.special else 0
        elif command == ethtool.GRXCLSRLALL:
            assert count == len(self.rules) and size >= len(data) + 4 * count
            extra = 16
            places = b"".join(place.to_bytes(4, "little") for place in sorted(self.rules))
        elif command == ethtool.GRXCLSRULE:
            flow = self.rules[location]
        elif command == ethtool.SRXCLSRLINS:
            if location == ethtool.LOCATION_ANY:
                assert self.special
                location = min(set(range(16)) - set(self.rules))
            self.rules[location] = flow[:160] + location.to_bytes(4, "little") + flow[164:]
        elif command == ethtool.SRXCLSRLDEL:
            del self.rules[location]
        answer = ethtool.RULES.pack(command, kind, extra, flow, count)
        return (answer[:-4] + places).ljust(size, b"\0") if places else answer


@pytest.mark.parametrize("special", [False, True])
def test_rules_go_to_a_card_and_come_back(
    special: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(special)
    monkeypatch.setattr(ethtool, "call", card.call)
    assert ethtool.rules("eth0") == []
    ethtool.add_rule("eth0", FlowRule("239.0.0.2", 2, 1))
    ethtool.remove_rule("eth0", 0 if special else 15)
    card.rules[15] = FlowRule("239.0.0.1", 1, 0).pack(15)
    ethtool.add_rule("eth0", FlowRule("233.54.12.111", 26477, 2))
    ethtool.add_rule("eth0", FlowRule("233.54.12.112", 26478, 2, 4))
    added = 0 if special else 14  # where the driver likes, or the last free place
    assert [(rule.address, rule.location) for rule in sorted(
        ethtool.rules("eth0"), key=lambda rule: rule.address)] == [
        ("233.54.12.111", added), ("233.54.12.112", 4), ("239.0.0.1", 15)]
    ethtool.remove_rule("eth0", added)
    assert sorted(card.rules) == [4, 15]


def test_no_interface_has_a_long_name() -> None:
    for name in ("", "a-name-of-sixteen"):
        with pytest.raises(OSError, match="No such device"):
            ethtool.call(name, b"\0" * 4)
