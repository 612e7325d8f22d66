"""`appliance tune` on real interfaces, in a network and mount namespace of the test's own.

The namespace has its own /sys/class/net and an empty /var/lib, so nothing here reaches the host.
Interfaces are veth: what they cannot (rings, rules, ...) is a refusal, which is also looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[engine]
core = CORE
[feed]
line_a = "afxdp:v0,busy_poll_us=20"
[host]
nic_queues = 1
"""
STAGES = "queues rings coalescing offloads pause steering spreading busy_poll devices"
ENTER = ["unshare", "--net", "--mount", "sh", "-c",
         'mount -t sysfs none /sys && mount -t tmpfs none /var/lib && exec "$@"', "_"]  # fmt: skip
BEGIN = """
set -eu
ip link set lo up
ip link add v0 numrxqueues 4 numtxqueues 4 type veth peer name v1 numrxqueues 4 numtxqueues 4
ip link set v0 up; ip link set v1 up
ethtool -K v0 gro on
echo 1 > /sys/class/net/v0/queues/tx-2/xps_cpus
echo 3 > /sys/class/net/v0/queues/rx-1/rps_cpus
echo 7000 > /sys/class/net/v0/gro_flush_timeout
state() {
    ethtool -l v0 | tail -4; ethtool -k v0
    (cd /sys/class/net/v0 && head -n 1 gro_flush_timeout napi_defer_hard_irqs queues/*/?ps_cpus)
}
"""


def enter() -> None:
    if shutil.which("unshare") is None or subprocess.run(
        [*ENTER, "true"], capture_output=True
    ).returncode:
        pytest.skip("a private network namespace needs CAP_SYS_ADMIN and util-linux")


