"""The files that make the appliance a service of a host, derived from its configuration.

The units come from systemd/ as they are, but for the path of the program. What the configuration
decides comes beside them as drop-ins: the rights that the queues take, the cores that are left to
everybody but the loop, the address of the metrics. Which rights: ``rights_for``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from appliance.config import Config
from appliance.errors import RunError
from appliance.host.wish import PCI
from appliance.queue_names import queue_names
from dpdk_bindings import innermost_backend

# Not /etc: what is there stands above it, so `systemctl edit` and `mask` work on our units.
UNIT_FOLDER = "/usr/local/lib/systemd/system"
CONFIG = "/etc/tickpath/appliance.toml"
SYSUSERS = "/usr/local/lib/sysusers.d/tickpath.conf"
UDEV_RULES = "/etc/udev/rules.d/60-tickpath.rules"
PROGRAM = "/usr/local/bin/appliance"  # as the units name it

# Those who keep off the loop's core. A mask may name cores that a host does not have.
COMPANIONS = ("appliance", "appliance-journal", "appliance-exporter")
CORES_MAX = 1023
# The file of systemd/rights that each backend takes; those not named take none.
RIGHTS = {"afpacket": "opener", "afxdp": "opener", "dpdk": "dpdk", "udp": "udp"}


@dataclass(frozen=True)
class File:
    """One file to be installed, named as on the host."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def units() -> Traversable:
    """The folder systemd/, as it came with the program."""
    folder = files("appliance") / "units"
    if not folder.is_dir():
        raise RunError("this installation has no units; install the wheel again")
    return folder


def rights_for(config: Config) -> list[str]:
    """The files of systemd/rights that this configuration's engine takes.

    Raises RunError for a queue whose backend shows only when it is opened.
    """
    rights = set()
    for name in queue_names(config).values():
        backend = innermost_backend(name)
        if backend == "auto":
            raise RunError(f"{name.partition(',')[0]} may become any backend, and the units give "
                           f"rights to one; name it: `appliance check` says which it would be")
        if backend in RIGHTS:
            rights.add(RIGHTS[backend])
    if config.strategy.file:
        rights.add("jit")
    return sorted(rights)


def _other_cores(core: int) -> str:
    ranges = [(0, core - 1), (core + 1, CORES_MAX)]
    return " ".join(f"{low}-{high}" for low, high in ranges if low <= high)


def _drop_ins(config: Config, cores_on_host: int) -> list[File]:
    folder = units() / "rights"
    found = [File(f"{UNIT_FOLDER}/appliance-engine.service.d/10-{name}.conf",
                  (folder / f"{name}.conf").read_bytes()) for name in rights_for(config)]
    core = config.engine.core
    # On a host with one core there is no other to keep to.
    if core >= 0 and cores_on_host > 1:
        text = (f"# Every core but the loop's, [engine] core = {core}.\n"
                f"[Service]\nCPUAffinity={_other_cores(core)}\n")
        found += [File(f"{UNIT_FOLDER}/{unit}.service.d/20-cores.conf", text.encode())
                  for unit in COMPANIONS]
    if config.host.devices or any(PCI.search(name) for name in queue_names(config).values()):
        module = f"modprobe@{config.host.device_driver}.service"
        text = (f"# A card is given to a driver that nothing else loads.\n"
                f"[Unit]\nWants={module}\nAfter={module}\n")
        found.append(File(f"{UNIT_FOLDER}/appliance-tune.service.d/20-driver.conf", text.encode()))
    telemetry = config.telemetry
    if telemetry.port:
        host = f"[{telemetry.address}]" if ":" in telemetry.address else telemetry.address
        text = (f"# Where [telemetry] says.\n[Socket]\nListenStream=\n"
                f"ListenStream={host}:{telemetry.port}\n")
        found.append(File(f"{UNIT_FOLDER}/appliance-exporter.socket.d/20-address.conf",
                          text.encode()))
    return found


def service_files(config: Config, config_text: bytes | None, program: str,
                  cores_on_host: int) -> list[File]:
    """Everything but pages and completions; ``config_text`` None leaves the one there alone."""
    found = [] if config_text is None else [File(CONFIG, config_text)]
    for source in sorted(units().iterdir(), key=lambda entry: entry.name):
        if source.is_dir():
            continue
        name = f"{UNIT_FOLDER}/{source.name}"
        if source.name.endswith(".sysusers"):
            name = SYSUSERS
        elif source.name.endswith(".rules"):
            name = UDEV_RULES
        found.append(File(name, source.read_bytes().replace(PROGRAM.encode(), program.encode())))
    return found + _drop_ins(config, cores_on_host)
