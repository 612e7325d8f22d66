"""`appliance tune` as an operator types it, and the knobs as he reads about them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result
from fake_kernel import FakeHost, build, files, snapshot
from tune_rig import EVERYTHING, Mortal, journal, wish

from appliance.cli import main
from appliance.generate import outputs
from appliance.host.cli_tune import COLOURS
from appliance.host.host import STATE_FOLDER
from appliance.host.stage import Knob
from appliance.host.stages import STAGES
from appliance.host.tuner import Outcome, apply, plan

KNOBS = [knob for stage in STAGES for knob in stage.knobs]
LIMITS = "/etc/security/limits.d/tickpath.conf"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tree = tmp_path / "tree"
    build(tree)
    (tmp_path / "wanted.toml").write_text(EVERYTHING)
    monkeypatch.setattr("appliance.host.cli_tune.Host", FakeHost)
    return tree


def tune(root: Path, verb: str, *arguments: str) -> Result:
    given = [] if verb == "undo" else ["-c", str(root.parent / "wanted.toml")]
    return CliRunner().invoke(main, ["tune", verb, *given, "--root", str(root), *arguments])


# ---- verbs ---------------------------------------------------------------------------------------


def test_the_whole_round(root: Path) -> None:
    before = snapshot(root)
    planned = json.loads(tune(root, "plan", "--json").stdout)
    changes = [row for row in planned["settings"] if row["verdict"] == "change"]
    assert planned["cores"] == [2, 3] and not planned["half_applied"] and len(changes) > 35
    assert snapshot(root) == before, "plan changes nothing"
    assert tune(root, "verify").exit_code == 1
    done = json.loads(tune(root, "apply", "--json").stdout)["done"]
    assert sum(each["outcome"] == "set" for each in done) >= len(changes)
    verified = tune(root, "verify", "--json")
    assert verified.exit_code == 0 and json.loads(verified.stdout)["differ"] == []
    shown = json.loads(tune(root, "undo", "--dry-run", "--json").stdout)["standing"]
    assert len(shown) == sum(each["outcome"] == "set" for each in done)
    undone = tune(root, "undo")
    assert undone.exit_code == 0 and "0 not" in undone.stdout
    assert snapshot(root) == before and not journal(root).exists()
    assert tune(root, "undo").exit_code == 0, "nothing to undo is no mistake"


def test_whatever_becomes_of_a_knob_is_told() -> None:
    """An outcome without a colour of its own once ended apply in the middle."""
    assert COLOURS.keys() == set(get_args(Outcome))


def test_a_plan_that_was_cut_short_is_named_until_it_is_finished(root: Path) -> None:
    mortal = Mortal(40)
    host = FakeHost(root, before_write=mortal.step)
    with mortal.life():
        apply(host, wish(host), lambda done: None)
    assert "cut short" in tune(root, "plan").stdout
    verified = tune(root, "verify")
    assert verified.exit_code == 1 and "cut short" in verified.stdout
    assert tune(root, "apply").exit_code == 0
    assert tune(root, "verify").exit_code == 0


def test_one_knob_alone(root: Path) -> None:
    assert tune(root, "apply", "--only", "watchdogs.nmi").exit_code == 0
    assert (root / "proc/sys/kernel/nmi_watchdog").read_text() == "0\n"
    assert (root / "proc/sys/kernel/watchdog_cpumask").read_text() == "0-7\n"
    rest = json.loads(tune(root, "plan", "--skip", "watchdogs", "--json").stdout)["settings"]
    assert not [row for row in rest if row["knob"].startswith("watchdogs")]


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["plan", "--only", "hugepages"], "there is no stage or knob 'hugepages'; the stages are"),
    (["apply", "--skip", "nmi"], "there is no stage or knob 'nmi'"),
    (["undo", "--only", "everything"], "there is no stage or knob 'everything'"),
    (["undo", "--only", "watchdogs.nmi"], "undo goes stage by stage; name the stage, watchdogs"),
    (["plan", "--core", "0"], "core 0 takes the kernel's own work"),
    (["plan", "--core", "9"], "core 9 is not online; the cores here are 0-7"),
    (["plan", "--core", "3-2"], "is not a range of cores"),
    (["plan", "--core", "1-7,0"], "core 0 takes the kernel's own work"),
    (["plan", "--interface", "eth7"], "there is no interface eth7; there are eth0"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(root: Path, arguments: list[str], sentence: str) -> None:
    before = snapshot(root)
    result = tune(root, *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr and result.stderr.count("\n") == 1
    assert snapshot(root) == before


def test_every_knob_is_explained() -> None:
    for knob in KNOBS:
        result = CliRunner().invoke(main, ["tune", "explain", knob.id, "--json"])
        (shown,) = json.loads(result.stdout)["knobs"]
        assert shown["why"] == knob.why and shown["source"] == knob.source
    assert CliRunner().invoke(main, ["tune", "explain", "magic"]).exit_code == 2


@pytest.mark.parametrize("end", ["reader", "terminal", "room", "output"])
def test_a_plan_that_is_begun_is_ended_whoever_listens(root: Path, end: str) -> None:
    """The reader of a pipe leaves, the line is cut, the disk is full, or there is no output."""
    command = [sys.executable, "-m", "appliance.cli", "tune", "apply", "--root", str(root)]
    given: dict[str, Any] = {"stderr": subprocess.PIPE, "cwd": Path(__file__).parents[2]}
    if end == "terminal":
        boot = root / "proc/sys/kernel/random/boot_id"
        boot.unlink()
        os.mkfifo(boot)  # where the tuner waits until the line is cut
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, **given)
        with open(boot, "w") as waiting:
            child.send_signal(signal.SIGHUP)
            waiting.write("another\n")
    elif end == "output":
        child = subprocess.Popen(["sh", "-c", 'exec "$@" >&-', "sh", *command], **given)
    else:
        with open("/dev/full", "wb") as full:
            child = subprocess.Popen(command, **given,
                                     stdout=full if end == "room" else subprocess.PIPE)
        if child.stdout:
            child.stdout.close()
    _, said = child.communicate(timeout=60)
    assert b"Traceback" not in said
    assert journal(root).read_text().split("\n")[-2].startswith("end\t")


# ---- knobs ---------------------------------------------------------------------------------------


def test_every_knob_is_complete_and_named_once() -> None:
    ids = [knob.id for knob in KNOBS]
    assert len(ids) == len(set(ids))
    for stage in STAGES:
        assert stage.title and stage.knobs and stage.check.__qualname__ != "Stage.check"
        for knob in stage.knobs:
            assert re.fullmatch(rf"{stage.name}\.[a-z0-9_]+", knob.id)
            assert knob.title[0].isupper() and not knob.title.endswith(".")
            assert len(knob.why) > 40 and knob.why.endswith("."), knob.id
            assert knob.path.startswith(("/", "netlink: ", "ioctl: ")), knob.id
            assert len(knob.source) > 8 and "|" not in knob.why + knob.path + knob.source, knob.id


def test_there_is_one_file_a_stage() -> None:
    modules = [type(stage).__module__ for stage in STAGES]
    assert len(set(modules)) == len(STAGES)


def test_the_page_of_knobs_is_current_and_names_what_is_written() -> None:
    (page,) = [path for path in outputs() if path.name == "tuning.md"]
    text = page.read_text()
    assert outputs()[page] == text
    for knob in KNOBS:
        assert f"`{knob.id}`" in text and f"`{knob.path}`" in text
    for name in ("journal", "lock", "fixed"):
        assert f"`{name}`" in text.partition("## What is ever written")[2].partition("##")[0]


def patterns(knob: Knob) -> list[str]:
    """What of the file system a knob's path stands for, as expressions."""
    places = re.split(r" or |, ", knob.path)
    return [re.sub(r"[A-Z]{2,}|(?<=[a-z])[NM](?=/|$)|(?<=/)N(?=/)", "[^/]+", place)
            for place in places]


