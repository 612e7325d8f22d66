from typing import TypedDict

WORST_MAX: int
CAUSE_NAMES: tuple[str, ...]

class Measured(TypedDict):
    started_ns: int  # since the Unix epoch
    elapsed_ns: int
    reads: int
    blind_ns: int
    preempted: int  # switches and page faults of the thread within the loop
    slept: int
    faults: int
    counts: dict[str, int]  # gaps by cause
    lost_ns: dict[str, int]
    worst: list[tuple[int, int, str]]  # ns from the start, ns, cause

def measure(
    hist_address: int,
    clock_address: int,
    stop_address: int,
    seconds: float,
    threshold_ns: int,
    worst_count: int,
) -> Measured: ...
