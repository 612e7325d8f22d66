"""Writes what a port receives to a capture file that tcpdump and Wireshark read.

python pcapdump.py net_null0 out.pcap --count 1000
"""

import struct
import time
from pathlib import Path

import click

from dpdk_bindings import dpdk

# Of the format with times in ns: magic, version 2.4, and Ethernet frames up to 65,535 bytes.
HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)


@click.command(help=__doc__)
@click.argument("device")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seconds", type=float, default=10.0, show_default=True, help="How long.")
@click.option("--count", type=int, default=0, help="Stop after so many frames; 0: do not.")
@click.option("--hardware-timestamps", is_flag=True, help="The device's clock, if it has one.")
def main(device: str, file: Path, seconds: float, count: int, hardware_timestamps: bool) -> None:
    written = 0
    with (
        dpdk.Port(device, hardware_timestamps=hardware_timestamps) as port,
        file.open("wb") as out,
    ):
        out.write(HEADER)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not 0 < count <= written:
            room = min(256, count - written) if count else 256
            with port.receive(count=room) as burst:
                now_ns = time.time_ns()
                for frame, device_ns in zip(burst, burst.timestamps_ns, strict=True):
                    seconds_, ns = divmod(int(device_ns) or now_ns, 1_000_000_000)
                    out.write(struct.pack("<IIII", seconds_, ns, len(frame), len(frame)))
                    out.write(frame)  # straight from the device's memory
                written += len(burst)
    print(f"wrote {written:,} frames to {file}")


if __name__ == "__main__":
    main()
