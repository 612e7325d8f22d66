"""appliance doctor, check by check: content on a healthy server, and not when one thing is wrong.

The server is a tree (doctor_tree.py); what is wrong with it is a table (doctor_breaks.py).
"""

from __future__ import annotations

import os
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import doctor_tree as tree
import pytest
from doctor_breaks import ROOM, ROWS

from appliance.host import machine
from appliance.host.case import Case
from appliance.host.check import FAILING, ID, Check, Result, ask
from appliance.host.checks import AREAS, CHECKS
from appliance.host.doctor import MAJOR, chosen_ids, examine, exit_status, ids
from appliance.host.host import Host, HostError
from appliance.host.kinds import VALUE
from appliance.host.stage import Setting
from appliance.host.stages import STAGES
from appliance.host.tuner import plan

GOLDEN = Path(__file__).with_name("doctor_ids.txt")
BY_ID = {check.id: check for check in CHECKS}
KNOBS = {knob.id for stage in STAGES for knob in stage.knobs}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("server")
    tree.healthy(root)
    return root


@pytest.fixture
def broken(server: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    """The server with a row's change, and as it was afterwards."""
    change: dict[str, Any] = dict(request.param)
    config = change.pop("config", tree.CONFIG)
    answers = change.pop("answers", None)
    root = server
    if change:
        root = tree.copy(server, tmp_path / "server")
    if "segment" in change:
        words = change.pop("segment")
        (root / "dev/shm/tickpath.test").unlink()
        if words is not None:
            tree.segment(root, words[0], **words[1])
    if "mode" in change:
        name, mode = change.pop("mode")
        path = root / name.lstrip("/")
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)
        path.chmod(mode)
    for name, text in change.items():
        path = root / name.lstrip("/")
        if text is not None:
            tree.write(root, {name: text})
        elif path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
            if path.parent.name in ("13", "dimm1"):
                path.parent.rmdir()
    yield tree.case(root, config, answers)


# ---- the ids -------------------------------------------------------------------------------------


def test_ids_are_many_unique_and_stable() -> None:
    """Programs read them: one that is taken away or renamed must be meant."""
    own = [check.id for check in CHECKS]
    assert len(own) >= 60 and len(set(ids())) == len(ids())
    assert all(re.fullmatch(ID, id) and id.partition(".")[0] in AREAS for id in ids())
    assert own == GOLDEN.read_text().split(), f"if that is meant, mend {GOLDEN.name}"


def test_every_knob_of_tune_is_a_check() -> None:
    assert {id.removeprefix("tune.") for id in ids() if id.startswith("tune.")} == KNOBS
    assert KNOBS >= MAJOR


def test_fixes_name_stages_that_there_are() -> None:
    known = KNOBS | {stage.name for stage in STAGES}
    for check in CHECKS:
        for name in re.findall(r"--only ([\w.]+)", check.fix):
            assert name in known, check.id


def test_words_are_sentences() -> None:
    for check in CHECKS:
        assert check.why.endswith(".") and check.why[0].isupper(), check.id
        assert check.expected and check.fix and not check.fix.endswith("."), check.id


# ---- both answers of every check -----------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_healthy(server: Path, check: Check) -> None:
    result = ask(check, tree.case(server))
    assert (result.status, result.fix) == ("ok", ""), result


def test_every_check_has_a_row() -> None:
    assert {row[0] for row in ROWS} | ROOM == set(BY_ID)


@pytest.mark.parametrize(("id", "broken", "says"), ROWS, indirect=["broken"],
                         ids=[f"{number}-{row[0]}" for number, row in enumerate(ROWS)])
def test_complains(id: str, broken: Case, says: str) -> None:
    result = ask(BY_ID[id], broken)
    assert result.status in ("warn", "fail") and says in result.measured, result
    assert result.status == "warn" or result.severity in FAILING
    assert result.fix and result.expected and result.why


