"""Queue names of a configuration: what a backend must know of the wire is added to them."""

from __future__ import annotations

import pytest

from appliance.config import from_text
from appliance.queue_names import completed, queue_names


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("memory:feed-a", "memory:feed-a"),
        ("dpdk:udp:x", "dpdk:udp:x"),
        ("udp:eth0", "udp:eth0,address=10.0.0.2,port=7"),
        ("udp:eth0,port=9", "udp:eth0,port=9,address=10.0.0.2"),
        ("udp:eth0,address=1.1.1.1,port=9", "udp:eth0,address=1.1.1.1,port=9"),
        ("afxdp:eth0,queue=1", "afxdp:eth0,queue=1,steer=10.0.0.2:7"),
        ("afxdp:eth0,steer=all", "afxdp:eth0,steer=all"),
        ("fault(loss=0.1):udp:eth0", "fault(loss=0.1):udp:eth0,address=10.0.0.2,port=7"),
        ("fault:udp:eth0,rx_slots=64", "fault:udp:eth0,rx_slots=64,address=10.0.0.2,port=7"),
    ],
)
def test_a_name_is_completed_by_what_it_does_not_say(name: str, whole: str) -> None:
    assert completed(name, "10.0.0.2", 7) == whole


def test_any_destination_is_none() -> None:
    assert completed("udp:eth0", "0.0.0.0", 7) == completed("udp:eth0", "10.0.0.2", 0) == "udp:eth0"


def test_each_role_hears_its_own_address() -> None:
    text = '[feed]\nline_a = "udp:eth0"\n[orders]\nqueue = "udp:eth0,rx_slots=64"\n'
    config = from_text(text, "x")
    assert queue_names(config) == {
        "feed_a": "udp:eth0,address=233.54.12.111,port=26477",
        "orders": "udp:eth0,rx_slots=64,address=10.77.0.2,port=26400",
    }
