"""The steps in which an exchange and the appliance trade, over each way of moving frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from machine import WIRES, address
from stage import APPLIANCE, FEEDSIM, Stage
from steps_host import bind
from trade import (
    NAMESPACE,
    WAIT_S,
    appliance_toml,
    exchange_toml,
    interface,
    judgement,
)

FOLDER = "/var/tmp/rehearsal"
SECONDS_SHORT, SECONDS_LONG = 8, 15
START_S, END_S = WAIT_S + 30, 180.0
FILES = ("venue.json", "appliance.json", "venue-checkpoints.jsonl", "appliance-checkpoints.jsonl")


def wires(stage: Stage) -> None:
    """The exchange's cards into their own namespace, all links up; once a boot."""
    boots = len(stage.machine.boots)
    if stage.context.memory.get("wires") == boots:
        return
    theirs = [interface(theirs) for _, _, _, theirs in WIRES]
    stage.must(f"ip netns add {NAMESPACE}; sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
               f"ip netns exec {NAMESPACE} sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
               + "; ".join(f"ip link set {name} netns {NAMESPACE}" for name in theirs))
    for name in theirs:
        stage.must(f"ip -n {NAMESPACE} link set {name} up")
    stage.context.memory["wires"] = boots


def cards_up(stage: Stage) -> None:
    names = [interface(ours) for _, _, ours, _ in WIRES]
    for name in names:
        stage.must(f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1; ip link set {name} up")

    def carrier() -> bool:
        return all(stage.read(f"/sys/class/net/{name}/carrier").strip() == "1" for name in names)

    stage.until("the links", carrier, 30)


def start(stage: Stage, unit: str, words: list[str], out: str, namespace: str = "") -> None:
    """A process of its own, under systemd; its output goes to files in FOLDER."""
    inside = ["-p", f"NetworkNamespacePath=/run/netns/{namespace}"] if namespace else []
    stage.must(["systemd-run", "--quiet", f"--unit={unit}", "-p", "RemainAfterExit=yes",
                "-p", f"StandardOutput=truncate:{FOLDER}/{out}",
                "-p", f"StandardError=truncate:{FOLDER}/{unit}.err", *inside, *words])


def ended(stage: Stage, unit: str) -> bool:
    return stage.machine.run(["systemctl", "show", "-p", "SubState", "--value", unit]
                             ).stdout.strip() not in ("running", "start")


def status(stage: Stage, unit: str) -> int:
    """Its exit status; then it is forgotten."""
    said = stage.must(f"systemctl show -p ExecMainStatus --value {unit}; systemctl stop {unit}; "
                      f"systemctl reset-failed {unit} 2>/dev/null || true").stdout
    return int(said.split()[0])


def trade_over(backend: str) -> Callable[[Stage], None]:
    """A step that trades over ``backend`` and compares what both sides say of it."""

    def act(stage: Stage) -> None:
        seconds = SECONDS_SHORT if stage.short else SECONDS_LONG
        wires(stage)
        if backend == "dpdk":
            for _, _, ours, _ in WIRES:
                bind(stage, address(ours), "vfio-pci")
        else:
            cards_up(stage)
        try:
            trade(stage, backend, seconds)
        finally:
            if backend == "dpdk":
                for _, _, ours, _ in WIRES:
                    bind(stage, address(ours), "")
    return act


def trade(stage: Stage, backend: str, seconds: int) -> None:
    stage.must(f"rm -rf {FOLDER}; mkdir -p {FOLDER}")
    stage.machine.put(f"{FOLDER}/exchange.toml", exchange_toml(FOLDER, seconds))
    config = appliance_toml(backend, f"{FOLDER}/recording.tpj")
    stage.machine.put(f"{FOLDER}/appliance.toml", config)
    start(stage, "rehearsal-venue",
          [FEEDSIM, "exchange", "-c", f"{FOLDER}/exchange.toml", "--json"], "venue.json", NAMESPACE)
    start(stage, "rehearsal-appliance",
          [APPLIANCE, "run", "-c", f"{FOLDER}/appliance.toml", "--json",
           "--result", f"{FOLDER}/appliance.json",
           "--checkpoints", f"{FOLDER}/appliance-checkpoints.jsonl"], "appliance.out")
    try:
        stage.until("the end of the trading", lambda: ended(stage, "rehearsal-venue") or
                    ended(stage, "rehearsal-appliance"), START_S + seconds + END_S)
        stage.must("sleep 1; systemctl kill --kill-whom=main rehearsal-appliance || true")
        stage.until("the appliance's end", lambda: ended(stage, "rehearsal-appliance"), END_S)
    finally:
        said = stage.run(f"cat {FOLDER}/*.err")
        statuses = (status(stage, "rehearsal-venue"), status(stage, "rehearsal-appliance"))
    judge(stage, backend, statuses, said.stdout)


def judge(stage: Stage, backend: str, statuses: tuple[int, int], said: str) -> None:
    figures = judge_files(stage, backend, f"trade-{backend}", statuses, said)
    if not figures:
        return
    stage.check(figures["orders"]["executed"] > 0, f"{figures['orders']['executed']} executions")
    replayed = stage.run([APPLIANCE, "replay", f"{FOLDER}/recording.tpj", "--json"])
    stage.check(replayed.status == 0, f"the recording replays to the same bytes ({replayed.said})"
                if replayed.status else "the recording replays to the same bytes")


def judge_files(stage: Stage, backend: str, kept_in: str, statuses: tuple[int, int],
                said: str = "") -> dict[str, Any]:
    """Fetches what both sides have left, checks it as the demo does; the appliance's figures."""
    kept = stage.context.folder / kept_in
    kept.mkdir(exist_ok=True)
    for name in FILES:
        if stage.run(f"test -s {FOLDER}/{name}").status == 0:
            (kept / name).write_bytes(stage.machine.get(f"{FOLDER}/{name}"))
    missing = [name for name in FILES if not (kept / name).exists()]
    stage.check(not missing, f"both sides left their figures ({', '.join(missing) or 'all'})"
                             + (f"; they said: {said.strip()}" if missing else ""))
    if missing:
        return {}
    for row in judgement(kept, backend, statuses):
        stage.check(row["ok"], f"{row['name']}: {row['detail']}")
    figures: dict[str, Any] = json.loads((kept / "appliance.json").read_text())
    stage.row.figures |= {"messages": figures["messages"], "orders": figures["orders"]["new"],
                          "page faults": figures["page_faults_after_first_second"],
                          "tick to trade, emulated": figures["latency"]["tick_to_trade"]}
    return figures
