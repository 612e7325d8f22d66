"""Pinning a thread to a core, and what the kernel says of it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dpdk_bindings.env import Core, core_facts, pin_to_core
from dpdk_bindings.env.pin import _parse_list

ALLOWED = sorted(os.sched_getaffinity(0))


def in_a_thread(index: int) -> tuple[Core, set[int]]:
    """Pins a thread that ends, so that the tests' own stays where it was."""
    result: list[tuple[Core, set[int]]] = []

    def run() -> None:
        result.append((pin_to_core(index), os.sched_getaffinity(0)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


def test_it_binds_the_calling_thread_alone() -> None:
    for index in ALLOWED:
        core, affinity = in_a_thread(index)
        assert affinity == {index} and core.index == index and core.allowed
    assert sorted(os.sched_getaffinity(0)) == ALLOWED


def test_no_such_core() -> None:
    with pytest.raises(ValueError, match="there is no core 99999 on this host; choose one of"):
        pin_to_core(99999)


def test_facts_of_a_made_up_host(tmp_path: Path) -> None:
    cpu = tmp_path / "devices/system/cpu"
    (cpu / "cpu3/node1").mkdir(parents=True)
    (cpu / "online").write_text("0-3\n")
    (cpu / "isolated").write_text("2-3,7\n")
    core = core_facts(3, tmp_path)
    assert (core.numa_node, core.isolated) == (1, True)
    with pytest.raises(ValueError, match="choose one of 0-3"):
        core_facts(4, tmp_path)


@pytest.mark.parametrize(
    ("text", "cores"), [("", set()), ("0", {0}), ("0-3,7\n", {0, 1, 2, 3, 7}), ("2-2", {2})]
)
def test_the_kernels_list_format(text: str, cores: set[int]) -> None:
    assert _parse_list(text) == cores
