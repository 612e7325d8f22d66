"""A printed script on real interfaces (veth, in a namespace of the test's own): ethtool's values
are those of netlink, and script and apply leave the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from script_rig import COMMON, SHELLS
from test_nic_real import run


def test_script_and_apply_do_the_same_to_interfaces(tmp_path: Path) -> None:
    before, applied, journal, after, said, scripted, verified, same, crossed, undone = run("""
        keep() { cp /var/lib/tickpath/tune/journal "$1"; }
        state; echo ====
        $TUNE script $WISH > tune.sh
        $TUNE apply $WISH > /dev/null
        state; echo ====
        cat /var/lib/tickpath/tune/journal; keep applied; echo ====
        $TUNE undo > /dev/null; state; echo ====
        dash tune.sh; echo ====
        state; echo ====
        $TUNE verify $WISH; echo ====
        keep scripted; cmp applied scripted && echo equal; echo ====
        $TUNE undo > /dev/null; state; echo ====
        $TUNE apply $WISH > /dev/null; dash tune.sh undo > /dev/null; state
    """, tmp_path)  # fmt: skip
    assert before == after == crossed == undone
    assert applied == scripted != before
    assert "link\tv0 feature" in journal and "link\tv0 channels" in journal
    assert ", 0 not\n" in said and "settings hold" in verified
    assert same == "equal\n"


def test_a_shell_names_the_reason_of_what_a_driver_lacks(tmp_path: Path) -> None:
    _, ring, none, refused = run(f"""
        NAME=links; . {Path(__file__).parents[2]}/scripts/host_common.sh; set +eu; echo ====
        read_link 'v0 ring rx' || {{ why_not_link 'v0 ring rx'; say "$reason"; }}; echo ====
        read_link 'v9 ring rx' || {{ why_not_link 'v9 ring rx'; say "$reason"; }}; echo ====
        write_link 'v0 channels rx' 64; say "$reason"
    """, tmp_path)  # fmt: skip
    assert ring == "the driver of v0 has no ring rx\n"
    assert none == "there is no interface v9\n"
    assert refused.startswith("v0 does not take 64 for channels rx (")
    assert refused.endswith("; see `appliance tune explain`, or leave the knob out\n")


# What ethtool prints of a card that has it all, and of one that has little.
ETHTOOL = """#!/bin/sh
case $1 in
-g) printf 'Ring parameters for %s:\\nPre-set maximums:\\nRX:\\t\\t4096\\nRX Mini:\\tn/a\\n' "$2"
    printf 'TX:\\t\\t0\\nCurrent hardware settings:\\n'
    printf 'RX:\\t\\t512\\nRX Mini:\\tn/a\\nTX:\\t\\t0\\n' ;;
-l) printf 'Channel parameters for %s:\\nPre-set maximums:\\nRX:\\t\\tn/a\\nCombined:\\t8\\n' "$2"
    printf 'Current hardware settings:\\nRX:\\t\\tn/a\\nCombined:\\t2\\n' ;;
-c) printf 'Coalesce parameters for %s:\\nAdaptive RX: on  TX: off\\n' "$2"
    printf 'stats-block-usecs:\\tn/a\\n\\nrx-usecs:\\t3\\nrx-usecs-irq:\\t7\\ntx-usecs: n/a\\n' ;;
-a) printf 'Pause parameters for %s:\\nAutonegotiate:\\toff\\nRX:\\t\\ton\\nTX:\\t\\toff\\n' "$2"
    printf 'RX negotiated: off\\n' ;;
-k) printf 'Features for %s:\\ngeneric-receive-offload: on\\n\\trx-gro-hw: off [fixed]\\n' "$2" ;;
esac
"""
SHOWN = {
    "ring rx": "512", "ring tx": "none", "channels combined": "2", "channels rx": "none",
    "coalesce adaptive-rx": "on", "coalesce adaptive-tx": "off", "coalesce rx-usecs": "3",
    "coalesce tx-usecs": "none", "pause autoneg": "off", "pause rx": "on", "pause tx": "off",
    "feature rx-gro": "on", "feature rx-gro-hw": "off", "feature rx-all": "none",
}  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_what_ethtool_shows_is_read(tmp_path: Path, shell: list[str]) -> None:
    (tmp_path / "ethtool").write_text(ETHTOOL)
    (tmp_path / "ethtool").chmod(0o755)
    script = tmp_path / "read.sh"
    script.write_text("\n".join([f"NAME=links; . {COMMON}", *(
        f"if read_link 'eth0 {what}'; then say \"$value\"; else say none; fi" for what in SHOWN)]))
    done = subprocess.run([*shell, str(script)], capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert dict(zip(SHOWN, done.stdout.split("\n"), strict=False)) == SHOWN
