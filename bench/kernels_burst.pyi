from typing import Any

from appliance.core.engine import Engine

FRAME_BYTES: int

def pack(
    engine: Engine, data: Any, sequence: int, frames: Any, lengths: Any, ends: Any
) -> int: ...
def send(
    tx_address: int, clock_address: int, frames: Any, lengths: Any, ends: Any, first: int,
    count: int, start_ns: int, ns_per_message: float,
) -> tuple[int, int]: ...
def applied(engine: Engine, messages: int, clock_address: int) -> int: ...
