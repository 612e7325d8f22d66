"""What the kernel's stages find and want, one kernel after the other."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_kernel import CPU, STRANGE, FakeHost, build, files, snapshot
from tune_rig import EVERYTHING, applied, undone, wish

from appliance.host.stage import Setting
from appliance.host.stages import KINDS, STAGES
from appliance.host.tuner import Done, apply, plan, undo
from appliance.host.wish import Wish

PAGES = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
IRQ = "/proc/irq/{}/smp_affinity_list"
NO_LOOPS = EVERYTHING.replace('cores = "2-3"\n', "")

Change = Callable[[dict[str, str]], object]


def host_of(root: Path, change: Change = lambda tree: None) -> FakeHost:
    tree = files()
    change(tree)
    build(root, tree)
    return FakeHost(root)


def rows(host: FakeHost, *only: str, text: str = EVERYTHING) -> dict[str, Setting]:
    """Settings by target; where a target has several knobs, by knob."""
    found = [row for _, row in plan(host, wish(host, text), only)]
    targets = [row.target for row in found]
    return {row.target if targets.count(row.target) == 1 else row.knob: row for row in found}


def outcomes(host: FakeHost, *only: str, text: str = EVERYTHING) -> dict[str, Done]:
    return {each.target: each for each in apply(host, wish(host, text), lambda done: None, only)}


# ---- memory --------------------------------------------------------------------------------------


def test_huge_pages_are_of_the_loops_node_alone_and_never_fewer(tmp_path: Path) -> None:
    host = host_of(tmp_path, lambda tree: tree.update({PAGES: "700"}))
    found = rows(host, "huge_pages.2mib")
    assert list(found) == [PAGES]
    assert (found[PAGES].verdict, found[PAGES].wanted) == ("ok", "700")


def test_huge_pages_in_fragments_are_refused_with_how_many_there_are(tmp_path: Path) -> None:
    host = host_of(tmp_path)
    before = snapshot(tmp_path)
    text = EVERYTHING + "huge_pages_2mib = 2000\n"
    assert rows(host, text=text)[PAGES].remedy == "hugepagesz=2M hugepages=0:2000"
    done = outcomes(host, "huge_pages", text=text)[PAGES]
    assert (done.outcome, done.now) == ("refused", "800")
    assert "only 800 of 2000" in done.reason and "compact_memory" in done.reason
    undone(tmp_path)
    assert snapshot(tmp_path) == before, "the 800 that were got are given back"


def test_huge_pages_in_use_cannot_be_given_back(tmp_path: Path) -> None:
    host = host_of(tmp_path)
    applied(tmp_path, "huge_pages")
    host.refuses = {}
    real = host.write
    host.write = lambda name, text: real(name, "300")  # type: ignore[method-assign]
    done = {each.target: each for each in undo(host, lambda done: None)}[PAGES]
    assert done.outcome == "refused" and "300 pages are in use" in done.reason
    assert {each.outcome for each in undone(tmp_path)} <= {"restored"}


def test_a_kernel_without_numa_has_one_pool(tmp_path: Path) -> None:
    def change(tree: dict[str, str]) -> None:
        for name in [name for name in tree if "/node/" in name]:
            del tree[name]
        tree["/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"] = "0"
    found = rows(host_of(tmp_path, change), "huge_pages.2mib")
    assert list(found) == ["/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"]


def test_a_file_of_limits_that_another_wrote_is_not_touched(tmp_path: Path) -> None:
    name = "/etc/security/limits.d/tickpath.conf"
    host = host_of(tmp_path, lambda tree: tree.update({name: "* - memlock 64"}))
    assert rows(host, "memlock")[name].verdict == "manual"
    (tmp_path / name[1:]).unlink()
    assert rows(host, "memlock")[name].verdict == "change"


def test_merged_pages_stay_as_the_operator_has_them(tmp_path: Path) -> None:
    host = host_of(tmp_path, lambda tree: tree.update({"/sys/kernel/mm/ksm/run": "2"}))
    assert rows(host, "ksm")["/sys/kernel/mm/ksm/run"].verdict == "ok"


# ---- interrupts ----------------------------------------------------------------------------------


def test_interrupts_leave_the_loops_cores_and_keep_the_rest(tmp_path: Path) -> None:
    found = rows(host_of(tmp_path), "interrupts")
    wanted = {number: found[IRQ.format(number)].wanted for number in (9, 30, 31, 32, 40)}
    assert wanted == {9: "0-1,4-7", 30: "0-1,4-7", 31: "0-1", 32: "0-1,4-7", 40: "0-1,4-7"}
    assert found[IRQ.format(40)].knob == "interrupts.nic"
    managed = found[IRQ.format(16)]
    assert managed.verdict == "absent" and "managed by its driver" in managed.reason


@pytest.mark.parametrize("number", [errno.EIO, errno.EPERM])
def test_an_interrupt_that_cannot_be_moved_is_not_tried_again(tmp_path: Path, number: int) -> None:
    host = host_of(tmp_path)
    host.refuses = {IRQ.format(9): number}
    before = snapshot(tmp_path)
    done = outcomes(host, "interrupts")[IRQ.format(9)]
    assert done.outcome == "absent" and "keeps this interrupt" in done.reason
    assert rows(host, "interrupts")[IRQ.format(9)].verdict == "absent"
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("another\n")
    assert rows(FakeHost(tmp_path), "interrupts")[IRQ.format(9)].verdict == "change"
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text(files()[
        "/proc/sys/kernel/random/boot_id"] + "\n")
    undone(tmp_path)
    assert snapshot(tmp_path) == before


def test_an_interrupt_with_offline_cores_left_goes_to_housekeeping(tmp_path: Path) -> None:
    host = host_of(tmp_path, lambda tree: tree.update({IRQ.format(9): "2-3,64-127"}))
    assert rows(host, "interrupts")[IRQ.format(9)].wanted == "0-1,4-7"


def test_what_goes_elsewhere_goes_to_no_other_loop(tmp_path: Path) -> None:
    """Cores isolated at boot are other loops', or the idle half of this one's core."""
    host = host_of(tmp_path, lambda tree: tree.update(
        {f"{CPU}/isolated": "2-3,6-7", IRQ.format(9): "2-3"}))
    assert rows(host, "interrupts")[IRQ.format(9)].wanted == "0-1,4-5"
    alone = host_of(tmp_path / "alone", lambda tree: tree.update({f"{CPU}/isolated": "1-7"}))
    assert wish(alone, EVERYTHING).housekeeping == {0}
    all_of_them = host_of(tmp_path / "all", lambda tree: tree.update({f"{CPU}/isolated": "0-7"}))
    assert wish(all_of_them, EVERYTHING).housekeeping == {0, 1, 4, 5, 6, 7}


# ---- isolation -----------------------------------------------------------------------------------

BOOT = EVERYTHING.replace('isolate = "cpuset"\n', "")


def remedies(host: FakeHost) -> dict[str, str]:
    return {row.knob.partition(".")[2]: row.remedy
            for _, row in plan(host, wish(host, BOOT), ["isolation"]) if row.verdict == "boot"}


def test_the_kernel_parameters_are_exact_and_keep_what_others_asked_for(tmp_path: Path) -> None:
    host = host_of(tmp_path)
    assert remedies(host) == {"isolcpus": "isolcpus=managed_irq,domain,2-3",
                              "nohz_full": "nohz_full=2-3", "rcu_nocbs": "rcu_nocbs=2-3",
                              "irqaffinity": "irqaffinity=0-1,4-7"}
    host = host_of(tmp_path / "other", lambda tree: tree.update({
        f"{CPU}/isolated": "5", "/proc/cmdline": "isolcpus=5 irqaffinity=0"}))
    assert remedies(host) == {"isolcpus": "isolcpus=managed_irq,domain,2-3,5",
                              "nohz_full": "nohz_full=2-3", "rcu_nocbs": "rcu_nocbs=2-3"}
    assert "in place of isolcpus=5" in {
        row.reason for _, row in plan(host, wish(host, BOOT), ["isolation.isolcpus"])}


def test_a_host_that_was_booted_as_told_is_right(tmp_path: Path) -> None:
    host = host_of(tmp_path)
    line = " ".join(remedies(host).values())
    booted = host_of(tmp_path / "booted", lambda tree: tree.update({
        "/proc/cmdline": line, f"{CPU}/isolated": "2-3", f"{CPU}/nohz_full": "2-3"}))
    assert not remedies(booted)
    assert rows(booted, "timer_migration")["/proc/sys/kernel/timer_migration"].wanted == "1"
    assert wish(booted, NO_LOOPS).chosen == "isolated at boot"


def test_a_kernel_without_nohz_full_says_so(tmp_path: Path) -> None:
    host = host_of(tmp_path, lambda tree: tree.pop(f"{CPU}/nohz_full"))
    found = {row.knob: row for _, row in plan(host, wish(host, BOOT), ["isolation"])}
    assert found["isolation.nohz_full"].verdict == "absent"
    assert "CONFIG_NO_HZ_FULL" in found["isolation.nohz_full"].reason


def test_a_partition_that_the_kernel_calls_invalid_is_refused_with_its_reason(
        tmp_path: Path) -> None:
    host = host_of(tmp_path)
    before = snapshot(tmp_path)
    real = host.write

    def write(name: str, text: str) -> None:
        real(name, text)
        if name.endswith(".partition") and text == "isolated":
            host.path(name).write_text("isolated invalid (Cpu list in cpuset.cpus not exclusive)\n")

    host.write = write  # type: ignore[method-assign]
    done = outcomes(host, "isolation")["/sys/fs/cgroup/tickpath"]
    assert done.outcome == "refused" and "not exclusive" in done.reason
    undone(tmp_path)
    assert snapshot(tmp_path) == before


def test_a_partition_with_processes_in_it_stays_and_goes_later(tmp_path: Path) -> None:
    host_of(tmp_path)
    before = snapshot(tmp_path)
    applied(tmp_path, "isolation")
    procs = tmp_path / "sys/fs/cgroup/tickpath/cgroup.procs"
    procs.write_text("4711\n")
    refused = {each.target: each for each in undone(tmp_path)}["/sys/fs/cgroup/tickpath"]
    assert refused.outcome == "refused" and "stop the appliance" in refused.reason
    procs.write_text("\n")
    undone(tmp_path)
    assert snapshot(tmp_path) == before


def test_without_cgroup_v2_a_partition_is_not_here(tmp_path: Path) -> None:
    host = host_of(tmp_path, lambda tree: tree.pop("/sys/fs/cgroup/cgroup.controllers"))
    found = rows(host, "isolation.partition")["/sys/fs/cgroup/tickpath"]
    assert found.verdict == "absent" and 'isolate = "boot"' in found.reason


# ---- processor -----------------------------------------------------------------------------------


def test_the_preference_survives_a_governor_that_overrides_it(tmp_path: Path) -> None:
    """As intel_pstate does: under 'performance' the preference is the governor's."""
    host_of(tmp_path)
    preference = tmp_path / f"{CPU}/cpufreq/policy2/energy_performance_preference"[1:]
    applied(tmp_path, "frequency")
    assert preference.read_text() == "performance\n"
    undone(tmp_path)
    assert preference.read_text() == "balance_performance\n"


