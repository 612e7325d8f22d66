"""appliance doctor as it is called: what it prints, its exit status, and that it writes nothing."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import doctor_tree as tree
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from appliance.host.cli_doctor import doctor
from appliance.host.doctor import ids

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/doctor.schema.json").read_text())
NOBODY = 65534
CPU_S_MAX = 2.0
# A healthy tree has no clock, limits or build; it lacks what they say, and no more.
ARGUMENTS = ("--core", "2-3", "--interface", "ens1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("server")
    tree.healthy(root)
    return root


def call(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(doctor, ["--root", str(root), *arguments])


def checks(result: Result) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in json.loads(result.stdout)["checks"]}


def test_json_is_what_the_schema_says(server: Path) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    report = json.loads(call(server, "--json").stdout)
    Draft202012Validator(SCHEMA).validate(report)
    assert [row["id"] for row in report["checks"]] == ids()
    keys = {"id", "status", "severity", "measured", "expected", "why", "fix"}
    assert set(report) == {"checks"} and all(set(row) == keys for row in report["checks"])
    report["checks"][0]["status"] = "good"
    assert not Draft202012Validator(SCHEMA).is_valid(report)


def test_exit_status(server: Path, tmp_path: Path) -> None:
    assert call(server, *ARGUMENTS, "--only", "network").exit_code == 0
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {f"{tree.NET}/flags": "0x1103"})
    assert call(root, *ARGUMENTS, "--only", "network").exit_code == 1
    tree.write(root, {f"{tree.NET}/operstate": "down"})
    result = call(root, *ARGUMENTS, "--only", "network", "--json")
    assert result.exit_code == 2 and not result.stderr
    assert checks(result)["network.carrier"]["fix"].startswith("ip link set ens1 up")


@pytest.mark.parametrize(("arguments", "words"), [
    (("--core", "99"), "core 99 is not online"),
    (("--core", "two"), "not a list of cores"),
    (("--core", "0"), "core 0 takes the kernel's own work"),
    (("--interface", "nope0"), "no interface nope0"),
    (("--only", "cpu.nothing"), "no check 'cpu.nothing'"),
    (("-c", "/nowhere.toml"), "/nowhere.toml"),
])
def test_wrong_input_is_one_sentence(server: Path, arguments: tuple[str, ...], words: str) -> None:
    for also in ((), ("--json",)):
        result = call(server, *arguments, *also)
        assert result.exit_code == 2 and not result.stdout
        assert result.stderr.startswith("appliance: ") and words in result.stderr
        assert result.stderr.count("\n") == 1


def test_printed_for_people(server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {f"{tree.NET}/duplex": "half", f"{tree.NET}/flags": "0x1103",
                      **tree.task(20, "[red]\x1b[31mcron[/]", 2, "0-7")})
    result = call(root, *ARGUMENTS)
    lines = result.stdout.split("\n")
    assert result.exit_code == 2 and "\x1b" not in result.stdout
    assert max(len(line) for line in lines) <= 80
    text = " ".join(result.stdout.split())
    assert "cpu.user_tasks: 1, as [red]?[31mcron[/]" in text, "names are not markup"
    assert "fix: ethtool -s ens1 duplex full autoneg on" in text
    network = [line for line in lines if re.match(r"  (fail|warn)", line) and "network." in line]
    assert [line.split()[0] for line in network] == ["fail", "warn"], "the worst first"
    assert "network.carrier" not in text and "network.carrier: ens1: up" in " ".join(
        call(root, *ARGUMENTS, "--all").stdout.split())
    counted = [int(number) for number in re.findall(r"(\d+) (?:fail|warn|well|not here)",
                                                    text.rpartition("checks: ")[2])]
    assert sum(counted) == len(ids())


def test_a_configuration_chooses(server: Path, tmp_path: Path) -> None:
    path = tmp_path / "appliance.toml"
    path.write_text(tree.CONFIG.replace('file = "mine.py:cross"', ""))
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {"/proc/sys/vm/swappiness": "60"})
    rows = checks(call(root, "-c", str(path), "--json"))
    assert rows["engine.trading"]["status"] == "ok", "it is called test, as the one that runs"
    assert rows["storage.folder"]["measured"] == "/data"
    fix = f"appliance tune apply -c {path} --only swappiness.value"
    assert rows["tune.swappiness.value"]["fix"] == fix


# ---- on this machine, without rights -------------------------------------------------------------


def command(*wrapper: str) -> list[str]:
    inner = [sys.executable, "-B", "-m", "appliance.cli", "doctor", "--json"]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv (util-linux) is not installed")
        inner = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                 "--bounding-set=-all", *inner]
    return [*wrapper, *inner]


def run(*wrapper: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    return subprocess.run(command(*wrapper), cwd="/", env=environment, capture_output=True,
                          text=True, timeout=60)


def test_needs_no_root() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1, 2) and not done.stderr, done.stderr
    report = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(report)
    assert [row["id"] for row in report["checks"]] == ids()
    allowed = next(row for row in report["checks"] if row["id"] == "limits.loop_core_allowed")
    assert allowed["status"] == "ok" or os.sched_getaffinity(0) < set(range(os.cpu_count() or 1))
    confused = [row for row in report["checks"] if "makes no sense" in row["measured"]]
    assert not confused, "a check does not understand a real host"
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < CPU_S_MAX


WRITES = "openat,open,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir," \
         "truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,fchownat,mount,umount2,link," \
         "linkat,symlink,symlinkat,sethostname,settimeofday,clock_settime,init_module"


# Opened to be read, and what every shell opens.
HARMLESS = r"O_RDONLY(?!\|O_CREAT)|\"/dev/null\""


def test_writes_nothing(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    done = run("strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={WRITES}", "-o", str(trace))
    assert done.returncode in (0, 1, 2) and json.loads(done.stdout)
    lines = trace.read_text().split("\n")
    assert sum("O_RDONLY" in line for line in lines) > 100, "strace saw what was read"
    changing = [line for line in lines
                if re.search(r"\) += [0-9]", line) and not re.search(HARMLESS, line)]
    assert not changing, "\n".join(changing)
