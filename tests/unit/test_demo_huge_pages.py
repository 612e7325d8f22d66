"""The demo's huge pages: as many given back as were set aside, whichever way it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import demo_huge_pages  # noqa: E402

# Takes 20 MiB, says what came of it, and ends as it is told on standard input.
CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import demo_huge_pages
demo_huge_pages.FOLDER = Path(sys.argv[2])
with demo_huge_pages.huge_pages(20) as why:
    print((Path(sys.argv[2]) / "nr_hugepages").read_text(), why, flush=True)
    if sys.stdin.readline() == "fail\\n":
        raise RuntimeError
"""


def host(folder: Path, number: int, free: int) -> Path:
    (folder / "nr_hugepages").write_text(str(number))
    (folder / "free_hugepages").write_text(str(free))
    return folder / "nr_hugepages"


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(SCRIPTS), str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["end\n", "fail\n", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_set_aside_is_given_back(way: str | signal.Signals, tmp_path: Path) -> None:
    number = host(tmp_path, 7, 3)
    process = start(tmp_path)
    assert process.stdout is not None
    # Ten pages are wanted; the three that are free may be somebody else's.
    assert process.stdout.readline() == "17 \n"
    if isinstance(way, str):
        process.communicate(way, timeout=20)
    else:
        process.send_signal(way)
        process.communicate(timeout=20)
    assert (process.returncode == 0) is (way == "end\n")
    assert number.read_text() == "7"


def test_what_somebody_else_added_meanwhile_stays(tmp_path: Path) -> None:
    number = host(tmp_path, 0, 0)
    process = start(tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "10 \n"
    number.write_text("15")
    process.communicate("end\n", timeout=20)
    assert number.read_text() == "5"


@pytest.mark.parametrize("free", [9, 10])
def test_without_root_free_ones_do(
    free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = host(tmp_path, 12, free)
    monkeypatch.setattr(demo_huge_pages, "FOLDER", tmp_path)
    monkeypatch.setattr(demo_huge_pages, "_change", refuse)
    with demo_huge_pages.huge_pages(20) as why:
        assert ("root's" in why) is (free == 9) and bool(why) is (free == 9)
    assert number.read_text() == "12"


def refuse(pages: int) -> None:
    raise PermissionError


def test_without_huge_pages_it_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_huge_pages, "FOLDER", tmp_path)
    with demo_huge_pages.huge_pages(20) as why:
        assert why == "this kernel has no huge pages of 2 MiB"
