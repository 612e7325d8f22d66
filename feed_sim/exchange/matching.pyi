from typing import NamedTuple

class Report(NamedTuple):
    type: str
    locate: int
    side: int
    reference: int
    shares: int
    price: int
    other_reference: int
    match_number: int
    reason: str
    result: str
    tag: int
    other_tag: int

class Resting(NamedTuple):
    reference: int
    locate: int
    side: int
    price: int
    shares: int
    executed: int
    tag: int

class Level(NamedTuple):
    price: int
    shares: int
    order_count: int

class Matching:
    live_orders: int
    live_levels: int
    next_reference: int
    def __init__(
        self,
        symbols_max: int = 1,
        orders_max: int = 65536,
        levels_max: int = 65536,
        reports_max: int = 65536,
        references_max: int = 1048576,
    ) -> None: ...
    def submit(
        self, locate: int, side: int, shares: int, price: int, life: str = "day",
        market: bool = False, post_only: bool = False, tag: int = 0,
    ) -> tuple[str, list[Report]]: ...
    def cancel(self, reference: int, total: int = 0) -> tuple[str, list[Report]]: ...
    def replace(
        self, reference: int, shares: int, price: int, life: str = "day",
        market: bool = False, post_only: bool = False, tag: int = 0,
    ) -> tuple[str, list[Report]]: ...
    def find(self, reference: int) -> Resting | None: ...
    def orders(self) -> list[Resting]: ...
    def levels(self, locate: int, side: int) -> list[Level]: ...
    def queue(self, locate: int, side: int, rank: int) -> list[int]: ...
    def check(self) -> int: ...
