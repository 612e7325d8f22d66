"""The order session's Ethernet addresses: given, the queue's own, or asked for by its host."""

from __future__ import annotations

import errno
import os
import threading
import uuid

import pytest

from appliance.config import Config, from_text
from appliance.engine_process import with_addresses
from dpdk_bindings import PioError, open_queue

OURS, VENUES = "02:00:00:00:00:02", "02:00:00:00:00:01"


def orders(**keys: str) -> Config:
    lines = [f'{key} = "{value}"' for key, value in keys.items()]
    return from_text("\n".join(["[orders]", *lines]), "test")


def link() -> str:
    return f"memory:test-addresses-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def test_what_is_given_stays() -> None:
    config = orders()
    with open_queue(link()) as queue:
        assert with_addresses(config, queue) == config


def test_what_is_not_given_comes_from_the_queue() -> None:
    name, stop = link(), threading.Event()
    with (
        open_queue(f"host(address=10.77.0.1/24,mac={VENUES}):{name}") as venue,
        open_queue(f"host(address=10.77.0.2/24,mac={OURS}):{name}") as queue,
    ):

        def answer() -> None:
            while not stop.is_set():
                venue.receive(timeout_s=0.01)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            config = orders(mac="", venue_mac="", venue_address="10.77.0.1")
            got = with_addresses(config, queue).orders
        finally:
            stop.set()
            thread.join()
        assert (got.mac, got.venue_mac) == (OURS, VENUES)


def test_what_cannot_be_had_is_said() -> None:
    with open_queue(link()) as queue:
        with pytest.raises(PioError, match=r'\[orders\] mac is "", and .*no Ethernet') as raised:
            with_addresses(orders(mac=""), queue)
        assert raised.value.errno == errno.EADDRNOTAVAIL
        with pytest.raises(PioError, match=r'\[orders\] venue_mac is "", and .*wrap the queue'):
            with_addresses(orders(venue_mac=""), queue)
