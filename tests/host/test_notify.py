"""What the service manager hears: a fake NOTIFY_SOCKET, and a segment whose loop moves or hangs."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.notify import STATUS_INTERVAL_S, Notifier, Pulse
from appliance.state import Kill, Layout, State
from appliance.supervisor import HEARTBEAT_TIMEOUT_S, Heartbeat


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def state() -> Iterator[State]:
    state = State.create(f"test-notify-{os.getpid()}", Layout(16, 16, 4096))
    yield state
    state.close()


def heard(manager: socket.socket) -> dict[str, str]:
    """All that has come, the last of each name."""
    fields: dict[str, str] = {}
    while True:
        try:
            text = manager.recv(65536).decode()
        except BlockingIOError:
            return fields
        fields.update(line.split("=", 1) for line in text.split("\n"))


def notifier(manager: socket.socket) -> Notifier:
    return Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname()})


def test_ready_when_the_loop_publishes_and_not_before(manager: socket.socket, state: State) -> None:
    pulse = Pulse(state, notifier(manager))
    pulse.beat()
    assert "READY" not in heard(manager)
    state.header["heartbeat_ns"] = time.time_ns()
    pulse.beat()
    assert heard(manager)["READY"] == "1"
    state.header["heartbeat_ns"] += 1
    pulse.beat()
    assert "READY" not in heard(manager)


def test_a_hung_loop_starves_the_watchdog(manager: socket.socket, state: State) -> None:
    pulse = Pulse(state, notifier(manager))
    for _ in range(3):
        state.header["heartbeat_ns"] += 1
        pulse.beat()
        assert heard(manager)["WATCHDOG"] == "1"
    for _ in range(3):
        pulse.beat()
        assert "WATCHDOG" not in heard(manager)
    state.header["heartbeat_ns"] += 1
    pulse.beat()
    assert heard(manager)["WATCHDOG"] == "1"


def test_the_status_says_why_trading_is_halted(
    manager: socket.socket, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = Pulse(state, notifier(manager))
    pulse.beat()
    assert "trading armed" in heard(manager)["STATUS"]
    state.kill(Kill.OPERATOR, "fat\nREADY=1 finger")
    pulse.beat()
    assert "STATUS" not in heard(manager), "not four times a second"
    later = time.monotonic() + STATUS_INTERVAL_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    pulse.beat()
    said = heard(manager)
    assert "halted (fat READY=1 finger)" in said["STATUS"]
    assert "READY" not in said, "a reason is no message of its own"
    pulse.stopping()
    assert heard(manager)["STOPPING"] == "1"


def test_the_abstract_namespace_and_no_manager_at_all(state: State) -> None:
    name = f"@tickpath-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:])
        Notifier.from_environment({"NOTIFY_SOCKET": name}).send(READY="1")
        assert listening.recv(100) == b"READY=1"
    Notifier.from_environment({"NOTIFY_SOCKET": name}).send(READY="1")  # it is gone
    Notifier.from_environment({"NOTIFY_SOCKET": "vsock:2:1234"}).send(READY="1")
    Pulse(state, Notifier.from_environment({})).beat()


def test_a_step_of_the_clock_is_no_hung_loop_and_a_hung_one_is_told_once(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heartbeat, now_s = Heartbeat(state), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    heartbeat.check()  # it has not begun
    for step_ns in (0, -3600 * 10**9, 3600 * 10**9):
        state.header["heartbeat_ns"] = time.time_ns() + step_ns
        heartbeat.check()
    assert not capsys.readouterr().err
    for _ in range(2):
        now_s += HEARTBEAT_TIMEOUT_S + 1
        heartbeat.check()
    said = capsys.readouterr().err
    assert said.count("has not moved for 6 s") == 1 and "0 orders are open" in said
    state.header["heartbeat_ns"] += 1
    heartbeat.check()
    now_s += HEARTBEAT_TIMEOUT_S + 1
    heartbeat.check()
    assert "has not moved" in capsys.readouterr().err, "and again after it has recovered"
