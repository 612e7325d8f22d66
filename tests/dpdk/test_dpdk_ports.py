"""Ports: what they are, count and can be told, and how they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from dpdk_bindings.dpdk import Port

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    """Runs it in a process with a DPDK of its own; what it printed."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


# ---- what it is ----------------------------------------------------------------------------------


def test_a_port_says_what_it_is() -> None:
    from dpdk_bindings import dpdk

    with dpdk.Port("net_null20,copy=1", queues=2, rx_slots=256, tx_slots=512) as port:
        info = port.info
        assert (info.device, info.driver, info.queues) == ("net_null20,copy=1", "net_null", 2)
        assert (info.rx_slots, info.tx_slots) == (256, 512)
        assert info.rx_queues_max >= 2
        assert "ipv4-udp" in info.rss_types
        assert len(bytes.fromhex(port.mac.replace(":", ""))) == 6
        assert port.link.up
        assert repr(port) == "<Port net_null20,copy=1 (2 queues)>"
    assert repr(port) == "<Port net_null20,copy=1 (2 queues, closed)>"


def test_offloads_have_their_names(ring: Port) -> None:
    assert (ring.info.rx_offloads, ring.info.tx_offloads) == (("SCATTER",), ("MULTI_SEGS",))


def test_queues_receive_apart_and_by_number() -> None:
    from dpdk_bindings import dpdk

    with dpdk.Port("net_null21,size=100", queues=2) as port:
        assert [len(port.receive(queue, count=40)) for queue in (0, 1)] == [40, 40]
        with port.receive(1, count=5000) as burst:
            assert 0 < len(burst) <= 1024
            assert set(burst.lengths.tolist()) == {100}
        assert port.transmit(port.receive(0, count=32), queue=1) == 32
        for use in (port.receive, port.rx_pool, lambda queue: port.transmit([b"x" * 60], queue)):
            with pytest.raises(IndexError, match="queue 2 of net_null21"):
                use(2)
        assert port.rx_pool(0).in_use == port.rx_pool(1).in_use == 0


def test_the_redirection_table_spreads_over_queues() -> None:
    from dpdk_bindings import dpdk

    with dpdk.Port("net_null22", queues=4) as port:
        size = port.info.rss_table_size
        assert port.rss_table.shape == (size,)
        assert "ipv4-udp" in port.rss_types
        assert len(port.rss_key) == 40
        assert any(port.rss_key)
        port.rss_table = np.arange(size) % 3
        assert np.array_equal(port.rss_table, np.arange(size) % 3)
        with pytest.raises(ValueError, match="from 0 to 3"):
            port.rss_table = np.full(size, 4)
        with pytest.raises(ValueError, match=f"{size} rows"):
            port.rss_table = [0]


def test_what_a_device_cannot_do_is_one_sentence_and_a_remedy(ring: Port) -> None:
    from dpdk_bindings import PioError

    cannot = {
        "the groups": lambda: setattr(ring, "multicast", ["01:00:5e:00:00:01"]),
        "RSS table": lambda: ring.rss_table,
        "steer datagrams": lambda: ring.flow("233.54.12.111", 26477, queue=0),
        "the MTU 1400": lambda: setattr(ring, "mtu", 1400),
    }
    for what, ask in cannot.items():
        with pytest.raises(PioError, match=what) as caught:
            ask()
        assert caught.value.remedy


def test_what_is_heard_is_read_back(ring: Port) -> None:
    assert ring.promiscuous
    ring.promiscuous = False
    ring.all_multicast = True
    assert (ring.promiscuous, ring.all_multicast, ring.multicast) == (False, True, ())
    with pytest.raises(ValueError, match="is odd"):
        ring.multicast = ["02:00:00:00:00:01"]
    with pytest.raises(ValueError):
        ring.multicast = ["01:00"]
    with pytest.raises(ValueError, match="64 groups at most"):
        ring.multicast = ["01:00:5e:00:00:01"] * 65


def test_the_mtu_is_set_and_fits_the_frames() -> None:
    from dpdk_bindings import dpdk

    with dpdk.Port("net_null23") as port:
        port.mtu = 1400
        assert port.mtu == 1400
        with pytest.raises(ValueError, match="frame_bytes=9018"):
            port.mtu = 9000


