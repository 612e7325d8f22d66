# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""A whole venue in one loop on one core: orders in, matching, answers and feed out.

`_turn` is the loop's body and reads as the product: take orders, answer them, let the background
act as far as its pace allows, send the feed. The clock is read once a turn, and once more in turns
that answered orders, to time the answers. The order of everything that happens is decided here,
so the feed, the answers and the book can never tell different stories.
"""

import json
from pathlib import Path

from libc.stdint cimport uint32_t, uint64_t

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record
from dpdk_bindings.pio cimport PIO_ABI, pio_queue
from feed_sim.exchange.checkpoint cimport (
    checkpoint_take, checkpoints_free, checkpoints_init, checkpoints_rows,
)
from feed_sim.exchange.gateway cimport (
    GATEWAY_COUNTERS, GATEWAY_ORDERS, gateway_event, gateway_flush, gateway_free, gateway_init,
    gateway_poll, gateway_settle,
)
from feed_sim.exchange.matching cimport Matching, match_live_orders
from feed_sim.exchange.publisher cimport (
    ITCH_SLOT_BYTES, SymbolTable, line_init, line_say, line_service, publish_event,
    publish_opening, store_free, store_new,
)
from feed_sim.flow cimport Flow, flow_exponential, flow_step
from itch_ouch.wire cimport MOLD_COUNT_END

from dpdk_bindings import configure_dpdk, open_queue
from dpdk_bindings.afxdp import steered
from dpdk_bindings.env import Clock, Histogram, StopWord, core_facts, pin_to_core
from feed_sim.exchange.gateway import COUNTERS
from feed_sim.flow import symbol_names

# Made-up market participants of attributed orders; the first stands for the client.
MPIDS = ["TICK", "BBMM", "CCMM", "DDMM", "EEMM", "FFMM", "GGMM", "HHMM"]

cdef enum:
    # What the feed keeps for slow lines: 64 MiB, and more than any opening takes.
    FEED_RETAINED = 1 << 20
    # Orders that clients may have resting beside the background's.
    CLIENT_ORDERS_MAX = 1 << 18
    REPORTS_MAX = 1 << 12
    # Operations of the background in one turn: clients wait no longer than these take.
    FLOW_STEPS_MAX = 32
    # After the closing: how long lines may take to catch up, and how the end is repeated.
    DRAIN_NS = 300000000
    END_REPEATS = 5
    END_INTERVAL_NS = 20000000

# Orders ever entered; the index takes 4 bytes for each once it is reached.
REFERENCES_MAX = 1 << 30
NS = 1_000_000_000


cdef class Venue:
    """One exchange, made from a ``config.Config``; ``run`` once, then ``summary``."""

    def __cinit__(self, config):
        exchange, flow = config.exchange, config.flow
        names = exchange.symbols
        if isinstance(names, int):
            names = symbol_names(names, exchange.seed)
        if exchange.core >= 0:
            core_facts(exchange.core)  # says so when there is no such core
        orders_max = flow.live_orders + flow.live_orders // 4 + CLIENT_ORDERS_MAX
        self.config = config
        self.core = Matching(len(names), orders_max, min(orders_max, (1 << 27) - 1), REPORTS_MAX,
                             REFERENCES_MAX)
        self.flow = Flow(self.core, len(names), exchange.seed, flow.live_orders)
        self.symbols = SymbolTable(names, MPIDS)
        self.feed = store_new(FEED_RETAINED, ITCH_SLOT_BYTES)
        checkpoints_init(&self.checkpoints, exchange.checkpoint_every, len(names))
        self.pacing, self.answering = Histogram(), Histogram()
        self.pacing_hist = <tp_hist *><size_t>self.pacing.address
        self.answer_hist = <tp_hist *><size_t>self.answering.address
        self.gap_q8 = 256 * NS // flow.messages_per_s if flow.messages_per_s else 0
        hours, minutes, seconds = map(int, exchange.start_at.split(":"))
        self.feed_epoch_ns = ((hours * 60 + minutes) * 60 + seconds) * NS
        self.queues, self.queue_modes = {}, {}
        self._open(config)
        self.clock = Clock()
        self.clock_c = <const tp_clock *><size_t>self.clock.address

    def __dealloc__(self):
        store_free(self.feed)
        gateway_free(&self.gateway)
        checkpoints_free(&self.checkpoints)

    def _open(self, config):
        """Opens every queue or none; once what several name."""
        feed, orders = config.feed, config.orders
        cdef pio_queue *queue = NULL
        names = list(dict.fromkeys(
            name for name in (feed.line_a, feed.line_b, orders.queue) if name))
        try:
            configure_dpdk(names, config.dpdk, config.exchange.core)
            for name in names:
                self.queues[name] = open_queue(steered(name, [(orders.address, orders.port)]))
                self.queue_modes[name] = self.queues[name].mode
                if self.queues[name].abi != PIO_ABI:
                    raise RuntimeError("the packet bindings are of another build; build again")
            for letter, name in (("a", feed.line_a), ("b", feed.line_b)):
                if name:
                    queue = <pio_queue *><size_t>self.queues[name].address
                    line_init(&self.lines[self.line_count], queue, feed.session.encode("ascii"), {
                        "source": getattr(feed, f"{letter}_source"),
                        "destination": getattr(feed, f"{letter}_group"),
                        "port": getattr(feed, f"{letter}_port"),
                    })
                    self.line_count += 1
            queue = NULL
            if orders.queue:
                queue = <pio_queue *><size_t>self.queues[orders.queue].address
            gateway_init(&self.gateway, self.core.core, self.feed, &self.symbols.table,
                         &self.checkpoints, queue, orders.session.encode("ascii"),
                         {"address": orders.address, "port": orders.port})
        except BaseException:
            self.close()
            raise

    @property
    def modes(self):
        """What each queue really is, by its name: "shared", "copy", ..."""
        return dict(self.queue_modes)

    def progress(self):
        """Messages published, orders taken and orders resting, as of now; for another thread."""
        return (self.feed.next_sequence - 1, self.gateway.counts[GATEWAY_ORDERS],
                match_live_orders(self.core.core))

    def close(self):
        """Closes the queues; the summary stays."""
        for queue in self.queues.values():
            queue.close()

    cdef uint64_t _now(self) noexcept nogil:
        return tp_clock_now(self.clock_c)

    cdef uint64_t _timestamp(self, uint64_t now_ns) noexcept nogil:
        """The feed's own clock: ns since midnight of the trading day."""
        return self.feed_epoch_ns + (now_ns - self.start_ns)

    cdef void _background(self, uint64_t now_ns, uint64_t timestamp) noexcept nogil:
        """Operations that are due. The next is due an exponential gap later for each message."""
        cdef uint64_t elapsed_q8 = (now_ns - self.opened_ns) << 8, before, made
        cdef uint32_t i
        for i in range(FLOW_STEPS_MAX):
            if self.due_q8 > elapsed_q8:
                break
            tp_hist_record(self.pacing_hist, (elapsed_q8 - self.due_q8) >> 8)
            before = self.feed.next_sequence
            flow_step(&self.flow.flow)
            gateway_settle(&self.gateway, timestamp)
            made = self.feed.next_sequence - before
            self.flow_messages += made
            self.due_q8 += flow_exponential(&self.flow.flow, self.gap_q8) * made

    cdef uint64_t _turn(self, bint background) noexcept nogil:
        """One turn of the loop; returns the time it read."""
        cdef uint64_t now_ns = self._now(), timestamp = self._timestamp(now_ns), took_ns
        cdef uint32_t taken = gateway_poll(&self.gateway, now_ns, timestamp), i
        gateway_flush(&self.gateway, now_ns)
        if taken:
            took_ns = self._now() - now_ns
            for i in range(taken):
                tp_hist_record(self.answer_hist, took_ns)
        if background and self.gap_q8:
            self._background(now_ns, timestamp)
        for i in range(self.line_count):
            line_service(&self.lines[i], self.feed, now_ns)
        return now_ns

    cdef bint _behind(self) noexcept nogil:
        """Whether something made is not sent yet."""
        cdef uint32_t i
        for i in range(self.line_count):
            if self.lines[i].next_sequence < self.feed.next_sequence:
                return True
        return self.gateway.joined and (
            self.gateway.out.next_sequence < self.gateway.answers.next_sequence)

    cdef void _until(self, uint64_t end_ns, bint background) noexcept nogil:
        """Turns until a time, or for ever when it is 0; a signal ends either."""
        cdef uint64_t now_ns = 0
        while not self.stop_word[0]:
            now_ns = self._turn(background)
            if end_ns and now_ns >= end_ns:
                return

    cdef void _end(self) noexcept nogil:
        """The last checkpoint, the closing, and the end of every stream, repeated."""
        cdef uint64_t now_ns = self._now(), timestamp = self._timestamp(now_ns), end_ns
        cdef uint32_t i, repeat
        self.gateway.market_open = False
        if self.checkpoints.every:
            checkpoint_take(&self.checkpoints, self.core.core, self.feed.next_sequence - 1)
        publish_event(self.feed, c"M", timestamp)
        publish_event(self.feed, c"E", timestamp)
        publish_event(self.feed, c"C", timestamp)
        gateway_event(&self.gateway, c"E", timestamp)
        end_ns = now_ns + DRAIN_NS
        now_ns = self._turn(False)
        while self._behind() and now_ns < end_ns:
            now_ns = self._turn(False)
        for repeat in range(END_REPEATS):
            for i in range(self.line_count):
                line_say(&self.lines[i], self.feed.next_sequence, MOLD_COUNT_END, now_ns)
            if self.gateway.joined:
                line_say(&self.gateway.out, self.gateway.answers.next_sequence, MOLD_COUNT_END,
                         now_ns)
            end_ns = now_ns + END_INTERVAL_NS
            while now_ns < end_ns:
                now_ns = self._turn(False)

    cdef void _begin(self, uint64_t now_ns) noexcept nogil:
        """The opening."""
        self.opened_ns = now_ns
        publish_opening(self.feed, &self.symbols.table, self._timestamp(now_ns))
        self.gateway.market_open = True

    cdef void _run(self, uint64_t wait_ns, uint64_t run_ns, uint64_t quiet_ns) noexcept nogil:
        cdef uint64_t now_ns = self._now()
        self.start_ns = now_ns
        while (self.gateway.queue != NULL and not self.gateway.joined and not self.stop_word[0]
                and now_ns < self.start_ns + wait_ns):
            now_ns = self._turn(False)
        self._begin(now_ns)
        self._until(now_ns + run_ns if run_ns else 0, True)
        self.closed_ns = self._now()
        if quiet_ns and not self.stop_word[0]:
            self._until(self.closed_ns + quiet_ns, False)
        self._end()

    def run(self, seconds=None):
        """Runs to the end of its time, or until SIGINT or SIGTERM; closes the queues."""
        exchange = self.config.exchange
        seconds = exchange.seconds if seconds is None else seconds
        cdef uint64_t wait_ns = int(exchange.wait_s * NS), run_ns = int(seconds * NS)
        cdef uint64_t quiet_ns = exchange.quiet_ms * 1_000_000
        if exchange.core >= 0:
            pin_to_core(exchange.core)
        try:
            with StopWord() as stop:
                self.stop = stop
                self.stop_word = <volatile uint32_t *><size_t>stop.address
                with nogil:
                    self._run(wait_ns, run_ns, quiet_ns)
        finally:
            self.close()
        if exchange.checkpoints and self.checkpoints.every:
            with Path(exchange.checkpoints).open("w", encoding="ascii") as stream:
                for row in checkpoints_rows(&self.checkpoints):
                    stream.write(json.dumps(row) + "\n")
        return self.summary()

    def summary(self):
        """What happened, for JSON."""
        ran_s = max(self.closed_ns - self.opened_ns, 1) / NS
        counts = {COUNTERS[i]: self.gateway.counts[i] for i in range(GATEWAY_COUNTERS)}
        lines = {}
        for i in range(self.line_count):
            line = &self.lines[i]
            lines["ab"[i]] = {
                "packets": line.packets,
                "messages": line.messages,
                "heartbeats": line.heartbeats,
                "stalls": line.stalls,
                "overrun_messages": line.overrun_messages,
            }
        return {
            "name": self.config.exchange.name,
            "stopped_by_signal": int(self.stop.value),
            "seconds": round(ran_s, 6),
            "sequence": self.feed.next_sequence - 1,
            "by_type": {chr(i): self.feed.type_counts[i] for i in range(256)
                        if self.feed.type_counts[i]},
            "messages_per_s": round(self.flow_messages / ran_s),
            "queues": self.modes,
            "lines": lines,
            "live_orders": match_live_orders(self.core.core),
            "flow_refused": self.flow.flow.refused,
            "orders": {k: v for k, v in counts.items() if not k.startswith("drop_")},
            "answers": self.gateway.answers.next_sequence - 1,
            "answers_resent": self.gateway.out.resent,
            "drops": {k.removeprefix("drop_"): v for k, v in counts.items()
                      if k.startswith("drop_")},
            "checkpoints": self.checkpoints.count,
            "checkpoints_not_kept": self.checkpoints.not_kept,
            "pacing_error_ns": self.pacing.summary(),
            "order_to_answer_ns": self.answering.summary(),
        }
