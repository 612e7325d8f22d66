from collections.abc import Iterable
from typing import NamedTuple

from typing_extensions import Buffer

RESULTS: tuple[str, ...]
SESSION_BYTES: int
COUNT_HEARTBEAT: int
COUNT_END: int

class Packet(NamedTuple):
    session: bytes
    sequence_number: int
    messages: list[bytes]
    end_of_session: bool

def parse(payload: Buffer) -> Packet: ...
def build(
    session: bytes, sequence_number: int, messages: Iterable[bytes], capacity: int = 1472
) -> bytes: ...
def header(session: bytes, sequence_number: int, message_count: int) -> bytes: ...
def is_request(payload: Buffer) -> bool: ...
