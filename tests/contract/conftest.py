"""Fixtures: a private network, both TPACKET versions, and a C program over DPDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dpdk_builds import build, unbuildable
from private_network import PrivateNetwork


@pytest.fixture
def network() -> Iterator[PrivateNetwork]:
    try:
        network = PrivateNetwork()
    except OSError as error:
        pytest.skip(f"a private network namespace needs CAP_SYS_ADMIN: {error}")
    with network:
        network.veth("left", "right")
        yield network


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="session")
def poller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dpdk_poller.c, built."""
    if reason := unbuildable():
        pytest.skip(reason)
    return build(tmp_path_factory.mktemp("poller") / "poller", ["dpdk_poller.c"], ["-O1"])