@pytest.mark.parametrize("id", sorted(ROOM))
def test_complains_of_too_little_room(server: Path, id: str,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    few = os.statvfs_result((4096, 4096, 1000, 9, 9, 1000, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: few)
    result = ask(BY_ID[id], tree.case(server))
    assert result.status == ("fail" if result.severity in FAILING else "warn"), result


def test_an_empty_host_says_why_it_says_nothing(tmp_path: Path) -> None:
    """No kernel at all: absent, with a reason, or a complaint; never silence."""
    report = examine(tree.case(tmp_path, "", machine.NoMachine()))  # type: ignore[arg-type]
    assert all(result.measured for result in report.checks)
    gone = [result for result in report.checks if result.status == "absent"]
    assert len(gone) > 100 and not any(result.fix for result in gone)
    ended = [result for result in gone if result.id.startswith("engine.")]
    assert len(ended) > 9 and all("no engine named" in each.measured for each in ended)


def test_a_segment_that_is_not_ours_to_read(server: Path, tmp_path: Path) -> None:
    root = tree.copy(server, tmp_path / "server")
    (root / "dev/shm/tickpath.test").unlink()
    (root / "dev/shm/tickpath.test").mkdir()
    result = ask(BY_ID["engine.trading"], tree.case(root))
    assert result.status == "absent" and "may read /dev/shm/tickpath.test" in result.measured


@pytest.mark.parametrize(("id", "path", "before", "after"), [
    ("interrupts.timer", "/proc/interrupts", tree.interrupts(), tree.interrupts(LOC=75)),
    ("interrupts.devices", "/proc/interrupts", tree.interrupts(i24=7), tree.interrupts(i24=8)),
    ("interrupts.network_softirqs", "/proc/softirqs", tree.softirqs(), tree.softirqs(NET_RX=75)),
])
def test_now_and_since_boot(server: Path, tmp_path: Path, id: str, path: str, before: str,
                            after: str) -> None:
    """What comes now fails; what only came in the past, before the host was tuned, warns."""
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {path: before})
    now = tree.other(meanwhile=lambda: tree.write(root, {path: after}))
    assert ask(BY_ID[id], tree.case(root, answers=now)).status == (
        "fail" if BY_ID[id].severity in FAILING else "warn")
    tree.write(root, {path: after.replace("75", "990000")})
    assert ask(BY_ID[id], tree.case(root)).status == "warn"


def test_every_loop_core_is_looked_at(server: Path, tmp_path: Path) -> None:
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {"/proc/stat": "cpu2 5 0 5 9 0 0 0 0 0 0\ncpu3 5 0 5 9 0 0 0 7 0 0"})
    result = ask(BY_ID["cpu.steal"], tree.case(root))
    assert (result.status, result.measured) == ("fail", "core 3: 0.07 s since boot")


def test_names_for_placeholders(server: Path, tmp_path: Path) -> None:
    """What a fix speaks of is named, so that it can be typed as it is."""
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {f"{tree.NET}/duplex": "half", **tree.task(20, "cron", 2, "0-7")})
    case = tree.case(root)
    case.given = " --core 2-3"
    assert ask(BY_ID["network.duplex"], case).fix == "ethtool -s ens1 duplex full autoneg on"
    fix = ask(BY_ID["cpu.user_tasks"], case).fix
    assert "appliance tune plan --core 2-3 --only isolation" in fix and "-cp 0-1,4-7" in fix


# ---- knobs ---------------------------------------------------------------------------------------


def knob_result(monkeypatch: pytest.MonkeyPatch, server: Path, *verdicts: str) -> Result:
    stage = next(stage for stage in STAGES if stage.name == "thp")
    settings = [Setting("thp.enabled", f"/x{number}", f"found{number}", "wanted", verdict, VALUE,
                        "reason", "remedy")  # type: ignore[arg-type]
                for number, verdict in enumerate(verdicts)]
    monkeypatch.setattr(type(stage), "check", lambda self, host, wish: settings)
    (result,) = examine(tree.case(server), ["tune.thp.enabled"]).checks
    return result


@pytest.mark.parametrize(("verdicts", "status", "measured", "fix"), [
    (("ok", "change"), "warn", "/x1: found1", "appliance tune apply --only thp.enabled"),
    (("boot", "absent"), "warn", "/x0: found0 (reason)", "at the next boot: remedy"),
    (("manual", "ok"), "warn", "/x0", "remedy"),
    (("change", "refused"), "fail", "/x1", "remedy"),
    (("ok", "ok"), "ok", "/x1", ""),
    (("absent", "absent"), "absent", "reason", ""),
    (("change",) * 5, "warn", "; and 2 more", "appliance tune apply"),
    ((), "absent", "nothing here has it", ""),
])
def test_the_worst_target_of_a_knob(monkeypatch: pytest.MonkeyPatch, server: Path,
                                    verdicts: tuple[str, ...], status: str, measured: str,
                                    fix: str) -> None:
    result = knob_result(monkeypatch, server, *verdicts)
    assert result.status == status and measured in result.measured
    assert result.fix.startswith(fix) and bool(result.fix) == bool(fix)


