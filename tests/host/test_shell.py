"""The shell's side of tuning against Python's: the same trees, journals, values and damage."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from script_rig import COMMON, JOURNAL, SHELLS, SWAPPINESS, THP, Rig, make_rig, undo_all

from appliance.host.host import HostError
from appliance.host.journal import Journal, read_journal
from appliance.host.kinds import ABSENT, OWN_FILE, Kind
from appliance.host.shell import make_script, shell_kinds
from appliance.host.stages import KINDS
from appliance.host.tuner import apply, chosen_stages, plan


def printed(rig: Rig, folder: Path) -> Path:
    """The script of the rig's plan, all stages."""
    path = folder / "tune.sh"
    wish = rig.wish()
    script = make_script(plan(rig.host(), wish), chosen_stages((), ()), wish)
    assert script.settings
    path.write_text(script.text)
    return path


def test_script_and_apply_leave_equal_trees_and_journals(tmp_path: Path, rig: Rig) -> None:
    (tmp_path / "other").mkdir()
    other = make_rig(tmp_path / "other")
    before = other.tree()
    script = printed(rig, tmp_path)
    done = rig.run(script)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(each.outcome in ("set", "kept", "absent") for each in apply(
        other.host(), other.wish(), lambda done: None))
    assert rig.tree() == other.tree() != before
    assert rig.path(JOURNAL).read_bytes() == other.path(JOURNAL).read_bytes()
    # And the other way round: what one has set, the other undoes.
    undo_all(rig)
    done = other.run(script, "undo")
    assert (done.returncode, done.stderr) == (0, "")
    assert rig.tree(journal=True).keys() == other.tree(journal=True).keys()
    assert rig.tree() == other.tree() == before


def test_a_printed_script_is_clean_and_compares_again(one_rig: Rig, tmp_path: Path) -> None:
    script = printed(one_rig, tmp_path)
    subprocess.run(["shellcheck", str(script)], check=True)
    one_rig.write(SWAPPINESS, "0")
    done = one_rig.run(script)
    assert f"kept      {SWAPPINESS}: 0" in done.stdout
    assert f"set       {THP}/enabled: always -> madvise" in done.stdout


def test_what_a_shell_cannot_set_is_a_comment_and_counted(one_rig: Rig, tmp_path: Path) -> None:
    class Odd(Kind):
        name = "odd"

    wish = one_rig.wish()
    rows = plan(one_rig.host(), wish)
    rows = [(stage, replace(setting, kind=Odd())) if setting.target == SWAPPINESS
            else (stage, setting) for stage, setting in rows]
    stage, setting = rows[-1]
    rows.append((stage, replace(setting, verdict="boot", remedy="isolcpus=2-3")))
    script = make_script(rows, chosen_stages((), ()), wish)
    at_boot = sum(setting.verdict == "boot" for _, setting in rows)
    assert (script.left_out, script.at_boot) == (1, at_boot) and at_boot
    assert f"# left out: swappiness.value {SWAPPINESS}: a shell script cannot" in script.text
    assert f"# at boot: {setting.knob} {setting.target}: isolcpus=2-3" in script.text
    path = tmp_path / "tune.sh"
    path.write_text(script.text)
    subprocess.run(["shellcheck", str(path)], check=True)
    done = one_rig.run(path)
    assert done.returncode == 0 and "1 settings left out" in done.stderr
    assert one_rig.read(SWAPPINESS) == "60"


def test_kinds_mean_the_same_in_both(one_rig: Rig) -> None:
    """persistent and same of every kind that the shell knows."""
    pairs = ["0-3", "3,1,2,0", "0-2", "", "x", "4-2", "8,9", "f", "0000000f", "00000000,0000000F",
             "1,00000000", "a b", " a\tb"]
    lines = [f". {COMMON}"]
    expected = []
    for kind in sorted(shell_kinds() & KINDS.keys()):
        for word in ("persistent", "late"):
            expected.append(str(getattr(KINDS[kind], word)))
        lines += [f"if {word} {kind}; then say True; else say False; fi"
                  for word in ("persistent", "late")]
        for one in pairs:
            for other in set(pairs) - {one}:
                lines.append(f"escape '{one}'; a=$word; escape '{other}'; if by_kind same {kind} "
                             f'"$a" "$word"; then say same; else say differ; fi')
                expected.append("same" if KINDS[kind].same(one, other) else "differ")
    assert len(expected) > 5 * len(pairs) * (len(pairs) - 1)
    path = one_rig.bin / "pairs.sh"
    path.write_text("\n".join(lines))
    for shell in SHELLS:
        one_rig.shell = shell
        found = one_rig.run(path).stdout.split("\n")[:-1]
        assert found == expected


