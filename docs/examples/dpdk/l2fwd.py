"""Forwards frames between two ports, or several in a ring, or back out of one.

python l2fwd.py net_ring0 net_ring1 --seconds 5"""

import time

import click

from dpdk_bindings import dpdk


@click.command(help=__doc__)
@click.argument("devices", nargs=-1, required=True)
@click.option("--seconds", type=float, default=10.0, show_default=True, help="How long.")
def main(devices: tuple[str, ...], seconds: float) -> None:
    ports = [dpdk.Port(device) for device in devices]
    macs = [bytes.fromhex("020000000001" + port.mac.replace(":", "")) for port in ports]
    forwarded, dropped, deadline = 0, 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        for i, source in enumerate(ports):
            target = (i + 1) % len(ports)
            with source.receive(count=256) as burst:
                burst.write(0, macs[target])  # to whoever is behind the target, and from it
                forwarded += ports[target].transmit(burst)
                dropped += len(burst)  # what it had no room for is still ours, and ends here
    print(f"forwarded {forwarded:,} frames, dropped {dropped:,}")


if __name__ == "__main__":
    main()
