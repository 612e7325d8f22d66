"""Two network namespaces of this process's own, joined by veth pairs: a wire without a network.

A namespace is kept by a file descriptor of this process alone: when it ends, however it does, the
kernel removes both with all that is in them. The host's own network is never touched.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from pyroute2 import IPRoute

CLONE_NEWNET = 0x40000000  # os.setns and os.unshare have it from Python 3.12 on
LIBC = ctypes.CDLL(None, use_errno=True)


def _enter_new() -> int:
    """A namespace that this thread is in from now on; what keeps it."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)


class Networks:
    """Both namespaces. Interfaces have the names of what they carry, the same on both sides."""

    def __init__(self, sides: tuple[str, str], lines: Sequence[str]) -> None:
        """Raises OSError where this process may not make them."""
        self._lines = tuple(lines)
        self._threads = {side: ThreadPoolExecutor(1, side) for side in sides}
        self._fds: dict[str, int] = {}
        try:
            for side in sides:
                self._fds[side] = self._threads[side].submit(_enter_new).result()
            self._threads[sides[0]].submit(self._join, self._fds[sides[1]]).result()
            for line in lines:
                for side in sides:
                    self.set(side, line, "up")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Networks:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _join(self, other: int) -> None:
        with IPRoute() as route:
            for line in self._lines:
                route.link("add", ifname=line, kind="veth",
                           peer={"ifname": line, "net_ns_fd": other})

    def address(self, side: str, line: str, address: str, prefix_bits: int = 24) -> None:
        """Gives one end of a pair an IPv4 address."""

        def add() -> None:
            with IPRoute() as route:
                index = route.link_lookup(ifname=line)[0]
                route.addr("add", index=index, address=address, prefixlen=prefix_bits)

        self._threads[side].submit(add).result()

    def set(self, side: str, line: str, state: str) -> None:
        """Sets one end of a pair "up" or "down"."""

        def change() -> None:
            with IPRoute() as route:
                route.link("set", index=route.link_lookup(ifname=line)[0], state=state)

        self._threads[side].submit(change).result()

    def remove(self, side: str, line: str) -> None:
        """Takes a line's interface away for good, and with it the other end's."""

        def delete() -> None:
            with IPRoute() as route:
                route.link("del", index=route.link_lookup(ifname=line)[0])

        self._threads[side].submit(delete).result()

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
