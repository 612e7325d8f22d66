"""The stages of network cards against cards that exist only here: apply, undo, kill, and again."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_links import Card
from fake_pci import FakePci, tree
from fuse import Killed

from appliance.config import from_text
from appliance.host.ethtool import FlowRule
from appliance.host.journal import Journal, read_journal
from appliance.host.links import Feature
from appliance.host.pci import driver_of, group_of
from appliance.host.stages import NIC_STAGES
from appliance.host.tuner import Done, apply, plan, undo
from appliance.host.wish import Wish, make_wish

NICS = [*(stage.name for stage in NIC_STAGES), "devices"]
PCI = "0000:03:00.0"
CONFIG = f"""
[engine]
core = 3
[feed]
line_a = "afxdp:eth1,queue=1,busy_poll_us=20"
[orders]
queue = "afxdp:eth1,queue=2"
[host]
nic_queues = 3
devices = ["{PCI}"]
"""
ONE_QUEUE = CONFIG.replace("afxdp:eth1,queue=2", "memory:orders")


APPEND: Callable[..., None] = Journal._append


def quiet(done: Done) -> None:
    """Tells nobody."""


def build(root: Path) -> FakePci:
    """eth1 for AF_XDP, eth2 for DPDK, and eth0 with the default route."""
    host = FakePci(root)
    host.device("0000:02:00.0", eth0=Card(addresses=("10.0.0.1/24",)))
    host.device("0000:02:00.1", eth1=Card(table=[3, 1] * 8))
    host.device(PCI, eth2=Card())
    host.fake_links.routes = frozenset({"eth0"})
    return host


def wish_of(host: FakePci, text: str = CONFIG, **more: bool) -> Wish:
    return make_wish(host, from_text(text, "test"), **more)


def outcomes(done: list[Done]) -> dict[str, str]:
    return {each.target: f"{each.outcome} {each.now}" for each in done}


def test_apply_sets_everything_and_undo_restores_every_byte(tmp_path: Path) -> None:
    host = build(tmp_path)
    before = tree(host)
    done = outcomes(apply(host, wish_of(host), quiet, NICS))
    assert not [each for each in done.items() if each[1].startswith("refused")]
    card = host.fake_links.cards["eth1"]
    assert card.values["ring"] == {"rx": 2048, "tx": 4096, "rx-max": 2048, "tx-max": 4096}
    assert list(card.values["coalesce"].values()) == [0, 0, 0, 0]
    assert card.values["channels"]["combined"] == 3
    assert card.values["pause"] == {"autoneg": 0, "rx": 0, "tx": 0}
    assert [name for name, each in card.features.items() if each.on] == ["rx-ntuple-filter"]
    assert {(rule.address, rule.port, rule.queue) for rule in (card.rules or {}).values()} == {
        ("233.54.12.111", 26477, 1), ("10.77.0.2", 26400, 2)}
    folder = "/sys/class/net/eth1"
    assert host.read(f"{folder}/queues/rx-0/rps_cpus") == "7"  # without core 3
    masks = [host.read(f"{folder}/queues/tx-{queue}/xps_cpus") for queue in range(3)]
    assert masks == ["7", "8", "8"]  # the bound queues are core 3's
    assert host.read(f"{folder}/napi_defer_hard_irqs") == "2"
    assert driver_of(host, PCI) == "vfio-pci" and not host.exists("/sys/class/net/eth2")
    assert {s.verdict for _, s in plan(host, wish_of(host), NICS)} <= {"ok", "absent"}
    undo(host, quiet)
    assert tree(host) == before
    assert not read_journal(host).standing


def every_write(monkeypatch: pytest.MonkeyPatch, host: FakePci) -> None:
    """The journal's own writes can be a process's last, too. Nothing here pulls the plug."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    def counted(self: Journal, line: str, durable: bool = True) -> None:
        APPEND(self, line, durable)
        host.fuse.passed()

    monkeypatch.setattr(Journal, "_append", counted)


def test_killed_after_any_write_of_apply_undo_restores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = build(tmp_path)
    before = tree(host)
    every_write(monkeypatch, host)
    apply(host, wish_of(host), quiet, NICS)
    writes = host.fuse.writes
    assert writes > 90
    undo(host, quiet)
    for at in range(1, writes + 1):
        host.fuse.arm(at)
        with pytest.raises(Killed):
            apply(host, wish_of(host), quiet, NICS)
        host.fuse.arm(0)
        undo(host, quiet)
        assert tree(host) == before, f"killed after write {at}"


def test_killed_after_any_write_of_undo_undo_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = build(tmp_path)
    before = tree(host)
    every_write(monkeypatch, host)
    apply(host, wish_of(host), quiet, NICS)
    host.fuse.arm(0)
    undo(host, quiet)
    for at in range(1, host.fuse.writes + 1):
        host.fuse.arm(0)
        apply(host, wish_of(host), quiet, NICS)
        host.fuse.arm(at)
        with pytest.raises(Killed):
            undo(host, quiet)
        host.fuse.arm(0)
        assert not [d for d in undo(host, quiet) if d.outcome in ("left", "refused")]
        assert tree(host) == before, f"killed after write {at}"


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_apply_undo_and_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    host = build(tmp_path)
    before = tree(host)
    every_write(monkeypatch, host)
    for _ in range(25):
        host.fuse.arm(dice.choice((0, 0, dice.randrange(1, 120))))
        only = dice.sample(NICS, dice.randrange(1, len(NICS) + 1))
        try:
            if dice.random() < 0.6:
                apply(host, wish_of(host), quiet, only)
            else:
                undo(host, quiet, only)
        except Killed:
            pass
    host.fuse.arm(0)
    undo(host, quiet)
    assert tree(host) == before, f"seed {seed}"


