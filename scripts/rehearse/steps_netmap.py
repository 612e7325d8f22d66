"""The step over netmap, for whoever hands the machine a module: nothing here builds one.

TICKPATH_NETMAP_MODULE names netmap.ko of the machine's own kernel, made elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from image import VENV
from stage import APPLIANCE, Stage, Stop

MODULE = "TICKPATH_NETMAP_MODULE"
IN_MACHINE = "/run/netmap.ko"
# Two ends of a pipe and two ports of a switch, frames both ways; one pipe end forwards.
PORTS = """
from dpdk_bindings import open_queue
frames = [b"\\x01" + bytes(11) + b"\\x88\\xb5" + i.to_bytes(46, "big") for i in range(500)]
for left, right in (("r{1", "r}1"), ("vale0:a", "vale0:b")):
    with open_queue(f"netmap:{left}") as a, open_queue(f"netmap:{right}") as b:
        for one, other in ((a, b), (b, a)):
            got = []
            for at in range(0, len(frames), 50):
                assert one.send(frames[at : at + 50]) == 50
                got += other.receive(50, timeout_s=5)
            assert got == frames, (left, len(got))
        print(left, a.mode)
"""


def netmap(stage: Stage) -> None:
    """Loads the module, and sends over the ports that need no card."""
    module = Path(os.environ[MODULE])
    if not module.is_file():
        raise Stop(f"{MODULE} names {module}, which is no file")
    before = stage.run([APPLIANCE, "backends"])
    stage.check("modprobe netmap" in before.stdout, "without the module the remedy is told")
    stage.machine.put(IN_MACHINE, module.read_bytes())
    stage.must(["insmod", IN_MACHINE])
    stage.must("uname -r; dmesg | grep -i netmap | tail; ls -l /dev/netmap")
    rows = stage.json([APPLIANCE, "backends", "--json"])["backends"]
    row = next(row for row in rows if row["name"] == "netmap")
    stage.check(row["usable"] and row["mode"] == "emulated", f"netmap is usable: {row['mode']}")
    ports = stage.run([f"{VENV}/bin/python", "-c", PORTS])
    stage.check(ports.stdout.split() == ["r{1", "zerocopy", "vale0:a", "vale"],
                f"a pipe and a switch carry frames both ways ({ports.said})")
    stage.must(["rmmod", "netmap"])
    stage.check(not stage.run("dmesg | grep -E 'BUG|Oops|WARNING'").stdout, "the kernel is well")
