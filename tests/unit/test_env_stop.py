"""The stop word: a signal reaches a loop that never looks at Python's own handlers."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

import pytest
from env_children import poll_until_stopped

from dpdk_bindings.env import StopWord

SPAWN = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_word(number: signal.Signals) -> None:
    ready: Any = SPAWN.Queue()
    result: Any = SPAWN.Queue()
    child = SPAWN.Process(target=poll_until_stopped, args=(ready, result))
    child.start()
    os.kill(ready.get(timeout=30), number)
    assert result.get(timeout=10) == number
    child.join(10)
    assert child.exitcode == 0, "the signal did nothing else"


def test_the_former_handlers_come_back() -> None:
    with StopWord() as word:
        assert word.value == 0
        signal.raise_signal(signal.SIGINT)
        assert word.value == signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert word.value == signal.SIGINT


def test_one_word_a_process() -> None:
    with StopWord(), pytest.raises(RuntimeError, match="already installed"), StopWord():
        pass
    with StopWord() as word:
        word.set(3)
        assert StopWord(word.address).value == 3
