"""The network interfaces of a host, through netlink (pyroute2); injectable for tests."""

from __future__ import annotations

from typing import Protocol


class Links(Protocol):
    """What stages ask about and set on interfaces."""

    def default_route(self) -> frozenset[str]:
        """The interfaces that carry a default route."""


class NoLinks:
    """Of a host that is only a tree of files."""

    def default_route(self) -> frozenset[str]:
        return frozenset()


class KernelLinks:
    """This machine's, through netlink."""

    def default_route(self) -> frozenset[str]:
        raise NotImplementedError
