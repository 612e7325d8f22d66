"""Rules as a device is asked for them, and group addresses on one that has a list of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

RULES = """
import gc
from dpdk_bindings import PioError, dpdk
dpdk.start(huge_pages="off")
with dpdk.Port("net_null0", queues=2) as port:
    rule = port.flow("233.54.12.111", 26477, queue=1)
    print(rule, rule.active, flush=True)
    rule.close()
    rule.close()
    print(rule, rule.active, flush=True)
    with port.flow("10.0.0.2", drop=True):
        pass
    port.flow("10.0.0.3", 1, queue=0)
    gc.collect()
    print("the handle is gone, the rule is not", flush=True)
    last = port.flow("10.0.0.4", 65535, queue=1)
    try: port.flow("10.0.0.5", queue=0)
    except PioError as error: print(error, flush=True)
last.close()
print(last.active)
"""


def run(code: str, *prefix: str, **environment: str) -> list[str]:
    done = subprocess.run([*prefix, sys.executable, "-c", code], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, env={**os.environ, **environment})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc to build the recorder with")
def test_rules_are_made_and_ended(tmp_path: Path) -> None:
    flags = subprocess.check_output(["pkg-config", "--cflags", "libdpdk"], text=True).split()
    recorder = tmp_path / "recorder.so"
    subprocess.run(["gcc", "-shared", "-fPIC", *flags, HERE / "rules_recorder.c", "-o", recorder],
                   check=True)  # fmt: skip
    said = run(RULES, LD_PRELOAD=str(recorder))
    assert said[:-3] == [
        "port 0 in: eth ipv4 e9360c6f/ffffffff udp 26477/ffff -> queue 1",
        "<FlowRule 233.54.12.111:26477 to queue 1> True",
        "port 0: rule 1 ends",
        "<FlowRule 233.54.12.111:26477 to queue 1 (ended)> False",
        "port 0 in: eth ipv4 0a000002/ffffffff udp 0/0000 -> drop",
        "port 0: rule 2 ends",
        "port 0 in: eth ipv4 0a000003/ffffffff udp 1/ffff -> queue 0",
        "the handle is gone, the rule is not",
        "port 0 in: eth ipv4 0a000004/ffffffff udp 65535/ffff -> queue 1",
        "port 0 in: eth ipv4 0a000005/ffffffff udp 0/0000 -> queue 0",
        "DPDK's device 'net_null0' cannot steer datagrams: the table is full; "
        "look at each frame instead, with Burst.read and Burst.take",
    ]
    # The port ends those that are left before it goes.
    assert sorted(said[-3:]) == ["False", "port 0: rule 3 ends", "port 0: rule 4 ends"]


GROUPS = """
from dpdk_bindings import dpdk
dpdk.start(huge_pages="off")
with dpdk.Port("net_tap0,iface=groups0") as port:
    port.multicast = ["01:00:5e:00:00:07", "01:00:5e:00:00:08"]
    print(*port.multicast)
    port.multicast = []
    print(port.multicast)
    port.mtu = 1280
    print(port.mtu, open("/sys/class/net/groups0/mtu").read().strip())
"""


def test_groups_and_mtu_reach_the_device() -> None:
    """net_tap, in a network of the test's own; sysfs shows that once it is mounted there."""
    prefix = ["unshare", "--net", "--mount", "sh", "-c", 'mount -t sysfs none /sys; exec "$@"', "_"]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("a private network namespace needs CAP_SYS_ADMIN")
    assert run(GROUPS, *prefix) == ["01:00:5e:00:00:07 01:00:5e:00:00:08", "()", "1280 1280"]
