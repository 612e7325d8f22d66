"""Ctrl-C, SIGTERM and kill -9: a summary within a second, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest


def config(tmp_path: Path, extra: str = "") -> Path:
    path = tmp_path / "appliance.toml"
    tag = f"end{os.getpid()}"
    path.write_text(f'[engine]\nname = "{tag}"\n[feed]\nline_a = "memory:{tag}-a"\n'
                    f'[orders]\nqueue = "memory:{tag}-o"\n[tables]\norders = 4096\n'
                    f'levels = 4096\n{extra}')
    return path


def start(path: Path, *words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "run", "-c", str(path), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    name = f"end{os.getpid()}"
    for _ in range(200):
        status = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "status", "--name", name, "--json"],
            capture_output=True, text=True)
        if status.returncode == 0 and json.loads(status.stdout)["counters"]["loops"]:
            return process
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("the appliance did not start")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_its_summary(tmp_path: Path, number: signal.Signals) -> None:
    journal = tmp_path / "run.tpj"
    process = start(config(tmp_path, f'[journal]\npath = "{journal}"\n'), "--json")
    told = time.monotonic()
    process.send_signal(number)
    out, errors = process.communicate(timeout=10)
    assert time.monotonic() - told < 1.0
    assert process.returncode == 0, errors
    assert json.loads(out)["feed"]["state"] == "waiting"
    assert journal.exists()


def test_a_killed_engine_is_told_and_cleared_away(tmp_path: Path) -> None:
    process = start(config(tmp_path), "--json")
    status = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "status", "--name", f"end{os.getpid()}", "--json"],
        capture_output=True, text=True)
    os.kill(json.loads(status.stdout)["pid"], signal.SIGKILL)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "engine" in errors and "Traceback" not in errors


def test_a_killed_control_leaves_nothing_in_the_way_of_the_next(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = config(tmp_path, f"[telemetry]\nport = {port}\n")
    process = start(path, "--json")
    process.kill()  # -9
    process.communicate(timeout=10)  # engine and exporter had its ends of the pipes, too
    again = start(path, "--json")
    again.send_signal(signal.SIGTERM)
    _, errors = again.communicate(timeout=10)
    assert again.returncode == 0, errors


def test_kill_and_arm_from_another_process(tmp_path: Path) -> None:
    process = start(config(tmp_path), "--json")
    name = f"end{os.getpid()}"

    def verb(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "appliance.cli", *words, "--name", name],
                              capture_output=True, text=True)

    assert verb("kill", "fat finger").returncode == 0
    status = json.loads(verb("status", "--json").stdout)
    assert (status["kill"], status["kill_reason"]) == ("operator", "fat finger")
    armed = verb("arm")
    assert armed.returncode == 0 and "fat finger" in armed.stdout
    assert json.loads(verb("status", "--json").stdout)["kill"] == "armed"
    second = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "run", "-c", str(tmp_path / "appliance.toml")],
        capture_output=True, text=True)
    assert second.returncode == 2 and "in use" in second.stderr
    assert "Traceback" not in second.stderr
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0
