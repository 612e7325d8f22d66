"""Run with count_malloc.so preloaded: allocator calls and page faults of loops of two lengths.

Prints "CALLS FAULTS MESSAGES" for a run of the loop with few messages and for one with many. The
loop allocates nothing if the calls are the same: what remains is Python's entering and leaving it.
"""

from __future__ import annotations

import ctypes
import resource
import sys
import tempfile
from pathlib import Path

from packet_rig import Rig
from test_packets import accepted, add, directory, start


def faults() -> int:
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_minflt + usage.ru_majflt


def main() -> None:
    calls = ctypes.CDLL(None).allocator_calls
    calls.restype = ctypes.c_ulong
    with tempfile.TemporaryDirectory() as folder, Rig(
        '[strategy]\nname="quote"\nshares=100\n', Path(folder), populate=True
    ) as rig:
        start(rig)
        rig.feed(directory(), add(1, b"B", 300, 99_9900), add(2, b"S", 500, 100_0100))
        rig.venue(accepted(41, b"B", 100, 99_9900, 3), accepted(42, b"S", 100, 100_0100, 4))
        reference = 10
        for count in (1, 1, 40):
            for _ in range(count):
                messages = [add(reference + i, b"B", 100, 99_0000 - 100 * ((reference + i) % 50))
                            for i in range(10)]
                reference += 10
                rig.queue_feed(*messages)
            before_faults, before = faults(), calls()
            rig.run()
            after, after_faults = calls(), faults()
            print(after - before, after_faults - before_faults, count * 10)


if __name__ == "__main__":
    main()
    sys.exit(0)
