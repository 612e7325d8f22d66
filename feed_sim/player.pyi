
from typing_extensions import Buffer

from dpdk_bindings.env import StopWord
from dpdk_bindings.queue import Queue

class Player:
    messages: int
    packets: int
    too_long: int
    def __init__(
        self, queue: Queue, stop: StopWord, session: bytes, address: dict[str, str | int],
        rate: float, speed: float,
    ) -> None: ...
    def framed(self, content: Buffer) -> int: ...
    def frames(self, source_address: int, count_max: int) -> int: ...
    def finish(self, end_of_session: bool) -> None: ...
    @property
    def seconds(self) -> float: ...
    def pacing_error_ns(self) -> dict[str, int]: ...
