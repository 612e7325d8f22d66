"""The rehearsal's own parts without a machine, and then its short form with one.

The short form boots an emulated machine and takes minutes; TICKPATH_REHEARSAL=0 leaves it out.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts" / "rehearse"
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap",
            "mke2fs": "e2fsprogs"}  # fmt: skip
SHORT_TIMEOUT_S = 2400


def why_not() -> str:
    """Why no machine can be had here; "" when one can."""
    if os.environ.get("TICKPATH_REHEARSAL") == "0":
        return "TICKPATH_REHEARSAL=0"
    lacking = [package for program, package in PROGRAMS.items()
               if not (shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin"))]
    if lacking:
        return f"not installed: {', '.join(lacking)}"
    return "" if sys.version_info[:2] == (3, 11) else "the machine has Python 3.11, and this is not"


@pytest.fixture(autouse=True)
def scripts_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


# ---- the agent -----------------------------------------------------------------------------------


@pytest.fixture
def agent() -> Iterator[socket.socket]:
    """The agent as in the machine, on a terminal of ours in place of its serial port."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    process = subprocess.Popen([sys.executable, SCRIPTS / "agent.py", os.ttyname(theirs)])
    near, far = socket.socketpair()
    near.settimeout(20)

    def up() -> None:
        while data := far.recv(4096):
            os.write(ours, data)

    def down() -> None:
        try:
            while data := os.read(ours, 4096):
                far.sendall(data)
        except OSError:
            pass

    threads = [threading.Thread(target=each, daemon=True) for each in (up, down)]
    for thread in threads:
        thread.start()
    yield near
    process.kill()
    process.wait()
    os.close(theirs)  # until here, or reading our end would fail before the agent has opened its
    near.close()


def lines(end: socket.socket) -> Iterator[dict[str, Any]]:
    pending = b""
    while data := end.recv(1 << 16):
        *whole, pending = (pending + data).split(b"\n")
        for line in whole:
            if line.strip():
                yield json.loads(line)


def test_agent_answers_every_request(agent: socket.socket, tmp_path: Path) -> None:
    answers = lines(agent)
    assert next(answers)["hello"]
    path = str(tmp_path / "new" / "file")
    requests: list[dict[str, Any]] = [
        {"op": "put", "path": path, "mode": 0o600, "data": base64.b64encode(b"\0x").decode()},
        {"op": "get", "path": path},
        {"op": "run", "argv": ["sh", "-c", "echo out; echo err >&2; exit 3"], "timeout_s": 10},
        {"op": "run", "argv": ["sh", "-c", "sleep 60 & wait"], "timeout_s": 0.2},
        {"op": "run", "argv": ["no-such-program"], "timeout_s": 1},
        {"op": "dance"},
    ]
    for number, request in enumerate(requests):
        agent.sendall(json.dumps({"id": number, **request}).encode() + b"\n")
    put, get, run, slow, absent, unknown = (next(answers) for _ in requests)
    assert put == {"id": 0} and os.stat(path).st_mode & 0o777 == 0o600
    assert base64.b64decode(get["data"]) == b"\0x"
    assert (run["status"], run["stdout"], run["stderr"]) == (3, "out\n", "err\n")
    assert slow["timed_out"] and slow["seconds"] < 10
    assert "FileNotFoundError" in absent["error"] and "KeyError" in unknown["error"]


def test_agent_survives_what_is_no_request(agent: socket.socket) -> None:
    answers = lines(agent)
    next(answers)
    agent.sendall(b"{\n\n\xff\n")
    assert "error" in next(answers) and "error" in next(answers)
    agent.sendall(b'{"id": 7, "op": "run", "argv": ["true"], "timeout_s": 5}\n')
    assert next(answers)["id"] == 7


# ---- image and report ----------------------------------------------------------------------------


def test_a_recipe_covers_what_goes_in() -> None:
    from image import recipe_of

    one = recipe_of("agent", [Path("a/x-1.whl"), Path("a/y-2.whl")])
    assert one == recipe_of("agent", [Path("b/y-2.whl"), Path("b/x-1.whl")])
    assert one != recipe_of("agent!", [Path("a/x-1.whl"), Path("a/y-2.whl")])
    assert one != recipe_of("agent", [Path("a/x-1.whl"), Path("a/y-3.whl")])


def test_an_image_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import image

    agent = tmp_path / "agent.py"
    agent.write_text("")

    def broken(folder: Path, *_: Any) -> None:
        (folder / "root.ext4").write_text("half")
        raise image.ImageError("the power went")

    def good(folder: Path, *_: Any) -> None:
        (folder / "root.ext4").write_text("whole")

    monkeypatch.setattr(image, "_make", broken)
    with pytest.raises(image.ImageError):
        image.image_of(tmp_path / "cache", agent, [])
    assert not list((tmp_path / "cache").glob("image-*"))
    monkeypatch.setattr(image, "_make", good)
    first = image.image_of(tmp_path / "cache", agent, [])
    assert first.made_now and first.disk.read_text() == "whole"
    assert not list((tmp_path / "cache").glob("new-*"))
    monkeypatch.setattr(image, "_make", broken)
    assert not image.image_of(tmp_path / "cache", agent, []).made_now


def test_a_step_that_checks_nothing_has_not_passed() -> None:
    from report import Check, Report, Row

    empty, wrong = Row("a", "A"), Row("b", "B", checks=[Check("it holds", True), Check("x", False)])
    good = Row("c", "C", checks=[Check("it holds", True)])
    for row in (empty, wrong, good):
        row.settle()
    assert [row.outcome for row in (empty, wrong, good)] == ["failed", "failed", "passed"]
    assert wrong.why == "x"
    left = Row("d", "D")
    report = Report("commit", "now", True, "tcg", steps=[good, left])
    assert not report.good
    report.left_out["d"] = "not in the short form"
    assert report.good
    report.steps.append(wrong)
    assert not report.good and "FAILED" in report.page()


def test_steps_are_named_once_and_need_what_comes_before() -> None:
    from steps import STEPS

    seen: set[str] = set()
    for step in STEPS:
        assert step.name not in seen and set(step.needs) <= seen, step.name
        seen.add(step.name)
    page = (ROOT / "docs" / "rehearsal.md").read_text()
    assert [name for name in seen if f"`{name}`" not in page] == []


# ---- the short form ------------------------------------------------------------------------------


@pytest.mark.timeout(SHORT_TIMEOUT_S + 60)
def test_short_rehearsal() -> None:
    if why := why_not():
        pytest.skip(why)
    done = subprocess.run([sys.executable, SCRIPTS, "--short"], cwd=ROOT, capture_output=True,
                          text=True, timeout=SHORT_TIMEOUT_S)
    assert done.returncode == 0, done.stderr[-6000:]
    report = json.loads((ROOT / "out" / "rehearsal" / "last" / "report.json").read_text())
    passed = {row["name"] for row in report["steps"] if row["outcome"] == "passed"}
    assert report["good"] and passed | set(report["left_out"]) == {
        row["name"] for row in report["steps"]}