def test_doctor_and_plan_agree(server: Path) -> None:
    case = tree.case(server)
    well = {result.id for result in examine(case, ["tune"]).checks if result.status == "ok"}
    rows = plan(case.host, case.wish)
    for knob in KNOBS:
        verdicts = {setting.verdict for _, setting in rows if setting.knob == knob}
        assert (f"tune.{knob}" in well) == ("ok" in verdicts and verdicts <= {"ok", "absent"})


def test_a_stage_that_fails_stops_nothing(monkeypatch: pytest.MonkeyPatch, server: Path) -> None:
    def fails(self: object, host: Host, wish: object) -> list[Setting]:
        raise HostError("the stage has a reason")

    stage = next(stage for stage in STAGES if stage.name == "thp")
    monkeypatch.setattr(type(stage), "check", fails)
    found = {result.id: result for result in examine(tree.case(server)).checks}
    assert found["tune.thp.enabled"].status == "absent" and len(found) == len(ids())
    assert found["tune.thp.enabled"].measured == "the stage has a reason"


# ---- choosing, and what comes of it --------------------------------------------------------------


def test_choosing() -> None:
    assert chosen_ids(["cpu.steal"]) == ["cpu.steal"]
    assert {id.partition(".")[0] for id in chosen_ids(["clock", "tune.thp"])} == {"clock", "tune"}
    with pytest.raises(HostError, match="no check 'cp'"):
        chosen_ids(["cp"])


def test_exit_status(server: Path, tmp_path: Path) -> None:
    case = tree.case(server)
    assert exit_status(examine(case, ["cpu", "network"])) == 0
    root = tree.copy(server, tmp_path / "server")
    tree.write(root, {f"{tree.NET}/flags": "0x1103"})
    assert exit_status(examine(tree.case(root), ["network"])) == 1
    tree.write(root, {f"{tree.NET}/operstate": "down"})
    assert exit_status(examine(tree.case(root), ["network"])) == 2


# ---- damaged hosts -------------------------------------------------------------------------------


NOBODY = 65534


@pytest.fixture
def nobody() -> Iterator[None]:
    """Without rights; a test that has none already stays as it is."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture(scope="module")
def forbidden() -> Iterator[Path]:
    """The server, every file of it root's alone; in a folder that others may enter."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        tree.healthy(root)
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.chmod(0)
        yield root


def test_nothing_may_be_read(forbidden: Path, nobody: None) -> None:
    report = examine(tree.case(forbidden, ""))
    assert [result.id for result in report.checks] == ids()
    confused = [result for result in report.checks if "makes no sense" in result.measured]
    assert not confused
    denied = [result for result in report.checks if "only root may read" in result.measured]
    assert len(denied) > 40 and all(result.status == "absent" for result in denied)


def garbage(chance: random.Random, path: Path) -> None:
    """Makes a file something else: empty, bytes, digits, somebody else's, a folder, or gone."""
    former = path.read_bytes()
    path.unlink()
    kind = chance.randrange(7)
    if kind == 0:
        path.write_bytes(b"")
    elif kind == 1:
        path.write_bytes(chance.randbytes(chance.choice((1, 40, 4000))))
    elif kind == 2:
        path.write_bytes(b"-" * chance.randrange(2) + b"9" * chance.randrange(1, 40))
    elif kind == 3:
        path.write_bytes(former[: chance.randrange(len(former) + 1)])
    elif kind == 4:
        path.write_bytes(bytes(chance.choice(former + b"\0") for _ in former))
    elif kind == 5:
        path.mkdir()


@pytest.mark.parametrize("seed", range(40))
def test_no_host_is_too_strange(server: Path, tmp_path: Path, seed: int) -> None:
    """Whatever the files are, every check has an answer; the seed makes it again."""
    chance = random.Random(seed)
    root = tree.copy(server, tmp_path / "server")
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    for path in paths if seed % 2 else chance.sample(paths, 20):
        garbage(chance, path)
    try:
        case = tree.case(root)
    except (HostError, ValueError):  # the sentence that a bad --core gets
        case = tree.case(root, "")
    report = examine(case)
    assert [result.id for result in report.checks] == ids()
    assert all(result.measured for result in report.checks)
