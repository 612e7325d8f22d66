"""Two network namespaces of the demo's own, joined by three veth pairs: line A, line B, orders.

A namespace is kept by a file descriptor of this process alone: when it ends, however it does, the
kernel removes both with all that is in them. The host's own network is never touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from pyroute2 import IPRoute

CLONE_NEWNET = 0x40000000  # os.setns and os.unshare have it from Python 3.12 on
SIDES = ("exchange", "appliance")
LINES = ("line-a", "line-b", "orders")
LIBC = ctypes.CDLL(None, use_errno=True)


def _enter_new() -> int:
    """A namespace that this thread is in from now on; what keeps it."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)


class Networks:
    """Both namespaces. Interfaces have the names of what they carry, the same on both sides."""

    def __init__(self) -> None:
        """Raises OSError where this process may not make them."""
        self._threads = {side: ThreadPoolExecutor(1, f"demo-{side}") for side in SIDES}
        self._fds: dict[str, int] = {}
        try:
            for side in SIDES:
                self._fds[side] = self._threads[side].submit(_enter_new).result()
            self._threads[SIDES[0]].submit(self._join).result()
            for line in LINES:
                for side in SIDES:
                    self.set(side, line, "up")
        except BaseException:
            self.close()
            raise

    def _join(self) -> None:
        with IPRoute() as route:
            for line in LINES:
                route.link("add", ifname=line, kind="veth",
                           peer={"ifname": line, "net_ns_fd": self._fds[SIDES[1]]})

    def set(self, side: str, line: str, state: str) -> None:
        """Sets one end of a pair "up" or "down"."""

        def change() -> None:
            with IPRoute() as route:
                route.link("set", index=route.link_lookup(ifname=line)[0], state=state)

        self._threads[side].submit(change).result()

    def sent(self, side: str, line: str) -> int:
        """Frames that one end of a pair has sent."""

        def look() -> int:
            with IPRoute() as route:
                link = route.get_links(ifname=line)[0]
                return int(link.get_attr("IFLA_STATS64")["tx_packets"])

        return self._threads[side].submit(look).result()

    def entering(self, side: str) -> Callable[[], None]:
        """For a child of ours to call before it becomes another program: it is inside then."""
        fd = self._fds[side]

        def enter() -> None:
            if LIBC.setns(fd, CLONE_NEWNET):
                os._exit(2)

        return enter

    def close(self) -> None:
        for thread in self._threads.values():
            thread.shutdown()
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}


@contextlib.contextmanager
def networks() -> Iterator[Networks]:
    """Raises RuntimeError, one sentence, where they cannot be made."""
    try:
        made = Networks()
    except OSError as error:
        raise RuntimeError(f"no network namespaces: {error.strerror}; run the demo as root, or "
                           "take --backend memory") from None
    try:
        yield made
    finally:
        made.close()