def test_a_governor_that_is_missing_is_not_here_with_the_choice_there_is(tmp_path: Path) -> None:
    host = host_of(tmp_path, lambda tree: tree.update(
        {f"{CPU}/cpufreq/policy2/scaling_available_governors": "schedutil userspace"}))
    found = rows(host, "frequency.governor")[f"{CPU}/cpufreq/policy2/scaling_governor"]
    assert found.verdict == "absent" and "only schedutil, userspace" in found.reason


@pytest.mark.parametrize(("limit", "off"), [(-1, []), (0, [1, 2]), (2, [2]), (200, [])])
def test_idle_states_that_take_too_long_are_switched_off(
        tmp_path: Path, limit: int, off: list[int]) -> None:
    found = rows(host_of(tmp_path), "idle.state",
                 text=EVERYTHING + f"idle_latency_us = {limit}\n")
    changed = [name for name, row in found.items() if row.verdict == "change"]
    assert changed == [f"{CPU}/cpu{core}/cpuidle/state{state}/disable"
                       for core in (2, 3) for state in off]


def test_turbo_is_reported_and_set_by_either_driver(tmp_path: Path) -> None:
    host = host_of(tmp_path)
    intel = rows(host, "turbo")[f"{CPU}/intel_pstate/no_turbo"]
    assert (intel.verdict, intel.wanted) == ("change", "1")
    left = rows(host, "turbo", text=EVERYTHING.replace('"off"', '"leave"'))
    assert left[f"{CPU}/intel_pstate/no_turbo"].verdict == "ok"

    def other(tree: dict[str, str]) -> None:
        del tree[f"{CPU}/intel_pstate/no_turbo"]
        tree[f"{CPU}/cpufreq/boost"] = "1"

    boost = rows(host_of(tmp_path / "amd", other), "turbo")[f"{CPU}/cpufreq/boost"]
    assert (boost.verdict, boost.wanted) == ("change", "0")


