"""Runs inside the machine and does what the rehearsal says, over a virtio serial port.

One request a line, one answer a line, both JSON; the first line after a boot is a greeting. It
knows nothing of the product. A command that outlives its time is killed with all its children, so
that every request is answered.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PORT = "/dev/virtio-ports/tickpath.rehearsal"
OUTPUT_BYTES_MAX = 8 << 20  # of each stream of a command: more is cut, and said
IDLE_S = 0.05  # between looks at a port whose other end is not there


def clipped(data: bytes) -> str:
    text = data[:OUTPUT_BYTES_MAX].decode("utf-8", "replace")
    return text if len(data) <= OUTPUT_BYTES_MAX else text + "\n[the rest was cut]\n"


def run(request: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    user = request.get("user")
    process = subprocess.Popen(
        request["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, user=user, group=user, extra_groups=[] if user else None,
        cwd="/", env={**os.environ, "HOME": f"/home/{user}" if user else "/root",
                      "LC_ALL": "C.UTF-8", "COLUMNS": "200"},
    )  # fmt: skip
    timed_out = False
    try:
        out, err = process.communicate(timeout=request["timeout_s"])
    except subprocess.TimeoutExpired:
        timed_out = True
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    return {"status": process.returncode, "stdout": clipped(out), "stderr": clipped(err),
            "seconds": round(time.monotonic() - started, 3), "timed_out": timed_out}


def put(request: dict[str, Any]) -> dict[str, Any]:
    path = Path(request["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(request["data"]))
    path.chmod(request["mode"])
    return {}


def get(request: dict[str, Any]) -> dict[str, Any]:
    return {"data": base64.b64encode(Path(request["path"]).read_bytes()).decode()}


def answer(line: bytes) -> dict[str, Any]:
    """Never raises: what goes wrong is the answer."""
    request: dict[str, Any] = {}
    try:
        request = json.loads(line)
        done = {"run": run, "put": put, "get": get}[request["op"]](request)
    except (OSError, ValueError, KeyError) as error:
        done = {"error": f"{type(error).__name__}: {error}"}
    return {"id": request.get("id"), **done}


def send(port: int, row: dict[str, Any]) -> None:
    data = json.dumps(row).encode() + b"\n"
    while data:
        data = data[os.write(port, data) :]


def greeting() -> dict[str, Any]:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return {"hello": boot, "kernel": os.uname().release}


def main(path: str = PORT) -> None:
    port = os.open(path, os.O_RDWR)
    os.write(port, b"\n")  # ends whatever a former boot was cut off in
    send(port, greeting())
    pending: list[bytes] = []
    while True:
        data = os.read(port, 1 << 16)
        if not data:  # the other end is not there
            time.sleep(IDLE_S)
            continue
        *whole, last = data.split(b"\n")
        for line in whole:
            request = b"".join([*pending, line])
            pending = []
            if request.strip():
                send(port, answer(request))
        pending.append(last)


if __name__ == "__main__":
    main(*sys.argv[1:])