def test_what_went_with_a_queue_waits_for_it(tmp_path: Path) -> None:
    """Undone before the queue count, a mask of a queue that is gone stays in the journal."""
    host = build(tmp_path)
    before = tree(host)
    apply(host, wish_of(host), quiet, ["spreading"])
    apply(host, wish_of(host), quiet, ["queues"])
    gone = [done.target for done in undo(host, quiet, ["spreading"]) if done.outcome == "gone"]
    assert gone == [f"/sys/class/net/eth1/queues/{queue}"
                    for queue in ("tx-3/xps_cpus", "rx-3/rps_cpus")]
    undo(host, quiet)
    assert tree(host) == before and not read_journal(host).standing


def test_undo_removes_only_the_rules_it_made(tmp_path: Path) -> None:
    host = build(tmp_path)
    card = host.fake_links.cards["eth1"]
    others = {0: FlowRule("239.9.9.9", 5, 3, 0), 5: FlowRule("233.54.12.111", 26477, 0, 5)}
    card.rules, card.features["rx-ntuple-filter"] = dict(others), Feature(True, False)
    apply(host, wish_of(host), quiet, ["steering"])
    assert card.rules is not None and card.rules[5].queue == 1 and card.rules[0] == others[0]
    assert len(card.rules) == 3
    undo(host, quiet)
    assert card.rules == others


def test_a_card_without_rules_is_steered_by_its_table(tmp_path: Path) -> None:
    host = build(tmp_path)
    card = host.fake_links.cards["eth1"]
    card.features["rx-ntuple-filter"] = Feature(False, True)
    card.table = [0, 1, 2, 3] * 4
    apply(host, wish_of(host, ONE_QUEUE), quiet, ["steering"])
    assert card.table == [1] * 16
    undo(host, quiet)
    assert card.table == [0, 1, 2, 3] * 4


def test_a_table_of_the_operator_comes_back(tmp_path: Path) -> None:
    host = build(tmp_path)
    card = host.fake_links.cards["eth1"]
    card.features["rx-ntuple-filter"] = Feature(False, True)
    apply(host, wish_of(host, ONE_QUEUE), quiet, ["steering"])
    undo(host, quiet)
    assert card.table == [3, 1] * 8


def test_a_plan_goes_on_when_its_interface_goes_to_dpdk(tmp_path: Path) -> None:
    """The interface of a device of the same plan is left alone, before and after it vanished."""
    host = build(tmp_path)
    text = CONFIG.replace("[host]", '[host]\ninterfaces = ["eth2", "eth1"]')
    for _ in range(2):
        done = apply(host, wish_of(host, text), quiet, NICS)
        assert not [each for each in done if each.outcome == "refused"]
        assert not [each for each in done if each.target.startswith("eth2")]
    assert driver_of(host, PCI) == "vfio-pci"


def test_a_driver_that_does_not_take_the_device_leaves_it_where_it_was(tmp_path: Path) -> None:
    host = build(tmp_path)
    before = tree(host)
    host.broken.add("vfio-pci")
    done = apply(host, wish_of(host), quiet, ["devices"])
    assert outcomes(done) == {PCI: "refused ixgbe -"}
    assert "vfio-pci did not take 0000:03:00.0, which is with ixgbe as before" in done[0].reason
    assert tree(host) == before and not read_journal(host).standing


def test_a_device_bound_by_hand_goes_back_to_its_driver(tmp_path: Path) -> None:
    """Its identity leads to no driver: only bind brings it back, not a probe."""
    host = build(tmp_path)
    host.natural[PCI] = "unknown"
    before = tree(host)
    apply(host, wish_of(host), quiet, ["devices"])
    assert driver_of(host, PCI) == "vfio-pci"
    undo(host, quiet)
    after = tree(host)
    assert driver_of(host, PCI) == "ixgbe"
    # The kernel's interfaces follow the driver; this fake's only its natural one.
    assert {n: v for n, v in before.items() if "eth2" not in n} == after


def test_what_a_process_has_open_is_not_unbound(tmp_path: Path) -> None:
    host = build(tmp_path)
    apply(host, wish_of(host), quiet, ["devices"])
    host.put("/proc/4711/comm", "dpdk-testpmd")
    host.link("/proc/4711/fd/9", f"/dev/vfio/{group_of(host, PCI)}")
    done = undo(host, quiet)
    assert done[0].reason == f"{PCI} is in use by dpdk-testpmd (4711); stop that first"
    assert driver_of(host, PCI) == "vfio-pci" and read_journal(host).standing
    host.path("/proc/4711/fd/9").unlink()
    assert undo(host, quiet)[0].outcome == "restored"


def test_shell_lines_have_the_words_of_the_journal(tmp_path: Path) -> None:
    host = build(tmp_path)
    lines = {s.kind.shell(s.target, s.wanted) for _, s in plan(host, wish_of(host), NICS)
             if s.verdict == "change"}
    assert "put link 'eth1 ring rx' 2048" in lines
    assert "put rule 'eth1 udp 10.77.0.2 26400' 'queue 2'" in lines
    assert f"put driver {PCI} 'vfio-pci vfio-pci'" in lines
