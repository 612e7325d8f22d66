"""A process that dies at a chosen write: every write of a fake passes here."""

from __future__ import annotations


class Killed(BaseException):
    """What kill -9 does; nothing catches it but the test."""


class Fuse:
    """Counts writes, and kills after the one numbered ``blows_at`` (from 1; 0: never)."""

    def __init__(self) -> None:
        self.blows_at = 0
        self.writes = 0

    def arm(self, blows_at: int) -> None:
        self.blows_at, self.writes = blows_at, 0

    def passed(self) -> None:
        """A write has happened."""
        self.writes += 1
        if self.writes == self.blows_at:
            raise Killed
