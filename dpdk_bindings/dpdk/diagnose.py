"""Why DPDK refused, and the command that mends it: one sentence each.

DPDK says what it tried last, not what is wrong. What is wrong shows in the system: here it is
looked up once DPDK has refused. Nothing is looked at, or asked of the system, before that, but for
arguments that some drivers pass over in silence.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dpdk_bindings.errors import PioError

# How csrc/dpdk_port.c ends a refusal of which it knows no more than DPDK's own words.
GENERIC = "see the device's page"
PCI_ADDRESS = re.compile(r"(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)
# Drivers of the kernel through which a DPDK process reaches a card.
USER_DRIVERS = {"vfio-pci", "uio_pci_generic", "igb_uio"}
# Cards that DPDK uses beside the kernel's own driver, which must stay.
SHARED_DRIVERS = {"mlx4_core", "mlx5_core", "mana"}
# PCI vendor, as sysfs has it: the drivers for its cards.
VENDOR_DRIVERS = {
    "0x8086": ("ixgbe", "i40e", "ice", "igc", "e1000", "iavf"),
    "0x15b3": ("mlx5", "mlx4"),
    "0x1af4": ("virtio",),
    "0x1d0f": ("ena",),
    "0x14e4": ("bnxt",),
    "0x15ad": ("vmxnet3",),
    "0x1425": ("cxgbe",),
    "0x1077": ("qede",),
    "0x1924": ("sfc",),
}
# Virtual devices whose plug-in has another name than they.
VIRTUAL_PLUGINS = {
    "net_tun": "tap", "net_virtio_user": "virtio", "net_bonding": "bond", "net_vdev_netvsc":
    "vdev_netvsc",
}  # fmt: skip
VIRTUAL = (
    "net_memif", "net_ring", "net_null", "net_pcap", "net_tap", "net_af_packet", "net_af_xdp",
    "net_virtio_user",
)  # fmt: skip
# Those that take what they do not know for what was not said.
SILENT_ARGUMENTS = {
    "net_memif": (
        "id", "role", "bsize", "rsize", "socket", "socket-abstract", "owner-uid", "owner-gid",
        "mac", "secret", "zero-copy",
    ),
    "net_tap": ("iface", "remote", "mac", "persist"),
    "net_ring": ("nodeaction", "internal"),
}  # fmt: skip
CAPABILITIES = "cap_net_raw,cap_net_admin,cap_ipc_lock"
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un, less the NUL
SECRET_BYTES_MAX = 23
MEMIF_SOCKET = "/run/memif.sock"  # the driver's own
SERVERS = ("server", "master")

def _interface_exists(name: str) -> bool:
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Host:
    """Where to look; tests look elsewhere."""

    root: Path = Path("/")
    is_root: bool = os.geteuid() == 0
    interface_exists: Callable[[str], bool] = _interface_exists

    @property
    def pci(self) -> Path:
        return self.root / "sys/bus/pci/devices"

    def plugins(self) -> list[Path]:
        """The folders that DPDK's drivers are loaded from, on Debian and where meson puts them."""
        return [
            folder
            for pattern in ("usr/lib/*/dpdk/pmds-*", "usr/local/lib/*/dpdk/pmds-*")
            for folder in sorted(self.root.glob(pattern))
        ]


@dataclass(frozen=True)
class Finding:
    why: str
    remedy: str


def parts(device: str) -> tuple[str, dict[str, str]]:
    """The device's name and its arguments."""
    name, *words = device.split(",")
    pairs = (word.partition("=") for word in words)
    return name, {key: value for key, _, value in pairs}


def _driver(name: str) -> str:
    """"net_null3" -> "net_null"; instances are told apart by what follows."""
    for known in (*VIRTUAL, *VIRTUAL_PLUGINS):
        if name.startswith(known):
            return known
    return re.sub(r"[0-9]*$", "", name)


# ---- before DPDK is asked ----


