"""Every metric of the appliance, once (R7).

From this list come the counter indices the loop uses (``csrc/state.h``), the Prometheus families,
``appliance status``, and ``docs/metrics.md``. Naming: a counter is the plural of what it counts and
ends in what happened to it; a drop or a refusal is one family with the reason as its label, so that
each way to lose something has its own number (R4). Histograms are in ns.

``python -m appliance.generate`` writes what is derived from this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True)
class Metric:
    """One 64-bit word of the shared segment."""

    name: str  # the word's own name, unique; C_<NAME> in csrc/state.h
    family: str  # Prometheus family without the "tickpath_" prefix
    help: str
    kind: Kind = "counter"
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timer:
    """One HDR histogram of the shared segment, in ns."""

    name: str  # H_<NAME> in csrc/state.h
    help: str
    station: bool = False  # recorded only with [engine] stations, and shown only when recorded


def _family(
    family: str, help: str, label: str, values: str, prefix: str, kind: Kind = "counter"
) -> list[Metric]:
    return [
        Metric(f"{prefix}_{value}", family, help, kind, {label: value}) for value in values.split()
    ]


# The order of the next three follows the enums of itch_ouch (net.pxd, mold.pxd) and of
# appliance/core/risk.pxd; tests/unit/test_state.py compares them.
NET_DROPS = (
    "runt ethertype ip_version ip_header ip_length ip_checksum fragment protocol udp_length "
    "udp_checksum"
)
MOLD_DROPS = "runt count block trailing sequence"
RISK_REASONS = (
    "killed book_state collar size notional rate position not_ready table_full no_order state"
)
ROLES = ("feed_a", "feed_b", "orders")

QUEUE_DROPS = "rx_missed rx_oversize rx_truncated rx_malformed tx_oversize tx_error"


def _queue_drops() -> list[Metric]:
    help = "Frames that a queue lost, as its backend counts them."
    return [
        Metric(f"queue_drop_{role}_{reason}", "queue_drops_total", help,
               labels={"role": role, "reason": reason})
        for role in ROLES
        for reason in QUEUE_DROPS.split()
    ]


METRICS: list[Metric] = [
    Metric("loops", "loops_total", "Times the loop went round."),
    Metric("loops_busy", "loops_busy_total", "Loops that received at least one frame."),
    *_family("rx_frames_total", "Frames received.", "role", " ".join(ROLES), "rx_frames"),
    *_family("rx_bytes_total", "Bytes received.", "role", " ".join(ROLES), "rx_bytes"),
    Metric("tx_frames", "tx_frames_total", "Frames handed to the order queue."),
    Metric("tx_deferred", "tx_deferred_total", "Sends put off to the next loop: queue full."),
    *_queue_drops(),
    *_family("queue_link", "A queue's link: 0 down (or no such queue), 1 up, 2 gone for good.",
             "role", " ".join(ROLES), "queue_link", "gauge"),
    *_family(
        "net_drops_total",
        "Frames refused by the Ethernet, IPv4 or UDP checks.",
        "reason",
        NET_DROPS,
        "net_drop",
    ),
    Metric("net_drop_address", "net_drops_total", "", labels={"reason": "address"}),
    *_family(
        "mold_drops_total",
        "Datagrams refused by the MoldUDP64 checks.",
        "reason",
        MOLD_DROPS,
        "mold_drop",
    ),
    Metric(
        "mold_drop_session", "mold_drops_total", "", labels={"reason": "session"}
    ),
    Metric("itch_drop_length", "itch_drops_total", "Datagrams refused by the ITCH checks.",
           labels={"reason": "length"}),
    Metric("itch_empty", "itch_unknown_messages_total", "", labels={"type": "empty"}),
    Metric("itch_unknown", "itch_unknown_messages_total", "Messages of a type not in ITCH 5.0.",
           labels={"type": "unknown"}),
    Metric("feed_messages", "feed_messages_total", "ITCH messages applied, in sequence."),
    *_family("feed_wins_total", "Messages that a line brought first.", "line", "a b", "feed_wins"),
    *_family(
        "feed_duplicates_total",
        "Messages a line brought again.",
        "line",
        "a b",
        "feed_duplicates",
    ),
    *_family("feed_gaps_total", "Gaps seen on a line.", "line", "a b", "feed_gaps"),
    Metric("feed_buffered", "feed_buffered_total", "Messages held back behind a gap."),
    Metric("feed_buffer_full", "feed_buffer_drops_total",
           "Messages not held back: the reorder buffer had no room.", labels={"reason": "full"}),
    Metric("feed_buffer_oversize", "feed_buffer_drops_total", "", labels={"reason": "oversize"}),
    Metric("feed_gaps_filled", "feed_gaps_filled_total", "Gaps that the other line filled."),
    Metric("feed_lost", "feed_lost_messages_total", "Messages that no line brought in time."),
    Metric("feed_sessions", "feed_sessions_total", "MoldUDP64 sessions begun."),
    Metric("feed_state", "feed_state", "0 waiting, 1 live, 2 stale, 3 ended.", "gauge"),
    Metric("feed_sequence", "feed_sequence", "Next sequence number expected.", "gauge"),
    Metric("feed_gap_open", "feed_gap_open", "1 while a gap is open.", "gauge"),
    Metric("bbo_changes", "book_bbo_changes_total", "Best price or its size changed on a side."),
    Metric("book_missing_reference", "book_errors_total", "Messages the book could not apply.",
           labels={"reason": "missing_reference"}),
    *_family(
        "book_errors_total",
        "",
        "reason",
        "duplicate_reference over_reduced zero_shares unknown_side orders_full levels_full",
        "book",
    ),
    Metric("live_orders", "book_orders", "Orders in the books.", "gauge"),
    Metric("levels", "book_levels", "Price levels in the books.", "gauge"),
    Metric("strategy_events", "strategy_events_total", "Times the strategy was called."),
    Metric("strategy_intents", "strategy_intents_total", "What the strategy asked for."),
    Metric("strategy_overflow", "strategy_overflows_total",
           "Rounds of intents cut short by their bound."),
    *_family(
        "risk_rejects_total", "Intents refused before sending.", "reason", RISK_REASONS, "risk"
    ),
    *_family(
        "orders_sent_total",
        "OUCH messages handed over for sending.",
        "action",
        "new replace cancel",
        "sent",
    ),
    *_family(
        "orders_answered_total",
        "OUCH messages received.",
        "answer",
        "accepted rejected replaced canceled executed cancel_rejected other",
        "answer",
    ),
    Metric("orders_voided", "orders_voided_total", "Orders that a kill overtook before they left."),
    Metric("filled_shares", "filled_shares_total", "Shares executed."),
    Metric("orders_filled", "orders_filled_total", "Orders executed to their last share."),
    Metric("oms_invalid", "oms_invalid_total", "Answers that the order's state does not allow."),
    Metric("oms_unknown", "oms_unknown_total", "Answers to orders we do not know."),
    Metric("orders_open", "orders_open", "Orders live or awaiting an answer.", "gauge"),
    Metric("orders_pending", "orders_pending", "Orders awaiting their first answer.", "gauge"),
    Metric("ouch_drop_malformed", "ouch_drops_total", "OUCH messages refused.",
           labels={"reason": "malformed"}),
    *_family(
        "channel_drops_total",
        "Datagrams of the order channel not taken.",
        "reason",
        "session duplicate gap",
        "channel_drop",
    ),
    Metric("channel_rx_messages", "channel_messages_total", "Messages of the order channel.",
           labels={"direction": "in"}),
    Metric("channel_tx_messages", "channel_messages_total", "", labels={"direction": "out"}),
    Metric("channel_requests_sent", "channel_requests_total", "Requests for lost messages.",
           labels={"direction": "out"}),
    Metric("channel_requests_served", "channel_requests_total", "", labels={"direction": "in"}),
    Metric("channel_unservable", "channel_unservable_total",
           "Messages asked for again and no longer kept."),
    Metric("channel_resent", "channel_resent_total", "Messages sent again on request."),
    Metric("journal_records", "journal_records_total", "Records committed to the journal ring."),
    Metric("journal_full", "journal_full_total", "Records the journal ring had no room for."),
    Metric("kills", "kills_total", "Times the kill word was seen set."),
    Metric("killed", "killed", "The kill word: 0 armed, else the reason's number.", "gauge"),
    Metric("ready", "orders_ready", "1 when the venue told our next UserRefNum.", "gauge"),
    Metric("checkpoints", "checkpoints_total", "Book digests taken."),
]

TIMERS: list[Timer] = [
    Timer("tick_to_trade", "Frame received to the order it caused handed to the queue."),
    Timer("feed_to_ack", "Frame received to the venue's answer received to the order it caused."),
    Timer("order_to_ack", "Order handed to the queue to its answer received."),
    Timer("loop_busy", "One turn of the loop that received at least one frame."),
    # In the order in which a tick passes them (csrc/stations.h).
    Timer("station_receive", "rx_burst, of a turn that received.", True),
    Timer("station_record", "A burst's frames into the journal ring.", True),
    Timer("station_net", "Ethernet, IPv4 and UDP of a frame.", True),
    Timer("station_mold", "A datagram checked and put into sequence.", True),
    Timer("station_book", "A message applied, and the best prices published.", True),
    Timer("station_strategy", "A call of the strategy.", True),
    Timer("station_risk", "An intent checked.", True),
    Timer("station_oms", "An order entered into our own tables.", True),
    Timer("station_ouch", "An order encoded.", True),
    Timer("station_journal", "A turn's orders into the journal ring.", True),
    Timer("station_frame", "A datagram of orders made in a lent frame.", True),
    Timer("station_send", "tx_burst of a datagram of orders.", True),
    Timer("station_release", "A burst given back, and the queues served.", True),
]


@dataclass(frozen=True)
class Extra:
    """What the exporter says beside the words of the segment."""

    family: str
    kind: Literal["gauge", "info"]
    labels: tuple[str, ...]
    help: str


EXTRAS: list[Extra] = [
    Extra("up", "gauge", (), "1 while the engine's heartbeat is younger than 5 s."),
    Extra("heartbeat_age_seconds", "gauge", (), "Since the loop last published its counters."),
    Extra("start_time_seconds", "gauge", (), "When the engine started, since the Unix epoch."),
    Extra("engine", "info", ("name", "strategy", "pid"), "Which engine this is."),
    Extra("queue", "info", ("role", "backend", "mode"),
          "Backend and mode really obtained for each queue."),
    Extra("device_statistic", "gauge", ("role", "name"),
          "What the device behind a queue counts, by its own name for it; of DPDK's devices, about "
          "once a second; of an afxdp queue its own, as busy_polled and rx_unstamped."),
    Extra("kill", "info", ("word", "reason"), "Why trading is halted; word \"armed\": it is not."),
]

# Upper bounds of the exported histograms' buckets: 1, 2, 5 from 100 ns to 10 s. The loop's own
# histograms are finer (three digits); these are what a dashboard needs.
BUCKETS_NS: list[int] = [
    step * 10**power for power in range(2, 10) for step in (1, 2, 5)
] + [10**10]

COUNTER_INDEX = {metric.name: i for i, metric in enumerate(METRICS)}
LATENCIES = [timer for timer in TIMERS if not timer.station]
TIMER_INDEX = {timer.name: i for i, timer in enumerate(TIMERS)}
