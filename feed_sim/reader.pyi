from typing import Any

from typing_extensions import Buffer

class Scan:
    messages: int
    empty: int
    offset: int
    frames_seen: int
    not_udp: int
    not_mold: int
    requests: int
    streams_dropped: int
    bad_lengths: int
    problem: str | None
    ended: bool
    @property
    def by_type(self) -> dict[str, int]: ...
    @property
    def span_ns(self) -> tuple[int, int] | None: ...
    @property
    def symbol_count(self) -> int: ...
    def framed(self, content: Buffer, last: bool) -> int: ...
    def stop(self, problem: str, offset: int | None = None) -> None: ...
    def frames(self, queue_address: int, count_max: int) -> int: ...
    def most_active(self, count: int) -> list[tuple[int, str, int]]: ...
    def streams(self) -> list[dict[str, Any]]: ...