def prepare(device: str) -> None:
    """Raises PioError for an argument that DPDK's driver would pass over without a word, and
    removes what a killed process left in the way."""
    name, arguments = parts(device)
    driver = _driver(name)
    known = SILENT_ARGUMENTS.get(driver)
    unknown = [key for key in arguments if known and key not in known]
    if known and unknown:
        raise PioError(
            22, f"DPDK's {driver} has no argument '{unknown[0]}'", f"give it {', '.join(known)}"
        )
    if driver == "net_memif":
        if finding := _memif_arguments(arguments):
            raise PioError(22, finding.why, finding.remedy)
        _remove_stale_socket(arguments)


def _memif_arguments(arguments: dict[str, str]) -> Finding | None:
    path, secret = arguments.get("socket", ""), arguments.get("secret", "")
    if len(path.encode()) > SOCKET_PATH_BYTES_MAX:
        return Finding(
            f"memif's socket has a name of {len(path.encode())} bytes",
            f"give socket= one of at most {SOCKET_PATH_BYTES_MAX}",
        )
    if len(secret.encode()) > SECRET_BYTES_MAX:
        return Finding(
            f"memif's secret has {len(secret.encode())} bytes",
            f"give secret= at most {SECRET_BYTES_MAX}",
        )
    return None


def _remove_stale_socket(arguments: dict[str, str]) -> None:
    """A server that was killed leaves its socket's file, over which no other can serve."""
    if arguments.get("socket-abstract") != "no" or arguments.get("role") not in SERVERS:
        return
    path = Path(arguments.get("socket", MEMIF_SOCKET))
    if not path.is_socket():
        return
    # Of another type than memif's, so that a server alive is not disturbed: it gives EPROTOTYPE.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:  # nobody listens, and nobody ever will again
            path.unlink(missing_ok=True)


# ---- after DPDK has refused to open ----


def explained(device: str, error: PioError, host: Host | None = None) -> PioError:
    """The refusal in words that help, where the system shows why; else as it was."""
    if not error.remedy.startswith(GENERIC):
        return error
    finding = _finding(device, error.why, host or Host())
    return PioError(error.errno or 5, finding.why, finding.remedy) if finding else error


def _finding(device: str, said: str, host: Host) -> Finding | None:
    name, arguments = parts(device)
    if PCI_ADDRESS.fullmatch(name):
        return _pci(name.lower() if len(name) > 8 else f"0000:{name.lower()}", said, host)
    if "failed to parse device" in said:
        return _no_driver(name, host)
    if "already allocated" in said:
        return Finding(
            f"DPDK has kept the name {name} since it failed to open it",
            "give the device another number, or start a new process",
        )
    looks = {
        "net_af_packet": _interface,
        "net_af_xdp": _af_xdp,
        "net_tap": _tap,
        "net_tun": _tap,
        "net_pcap": _pcap,
        "net_memif": _memif,
        "net_virtio_user": _virtio_user,
    }
    look = looks.get(_driver(name))
    return (look(name, arguments, said, host) if look else None) or _privilege(name, said, host)


def _package(plugin: str, host: Host) -> str:
    """Debian's package of a driver; its name ends in the ABI's number."""
    folders = host.plugins()
    number = re.sub(r"\..*", "", folders[0].name.removeprefix("pmds-")) if folders else ""
    dash = "-" if plugin[-1].isdigit() and number else ""
    return f"librte-net-{plugin.replace('_', '-')}{dash}{number}"


def _no_driver(name: str, host: Host) -> Finding:
    driver = _driver(name)
    if driver in (*VIRTUAL, *VIRTUAL_PLUGINS):
        plugin = VIRTUAL_PLUGINS.get(driver, driver.removeprefix("net_"))
        return Finding(
            f"DPDK's driver of {driver} devices is not there (librte_net_{plugin}.so)",
            f"install it: apt-get install {_package(plugin, host)}; or name its folder: plugins "
            "in [dpdk]",
        )
    if host.interface_exists(name):
        return _kernel_name(name, host)
    return Finding(
        f"DPDK has no driver for a device called '{name[:80]}'",
        f"name a PCI address, as in dpdk:0000:03:00.0, or one of {', '.join(VIRTUAL)} with a "
        "number, as in dpdk:net_memif0",
    )


