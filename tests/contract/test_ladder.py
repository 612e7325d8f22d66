"""The ladder takes the best that works, and every rung it passed over is named with its reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from private_network import PrivateNetwork

from dpdk_bindings import PioError, backends, ladder
from dpdk_bindings.ladder import climb, rungs

ROOT = Path(__file__).resolve().parents[2]
HEARD = "steer=10.1.0.1:5000"
LABELS = ["dpdk", "afxdp zerocopy", "afxdp copy", "afxdp skb", "netmap", "afpacket", "udp"]


@pytest.fixture
def addressed(network: PrivateNetwork) -> PrivateNetwork:
    network.address("left", "10.1.0.1")
    return network


def test_the_best_is_taken_and_the_better_are_named(addressed: PrivateNetwork) -> None:
    climbed = addressed.call(climb, f"auto:left,{HEARD}")
    with climbed.queue as queue:
        assert (queue.backend, queue.mode) == ("afxdp", "copy")
        assert [rung.label for rung in climbed.refused] == LABELS[:2]
        assert climbed.sentence.startswith("took afxdp copy; not dpdk: left is no card; afxdp zero")


def test_every_rung_can_be_demanded_by_name(addressed: PrivateNetwork) -> None:
    for require, label in (("skb", "afxdp skb"), ("afpacket", "afpacket"), ("udp", "udp")):
        climbed = addressed.call(climb, f"fault:auto:left,{HEARD}", require)
        with climbed.queue as queue:
            assert label.split()[0] == queue.wrapped and queue.backend == "fault"
        assert [rung.label for rung in climbed.refused] == LABELS[:LABELS.index(label)]
        assert all(rung.why for rung in climbed.refused)


def test_less_than_what_is_required_is_fatal_and_says_of_each_rung_why(
    addressed: PrivateNetwork,
) -> None:
    with pytest.raises(PioError) as caught:
        addressed.call(climb, f"auto:left,{HEARD}", "zerocopy")
    for part in ("with zerocopy", "dpdk: left is no card", "gives no zero-copy",
                 "afxdp copy: it is afxdp copy, not zerocopy", "afpacket: it is afpacket"):
        assert part in caught.value.why


def test_wrong_names_are_refused_with_a_remedy(network: PrivateNetwork) -> None:
    for name, why, remedy in (
        ("auto:nope", "no network interface 'nope'", "left"),
        ("auto:", "names no interface", "auto:eth0"),
        ("auto:left,queue=1", "names no interface", "afxdp:eth0,queue=1"),
    ):
        with pytest.raises(PioError) as caught:
            network.call(climb, name)
        assert why in caught.value.why and remedy in caught.value.remedy


def test_a_card_of_dpdks_has_one_rung(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [r.name for r in rungs("host:auto:0000:03:00.0")] == ["host:dpdk:0000:03:00.0"]
    card, drivers = tmp_path / "0000:03:00.0", tmp_path / "drivers"
    for driver, name in (("mlx5_core", "dpdk:0000:03:00.0"), ("e1000e", "")):
        (drivers / driver).mkdir(parents=True)
        card.mkdir(exist_ok=True)
        (card / "driver").unlink(missing_ok=True)
        (card / "driver").symlink_to(drivers / driver)
        (tmp_path / "lo").mkdir(exist_ok=True)
        (tmp_path / "lo/device").unlink(missing_ok=True)
        (tmp_path / "lo/device").symlink_to(card)
        monkeypatch.setattr(ladder, "SYS_NET", tmp_path)
        first = rungs("auto:lo")[0]
        assert first.name == name
        assert bool(first.why) != bool(name)
    assert "0000:03:00.0" in first.remedy and "e1000e drives lo" in first.why


DEMANDS = """
[engine]
require = "zerocopy"
[feed]
line_a = "auto:left"
[orders]
queue = "auto:right"
"""


def test_the_engine_says_what_it_took_and_refuses_less_than_required(
    addressed: PrivateNetwork, tmp_path: Path
) -> None:
    file = tmp_path / "x.toml"
    for text, status, said in (
        (DEMANDS, 2, "feed_a: auto:left,steer=233.54.12.111:26477: no way to open it with"),
        (DEMANDS.replace('"zerocopy"', '""'), 0, "feed_a: auto:left took afxdp copy; not dpdk"),
    ):
        file.write_text(text)
        done = addressed.call(
            subprocess.run,
            [sys.executable, "-m", "appliance.cli", "run", "-c", str(file), "--seconds", "1"],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        assert said in done.stderr and "Traceback" not in done.stderr


def backends_verb(network: PrivateNetwork, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "appliance.cli", "backends", *words]
    return network.call(subprocess.run, command, cwd=ROOT, capture_output=True, text=True,
                        timeout=60, env={**os.environ, "COLUMNS": "80"})


def test_the_verb_says_what_the_ladder_would_take_and_leaves_nothing(
    addressed: PrivateNetwork,
) -> None:
    done = backends_verb(addressed, "left", "--steer", HEARD.removeprefix("steer="), "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["interface"] == "left"
    assert (told["taken"]["backend"], told["taken"]["mode"]) == ("afxdp", "copy")
    assert [row["rung"] for row in told["refused"]] == LABELS[:2]
    assert all(row["why"] and row["remedy"] for row in told["refused"])
    with addressed.open_queue(told["taken"]["name"]) as queue:
        assert queue.mode == "copy"


def test_the_verb_names_every_rung_where_nothing_is_enough(addressed: PrivateNetwork) -> None:
    done = backends_verb(addressed, "left", "--require", "zerocopy")
    heads = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert done.returncode == 1 and heads == [f"{label}: no" for label in LABELS]


def test_the_verb_fits_a_screen(network: PrivateNetwork) -> None:
    done = backends_verb(network)
    assert done.returncode == 0 and max(map(len, done.stdout.splitlines())) <= 80
    heads = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [head.partition(":")[0] for head in heads] == [row.name for row in backends()]


def test_the_verb_tells_mistakes_in_one_sentence(network: PrivateNetwork) -> None:
    for words, said in (
        (["nope"], "no network interface 'nope'"),
        (["left,queue=1"], "names no interface for the ladder"),
        (["--require", "skb"], "--require asks for something of an INTERFACE"),
        (["left\n"], "has what cannot be printed"),
        (["left\udcff"], "has what cannot be printed"),
        (["left", "--steer", "nonsense"], "'nonsense' is nothing that can be heard"),
        (["left", "--steer", "10.1.0.1:99999"], "'10.1.0.1:99999' is nothing that can be heard"),
        (["left", "--require", "zero-copy"], "did you mean 'zerocopy'?"),
    ):
        done = backends_verb(network, *words)
        assert done.returncode == 2 and not done.stdout
        assert said in done.stderr and done.stderr.count("\n") == 1


def test_check_knows_the_ladder(network: PrivateNetwork, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('[feed]\nline_a = "auto:left"\n'
                    '[orders]\nqueue = "host(address=10.77.0.2/24):auto:nope"\n')
    command = [sys.executable, "-m", "appliance.cli", "check", "-c", str(file), "--json"]
    done = network.call(subprocess.run, command, cwd=ROOT, capture_output=True, text=True,
                        timeout=60)
    rows = {row["name"]: row for row in json.loads(done.stdout)["findings"]}
    assert rows["feed_a"]["ok"] and "appliance backends left" in rows["feed_a"]["detail"]
    assert not rows["orders"]["ok"] and "no network interface 'nope'" in rows["orders"]["detail"]
