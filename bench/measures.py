"""Which measures there are, and who contends in each.

A contender is a function ``(Settings) -> list[Row]``, named as "module:function". It runs in a
process of its own, once a round; Absent says that it cannot run here, SystemExit that it went
wrong. A measure's oracle is a function ``(Settings) -> dict[str, int]`` that runs once: counts of
the same names in a contender's rows must equal it, or its figures are refused. bench.oracle shares
no code with what is measured. Those of ``matching`` and ``venue`` are consistency checks: the same
core or venue, given one at a time; tests/sim/test_matching.py holds the core to a plain model.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """What is measured, by whom, and what the counts must be. A ``long`` one is not in `all`."""

    about: str
    contenders: tuple[str, ...]
    oracle: str = ""
    long: bool = False


MEASURES: dict[str, Measure] = {
    "hiccups": Measure("what the machine takes from a core that only reads the clock",
                       ("bench.hiccups:hiccups",)),
    "book": Measure("full books of all symbols and their best prices, over a whole day",
                    ("bench.book:ours", "bench.book:itch_book", "bench.apply:one_at_a_time"),
                    "bench.oracle:oracle"),
    "scale": Measure("the books' cost over symbols and over live orders",
                     ("bench.scale:symbols", "bench.scale:live_orders")),
    "day": Measure("a whole day of 27 times --messages, from the generator straight into the books",
                   ("bench.day:day",), long=True),
    "burst": Measure("a millisecond of a full 10 GbE into the running appliance",
                     ("bench.burst:burst",)),
    "decode": Measure("every field of every message, and a whole file to tables",
                      ("bench.decode:frames", "bench.decode:tables", "bench.decode:bbo",
                       "bench.decode:itch_book_messages", "bench.decode:itch_book_bbo",
                       "bench.decode:itchfeed"), "bench.oracle:oracle"),
    "parse": Measure("a memory queue between two processes to walked MoldUDP64",
                     ("bench.parse:parse",)),
    "share": Measure("what a frame costs more where a queue has two members",
                     ("bench.share:share",)),
    "loop": Measure("tick to trade, of the loop alone and of two processes over memory",
                    ("bench.loop:alone", "bench.loop:stations", "bench.loop:loop")),
    "roundtrip": Measure("feed in to ack out, the same two processes",
                         ("bench.roundtrip:roundtrip",)),
    "matching": Measure("the matching core alone, its reports read from memory",
                        ("bench.matching:matching",), "bench.matching:oracle"),
    "rings": Measure("the rings between two cores, beside a bare cache line",
                     ("bench.rings:rings",)),
    "venue": Measure("a whole venue on one core: OUCH in, matching, OUCH and ITCH out",
                     ("bench.venue:venue",), "bench.venue:oracle"),
    "strategies": Measure("a strategy in Python beside the same in Cython",
                          ("bench.strategies:strategies",)),
    "dpdk": Measure("bursts through pio.h against dpdk-testpmd", ("bench.dpdk:dpdk",)),
    "veth": Measure("a datagram there and back, and datagrams a second, over a veth pair",
                    ("bench.veth:udp", "bench.veth:afpacket", "bench.veth:afxdp_skb",
                     "bench.veth:afxdp_native", "bench.veth:afxdp_native_busy_polled",
                     "bench.veth:af_xdp_of_dpdk", "bench.veth:sockperf",
                     "bench.veth_rates:udp", "bench.veth_rates:afpacket", "bench.veth_rates:skb",
                     "bench.veth_rates:native", "bench.veth_rates:native_busy_polled",
                     "bench.veth_rates:skb_on_its_own_core", "bench.veth_rates:xdp_bench")),
    "live-dpdk": Measure("both latencies over DPDK's memif, beside memory",
                         ("bench.live_dpdk:live_dpdk",)),
}
