"""The same 100,000 datagrams, hostile and broken ones too, through memory and through DPDK."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from contract_cases import Case, memory_pair, pairs
from contract_driver import LOSSES, Receiving, Sending, datagrams
from dpdk_builds import HERE
from dpdk_cases import DPDK_CASES, FRAME_BYTES, device, missing

from dpdk_bindings import open_queue

COUNT = 100_000
SEED = 2607
TIMEOUT_S = 60.0


@cache
def frames() -> list[bytes]:
    return datagrams(SEED, COUNT, FRAME_BYTES)


def moved(case: Case, path: Path, datas: list[bytes]) -> tuple[str, int, dict[str, int]]:
    """The digest, how many arrived, and what is counted as lost."""
    for pair in pairs(case, path):
        sending, receiving = Sending(pair.sender, datas), None
        deadline = time.monotonic() + TIMEOUT_S
        while sending.at < len(datas) and time.monotonic() < deadline:
            sending.step()
            if case.live:
                receiving = receiving or Receiving(pair.receiver)
                receiving.step()
        receiving = receiving or Receiving(pair.receiver)
        while receiving.count < len(datas) and time.monotonic() < deadline:
            if not receiving.step():
                pair.settle()
        counts = pair.receiver.stats()
        losses = {name: counts.get(name, 0) for name in LOSSES}
        return receiving.digest.hexdigest(), receiving.count, losses
    raise AssertionError


@cache
def throughmemory_pair(carries: Callable[[bytes], bool]) -> tuple[str, int, dict[str, int]]:
    datas = [frame for frame in frames() if carries(frame)]
    return moved(Case("memory", memory_pair()), Path(), datas)


@pytest.mark.parametrize("case", DPDK_CASES, ids=lambda case: case.name)
def test_every_bit_of_them_and_every_loss(case: Case, tmp_path: Path) -> None:
    if reason := case.skip():
        pytest.skip(reason)
    datas = [frame for frame in frames() if case.carries(frame)]
    assert len(datas) > COUNT * 3 // 4
    expected = throughmemory_pair(case.carries)
    assert expected[1] == len(datas) and not any(expected[2].values())
    assert moved(case, tmp_path, datas) == expected


PEER = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from contract_driver import Receiving, Sending
from test_dpdk_bit_equal import frames, time, TIMEOUT_S
from dpdk_bindings import open_queue
queue = open_queue(sys.argv[1])
deadline = time.monotonic() + TIMEOUT_S
while queue.link != "up" and time.monotonic() < deadline:
    pass
receiving = Receiving(queue)
datas = frames()
print("ready", flush=True)
while receiving.count < len(datas) and time.monotonic() < deadline:
    receiving.step()
print(receiving.digest.hexdigest(), receiving.count, flush=True)
sending = Sending(queue, datas)
while sending.at < len(datas) and time.monotonic() < deadline:
    sending.step()
sys.stdin.read()
"""


def test_between_two_processes_both_ways(tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    options = f"socket={tmp_path}/memif.sock,socket-abstract=no"
    digest, count, _ = throughmemory_pair(DPDK_CASES[0].carries)
    with open_queue(f"dpdk:{device('net_memif')},role=server,{options}") as queue:
        peer = subprocess.Popen(
            [sys.executable, "-c", PEER, f"dpdk:net_memif0,role=client,{options}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1],
        )  # fmt: skip
        try:
            assert peer.stdout and peer.stdout.readline() == "ready\n"
            sending, deadline = Sending(queue, frames()), time.monotonic() + TIMEOUT_S
            while sending.at < COUNT and time.monotonic() < deadline:
                sending.step()
            assert peer.stdout.readline().split() == [digest, str(count)]
            receiving = Receiving(queue)
            while receiving.count < COUNT and time.monotonic() < deadline:
                receiving.step()
            assert (receiving.digest.hexdigest(), receiving.count) == (digest, count)
            assert not any(queue.stats().get(name, 0) for name in LOSSES)
        finally:
            peer.kill()
            peer.communicate()
