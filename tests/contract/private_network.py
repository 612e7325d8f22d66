"""A network namespace of a test's own, held by one thread; the process stays where it is.

A namespace belongs to a thread, and a socket stays in the one it was made in. So interfaces,
queues and sockets are made by the thread and then used from anywhere. When the thread has ended
and they are closed, the kernel removes the namespace with everything in it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from pyroute2 import IPRoute

from dpdk_bindings.queue import Queue, open_queue

CLONE_NEWNET = 0x40000000  # os.unshare has it from Python 3.12 on
# Neighbour discovery would mix its own frames among the test's.
IPV6_OFF = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")

P = ParamSpec("P")
R = TypeVar("R")


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"no network namespace: {os.strerror(number)}")
    if IPV6_OFF.exists():
        IPV6_OFF.write_text("1")


class PrivateNetwork:
    """Raises OSError when this process may not make a namespace."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="private-network")
        try:
            self.call(_enter)
        except OSError:
            self.close()
            raise

    def __enter__(self) -> PrivateNetwork:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs ``function`` inside the namespace; a process that it starts is inside too."""
        return self.submit(function, *args, **kwargs).result()

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As :meth:`call`, without waiting for the result."""
        return self._thread.submit(function, *args, **kwargs)

    def open_queue(self, name: str) -> Queue:
        return self.call(open_queue, name)

    def veth(self, first: str, second: str, mtu: int = 1500) -> None:
        """Two interfaces that are each other's wire, both up."""
        self.link("add", ifname=first, kind="veth", mtu=mtu, peer={"ifname": second, "mtu": mtu})
        self.set(first, state="up")
        self.set(second, state="up")

    def set(self, name: str, **attributes: Any) -> None:
        """As in ``set("veth0", state="down")`` or ``set("veth0", mtu=200)``."""
        self.link("set", index=self.index(name), **attributes)

    def delete(self, name: str) -> None:
        self.link("del", index=self.index(name))

    def address(self, name: str, address: str, prefix_bits: int = 24) -> None:
        def add(index: int) -> None:
            with IPRoute() as route:
                route.addr("add", index=index, address=address, prefixlen=prefix_bits)

        self.call(add, self.index(name))

    def index(self, name: str) -> int:
        def find() -> int:
            with IPRoute() as route:
                return int(route.link_lookup(ifname=name)[0])

        return self.call(find)

    def link(self, verb: str, **attributes: Any) -> None:
        def change() -> None:
            with IPRoute() as route:
                route.link(verb, **attributes)

        self.call(change)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
