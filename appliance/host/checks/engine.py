"""A running engine, looked at from outside: nothing of it is mapped, stopped or asked.

What it counts is in its segment (``appliance/state.py``); what the kernel does to it is in /proc.
"""

from __future__ import annotations

import os

from appliance.host.case import Case
from appliance.host.check import Finding, Unknown, absent, bad, check, ok, warn
from appliance.host.cpus import format_list, parse_list
from appliance.queue_names import queue_names
from appliance.state import FEED_STATES

HEARTBEAT_S_MAX = 1.0  # the loop beats every 256 turns: microseconds
SWITCHES_PER_S_MAX = 0.1


def _status(case: Case, key: str) -> str:
    value = case.status(case.engine.pid).get(key, "")
    if not value:
        raise Unknown(case.host.why_not(f"/proc/{case.engine.pid}/status"))
    return value


def _counter(case: Case, name: str) -> int:
    counters = case.engine.counters
    if name not in counters:
        raise Unknown("the engine is of another version")
    return counters[name]


def _age_s(case: Case) -> float:
    """How long the process of the engine lives."""
    stat = case.text(f"/proc/{case.engine.pid}/stat").rpartition(")")[2].split()
    return max(1.0, case.uptime_s - int(stat[19]) / 100)


@check("engine.heartbeat", "critical", f"younger than {HEARTBEAT_S_MAX:.0f} s",
       "The loop beats thousands of times a second. If it does not, it hangs or is stopped, and "
       "its orders rest at the venue unwatched.",
       "appliance kill; look at `appliance status` and the journal of the unit; restart it")
def heartbeat(case: Case) -> Finding:
    beat_s = case.engine.heartbeat_ns / 1e9
    age = max(0.0, case.machine.now_s() - beat_s)
    said = f"{age:.3f} s"
    return bad(said) if age > HEARTBEAT_S_MAX else ok(said)


@check("engine.trading", "major", "armed",
       "A halted engine follows the feed and sends no order, until an operator arms it.",
       "appliance status says why it halted; then: appliance arm")
def trading(case: Case) -> Finding:
    engine = case.engine
    return bad(f"halted: {engine.kill}") if engine.kill else ok("armed")


@check("engine.feed", "major", "live",
       "From a book that is behind no order is sent.",
       "appliance status tells the gap; look at the lines and at network.drops")
def feed(case: Case) -> Finding:
    word = _counter(case, "feed_state")
    state = FEED_STATES[word] if word < len(FEED_STATES) else str(word)
    if state == "live":
        return ok(state)
    # Before the session begins and after its end there is nothing to be behind of.
    return bad(state) if state == "stale" else warn(state)


@check("engine.journal", "critical", "no error",
       "When the journal cannot be written, or its ring is full, trading is halted.",
       "see storage.*; give [journal] ring_mib more room, or a faster disk")
def journal(case: Case) -> Finding:
    number, full = case.engine.journal_errno, _counter(case, "journal_full")
    if number:
        return bad(os.strerror(number))
    return bad("the ring was full") if full else ok("no error")


@check("engine.queues", "major", "the backend and mode that the configuration demands",
       "A queue that fell back to copying is slower, and nothing else shows it.",
       "appliance backends says what this host can; [engine] require makes it mandatory")
def queues(case: Case) -> Finding:
    obtained = {role: case.engine.queues.get(role, "") for role in queue_names(case.config)}
    said = ", ".join(f"{role}: {text}" for role, text in obtained.items())
    wanted = case.config.engine.require
    weak = ("copy", "skb")
    if wanted and any(wanted not in text.replace("+", " ").split() for text in obtained.values()):
        return bad(said, expected=wanted)
    return warn(said) if any(word in text.replace("+", " ").split() for text in obtained.values()
                             for word in weak) else ok(said)


@check("engine.pinned", "major", "pinned to the loop's core",
       "A loop that the scheduler may move loses its caches each time it does.",
       "[engine] core = N in its configuration, and restart it")
def pinned(case: Case) -> Finding:
    text = _status(case, "Cpus_allowed_list")
    allowed = parse_list(text)
    said = f"core {format_list(allowed)}"
    return ok(said) if len(allowed) == 1 and allowed <= case.cores else bad(said)


@check("engine.preempted", "major", f"{SWITCHES_PER_S_MAX} a second at most",
       "Each involuntary switch is a time slice that somebody else had on the loop's core.",
       "see cpu.user_tasks and cpu.kernel_threads; isolate the core")
def preempted(case: Case) -> Finding:
    count = int(_status(case, "nonvoluntary_ctxt_switches"))
    rate = count / _age_s(case)
    said = f"{count:,}, {rate:.2f}/s"
    return bad(said) if rate > SWITCHES_PER_S_MAX else ok(said)


@check("engine.page_faults", "major", "0 from disk",
       "A major fault waits for the disk, milliseconds, in the middle of whatever it hits.",
       "raise limits.memory_lock for it; swapoff -a")
def page_faults(case: Case) -> Finding:
    stat = case.text(f"/proc/{case.engine.pid}/stat").rpartition(")")[2].split()
    # Those of the start, when the program itself is read from disk, are among them.
    rate = int(stat[9]) / _age_s(case)
    said = f"{stat[9]}, {rate:.2f}/s"
    return bad(said) if rate > SWITCHES_PER_S_MAX else ok(said)


@check("engine.swapped", "major", "0 kB",
       "What is swapped out comes back with a fault of milliseconds.",
       "swapoff -a; raise limits.memory_lock for it")
def swapped(case: Case) -> Finding:
    value = _status(case, "VmSwap")
    return ok(value) if value.split()[0] == "0" else bad(value)


@check("engine.out_of_memory_score", "minor", "below 0",
       "When memory runs out the kernel kills the process with the highest score; the engine, with "
       "its large tables, has a high one.",
       "OOMScoreAdjust=-900 in the unit (as installed)")
def out_of_memory_score(case: Case) -> Finding:
    path = f"/proc/{case.engine.pid}/oom_score_adj"
    value = case.host.number(path)
    if value is None:
        return absent(case.host.why_not(path))
    return bad(value) if value >= 0 else ok(value)


@check("engine.drops", "minor", "0",
       "Frames and datagrams that were refused, each by its name (docs/metrics.md).",
       "appliance status --json names them; docs/metrics.md says what each means")
def drops(case: Case) -> Finding:
    found = {name: count for name, count in case.engine.counters.items()
             if "_drop_" in name and count}
    top = sorted(found, key=lambda name: -found[name])[:3]
    said = ", ".join(f"{name} {found[name]:,}" for name in top)
    return bad(said) if found else ok("0")
