"""DPDK in the tests' own process, without huge pages; each test has devices of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dpdk_bindings.dpdk import Port

_numbers = itertools.count(100)


@pytest.fixture(autouse=True)
def started() -> None:
    """EAL is once a process: another test's start serves as well."""
    pytest.importorskip("dpdk_bindings._dpdk", reason="this build has no libdpdk")
    from dpdk_bindings.dpdk import eal

    if not eal.running():
        eal.start(huge_pages="off")


@pytest.fixture
def ring() -> Iterator[Port]:
    """A port that receives what it sends; every frame must be back at the end."""
    from dpdk_bindings import dpdk

    missing = dpdk.mbufs_missing()
    with dpdk.Port(f"net_ring{next(_numbers)}") as port:
        yield port
    assert dpdk.mbufs_missing() == missing
