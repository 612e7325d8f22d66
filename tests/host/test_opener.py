"""The opener: descriptors and names come over a socket; what cannot be opened is told."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config import from_text
from appliance.errors import RunError
from appliance.opener import fetch, renumbered, serve
from dpdk_bindings import PioError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path() -> Iterator[Path]:
    """A socket's path: shorter than a temporary folder of pytest's, and for everybody."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "opener"


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
@pytest.mark.parametrize(("backend", "modes", "heard"), [
    ("afxdp", ("copy", "zerocopy", "skb"), 10), ("share", ("copy", "zerocopy", "skb"), 10),
    ("afpacket", ("mmap-v2", "mmap-v3"), 20)])
def test_an_engine_without_rights_or_network_hears_its_line(
    path: Path, backend: str, modes: tuple[str, ...], heard: int
) -> None:
    done = subprocess.run(
        ["unshare", "-n", sys.executable, str(ROOT / "tests/host/opener_pair.py"),
         str(path.parent), backend], capture_output=True, text=True, timeout=60, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    mode, received, rights, packet_sockets = lines[0].split()
    assert mode in modes and (received, rights) == (str(heard), "0")
    # Such a socket hears and sends on every interface: an AF_XDP engine must not get one.
    assert packet_sockets == ("2" if backend == "afpacket" else "0")
    assert lines[1] == "False", "the program went with the queue's last holder"


def test_what_cannot_be_opened_is_told_to_both(path: Path) -> None:
    told: list[str] = []

    def open_queues() -> None:
        config = from_text('[feed]\nline_a = "afxdp:nosuchport"\n', "test")
        try:
            serve(listening, config)
        except PioError as error:
            told.append(str(error))

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(1)
        thread = threading.Thread(target=open_queues)
        thread.start()
        with pytest.raises(RunError) as refusal:
            fetch(path)
        thread.join()
    assert told == [str(refusal.value)]
    with pytest.raises(RunError, match=r"start appliance-opener\.socket"):
        fetch(path)


def test_an_opener_that_dies_is_told(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(1)
        thread = threading.Thread(target=lambda: listening.accept()[0].close())
        thread.start()
        with pytest.raises(RunError, match="without an answer"):
            fetch(path)
        thread.join()


def test_descriptors_get_the_numbers_they_have_here() -> None:
    assert renumbered("fault(loss=0):afpacket:e0,fd=7", [31]) == "fault(loss=0):afpacket:e0,fd=31"
    name = "host(1.2.3.4/24):afxdp:eth0,steer=1.2.3.4:5,mode=copy,fds=9+4+10+11+3+7,join=0"
    assert renumbered(name, [21, 22, 23, 24, 25]) == name.replace(
        "9+4+10+11+3+7", "21+22+23+24+25+7")
    assert renumbered(f"{name},poll_fd=8", [21, 22, 23, 24, 25, 26]) == name.replace(
        "9+4+10+11+3+7", "21+22+23+24+25+7") + ",poll_fd=26"
    assert renumbered("memory:a", []) == "memory:a"
