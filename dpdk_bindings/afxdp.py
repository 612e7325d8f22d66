"""AF_XDP queues' names: which datagrams they take, and queues opened for a process without rights.

A privileged opener makes a queue with :func:`open_for_another`, starts the other process with the
descriptors, and closes its own; the other opens the queue by the name it is given::

    with open_for_another("afxdp:eth0,steer=233.54.12.111:26477") as opened:
        subprocess.Popen([..., opened.name], pass_fds=opened.fds, user="tickpath")
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable
from errno import EINVAL
from types import TracebackType

from dpdk_bindings._core import ffi, lib
from dpdk_bindings.errors import PioError, check, text

# The queue at the bottom of a name like "host(...):fault(...):afxdp:eth0,queue=1".
_AFXDP = re.compile(r"^(?P<wrappers>(?:(?:host|fault|share)(?:\([^)]*\))?:)*)afxdp:(?P<device>.*)$")


def steered(name: str, destinations: Iterable[tuple[str, int]]) -> str:
    """The queue's name, told to take datagrams for these addresses and ports (0: any).

    Only an ``afxdp`` queue that does not say itself what it takes is told; others are returned as
    they are. One behind ``host(...)`` takes everything: that host answers ARP, not the kernel.
    """
    found = _AFXDP.match(name)
    if found is None or ",steer=" in found["device"]:
        return name
    if "host(" in found["wrappers"]:
        return f"{name},steer=all"
    wanted = (f"{address}:{port}" if port else address for address, port in destinations)
    return f"{name},steer={'+'.join(dict.fromkeys(wanted))}"


class OpenedQueue:
    """A queue opened here to be used elsewhere. Closing it leaves it to whoever has it by then."""

    def __init__(self, name: str) -> None:
        found = _AFXDP.match(name)
        if found is None:
            raise PioError(
                EINVAL, f"'{name}' names no afxdp queue", "open others where they are used"
            )
        opened, error = ffi.new("struct afxdp_opened *"), ffi.new("struct pio_error *")
        # A host of our own asks for the groups' Ethernet addresses; otherwise the kernel does.
        hears = "host(" in found["wrappers"]
        check(lib.afxdp_opener_open(found["device"].encode(), hears, opened, error), error)
        self.fds: tuple[int, ...] = tuple(fd for fd in opened.fds if fd >= 0)
        *plain, polled = opened.fds
        #: What is wanted; what is obtained shows when the other process opens it.
        self.mode = text(opened.mode)
        kept = [
            option
            for option in found["device"].split(",")
            if option.partition("=")[0] not in ("mode", "frame_bytes")
        ]
        numbers = "+".join(map(str, (*(fd for fd in plain if fd >= 0), opened.part)))
        polls = f",poll_fd={polled}" if polled >= 0 else ""
        #: What the other process opens, with the descriptors under the same numbers.
        self.name = (
            f"{found['wrappers']}afxdp:{','.join(kept)},mode={self.mode},"
            f"frame_bytes={opened.frame_bytes},fds={numbers}{polls}"
        )
        self._closer = weakref.finalize(self, lib.afxdp_opener_close, opened)

    def __enter__(self) -> OpenedQueue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes this process's descriptors. Harmless when already closed."""
        self._closer()


def open_for_another(name: str) -> OpenedQueue:
    """Does what opening an afxdp queue needs privileges for; raises PioError."""
    return OpenedQueue(name)