def _kernel_name(name: str, host: Host) -> Finding:
    device = host.root / "sys/class/net" / name / "device"
    address = device.resolve().name if device.exists() else ""
    if PCI_ADDRESS.fullmatch(address):
        return Finding(f"'{name}' is the kernel's name for a card", f"open dpdk:{address}")
    return Finding(
        f"'{name}' is a network interface of the kernel's",
        f"open dpdk:net_af_packet0,iface={name}, or afpacket:{name}",
    )


def _pci(address: str, said: str, host: Host) -> Finding | None:
    card = host.pci / address
    if not card.exists():
        return Finding(
            f"there is no PCI device at {address}",
            "name one of those that there are: dpdk-devbind.py --status-dev net",
        )
    vendor, model, kind = (_word(card / file) for file in ("vendor", "device", "class"))
    if not kind.startswith("0x02"):
        return Finding(
            f"the PCI device at {address} is no network card (class {kind})",
            "name one of those that are: dpdk-devbind.py --status-dev net",
        )
    driver = (card / "driver").resolve().name if (card / "driver").exists() else ""
    if driver not in USER_DRIVERS | SHARED_DRIVERS:
        return _bound_elsewhere(address, driver, card, host)
    if driver == "vfio-pci" and not (card / "iommu_group").exists():
        return Finding(
            f"no IOMMU stands between the card at {address} and this host's memory",
            "boot with intel_iommu=on iommu=pt (AMD: amd_iommu=on iommu=pt), or do without that "
            "protection: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
        )
    if driver == "vfio-pci" and not host.is_root:
        group = (card / "iommu_group").resolve().name
        if not os.access(host.root / "dev/vfio" / group, os.R_OK | os.W_OK):
            return Finding(
                f"this user may not use the card at {address}",
                f"run as root, or: chown {os.geteuid()} /dev/vfio/{group}",
            )
    plugins = VENDOR_DRIVERS.get(vendor, ())
    if _is_installed(plugins, host):
        return None
    packages = " or ".join(_package(plugin, host) for plugin in plugins)
    return Finding(
        f"no driver that is installed knows the card at {address} ({vendor[2:]}:{model[2:]})",
        f"install it: apt-get install {packages or 'librte-net-NAME'}; or name its folder: "
        "plugins in [dpdk]",
    )


def _is_installed(plugins: tuple[str, ...], host: Host) -> bool:
    return any(
        next(folder.glob(f"librte_net_{plugin}.so*"), None)
        for folder in host.plugins()
        for plugin in plugins
    )


def _bound_elsewhere(address: str, driver: str, card: Path, host: Host) -> Finding:
    names = sorted(path.name for path in (card / "net").glob("*"))
    loaded = (host.root / "sys/module/vfio_pci").exists()
    bind = f"{'' if loaded else 'modprobe vfio-pci && '}dpdk-devbind.py --bind=vfio-pci {address}"
    if not driver:
        return Finding(f"no driver holds the card at {address}", f"give it to DPDK: {bind}")
    interface = f", as interface {names[0]}" if names else ""
    lost = "; the kernel loses the interface" if names else ""
    return Finding(
        f"the kernel's driver {driver} holds the card at {address}{interface}",
        f"give it to DPDK: {bind}{lost}",
    )


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


# ---- virtual devices ----


def _interface(name: str, arguments: dict[str, str], said: str, host: Host) -> Finding | None:
    interface = arguments.get("iface", "")
    if not interface:
        return Finding(
            f"{name} names no network interface", f"add it, as in dpdk:{name},iface=eth0"
        )
    if not host.interface_exists(interface):
        return Finding(
            f"there is no network interface '{interface}'", "name one of: ip -brief link"
        )
    return None


