"""The units: systemd itself checks them, and says how exposed each process is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "systemd"
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
KINDS = (".service", ".socket", ".slice")
# Unit, drop-ins out of rights/, and the exposure that is allowed.
LIMITS = [
    ("appliance.service", (), 1.0),
    ("appliance-exporter.service", (), 1.0),
    ("appliance-journal.service", (), 1.0),
    ("appliance-engine.service", (), 0.8),
    ("appliance-engine.service", ("jit",), 0.8),
    ("appliance-engine.service", ("opener", "jit"), 0.8),
    ("appliance-opener.service", (), 2.5),
    ("appliance-engine.service", ("dpdk", "jit"), 2.5),
    ("appliance-engine.service", ("udp", "jit"), 2.5),
]


def install(folder: Path, *rights: str) -> Path:
    """The units as they would lie in /etc/systemd/system, started by a program that exists."""
    for path in UNITS.iterdir():
        if path.suffix in KINDS:
            text = path.read_text().replace("/usr/local/bin/appliance", "/bin/true")
            (folder / path.name).write_text(text)
    drop_ins = folder / "appliance-engine.service.d"
    drop_ins.mkdir(exist_ok=True)
    for name in rights:
        shutil.copy(UNITS / "rights" / f"{name}.conf", drop_ins)
    return folder


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, *words], capture_output=True, text=True,
                          env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"})


@needs_analyze
def test_systemd_has_nothing_to_say_against_them(tmp_path: Path) -> None:
    for rights in ("dpdk", "jit", "opener", "udp"):
        install(tmp_path, rights)
        units = [str(path) for path in sorted(tmp_path.iterdir()) if path.suffix in KINDS]
        done = analyze(tmp_path, "--man=no", "verify", *units)
        ours = [line for line in done.stderr.split("\n") if str(tmp_path) in line
                or "appliance" in line]
        assert done.returncode == 0 and not ours, done.stderr
        shutil.rmtree(tmp_path / "appliance-engine.service.d")


@needs_analyze
@pytest.mark.parametrize(("unit", "rights", "limit"), LIMITS)
def test_exposure(tmp_path: Path, unit: str, rights: tuple[str, ...], limit: float) -> None:
    install(tmp_path, *rights)
    threshold = str(round(limit * 10))
    words = ("security", "--offline=yes", "--no-pager", f"--threshold={threshold}")
    done = analyze(tmp_path, *words, str(tmp_path / unit))
    assert done.returncode == 0, done.stdout.split("\n")[-2] + done.stderr
    lower = analyze(tmp_path, *words[:3], "--threshold=0", str(tmp_path / unit))
    assert lower.returncode != 0, "the threshold means something"


def test_no_trading_process_is_started_again() -> None:
    for name in ("appliance", "appliance-engine", "appliance-journal"):
        lines = (UNITS / f"{name}.service").read_text().split("\n")
        assert "Restart=no" in lines
        prevented = next(line for line in lines if line.startswith("RestartPreventExitStatus="))
        assert {"1", "2", "3", "SIGABRT", "SIGKILL"} <= set(prevented.partition("=")[2].split())


def test_the_common_rights_are_the_same_everywhere() -> None:
    """Each unit is read alone, so each has the whole list; here they are held together."""
    def block(name: str) -> list[str]:
        text = (UNITS / f"{name}.service").read_text().split("# ---- rights", 1)[1]
        return [line for line in text.split("\n[Install]")[0].split("\n")[1:] if "=" in line]

    engine = [line for line in block("appliance-engine")
              if not re.search("sched_setaffinity|cpu_dma_latency", line)]
    assert engine == block("appliance") == block("appliance-journal")
    assert engine == block("appliance-exporter")
    assert len(engine) > 25
