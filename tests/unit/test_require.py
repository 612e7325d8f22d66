"""[engine] require: what is demanded is what lies innermost (R5)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from appliance.engine_process import require
from dpdk_bindings import Queue, open_queue


@pytest.fixture(scope="module")
def queue() -> Iterator[Queue]:
    host = "host(address=10.0.0.2/24,mac=02:00:00:00:00:02)"
    with open_queue(f"{host}:fault(loss=0.1,seed=3):memory:test-require-{os.getpid()}") as opened:
        yield opened


@pytest.mark.parametrize("wanted", ["", "host", "memory", "shared", "host+fault+shared"])
def test_what_is_there_will_do(queue: Queue, wanted: str) -> None:
    require(wanted, "feed_a", queue)


@pytest.mark.parametrize("wanted", ["dpdk", "zerocopy", "loss=0"])
def test_what_is_not_there_is_told(queue: Queue, wanted: str) -> None:
    with pytest.raises(ValueError, match=rf'is memory host.* require = "{wanted}"'):
        require(wanted, "feed_a", queue)
