"""Fixtures of the AF_PACKET tests: a private network, and both TPACKET versions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
