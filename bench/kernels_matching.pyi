from feed_sim.exchange.matching import Matching

ORDERS_MAX: int
REPORTS_MAX: int
LIVE: dict[str, int]

class Operations:
    count: int
    expected: dict[str, int]
    def __init__(self, scenario: str, count: int, seed: int) -> None: ...
    def __getitem__(self, i: int) -> tuple[str, tuple[int | str, ...], int]: ...

def core_for(count: int) -> Matching: ...
def run(
    operations: Operations, core: Matching, clock_address: int
) -> tuple[int, dict[str, int]]: ...
def run_each(
    operations: Operations, core: Matching, clock_address: int, hist_address: int
) -> tuple[int, dict[str, int]]: ...
