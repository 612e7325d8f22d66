from typing import NamedTuple

from appliance.core.engine import Engine

STATES: tuple[str, ...]

class OwnOrder(NamedTuple):
    user_ref: int
    state: str
    side: int
    locate: int
    price: int
    leaves: int
    chain_filled: int

class Exposure(NamedTuple):
    position: int
    open_buy_shares: int
    open_sell_shares: int

class FeedPosition(NamedTuple):
    expected: int
    highest: int
    end: int
    gap_since_ns: int

def datagrams(engine: Engine, now: int, limit: int = 1 << 20) -> list[bytes]: ...
def end_session(engine: Engine) -> None: ...
def channel_lost(engine: Engine) -> bool: ...
def halt(engine: Engine) -> int: ...
def own_order(engine: Engine, user_ref: int) -> OwnOrder | None: ...
def exposure(engine: Engine, locate: int) -> Exposure: ...
def feed_position(engine: Engine) -> FeedPosition: ...