def _af_xdp(name: str, arguments: dict[str, str], said: str, host: Host) -> Finding | None:
    if "xsk socket" in said and host.is_root:
        interface = arguments.get("iface", "")
        return Finding(
            f"an AF_XDP socket holds that queue of '{interface}': another process's, or one that "
            "this process has closed, which DPDK's driver does not give back",
            f"end that process: bpftool net show dev {interface}; or open afpacket:{interface}",
        )
    return _interface(name, arguments, said, host)


def _tap(name: str, arguments: dict[str, str], said: str, host: Host) -> Finding | None:
    if not (host.root / "dev/net/tun").exists():
        return Finding("the kernel offers no taps (/dev/net/tun)", "load them: modprobe tun")
    remote = arguments.get("remote", "")
    if remote and not host.interface_exists(remote):
        return Finding(f"there is no network interface '{remote}'", "name one of: ip -brief link")
    interface = arguments.get("iface", "")
    if interface and host.interface_exists(interface):
        return Finding(
            f"the interface '{interface}' is there already",
            f"remove it: ip link delete {interface}; or give iface= another name",
        )
    return None


def _pcap(name: str, arguments: dict[str, str], said: str, host: Host) -> Finding | None:
    source, target = arguments.get("rx_pcap", ""), arguments.get("tx_pcap", "")
    if source and not os.access(source, os.R_OK):
        reason = "may not be read" if Path(source).exists() else "is not there"
        return Finding(f"the capture '{source}' {reason}", f"look at it: ls -l {source}")
    folder = Path(target).parent
    if target and not os.access(folder, os.W_OK):
        reason = "may not be written to" if folder.exists() else "is not there"
        return Finding(f"the folder '{folder}' {reason}", f"make it: mkdir -p {folder}")
    for interface in (arguments.get(key, "") for key in ("iface", "rx_iface", "tx_iface")):
        if interface and not host.interface_exists(interface):
            return Finding(
                f"there is no network interface '{interface}'", "name one of: ip -brief link"
            )
    if not arguments:
        return Finding(
            f"{name} names neither a capture nor an interface",
            f"add one, as in dpdk:{name},rx_pcap=day.pcap,tx_pcap=out.pcap",
        )
    return None


def _memif(name: str, arguments: dict[str, str], said: str, host: Host) -> Finding | None:
    role = arguments.get("role", "client")
    if role not in ("client", "server", "slave", "master"):
        return Finding(f"memif has no role '{role}'", "give role=client or role=server")
    if arguments.get("socket-abstract", "yes") != "no":
        return None
    path = Path(arguments.get("socket", MEMIF_SOCKET))
    if not path.parent.is_dir():
        return Finding(f"memif's folder '{path.parent}' is not there",
                       f"make it: mkdir -p {path.parent}")  # fmt: skip
    if not os.access(path.parent, os.R_OK | os.W_OK):
        return Finding(
            f"this user may not make memif's socket in '{path.parent}'",
            f"run as root, or: chown {os.geteuid()} {path.parent}",
        )
    if path.exists():
        return Finding(
            f"another process serves memif's socket '{path}'",
            f"find it and end it: ss -xlp src {path}; or give socket= another name",
        )
    return None


def _virtio_user(name: str, arguments: dict[str, str], said: str, host: Host) -> Finding | None:
    path = arguments.get("path", "")
    if not path:
        return Finding(
            f"{name} names no other end", f"add it, as in dpdk:{name},path=/dev/vhost-net"
        )
    if not Path(path).exists():
        remedy = "load it: modprobe vhost-net" if path == "/dev/vhost-net" else "start its server"
        return Finding(f"virtio's other end '{path}' is not there", remedy)
    return None


def _privilege(name: str, said: str, host: Host) -> Finding | None:
    refused = ("not permitted" in said or "ermission denied" in said or not host.is_root)
    if not refused or _driver(name) not in ("net_af_packet", "net_af_xdp", "net_tap", "net_pcap"):
        return None
    return Finding(
        f"this user may not open {name}: {said.partition(': ')[2]}",
        f"run as root, or: setcap {CAPABILITIES}+ep $(readlink -f $(command -v python3))",
    )
