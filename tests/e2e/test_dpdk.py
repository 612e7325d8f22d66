"""Exchange and appliance over DPDK: the same promises, kept by devices past the kernel."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_pair import Pair
from prometheus_client.parser import text_string_to_metric_families

from appliance.state import State
from dpdk_bindings import backends

WAIT_S = 20.0
DPDK = next(row for row in backends() if row.name == "dpdk")
pytestmark = pytest.mark.skipif(not DPDK.usable, reason=f"{DPDK.why}; {DPDK.remedy}")
MARKET = ("--backend", "dpdk", "--huge-pages", "off", "--rate", "100000", "--symbols", "20",
          "--live-orders", "1500", "--checkpoint-every", "100", "--no-journal")


def test_books_agree_over_memif_and_the_loop_faults_no_page(tmp_path: Path) -> None:
    pair = Pair(tmp_path, *MARKET, "--seconds", "3")
    assert pair.failed == []
    assert pair.books["compared"] >= 1000
    assert pair.figures["orders"]["accepted"] > 0
    assert set(pair.figures["backend"].values()) == {"dpdk poll-no-huge"}
    assert pair.figures["page_faults_after_first_second"] == 0


def test_books_agree_over_impaired_memif(tmp_path: Path) -> None:
    pair = Pair(tmp_path, *MARKET, "--seconds", "1", "--seed", "2",
                "--fault", "loss=0.1,duplicate=0.05,reorder=0.05")
    assert pair.failed == []
    feed = pair.figures["feed"]
    assert feed["gaps_filled"] > 10 and feed["gaps_a"] > 0 and feed["gaps_b"] > 0
    assert set(pair.figures["backend"].values()) == {"dpdk fault+poll-no-huge",
                                                     "dpdk poll-no-huge"}


# ---- an engine whose devices are null ones, looked at while it runs ------------------------------


class Engine:
    """An appliance over ``net_null``, with its exporter."""

    def __init__(self, folder: Path, core: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.name = f"test-dpdk-{os.getpid()}"
        config = folder / "appliance.toml"
        config.write_text(
            f'[engine]\nname = "{self.name}"\ncore = {core}\nrequire = "dpdk"\n'
            f'[feed]\nline_a = "dpdk:net_null0"\n[orders]\nqueue = "dpdk:net_null1"\n'
            f'[tables]\norders = 4096\nlevels = 4096\n[telemetry]\nport = {self.port}\n'
            f'[dpdk]\nhuge_pages = "off"\nmemory_mib = 64\n'
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "run", "-c", str(config), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def pid(self) -> int:
        """The engine's own, once its loop runs."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()[1]
            try:
                state = State.view(self.name)
            except (OSError, ValueError):
                time.sleep(0.05)
                continue
            beats, pid = int(state.header["heartbeat_ns"]), int(state.header["engine_pid"])
            state.close()
            if beats:
                return pid
            time.sleep(0.05)
        raise AssertionError("the engine did not start")

    def statistics(self) -> dict[tuple[str, str], float]:
        """(role, name) to value, as Prometheus sees them."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                text = urllib.request.urlopen(url, timeout=WAIT_S).read().decode()
                break
            except OSError:  # the exporter starts after the engine
                assert time.monotonic() < deadline
                time.sleep(0.05)
        return {
            (sample.labels["role"], sample.labels["name"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "tickpath_device_statistic"
        }

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=WAIT_S)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, max(os.sched_getaffinity(0)))
    yield engine
    engine.stop()


def threads(pid: int) -> dict[int, tuple[str, set[int]]]:
    """Thread to its name and the cores it may run on."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        words = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        mask = int(words["Cpus_allowed"].replace(",", ""), 16)
        cores = {core for core in range(mask.bit_length()) if mask >> core & 1}
        found[int(task.name)] = (words["Name"], cores)
    return found


def test_devices_and_threads_of_a_running_engine(engine: Engine) -> None:
    pid, core = engine.pid(), max(os.sched_getaffinity(0))
    found = threads(pid)
    assert found[pid][1] == {core}, "the loop's thread is where it was sent"
    assert "eal-intr-thread" in {name for name, _ in found.values()}
    if len(os.sched_getaffinity(0)) > 1:
        theirs = [cores for name, cores in found.values() if name.startswith(("eal-", "rte_"))]
        assert not any(core in cores for cores in theirs)

    first = engine.statistics()
    assert {role for role, _ in first} == {"feed_a", "orders"}, "line B is not configured"
    assert first["feed_a", "link_up"] == 1 and first["feed_a", "restarts"] == 0
    deadline = time.monotonic() + WAIT_S
    while engine.statistics()["feed_a", "rx_good_packets"] <= first["feed_a", "rx_good_packets"]:
        assert time.monotonic() < deadline, "they stand still"
        time.sleep(0.2)

    look = subprocess.run([sys.executable, "-m", "appliance.cli", "status", "--name", engine.name,
                           "--json"], capture_output=True, text=True)
    assert json.loads(look.stdout)["backend"]["feed_a"] == "dpdk poll-no-huge"
