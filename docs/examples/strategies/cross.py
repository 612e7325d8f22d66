"""cross: takes when the spread is one tick and the touch leans hard to one side."""

from appliance.strategy import (
    ACCEPTED,
    IOC,
    ORDER,
    SENT,
    best_ask,
    best_bid,
    buy,
    sell,
    strategy,
)  # fmt: skip


@strategy(shares=100, threshold=800, spread_min=100, rest_ns=1_000_000,
          own={"rest_until_ns": 0, "waiting": 0})
def cross(event, view, own, my, intents):
    if event.kind == ORDER:
        if event.change != SENT and not (event.change == ACCEPTED and event.leaves):
            own.waiting = event.leaves != 0
            own.rest_until_ns = event.now_ns + my.rest_ns
        return
    if not view.live or own.waiting or event.now_ns < own.rest_until_ns:
        return
    bid, ask = best_bid(view), best_ask(view)
    if not bid.price or ask.price <= bid.price or ask.price - bid.price > my.spread_min:
        return
    lean, total = (bid.shares - ask.shares) * 1000, bid.shares + ask.shares
    if lean >= my.threshold * total:
        own.waiting = buy(intents, my.shares, ask.price, IOC)
    elif lean <= -my.threshold * total:
        own.waiting = sell(intents, my.shares, bid.price, IOC)