def test_real_time_throttling_stays_unless_it_is_in_the_way(tmp_path: Path) -> None:
    host, runtime = host_of(tmp_path), "/proc/sys/kernel/sched_rt_runtime_us"
    assert rows(host, "rt_throttling")[runtime].wanted == "-1"
    left = rows(host, "rt_throttling", text=EVERYTHING.replace('rt_throttling = "off"\n', ""))
    assert [(row.verdict, row.found) for row in left.values()] == [("ok", "950000")]


def test_a_sibling_is_reported_unless_it_is_kept_free(tmp_path: Path) -> None:
    def change(tree: dict[str, str]) -> None:
        tree[f"{CPU}/cpu2/topology/thread_siblings_list"] = "2,6"
    found = rows(host_of(tmp_path, change), "smt")
    target = f"{CPU}/cpu2/topology/thread_siblings_list"
    assert found[target].verdict == "manual" and "core 6 is the other half" in found[target].reason
    kept = host_of(tmp_path / "kept", lambda tree: (change(tree), tree.update(
        {f"{CPU}/isolated": "2-3,6"})))
    assert rows(kept, "smt")[target].verdict == "ok"
    shared = rows(kept, "smt", text=EVERYTHING + 'housekeeping = "0-1,4-7"\n')
    assert shared[target].verdict == "manual"