def test_wrong_arguments_say_what_is_right() -> None:
    from dpdk_bindings import PioError, dpdk

    for wrong in ({"queues": 0}, {"rx_slots": 7}, {"frame_bytes": 1 << 20}, {"lent_max": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} is from"):
            dpdk.Port("net_null24", **wrong)
    with pytest.raises(ValueError):
        dpdk.Port("")
    with pytest.raises(PioError, match="no_such_driver0"):
        dpdk.Port("no_such_driver0")
    with (
        dpdk.Port("net_null24"),
        pytest.raises(PioError, match="queue 0 of DPDK's device 'net_null24' is open"),
    ):
        dpdk.Port("net_null24")
    with dpdk.Port("net_null24") as port:
        with pytest.raises(ValueError, match="either queue= or drop="):
            port.flow("10.0.0.1")
        with pytest.raises(ValueError):
            port.flow("10.0.0.300", queue=0)
        with pytest.raises(IndexError):
            port.flow("10.0.0.1", queue=1)


# ---- what it counts ------------------------------------------------------------------------------


def test_statistics_count_frames_and_are_reset(ring: Port) -> None:
    ring.transmit([bytes(60)] * 5)
    ring.receive(count=3).release()
    stats = ring.stats()
    assert (stats["tx_frames"], stats["rx_frames"]) == (5, 3)
    extended = ring.stats_extended()
    assert (extended["tx_good_packets"], extended["rx_q0_packets"]) == (5, 3)
    ring.stats_reset()
    assert ring.stats()["tx_frames"] == ring.stats_extended()["tx_good_packets"] == 0


def capture(path: Path, *frames: bytes) -> None:
    """A pcap file with times in us: 1 s and a us more for each."""
    content = bytes.fromhex("d4c3b2a1 02000400 00000000 00000000 ffff0000 01000000")
    for i, data in enumerate(frames):
        words = (1_700_000_000, i, len(data), len(data))
        content += b"".join(word.to_bytes(4, "little") for word in words) + data
    path.write_bytes(content)


def test_frames_in_pieces_become_one_and_are_counted(tmp_path: Path) -> None:
    from dpdk_bindings import dpdk

    sent = [bytes(range(60)), bytes(i % 251 for i in range(1400)), bytes(3000)]
    capture(tmp_path / "in.pcap", *sent)
    device = f"net_pcap0,rx_pcap={tmp_path}/in.pcap"
    with dpdk.Port(device, segment_bytes=256, frame_bytes=2048) as port:
        with port.receive() as burst:
            assert [bytes(view) for view in burst] == sent[:2]
        stats = port.stats()
        assert (stats["rx_copied"], stats["rx_oversize"]) == (1, 1)
        assert (port.rx_pool().in_use, port.tx_pool().in_use) == (0, 0)


def test_device_timestamps_are_exact_and_outlive_the_port(tmp_path: Path) -> None:
    from dpdk_bindings import dpdk

    capture(tmp_path / "in.pcap", bytes(60), bytes(60))
    device = f"net_pcap1,rx_pcap={tmp_path}/in.pcap"
    with dpdk.Port(device, hardware_timestamps=True) as port:
        burst = port.receive()
    first = 1_700_000_000 * 10**9
    assert burst.timestamps_ns.tolist() == [first, first + 1000]


# ---- telemetry, start ----------------------------------------------------------------------------

TELEMETRY = """
import json
from dpdk_bindings import PioError, dpdk
try: dpdk.telemetry("/")
except PioError as error: assert "telemetry=True" in error.remedy
dpdk.start(huge_pages="off", telemetry=True)
with dpdk.Port("net_null0") as port:
    port.receive(count=10).release()
    try: dpdk.telemetry("/no/such")
    except LookupError: pass
    else: raise SystemExit("answered")
    print(json.dumps([dpdk.telemetry("/ethdev/list"), dpdk.telemetry("/ethdev/stats,0"),
                      dpdk.telemetry("/help,/ethdev/stats")]))
"""


def test_telemetry_answers_for_this_process() -> None:
    ports, stats, text = json.loads(run(TELEMETRY))
    assert ports == [0]
    assert stats["ipackets"] == 10
    assert "int port_id" in str(text)


def test_dpdk_starts_once_with_one_set_of_options() -> None:
    from dpdk_bindings import PioError, dpdk
    from dpdk_bindings.dpdk import eal

    assert dpdk.running()
    assert dpdk.version().startswith("DPDK ")
    dpdk.start()
    assert eal._started is not None
    other = 16 + eal._started.memory_mib
    with pytest.raises(PioError, match="runs in this process with other options"):
        dpdk.start(memory_mib=other)
    with pytest.raises(ValueError, match="hugepages"):
        dpdk.start(hugepages="off")
    with pytest.raises(ValueError, match="memory_mib"):
        dpdk.start(memory_mib=1)


def test_telemetry_that_is_not_served_says_how_to(ring: Port) -> None:
    from dpdk_bindings import PioError, dpdk

    with pytest.raises(PioError, match="telemetry=True"):
        dpdk.telemetry("/")
    with pytest.raises(ValueError, match="slash"):
        dpdk.telemetry("ethdev")


def test_without_libdpdk_every_name_says_how_to_get_it() -> None:
    code = """
import sys
sys.modules["dpdk_bindings._dpdk"] = None
from dpdk_bindings import dpdk
from dpdk_bindings.dpdk.options import EalOptions
for name in dpdk.__all__:
    try: getattr(dpdk, name)
    except ImportError as error: assert "apt-get install libdpdk-dev" in str(error)
    else: raise SystemExit(name)
try: from dpdk_bindings.dpdk import Port
except ImportError as error: print(error)
"""
    assert "dpdk_bindings.dpdk.Port needs DPDK" in run(code)