def tool(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def run(script: str, folder: Path) -> list[str]:
    """What the parts of a script say, which begins with interfaces made; `echo ====` parts them."""
    enter()
    tool("ethtool")
    (folder / "config.toml").write_text(CONFIG.replace("CORE", str(min(1, _last_core()))))
    only = " ".join(f"--only {name}" for name in STAGES.split())
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
                   "TUNE": f"{sys.executable} -m appliance.cli tune",
                   "WISH": f"-c {folder}/config.toml {only}"}  # fmt: skip
    done = subprocess.run([*ENTER, "bash", "-c", BEGIN + script], env=environment, text=True,
                          cwd=folder, capture_output=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout.split("====\n")


def _last_core() -> int:
    return max(os.sched_getaffinity(0))


def test_apply_reads_back_with_ethtool_and_undo_restores(tmp_path: Path) -> None:
    before, applied, there, verified, undone, after = run("""
        state; echo ====
        $TUNE apply $WISH; echo ====
        state; echo ====
        $TUNE verify $WISH; echo ====
        $TUNE undo; echo ====
        state
    """, tmp_path)  # fmt: skip
    assert re.search(r"^RX:\t+4$", before, re.M) and re.search(r"^RX:\t+1$", there, re.M)
    for feature in ("generic-receive-offload", "generic-segmentation-offload", "rx-vlan-offload",
                    "tcp-segmentation-offload"):  # fmt: skip
        assert f"{feature}: on" in before and f"{feature}: off" in there, feature
    assert "gro_flush_timeout <==\n10000000" in there
    assert "0 not;" in applied and "settings hold" in verified
    assert "restored" in undone and after == before


def test_the_script_does_what_apply_does(tmp_path: Path) -> None:
    """Either undoes what the other has set."""
    before, applied, between, scripted, undone, after = run("""
        state; echo ====
        $TUNE script $WISH > tune.sh
        $TUNE apply $WISH > /dev/null; state; echo ====
        sh tune.sh undo > /dev/null; state; echo ====
        sh tune.sh > /dev/null; state; echo ====
        sh tune.sh undo; echo ====
        state
        sh tune.sh > /dev/null; $TUNE undo > /dev/null; state > after
    """, tmp_path)  # fmt: skip
    assert applied == scripted != before
    assert between == before == after == (tmp_path / "after").read_text()
    assert "restored  v0 channels rx: 4" in undone


def test_killed_at_any_point_of_its_journal_undo_restores(tmp_path: Path) -> None:
    """A real kill -9, at the fsync of a former value and at that of what was read back."""
    tool("strace")
    parts = run("""
        state; echo ====
        mkdir -p /var/lib/tickpath/tune  # making it takes fsyncs of its own
        for at in 2 3 4 9 16 23; do
            strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=$at \\
                $TUNE apply $WISH > /dev/null 2>&1 && echo survived
            cp /var/lib/tickpath/tune/journal half
            if $TUNE verify $WISH > /dev/null; then echo "not half applied"; fi
            $TUNE undo > /dev/null
            state; echo ====
        done
    """.replace("set -e", ""), tmp_path)  # fmt: skip
    assert len(parts) == 8
    assert all(part == parts[0] for part in parts[1:7])
    journal = (tmp_path / "half").read_text()
    assert "begin\t" in journal and "\nend" not in journal


def test_a_cut_short_apply_is_finished_by_the_next(tmp_path: Path) -> None:
    tool("strace")
    before, _, verified, after = run("""
        state; echo ====
        strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:signal=KILL:when=8 \\
            $TUNE apply $WISH > /dev/null 2>&1 || true
        $TUNE apply $WISH; echo ====
        $TUNE verify $WISH; echo ====
        $TUNE undo > /dev/null; state
    """, tmp_path)  # fmt: skip
    assert "settings hold" in verified and after == before


# What a process opens for writing, makes, moves or removes; the path is the last that is quoted.
WRITES = re.compile(
    r'(?<![a-z])(?:open(?:at)?\(.*"([^"]*)", [^)]*O_(?:WRONLY|RDWR|CREAT)|'
    r'(?:unlink|rename|mkdir|rmdir|symlink|link|chmod|chown|truncate|mknod)(?:at2?)?\(.*"([^"]*)")'
)
ALLOWED = re.compile(
    r"(?:/var/lib/tickpath(?:/tune(?:/lock|/journal|/fixed)?)?"
    r"|/sys/class/net/v0/(?:gro_flush_timeout|napi_defer_hard_irqs|queues/[rt]x-\d/[rx]ps_cpus)"
    r"|/dev/(?:null|tty)|/proc/self/.*)$"
)


def test_nothing_else_is_written(tmp_path: Path) -> None:
    tool("strace")
    run("""
        strace -f -qq -o trace -e trace=file,ioctl $TUNE apply $WISH
        strace -f -qq -A -o trace -e trace=file,ioctl $TUNE undo
    """, tmp_path)  # fmt: skip
    lines = (tmp_path / "trace").read_text().split("\n")
    done = [line for line in lines if not re.search(r"= -1 E", line)]
    written = {match[1] or match[2] for line in done if (match := WRITES.search(line))}
    assert "/var/lib/tickpath/tune/journal" in written
    assert "/sys/class/net/v0/gro_flush_timeout" in written
    assert [name for name in written if not ALLOWED.match(name)] == []
    calls = {match[1] for line in done if (match := re.search(r"ioctl\(\d+, (\w+)", line))}
    assert "SIOCETHTOOL" in calls
    assert {call for call in calls if call.startswith("SIOC")} == {"SIOCETHTOOL"}


GUARD = """
import sys, tempfile
from pathlib import Path
from fake_links import Card
from fake_pci import FakePci
from appliance.config import from_text
from appliance.host.links import KernelLinks
from appliance.host.tuner import apply
from appliance.host.wish import make_wish
host = FakePci(Path(sys.argv[1]) / sys.argv[2])
host.device("0000:02:00.0", v0=Card())
host.device("0000:03:00.0", v1=Card())
host._links = KernelLinks()
text = '[host]\\ndevices = ["0000:02:00.0", "0000:03:00.0"]'
wish = make_wish(host, from_text(text, "test"), force="force" in sys.argv)
for done in apply(host, wish, lambda _: None, ["devices"]):
    print(done.target, done.outcome, done.reason)
"""


@pytest.mark.parametrize("route", [
    "ip route add default via 10.1.0.2 dev v0",
    "ip route add default table 77 dev v0",
    "ip route add default nexthop via 10.1.0.2 dev v0 nexthop via 10.1.0.3 dev v0",
    "ip -6 route add default dev v0",
])  # fmt: skip
def test_the_card_with_the_default_route_is_not_taken(route: str, tmp_path: Path) -> None:
    (tmp_path / "guard.py").write_text(GUARD)
    guard = f"PYTHONPATH=$PYTHONPATH:{ROOT}/tests/host {sys.executable} guard.py {tmp_path}"
    refused, forced, free = run(f"""
        ip address add 10.1.0.1/24 dev v0; {route}
        {guard} a; echo ====
        {guard} b force; echo ====
        ip route flush table all; ip -6 route flush table all; ip address flush dev v0
        {guard} c
    """, tmp_path)  # fmt: skip
    assert refused == ("0000:02:00.0 refused 0000:02:00.0 is v0, which carries the default route; "
                       "use another card, or give --force if you reach this host without v0\n"
                       "0000:03:00.0 set \n")  # fmt: skip
    both = "0000:02:00.0 set \n0000:03:00.0 set \n"
    assert (forced, free) == (both, both)


LINKS = """
from appliance.host.link_kinds import LINK, RULE, TABLE
from appliance.host.host import Host, HostError
from appliance.host.links import KernelLinks
host = Host()
for kind, target, value in (
    (LINK, "v0 channels rx", "99"), (LINK, "v0 ring rx", "512"), (LINK, "v0 feature rx-lro", "on"),
    (LINK, "v9 ring rx", "512"), (RULE, "v0 udp 239.1.1.1 7", "queue 0"),
    (TABLE, "v0 table", "queue 0"), (LINK, "v0 feature none-such", "on"),
):
    try:
        kind.write(host, target, value)
        print("written, reads", kind.read(host, target))
    except HostError as error:
        print(error)
print(KernelLinks().link("v0"), KernelLinks().time_stamping("v0"))
"""


def test_what_a_driver_cannot_is_said(tmp_path: Path) -> None:
    (tmp_path / "links.py").write_text(LINKS)
    lines = run(f"{sys.executable} links.py", tmp_path)[0].split("\n")
    explain = "see `appliance tune explain`, or leave it out with --skip"
    cannot = "v0's driver, veth, cannot set {}; leave the knob out with --skip"
    assert lines[:7] == [
        f"v0's driver, veth, does not take 99 for channels rx; {explain}",
        cannot.format("ring rx"),
        cannot.format("feature rx-lro"),  # fixed
        "there is no interface v9 any more; look at `appliance tune plan`",
        "v0's driver, veth, takes no rule for udp 239.1.1.1 7; set host.nic_queues to 1, so that "
        "one queue hears everything",
        cannot.format("table"),
        cannot.format("feature none-such"),
    ]
    assert "up=True, carrier=True, mtu=1500, kind='veth', rx_queues=4, tx_queues=4" in lines[7]
    assert "hardware_rx=False, hardware_tx=False, clock=-1" in lines[7]


ENGINE = """
import subprocess, sys
from dpdk_bindings.queue import open_queue
try:
    queue = open_queue("afxdp:v0,steer=all,rss_check=0")
except Exception as error:
    print("skip", error)
    sys.exit()
try:
    done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
    print(done.returncode, done.stdout)
finally:
    queue.close()
"""


def test_a_running_engine_keeps_its_link(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text(ENGINE)
    said, after = run(f"""
        {sys.executable} engine.py $TUNE apply -c {tmp_path}/config.toml --only queues; echo ====
        ethtool -l v0 | tail -4
    """, tmp_path)  # fmt: skip
    if said.startswith("skip"):
        pytest.skip(f"no AF_XDP queue: {said[5:]}")
    assert said.startswith("1 ") and "v0 has an XDP program on it, as of a running engine" in said
    assert re.search(r"^RX:\t+4$", after, re.M)
