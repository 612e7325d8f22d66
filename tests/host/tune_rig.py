"""What tests of tuning share: a wish for everything, and a tuner that dies at its n-th write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fake_kernel import FakeHost

from appliance.config import from_text
from appliance.host.host import STATE_FOLDER
from appliance.host.tuner import Done, apply, undo
from appliance.host.wish import Wish, make_wish

# As much as can be asked for at once.
EVERYTHING = """
[host]
cores = "2-3"
isolate = "cpuset"
huge_pages_1gib = 1
turbo = "off"
rt_throttling = "off"
interfaces = ["eth0"]
"""


def wish(host: FakeHost, text: str = EVERYTHING, **given: Any) -> Wish:
    return make_wish(host, from_text(text, "test"), **given)


def applied(root: Path, *only: str, **given: Any) -> list[Done]:
    """What a fresh tuner does."""
    host = FakeHost(root)
    return apply(host, wish(host, **given), lambda done: None, only)


def undone(root: Path, *only: str, force: bool = False) -> list[Done]:
    return undo(FakeHost(root), lambda done: None, only, force)


def journal(root: Path) -> Path:
    return root / STATE_FOLDER.lstrip("/") / "journal"


class Death(BaseException):
    """The tuner is dead: nothing that it would still do happens."""


class Mortal:
    """Dies at the n-th write: of the journal, its fsync, or of the host; a journal line is torn."""

    def __init__(self, at: int, torn: bool = False) -> None:
        self.at, self.torn = at, torn
        self.count = 0
        self.dead = False
        self._opened: list[int] = []

    def step(self) -> None:
        """One write; raises instead of it, and at every one after."""
        self.count += not self.dead
        if self.dead or self.count == self.at:
            self.dead = True
            raise Death

    def _write(self, handle: int, data: bytes) -> int:
        try:
            self.step()
        except Death:
            if self.torn and self.count == self.at:
                self.count += 1  # once
                os.pwrite(handle, data[: len(data) // 2], os.fstat(handle).st_size)
            raise
        return REAL_WRITE(handle, data)

    def _open(self, *arguments: Any, **given: Any) -> int:
        handle = REAL_OPEN(*arguments, **given)
        self._opened.append(handle)
        return handle

    def _before(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **given: Any) -> Any:
            self.step()
            return real(*arguments, **given)
        return call

    @contextmanager
    def life(self) -> Iterator[None]:
        """Everything that writes dies here; the kernel then closes the files."""
        with (patch("os.write", self._write), patch("os.open", self._open),
              patch("os.fsync", self._before(lambda handle: None)),
              patch("os.ftruncate", self._before(os.ftruncate)),
              patch.object(Path, "unlink", self._before(Path.unlink)),
              patch.object(Path, "rename", self._before(Path.rename)),
              patch.object(Path, "mkdir", self._before(Path.mkdir))):
            try:
                yield
            except Death:
                for handle in self._opened:
                    try:
                        os.close(handle)
                    except OSError:
                        continue
                if not self.dead:
                    raise


REAL_WRITE, REAL_OPEN = os.write, os.open