def test_what_is_set_lies_where_its_knob_says(root: Path) -> None:
    host = FakeHost(root)
    known = {knob.id: knob for knob in KNOBS}
    for stage, row in plan(host, wish(host)):
        knob = known[row.knob]
        assert knob in stage.knobs
        if row.verdict == "change":
            assert not knob.reported, row
        if row.verdict == "change" and knob.path.startswith(("/sys", "/proc", "/etc")):
            assert any(re.fullmatch(place, row.target) for place in patterns(knob)), row


WRITING = re.compile(r"""\b(?:openat|creat|mkdir|rmdir|unlink|rename|truncate|chmod|symlink|link
                         |mknod)(?:at2?)?\((?:[^<"]*<([^>]*)>,\ )?"([^"]+)""", re.X)
CHILD = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from typing import get_args
from tune_rig import applied, undone
applied(Path(sys.argv[1]))
undone(Path(sys.argv[1]))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_nothing_else_is_written(root: Path, tmp_path: Path) -> None:
    """Under strace, from the first instruction to the last."""
    here, trace = Path(__file__).parent, tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-e", "trace=%file", "-s", "4096", "-o", str(trace)]
    child = [sys.executable, "-B", "-c", CHILD, str(root), str(here), str(here.parents[1])]
    subprocess.run([*strace, *child], check=True, timeout=120, env={"PATH": "/usr/bin:/bin"})
    written = set()
    for line in trace.read_text().split("\n"):
        found = WRITING.search(line)
        reads = "openat(" in line and not re.search("O_WRONLY|O_RDWR|O_CREAT", line)
        if found and not reads and not line.endswith(("ENOENT (No such file or directory)",)):
            written.add(str(Path(found[1] or "/", found[2])))
    inside = {name.removeprefix(str(root)) for name in written if name.startswith(str(root))}
    assert {name for name in written - {str(root) + name for name in inside}} <= {"/dev/null"}
    beside = LIMITS.replace("/tickpath", "/.tickpath") + ".tickpath"  # until it is renamed
    group = "/sys/fs/cgroup/tickpath"
    places = [place for knob in KNOBS if not knob.reported for place in patterns(knob)]
    places += [rf"{STATE_FOLDER}(/journal|/lock|/fixed)?", re.escape(beside), f"{group}(/.*)?"]
    # Where the fake kernel keeps what intel_pstate remembers, and the folders of the state.
    places += [r"/var/lib/tickpath(/tune/\.\./driver-policy[0-9])?", "/var", "/var/lib"]
    extra = {name for name in inside if not any(re.fullmatch(p, name) for p in places)}
    assert not extra
    assert len(inside) > 35
    assert set(files()) - inside, "most of the tree is only read"
