"""Counts what a port receives, by Ethernet type, once a second; no frame is looked at singly.

python count.py net_null0 --seconds 3
"""

import time
from collections import Counter

import click
import numpy as np

from dpdk_bindings import dpdk


@click.command(help=__doc__)
@click.argument("device")
@click.option("--seconds", type=float, default=10.0, show_default=True, help="How long.")
@click.option("--count", type=int, default=0, help="Stop after so many frames; 0: do not.")
@click.option("--queues", type=int, default=1, show_default=True, help="Spread over, by RSS.")
def main(device: str, seconds: float, count: int, queues: int) -> None:
    frames = octets = last = 0
    types: Counter[int] = Counter()
    with dpdk.Port(device, queues=queues) as port:
        began = reported = time.monotonic()
        while (now := time.monotonic()) < began + seconds and not 0 < count <= frames:
            for queue in range(queues):
                with port.receive(queue, count=256) as burst:
                    if not burst:
                        continue
                    frames += len(burst)
                    octets += int(burst.lengths.sum())
                    ethertypes = burst.read(12, 2).view(">u2")[:, 0]
                    types.update(dict(zip(*np.unique(ethertypes, return_counts=True), strict=True)))
            if now >= reported + 1.0:
                print(f"{(frames - last) / (now - reported) / 1e6:8.3f} M frames/s", flush=True)
                last, reported = frames, now
        missed = port.stats()["rx_missed"]
    print(f"{frames:,} frames, {octets:,} bytes, {missed:,} missed by the device")
    for ethertype, seen in types.most_common():
        print(f"  0x{ethertype:04x}  {seen:,}")


if __name__ == "__main__":
    main()
