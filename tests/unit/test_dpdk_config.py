"""The [dpdk] table: one for both programs, read on every machine, and acted on only with cause."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Config as ApplianceConfig
from appliance.config import ConfigError, from_text
from appliance.show import findings
from dpdk_bindings import backends, names_dpdk
from dpdk_bindings.dpdk.options import EalOptions
from feed_sim.exchange.config import Config as ExchangeConfig
from feed_sim.exchange.config import load

ROOT = Path(__file__).resolve().parents[2]
# Reads both configurations, opens queues of a backend that is not DPDK, and looks what was loaded.
WITHOUT = """
import sys
from appliance.config import from_text
from dpdk_bindings import configure_dpdk, open_queue
from feed_sim.exchange.config import Config
options = from_text("[dpdk]\\nmemory_mib = 64\\n", "t").dpdk
configure_dpdk(["memory:a", "pcap:x.pcap"], Config().dpdk)
configure_dpdk(["memory:a"], options, 0)
print("dpdk_bindings._dpdk" in sys.modules, "librte_eal" in open("/proc/self/maps").read())
"""


def test_both_programs_have_the_same_table(tmp_path: Path) -> None:
    table = '[dpdk]\nhuge_pages = "off"\nmemory_mib = 64\nallow = ["0000:03:00.0"]\ncore = 3\n'
    path = tmp_path / "exchange.toml"
    path.write_text(table)
    wanted = EalOptions(core=3, huge_pages="off", memory_mib=64, allow=("0000:03:00.0",))
    assert from_text(table, "t").dpdk == load(path).dpdk == wanted
    assert ApplianceConfig().dpdk == ExchangeConfig().dpdk == EalOptions()


@pytest.mark.parametrize(("line", "named"), [
    ("huge_page = 'on'", ["huge_page", "'huge_pages'"]),
    ("huge_pages = 'maybe'", ["dpdk.huge_pages", "maybe"]),
    ("memory_gib = 1", ["memory_gib", "memory_mib"]),
    ("file_prefix = 'a b'", ["dpdk.file_prefix"]),
    ("core = 5000", ["dpdk.core"]),
])  # fmt: skip
def test_a_bad_key_is_one_sentence(line: str, named: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        from_text(f"[dpdk]\n{line}\n", "my.toml")
    assert all(name in str(error.value) for name in named), str(error.value)


def test_dpdk_is_not_loaded_without_cause() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr


@pytest.mark.parametrize(("name", "dpdk"), [
    ("dpdk:net_null0", True), ("dpdk(queues=2):0000:03:00.0", True), ("memory:dpdk", False),
    ("fault(loss=0.1,seed=2):dpdk:net_memif0,role=client", True), ("afpacket:dpdk0", False),
])  # fmt: skip
def test_a_name_tells_whether_it_is_dpdks(name: str, dpdk: bool) -> None:
    assert names_dpdk(name) is dpdk


def rows(text: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in findings(from_text(text, "t"))}


def test_check_tells_what_dpdk_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    queues = '[feed]\nline_a = "fault(loss=0.1):dpdk:net_null0"\n[dpdk]\n'
    built = next(row for row in backends() if row.name == "dpdk")
    if not built.built:
        row = rows(queues)["feed_a"]
        assert not row["ok"] and "libdpdk-dev" in row["detail"]
        return
    from dpdk_bindings.dpdk import eal

    monkeypatch.setattr(eal, "huge_bytes_free", lambda: 100 << 20)
    assert "dpdk" not in rows("")
    row = rows(queues + "memory_mib = 100\n")["dpdk"]
    assert row["ok"] and "100 MiB in huge pages" in row["detail"]
    row = rows(queues + "memory_mib = 101\n")["dpdk"]
    assert row["ok"] and "101 MiB of ordinary memory" in row["detail"]
    assert "because 100 MiB are free" in row["detail"]
    row = rows(queues + 'memory_mib = 101\nhuge_pages = "on"\n')["dpdk"]
    assert not row["ok"] and "nr_hugepages" in row["detail"]
    row = rows(queues + 'huge_pages = "off"\n')["dpdk"]
    assert row["ok"] and "128 MiB of ordinary memory, as asked" in row["detail"]
