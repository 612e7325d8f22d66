"""An interface that vanishes under a running appliance: a named state, stale books, no orders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dpdk_bindings.env.namespaces import Networks

ROOT = Path(__file__).resolve().parents[2]
LINES = ("line-a", "line-b", "orders")
CONFIG = """
[engine]
name = "{name}"
[feed]
line_a = "{backend}:{line_a}"
line_b = "{backend}:{line_b}"
[orders]
queue = "{backend}:{orders}"
[tables]
orders = 4096
levels = 4096
"""


def status(name: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "appliance.cli", "status", "--json", "-n", name],
                          cwd=ROOT, capture_output=True, text=True, timeout=60)
    figures: dict[str, Any] = json.loads(done.stdout) if not done.returncode else {}
    return figures


def wait_for(name: str, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not ((figures := status(name)) and what(figures)):
        assert time.monotonic() < deadline, figures
        time.sleep(0.1)
    return figures


@contextmanager
def appliance(file: Path, name: str, backend: str, lines: tuple[str, ...]) -> Iterator[Networks]:
    """One that runs over veth pairs: an interface for each of three, or one for all."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces are root's to make")
    line_a, line_b, orders = lines if len(lines) > 1 else lines * 3
    file.write_text(CONFIG.format(name=name, backend=backend, line_a=line_a, line_b=line_b,
                                  orders=orders))
    with Networks(("venue", "appliance"), lines) as networks:
        process = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "run", "--no-summary", "-c", str(file)],
            cwd=ROOT, preexec_fn=networks.entering("appliance"),
        )  # fmt: skip
        try:
            wait_for(name, lambda f: set(f["links"].values()) == {"up"})
            yield networks
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture(params=["afxdp", "afpacket"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Networks]]:
    name = f"vanished-{os.getpid()}-{request.param}"
    with appliance(tmp_path / "appliance.toml", name, request.param, LINES) as networks:
        yield name, networks


def test_one_line_is_enough_and_without_any_the_books_are_stale(
    running: tuple[str, Networks],
) -> None:
    name, networks = running
    networks.remove("appliance", "line-b")
    figures = wait_for(name, lambda f: f["links"]["feed_b"] == "gone")
    assert figures["links"]["feed_a"] == "up" and figures["kill"] == "armed"
    networks.remove("appliance", "line-a")
    wait_for(name, lambda f: f["kill"] == "feed_gone")
    armed = subprocess.run([sys.executable, "-m", "appliance.cli", "arm", "-n", name], cwd=ROOT)
    assert armed.returncode == 0
    # It stands: nothing brings the interface back but a start.
    time.sleep(0.2)
    assert status(name)["kill"] == "feed_gone"


def test_without_the_order_session_trading_halts(running: tuple[str, Networks]) -> None:
    name, networks = running
    networks.remove("appliance", "orders")
    figures = wait_for(name, lambda f: f["kill"] == "orders_gone")
    assert figures["links"] == {"feed_a": "up", "feed_b": "up", "orders": "gone"}


@pytest.mark.parametrize("backend", ["afxdp", "auto"])
def test_one_port_for_all_is_gone_for_all(tmp_path: Path, backend: str) -> None:
    name = f"vanished-{os.getpid()}-one-{backend}"
    with appliance(tmp_path / "appliance.toml", name, backend, ("port",)) as networks:
        assert status(name)["counters"]["queue_link_orders"] == 1
        networks.remove("appliance", "port")
        figures = wait_for(name, lambda f: set(f["links"].values()) == {"gone"})
        assert figures["kill"] in ("feed_gone", "orders_gone")
        subprocess.run([sys.executable, "-m", "appliance.cli", "arm", "-n", name], cwd=ROOT)
        time.sleep(0.2)
        assert status(name)["kill"] in ("feed_gone", "orders_gone")