def test_masks_and_lists_are_spelled_as_the_kernel_does(one_rig: Rig) -> None:
    cases = {"mask_of 0-3": "f", "mask_of 32": "1,00000000",
             "mask_of 0,63,64": "1,80000000,00000001",
             "list_of_mask 1,80000000,0000000f": "0-3,63-64",
             "cores_without 0-7 2-3,5": "0-1,4,6-7", "cores_without 1 1": "",
             "cores_without 9-12 0": "9-12"}
    path = one_rig.bin / "cases.sh"
    path.write_text("\n".join([f". {COMMON}",
                               *(f'say "$({case})"' for case in cases)]))
    for shell in SHELLS:
        one_rig.shell = shell
        assert one_rig.run(path).stdout.split("\n")[:-1] == list(cases.values())


ODD_TEXTS = ["", "a\tb", "a\nb", "\\", "\\t", "\\-", "\\!", "a\\\\n\n\n", " lead", "$x `y` \"'*"]


@pytest.mark.parametrize("former", [ABSENT, *ODD_TEXTS])
def test_odd_values_survive_both_journals(one_rig: Rig, former: str) -> None:
    target = "/etc/tickpath.conf"
    if former != ABSENT:
        one_rig.write(target, former)
    one_rig.path("/etc").mkdir(exist_ok=True)
    before = one_rig.tree()
    script = one_rig.bin / "put.sh"
    for shell in SHELLS:
        one_rig.shell = shell
        for wanted in (ABSENT, "a\\tb\n\t", former):
            script.write_text("\n".join([
                "NAME=put", f". {COMMON}", "open_journal", "begin x",
                "stage=swappiness", OWN_FILE.shell(target, wanted), "end", "finish set"]))
            assert one_rig.run(script).returncode == 0
            assert OWN_FILE.read(one_rig.host(), target) == wanted
            records = read_journal(one_rig.host()).standing
            assert [(r.former, r.wanted, r.got) for r in records] == (
                [] if former == wanted else [(former, wanted, wanted)])
            undo_all(one_rig)
            assert one_rig.tree() == before
            with Journal(one_rig.host()) as journal:
                record = journal.set("swappiness", "file", target, former, wanted)
                OWN_FILE.write(one_rig.host(), target, wanted)
                journal.got(record, wanted)
            script.write_text(f"NAME=u\n. {COMMON}\nundo ''; finish restored")
            assert one_rig.run(script).returncode == 0
            assert one_rig.tree() == before


DAMAGES = ["other\t1", "tickpath-tune\t2", "tickpath-tune\t1\nwhat", "tickpath-tune\t1\nset\t1\ta",
           "tickpath-tune\t1\ngot\t1\tx", "tickpath-tune\t1\nundone\t4",
           "tickpath-tune\t1\nset\tx\ta\tb\tc\td\te", "tickpath-tune\t1\nboot\ta\\x",
           "tickpath-tune\t1\nset\t1\ta\tb\tc\td\te\tf", "tickpath-tune\t1\n\nboot\ta"]


@pytest.mark.parametrize("text", DAMAGES)
def test_both_find_the_same_damage(rig: Rig, text: str) -> None:
    rig.write(JOURNAL, text)
    with pytest.raises(HostError) as error:
        read_journal(rig.host())
    done = rig.run("cpu_governor.sh", "undo")
    where = re.compile(r"is damaged at line \d+")
    found = where.findall(str(error.value))
    assert done.returncode == 2 and found and where.findall(done.stderr) == found
