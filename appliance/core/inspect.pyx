"""Looks into an engine from outside the loop: for tests and tools, never for the data plane."""

from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from appliance.core.channel cimport (
    CHANNEL_PAYLOAD_BYTES_MAX, PLAN_NOTHING, ChannelPlan, channel_build, channel_plan, channel_sent,
)
from appliance.core.engine cimport Engine
from appliance.core.oms cimport OMS_DEAD, OmsOrder, oms_find

STATES = (
    "free", "pending_new", "live", "pending_replace", "pending_cancel", "replacement", "dead",
)
assert len(STATES) == OMS_DEAD + 1


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


def datagrams(Engine engine not None, now: int, limit: int = 1 << 20) -> list[bytes]:
    """The order channel's payloads that are due at ``now``, noted as sent: what the tile sends."""
    cdef uint8_t[CHANNEL_PAYLOAD_BYTES_MAX] payload
    cdef ChannelPlan plan
    cdef uint64_t at = now
    cdef uint32_t length
    sent = []
    while len(sent) < limit:
        channel_plan(&engine.engine.channel, at, &plan)
        if plan.kind == PLAN_NOTHING:
            break
        length = channel_build(&engine.engine.channel, &plan, payload, CHANNEL_PAYLOAD_BYTES_MAX)
        channel_sent(&engine.engine.channel, &plan, at)
        sent.append(<bytes>payload[:length])
    return sent


def end_session(Engine engine not None) -> None:
    """Lets the next datagram but those owed be an end of session."""
    engine.engine.channel.ending = 1


def channel_lost(Engine engine not None) -> bool:
    """Did the peer leave the last request for its messages unanswered?"""
    return engine.engine.channel.lost != 0


def halt(Engine engine not None) -> int:
    """Why the engine itself halts trading: a Kill, or 0."""
    return engine.engine.halt


def own_order(Engine engine not None, user_ref: int) -> OwnOrder | None:
    """One of our orders, dead ones included until their place is needed."""
    cdef OmsOrder *order = oms_find(&engine.engine.oms, user_ref)
    if order == NULL:
        return None
    return OwnOrder(order.user_ref, STATES[order.state], order.side, order.locate, order.price,
                    order.leaves, order.chain_filled)


def exposure(Engine engine not None, uint16_t locate) -> Exposure:
    """Position and open shares of a symbol."""
    own = &engine.engine.oms.symbols[locate]
    return Exposure(own.position, own.open_shares[0], own.open_shares[1])


def feed_position(Engine engine not None) -> FeedPosition:
    """Where the feed stands."""
    feed = &engine.engine.feed
    return FeedPosition(feed.expected, feed.highest, feed.end, feed.gap_since_ns)
