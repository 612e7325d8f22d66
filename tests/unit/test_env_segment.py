"""Named shared memory: who holds it, what a crash leaves, and who may write."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from env_children import hold_segment

from dpdk_bindings import PioError
from dpdk_bindings._core import ffi, lib
from dpdk_bindings.env import Segment

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    yield name
    assert not file_of(name).exists(), "the last one to close removes the name"


def file_of(name: str) -> Path:
    return Path("/dev/shm") / f"tickpath.{name}"


def test_create_attach_view_share_memory(name: str) -> None:
    with Segment.create(name, 10_000) as owner:
        assert len(owner) >= 10_000 and owner.owned
        assert bytes(owner.buffer()) == bytes(len(owner))
        with Segment.attach(name) as other, Segment.view(name) as view:
            owner.buffer()[5:10] = b"hello"
            assert bytes(other.buffer()[5:10]) == bytes(view.buffer()[5:10]) == b"hello"
            other.buffer()[0] = 1
            assert view.buffer()[0] == 1
            assert other.owned and not view.owned
            assert view.buffer().readonly
            with pytest.raises(TypeError):
                view.buffer()[0] = 2
        assert file_of(name).exists()


def test_a_view_cannot_be_written_even_through_its_address(name: str) -> None:
    script = (
        "import ctypes, sys; from dpdk_bindings.env import Segment\n"
        f"view = Segment.view({name!r}); ctypes.memset(view.address, 1, 1)"
    )
    with Segment.create(name, 4096) as owner:
        run = subprocess.run([sys.executable, "-c", script], capture_output=True)
        assert run.returncode == -signal.SIGSEGV
        assert owner.buffer()[0] == 0


def test_a_busy_segment_is_refused_in_one_sentence(name: str) -> None:
    with Segment.create(name, 4096) as owner:
        owner.buffer()[0] = 7
        with pytest.raises(PioError, match="in use by another process; stop that process") as error:
            Segment.create(name, 4096)
        assert error.value.errno == errno.EBUSY
        assert owner.buffer()[0] == 7 and file_of(name).exists()


def test_a_crash_frees_the_claim(name: str) -> None:
    ready: Any = SPAWN.Queue()
    child = SPAWN.Process(target=hold_segment, args=(name, ready))
    child.start()
    pid = ready.get(timeout=30)
    with Segment.attach(name) as other:
        assert other.owned and bytes(other.buffer()[:4]) == b"mine"
        with pytest.raises(PioError, match="in use"):
            Segment.create(name, 4096)
        os.kill(pid, signal.SIGKILL)
        child.join(30)
        assert not other.owned
        with Segment.create(name, 4096) as owner:
            assert bytes(owner.buffer()[:4]) == bytes(4), "a new owner starts with zeros"
            assert other.owned


def test_every_claim_is_its_own(name: str) -> None:
    def opened() -> Any:
        segment, error = ffi.new("struct tp_segment *"), ffi.new("struct pio_error *")
        assert lib.tp_segment_open(segment, name.encode(), 64, error) == 0
        lib.tp_segment_ready(segment)
        return segment

    one, two = opened(), opened()
    for claim in range(lib.TP_SEGMENT_CLAIMS_MAX):
        first, second = (one, two) if claim % 2 else (two, one)
        assert lib.tp_segment_claim(first, claim) == 0
        assert lib.tp_segment_claim(second, claim) == errno.EBUSY
        assert lib.tp_segment_claimed(second, claim) and not lib.tp_segment_claimed(first, claim)
    lib.tp_segment_close(one)
    assert file_of(name).exists(), "the other still holds claims"
    assert not any(lib.tp_segment_claimed(two, claim) for claim in range(8))
    lib.tp_segment_close(two)
    lib.tp_segment_close(two)


@pytest.mark.parametrize("bad", ["", ".x", "a/b", "ü", "a b", "n" * 128])
def test_bad_names(bad: str) -> None:
    for refused in (Segment.attach, Segment.view):
        with pytest.raises(PioError, match="bad name"):
            refused(bad)
    with pytest.raises(PioError, match="bad name"):
        Segment.create(bad, 64)


def test_what_is_not_there(name: str) -> None:
    for refused in (Segment.attach, Segment.view):
        with pytest.raises(PioError, match="start the process that makes it") as error:
            refused(name)
        assert error.value.errno == errno.ENOENT


def test_more_than_there_is(name: str) -> None:
    with pytest.raises(PioError) as error:
        Segment.create(name, 1 << 50)
    assert error.value.errno in (errno.ENOSPC, errno.ENOMEM, errno.EFBIG)
    assert error.value.remedy


def test_nothing_is_left_by_a_process_that_forgot_to_close(name: str) -> None:
    script = f"from dpdk_bindings.env import Segment; s = Segment.create({name!r}, 64)"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert not file_of(name).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user takes root")
def test_a_name_that_another_user_made_is_not_taken_over(name: str) -> None:
    """Its maker could set every word in it, and end us by cutting it short."""
    file_of(name).write_bytes(bytes(4096))
    try:
        os.chown(file_of(name), 65534, 65534)
        file_of(name).chmod(0o666)
        with pytest.raises(PioError, match="another user made it") as refused:
            Segment.create(name, 4096)
        assert refused.value.errno == errno.EACCES
        Segment.attach(name).leave()  # kill and arm are for root, too
        os.chown(file_of(name), 0, 0)
        Segment.create(name, 4096).close()
    finally:
        file_of(name).unlink(missing_ok=True)
