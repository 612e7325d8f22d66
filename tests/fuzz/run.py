"""Builds the fuzzer with the sanitizers, runs it, and says what it reached.

    python tests/fuzz/run.py [--count N] [--seed S] [--first I] [--build-only]

The engine, the codecs and the driver are compiled with AddressSanitizer and UBSan into build/asan,
apart from the normal build. A child process runs there; when it dies, the seed and the index of
the datagram stand in the last line, and the same seed and count find it again. Exit code 1 is a
finding.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "asan"
SANITIZERS = "-O2 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover"
SOURCES = "itch_ouch/*.pyx appliance/core/*.pyx appliance/core/strategies/*.pyx tests/fuzz/*.pyx"
CHUNK = 250_000
SHALLOW = 3  # exit code: nothing broke, but not everything was tried
SEGMENT = "fuzz"
# The tables of an engine under test: small enough to be full all the time, and once roomier.
TABLES = (
    {"orders": 64, "levels": 64, "reorder_messages": 64, "own_orders": 64},
    {"orders": 1024, "levels": 128, "reorder_messages": 64, "own_orders": 64},
    {"orders": 512, "levels": 256, "reorder_messages": 64, "own_orders": 64},
)
STRATEGIES = ("quote", "cross", "none")  # the last is replaced by the driver's wild one
# Named drops that no datagram can cause: the kill and channel limits of a running loop.
NOT_BY_A_DATAGRAM = {"journal_full", "tx_deferred"}


def build() -> None:
    environment = {
        **os.environ,
        "TICKPATH_CFLAGS": SANITIZERS,
        "TICKPATH_BUILD_TAG": "asan",
        "TICKPATH_ONLY": SOURCES,
    }
    command = [sys.executable, "setup.py", "-q", "build", "--build-lib", str(TREE),
               "--build-temp", str(ROOT / "build" / "tmp-asan"), "build_ext", "-j2"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], file=sys.stderr)
        raise SystemExit("the sanitized build failed; its last words are above")


def library(name: str) -> str:
    path = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not os.path.isabs(path):
        raise SystemExit(f"gcc has no {name}; install the sanitizer libraries (libgcc-dev)")
    return path


def supervise(options: argparse.Namespace) -> int:
    """Runs the child and reads its progress word when it does not come back in good order."""
    with tempfile.NamedTemporaryFile(suffix=".progress") as file:
        file.write(bytes(mmap.PAGESIZE))
        file.flush()
        environment = {
            **os.environ,
            "PYTHONPATH": str(TREE),
            "PYTHONMALLOC": "malloc",
            "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
        command = [sys.executable, str(Path(__file__)), "--child", file.name,
                   "--count", str(options.count), "--seed", str(options.seed)]  # fmt: skip
        code = subprocess.run(command, cwd=ROOT, env=environment).returncode
        at = int.from_bytes(Path(file.name).read_bytes()[:8], "little")
    if code and code != SHALLOW:
        print(f"fuzz: FOUND with --seed {options.seed} at datagram {at} (exit code {code}); again "
              f"with: scripts/fuzz.sh {at + 1} {options.seed}")  # fmt: skip
    return 1 if code else 0


# ---- the child -----------------------------------------------------------------------------------


def spec_payloads() -> list[bytes]:
    """One datagram for every message of the spec, zeroed but for its type."""
    from itch_ouch import mold, spec

    payloads = []
    for message in (*spec.ITCH, *spec.OUCH_IN, *spec.OUCH_OUT):
        body = message.letter.encode() + bytes(message.bytes - 1)
        payloads.append(mold.build(b"SPEC", 1, [body]))
    return payloads


def capture_payloads() -> list[bytes]:
    """UDP payloads of the shared captures, where they are: what venues really send."""
    from scapy.utils import RawPcapReader

    from itch_ouch import net
    from itch_ouch.errors import Refused

    payloads: list[bytes] = []
    for path in sorted((ROOT.parent / "shared" / "data" / "pcap").glob("*/*.pcap")):
        with RawPcapReader(str(path)) as reader:
            for frame, _ in reader:
                try:
                    payloads.append(net.parse_udp(bytes(frame), True).payload)
                except Refused:
                    continue
                if len(payloads) % 400 == 0:
                    break
    return payloads


def child(options: argparse.Namespace) -> int:
    with open(options.child, "r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE) as memory:
        word = ctypes.c_uint64.from_buffer(memory)
        code = fuzz(options, ctypes.addressof(word))
        del word
    return code


def fuzz(options: argparse.Namespace, progress: int) -> int:
    from driver import Fuzzer, wild_strategy

    from appliance.config import from_json
    from appliance.core.engine import Engine
    from appliance.core.strategies import make_strategy
    from appliance.state import Layout, State

    payloads = spec_payloads() + capture_payloads()
    states, engines, fuzzers = [], [], []
    for number, tables in enumerate(TABLES):
        sections = {
            "tables": tables,
            "feed": {"gap_wait_us": 1000},
            "strategy": {"name": STRATEGIES[number], "shares": 100, "rest_us": 1,
                         "imbalance_thousandths": 100, "spread_ticks": 20},
            "risk": {"collar_ppm": 500_000, "shares_max": 200, "notional_max": 2_500_000,
                     "position_max": (3000, 3000, 10**6)[number],
                     "rate_per_s": (20_000, 20_000, 10**6)[number], "rate_burst": 10},
        }  # fmt: skip
        settings = from_json(json.dumps(sections).encode())
        state = State.create(f"{SEGMENT}-{os.getpid()}-{number}", Layout(65_536, 64, 4096))
        made = make_strategy(settings.strategy)
        strategy = wild_strategy() if settings.strategy.name == "none" else made
        engine = Engine(settings, state, strategy, populate=False)
        states.append(state)
        engines.append(engine)
        fuzzers.append(
            Fuzzer(engine, options.seed + number, payloads, settings.listen_addresses())
        )
    started, done, code = time.monotonic(), 0, 0
    while done < options.count and not code:
        size = min(CHUNK, options.count - done)
        fuzzer = fuzzers[(done // CHUNK) % len(fuzzers)]
        failure = fuzzer.run(done, size, progress)
        if failure:
            print(f"fuzz: {failure}; the frame: {fuzzer.frame().hex()}")
            code = 1
            size = ctypes.c_uint64.from_address(progress).value - done
        done += size
    seconds = time.monotonic() - started
    counters: dict[str, int] = {}
    for engine, state in zip(engines, states, strict=True):
        engine.publish()
        for name, value in state.counter_map().items():
            counters[name] = counters.get(name, 0) + value
    by_type = [engine.counts_by_type() for engine in engines]
    reached = [fuzzer.reached() for fuzzer in fuzzers]
    code = code or report(options, done, seconds, counters, by_type, reached)
    del fuzzers, fuzzer, engines, engine
    for state in states:
        state.close()
    return code


def report(options: argparse.Namespace, done: int, seconds: float, counters: dict[str, int],
           by_type: list[dict[str, int]], reached: list[dict[str, int]]) -> int:  # fmt: skip
    """Prints what was reached; SHALLOW when some named outcome never was."""
    from itch_ouch import spec

    outcomes = {name: value for name, value in counters.items() if value}
    for counts in by_type:
        for letter, value in counts.items():
            outcomes[f"itch {letter}"] = outcomes.get(f"itch {letter}", 0) + value
    for counts in reached:
        for name, value in counts.items():
            outcomes[name] = outcomes.get(name, 0) + value
    print(f"fuzz: {done} datagrams with --seed {options.seed} in {seconds:.1f} s, "
          f"{done / seconds:,.0f} a second")  # fmt: skip
    print("fuzz: reached " + ", ".join(f"{name} {value}" for name, value in outcomes.items()))
    wanted = [name for name in counters if "drop" in name or name.startswith(("risk_", "answer_"))]
    wanted += [name for name in counters if name.startswith(("book_", "feed_buffer", "feed_lost"))]
    wanted += ["channel_requests_served", "channel_unservable", "channel_resent", "sent_new",
               "sent_replace", "sent_cancel", "oms_invalid", "orders_filled", "kills",
               "refused", "tag_bytes", "plan_resend", "plan_request", "plan_heartbeat"]  # fmt: skip
    wanted += [f"itch {message.letter}" for message in spec.ITCH]
    wanted += [name for name in reached[0] if name.startswith("ouch_")]
    # What queues lose is counted below the step, which is all that runs here.
    wanted = [name for name in wanted if not name.startswith("queue_drop_")]
    missed = [n for n in wanted if not outcomes.get(n) and n not in NOT_BY_A_DATAGRAM]
    if missed and done >= 5_000_000:
        print("fuzz: never reached: " + ", ".join(missed))
        return SHALLOW
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=10_000_000, help="datagrams")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options)
    build()
    return 0 if options.build_only else supervise(options)


if __name__ == "__main__":
    sys.exit(main())