@pytest.mark.parametrize(("flags", "offered", "verdict", "why"), [
    ("tsc constant_tsc nonstop_tsc", "tsc hpet", "change", ""),
    ("tsc constant_tsc", "tsc hpet", "absent", "nonstop_tsc"),
    ("tsc constant_tsc", "hpet", "absent", "stops in deep sleep"),
    ("tsc constant_tsc nonstop_tsc", "hpet", "absent", "unstable"),
    ("fpu", "hpet acpi_pm", "absent", "a hypervisor hides it"),
    ("fpu", "arch_sys_counter", "change", ""),
])  # fmt: skip
def test_the_clock_source_is_the_tsc_or_the_reason_why_not(
        tmp_path: Path, flags: str, offered: str, verdict: str, why: str) -> None:
    clock = "/sys/devices/system/clocksource/clocksource0"
    host = host_of(tmp_path, lambda tree: tree.update({
        "/proc/cpuinfo": f"flags : {flags}", f"{clock}/available_clocksource": offered}))
    found = rows(host, "clock")[f"{clock}/current_clocksource"]
    assert found.verdict == verdict and why in found.reason


# ---- whatever is missing -------------------------------------------------------------------------


def test_no_missing_or_strange_file_stops_the_rest(tmp_path: Path) -> None:
    """Each file of the tree in turn: gone, empty, or strange."""
    build(tmp_path)
    before = snapshot(tmp_path)
    wanted = wish(FakeHost(tmp_path))
    for name in files():
        path = tmp_path / name[1:]
        for text in (None, "", STRANGE + "\n"):
            old, mode = path.read_bytes(), path.stat().st_mode
            path.unlink()
            if text is not None:
                path.write_text(text)
            stage = _touched(FakeHost(tmp_path), wanted, name)
            if stage:
                apply(FakeHost(tmp_path), wanted, lambda done: None, [stage])
                plan(FakeHost(tmp_path), wanted, [stage])
                assert "left" not in {each.outcome for each in undone(tmp_path)}
            path.write_bytes(old)
            path.chmod(mode)
            assert snapshot(tmp_path) == before, name


def _touched(host: FakeHost, wanted: Wish, name: str) -> str:
    """The stage that has to do with the file, after all of them have looked."""
    plan(host, wanted)
    for stage in STAGES:
        places = " ".join(knob.path for knob in stage.knobs)
        if name.rpartition("/")[2] in places or name.split("/")[-2] in places:
            return stage.name
    return ""


def test_every_write_refused_by_any_error_stops_nothing_else(tmp_path: Path) -> None:
    build(tmp_path)
    before = snapshot(tmp_path)
    for number in (errno.EIO, errno.EPERM, errno.EACCES, errno.EROFS, errno.EINVAL, errno.EBUSY,
                   errno.ENOMEM, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOSPC, errno.ELOOP):
        host = FakeHost(tmp_path, dict.fromkeys(files(), number))
        done = outcomes(host)
        refused = [each for each in done.values() if each.outcome in ("refused", "absent")]
        assert len(refused) > 35
        for each in refused:
            assert each.reason and "\n" not in each.reason and "Errno" not in each.reason
        undone(tmp_path)
        (tmp_path / "var/lib/tickpath/tune/fixed").unlink(missing_ok=True)
        assert snapshot(tmp_path) == before


def test_a_host_with_one_core_is_left_as_it_is_where_cores_are_named(tmp_path: Path) -> None:
    build(tmp_path, files(cores=1) | {IRQ.format(9): "0"})
    host = FakeHost(tmp_path)
    found = [row for _, row in plan(host, wish(host, NO_LOOPS))]
    stages = {"interrupts", "workqueues", "watchdogs", "isolation", "smt", "irqbalance"}
    named = [row for row in found if row.knob.partition(".")[0] in stages]
    assert named and {row.verdict for row in named} <= {"absent", "ok", "change"}
    assert {row.knob for row in named if row.verdict == "change"} == {"watchdogs.nmi"}


def test_every_kind_of_a_setting_is_known_to_undo(tmp_path: Path) -> None:
    build(tmp_path)
    host = FakeHost(tmp_path)
    for _, row in plan(host, wish(host)):
        assert KINDS[row.kind.name] is row.kind
