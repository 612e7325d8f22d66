"""Strategies in Python: what they see, what they are refused for, and the twin of ``cross``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba is not installed: pip install '.[strategies]'")

from core_rig import ASK, BID, Rig, accepted, add, executed
from test_strategies import CENT, REST_NS, sent

from appliance import strategy as api
from appliance.config import Config, ConfigError, from_json, load_config, with_strategy
from appliance.core.strategies import make_strategy
from appliance.core.strategy import constants, layout
from appliance.files import file_engine
from appliance.replay import ItchReplay
from appliance.strategy_file import StrategyError, file_digest, load_strategy

ROOT = Path(__file__).resolve().parents[2]
CROSS = ROOT / "docs/examples/strategies/cross.py"
HEAD = "from appliance.strategy import *\nimport numpy as np\n"
SIGNATURE = "(event, view, own, my, intents)"


def written(folder: Path, body: str, decorator: str = "@strategy(shares=100, own={'count': 0})",
            signature: str = SIGNATURE) -> str:
    file = folder / "mine.py"
    file.write_text(f"{HEAD}\n{decorator}\ndef mine{signature}:\n    {body}\n")
    return str(file)


# ---- the ABI -------------------------------------------------------------------------------------


def test_records_are_the_compilers_structs() -> None:
    for name, fields in layout().items():
        dtype: np.dtype[Any] = getattr(api, name)
        assert dtype.fields is not None
        seen = {"": (0, dtype.itemsize)}
        seen |= {key: (value[1], value[0].itemsize) for key, value in dtype.fields.items()
                 if not key.startswith("reserved")}
        assert seen == fields, name


def test_numbers_are_the_abis() -> None:
    assert {name: getattr(api, name) for name in constants()} == constants()


# ---- the twin of cross ---------------------------------------------------------------------------


def twins(day: bytes) -> list[list[bytes]]:
    """The orders of cross and of its twin over the same day, in settings of the same meaning."""
    own = {"settings": {"shares": 100, "threshold": 500, "spread_min": 2 * CENT,
                        "rest_ns": REST_NS}, "file": str(CROSS)}
    theirs = {"name": "cross", "shares": 100, "imbalance_thousandths": 500, "spread_ticks": 2,
              "rest_us": REST_NS // 1000}
    orders = []
    for section in (theirs, own):
        config = from_json(json.dumps({"strategy": section}).encode())
        with file_engine(config) as (engine, _):
            replay, messages = ItchReplay(engine, day), []
            while not replay.done:
                seen = engine.orders_next
                replay.run(1)
                messages += engine.orders_from(seen)[: engine.orders_next - seen]
        orders.append(messages)
    return orders


def test_cross_and_its_twin_send_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "day.itch"
    subprocess.run([sys.executable, "-m", "feed_sim.cli", "generate", "--messages", "300000",
                    "--symbols", "50", "--seed", "7", str(path)], check=True, cwd=ROOT,
                   stdout=subprocess.DEVNULL)
    cython, numba = twins(path.read_bytes())
    assert len(cython) > 1000
    assert numba == cython


# ---- what it sees --------------------------------------------------------------------------------


def test_it_sees_events_and_the_book_and_asks_for_orders(tmp_path: Path) -> None:
    file = written(tmp_path, """
    if event.kind == BOOK and own.count == 0 and ask(view, 1).price:
        own.count = 1
        buy(intents, my.shares, best_bid(view).price, tag=7)
        sell(intents, 2 * my.shares, ask(view, 1).price, IOC)
    elif event.kind == ORDER and event.change == ACCEPTED and event.tag == 7:
        replace(intents, event.order, event.side, 50, event.price - 100)
    elif event.kind == ORDER and event.change == EXECUTED:
        cancel(intents, event.order)
""")
    with Rig(strategy={"file": file}) as rig:
        rig.ready()
        rig.orders()
        rig.feed(add(1, BID, 500, 10_000), add(3, ASK, 200, 10_200), add(2, ASK, 300, 10_100))
        assert sent(rig) == [("enter", 1, "B", 100, 10_000), ("enter", 2, "S", 200, 10_200)]
        rig.venue(accepted(1, 100, 10_000))
        assert sent(rig) == [("replace", 3, None, 50, 9_900)]
        rig.venue(executed(1, 10, 10_000))
        assert [what for what, *_ in sent(rig)] == ["cancel"]


def test_settings_come_from_the_configuration_and_survive_a_reset(tmp_path: Path) -> None:
    file = written(tmp_path, "if event.kind == BOOK: buy(intents, my.shares, best_bid(view).price)")
    for values, shares in (({}, 100), ({"shares": 300}, 300)):
        with Rig(strategy={"file": file, "settings": values}) as rig:
            rig.ready()
            rig.orders()
            rig.engine.strategy.reset()
            rig.feed(add(1, BID, 500, 10_000))
            assert sent(rig) == [("enter", 1, "B", shares, 10_000)]


def test_a_division_by_zero_is_no_exception(tmp_path: Path) -> None:
    file = written(tmp_path, "if event.kind == BOOK: buy(intents, 5 // own.count + 100, 9_900)")
    with Rig(strategy={"file": file}) as rig:
        rig.ready()
        rig.orders()
        rig.feed(add(1, BID, 500, 10_000))
        assert sent(rig) == [("enter", 1, "B", 100, 9_900)]


@pytest.mark.parametrize(("asked", "reason"), [
    ("buy(intents, 2**32 + 7, 9_900)", "risk_size"),
    ("buy(intents, -1, 9_900)", "risk_size"),
    ("sell(intents, 100, 2**32 + 9_900)", "risk_size"),
    ("buy(intents, 100, -1)", "risk_collar"),
    ("buy(intents, 100, 9_900, 256 + IOC)", "risk_size"),
    ("buy(intents, 100, 9_900, tag=2**32)", "risk_size"),
    ("replace(intents, 1, 256, 100, 9_900)", "risk_no_order"),
    ("replace(intents, 2**32 + 1, BID, 50, 9_900)", "risk_no_order"),
    ("cancel(intents, 2**32 + 1)", "risk_no_order"),
])  # fmt: skip
def test_what_its_field_cannot_hold_is_refused_and_counted(
    tmp_path: Path, asked: str, reason: str
) -> None:
    """Never cut to its lowest bits: order 1 lives, and 2**32 + 1 is not its number."""
    file = written(tmp_path, f"""
    if event.kind == BOOK and own.count == 0:
        own.count = 1
        buy(intents, 100, 9_900, post_only=256)
    elif event.kind == ORDER and event.change == ACCEPTED:
        {asked}
""")
    with Rig(strategy={"file": file}) as rig:
        rig.ready()
        rig.orders()
        rig.feed(add(1, BID, 500, 10_000))
        assert rig.engine.orders_from(2)[0][-1:] == b"P", "post_only: any number but 0"
        assert sent(rig) == [("enter", 1, "B", 100, 9_900)]
        rig.venue(accepted(1, 100, 9_900))
        assert sent(rig) == [] and rig.count(reason) == 1


def test_a_rank_past_the_levels_is_none(tmp_path: Path) -> None:
    ranks = "(-1, 1, 2**32, 2**63 - 1, -2**63)"
    file = written(tmp_path, f"""
    for rank in {ranks}:
        own.count += bid(view, rank).price + bid(view, np.uint64(rank)).price
    if event.kind == BOOK: buy(intents, 100 + own.count, best_bid(view).price)
""")
    with Rig(strategy={"file": file}) as rig:
        rig.ready()
        rig.orders()
        rig.feed(add(1, BID, 500, 10_000))
        assert sent(rig) == [("enter", 1, "B", 100, 10_000)]


def test_what_runs_is_the_file_as_it_is_and_no_bytecode(tmp_path: Path, monkeypatch: Any) -> None:
    """Two files of one size and time, as a copy with kept times makes them."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for shares in (100, 900):
        file = written(tmp_path, f"if event.kind == BOOK: buy(intents, {shares}, 10_000)")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        with Rig(strategy={"file": file, "file_sha256": file_digest(file)}) as rig:
            rig.ready()
            rig.orders()
            rig.feed(add(1, BID, 500, 10_000))
            assert sent(rig) == [("enter", 1, "B", shares, 10_000)]
    assert not (tmp_path / "__pycache__").exists()


def test_mathematics_may_be_called(tmp_path: Path) -> None:
    body = "my.x = math.sin(my.x) + math.erf(my.x) ** 2.5 + math.gamma(my.x) + math.floor(my.x)"
    load_strategy(written(tmp_path, body, "import math\n@strategy(x=1.5)"), {})


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "why"), [
    ("raise ValueError", "mine may raise or needs Python"),
    ("assert my.shares", "mine may raise or needs Python"),
    ("print(event.price)", "mine may raise or needs Python"),
    ("own.count = len(np.zeros(my.shares))", "mine allocates memory"),
    ("own.count = nothing", r"mine\.py:6: the name 'nothing' is not defined"),
    ("own.nothing = 1", r"mine\.py:6: own has no 'nothing'; it has count"),
    ("own.count = event.cause", r"mine\.py:6: Numba cannot compile it: .*cause"),
    ("own.count = 'x'", r"mine\.py:6: Numba cannot compile it: Cannot cast"),
    ("bid(view, view.bid_count / 2)", r"mine\.py:6: rank must be a whole number, not float64"),
    ("buy(intents, 7.9, 9_900)", r"mine\.py:6: shares must be a whole number, not float64"),
    ("buy(intents, 7, event.price * 1.01)", r"mine\.py:6: price must be a whole number"),
    ("cancel(intents, order=1.0)", r"mine\.py:6: order must be a whole number"),
    ("own.count = np.random.randint(1, 9)", "mine calls numba_get_np_random_state; leave that out"),
    ("pass pass", r"mine\.py:6: SyntaxError: invalid syntax"),
])  # fmt: skip
def test_what_cannot_run_in_the_loop_is_refused(tmp_path: Path, body: str, why: str) -> None:
    with pytest.raises(StrategyError, match=why) as refusal:
        load_strategy(written(tmp_path, body), {})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("decorator", "signature", "why"), [
    ("import numba\n@strategy()\n@numba.njit", SIGNATURE, "mine is not a plain function; put @str"),
    ("@strategy(limit=2**70)", SIGNATURE, "limit is 1180591620717411303424, which 64 bits do not"),
    ("@strategy(own={'': 1})", SIGNATURE, "'' cannot be a name; use letters, digits and _"),
    ("@strategy(own={3: 1})", SIGNATURE, "3 cannot be a name"),
    ("@strategy(own=[3])", SIGNATURE, "own is a list; give names and numbers"),
    ("import sys\nsys.exit('bye')\n@strategy()", SIGNATURE, r"mine\.py:5: SystemExit: bye"),
    ("@strategy()", "(event, view, own, my, *intents)", "mine takes 5 parameters: event"),
    ("@strategy()", "(event, view, own, my, *, intents)", "mine takes 5 parameters: event"),
])  # fmt: skip
def test_a_file_that_is_no_strategy_is_one_sentence(
    tmp_path: Path, decorator: str, signature: str, why: str
) -> None:
    with pytest.raises(StrategyError, match=why) as refusal:
        load_strategy(written(tmp_path, "pass", decorator, signature), {})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("text", "why"), [
    ("@strategy()\nasync def mine(event, view, own, my, intents): pass", "is async or has a yield"),
    ("@strategy()\ndef mine(event, view, own, my, intents): yield 1", "is async or has a yield"),
    ("mine = strategy()(lambda event, view, own, my, intents: None)", "is not a plain function"),
    ("def made(k):\n    @strategy(own={'n': 0})\n    def mine(event, view, own, my, intents):\n"
     "        own.n = k\n    return mine\nmine = made(1)", "mine uses k of the function around it"),
    ("import ctypes\nusleep = ctypes.CDLL(None).usleep\nusleep.argtypes = [ctypes.c_int]\n"
     "@strategy()\ndef mine(event, view, own, my, intents):\n    usleep(1000)",
     "mine calls a function by its address"),
    ("from numba.core import types\nusleep = types.ExternalFunction('usleep', types.i4(types.i4))\n"
     "@strategy()\ndef mine(event, view, own, my, intents):\n    usleep(1000)",
     "mine calls usleep; leave that out"),
])  # fmt: skip
def test_what_looks_like_a_strategy_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "mine.py").write_text(HEAD + text + "\n")
    with pytest.raises(StrategyError, match=why) as refusal:
        load_strategy(str(tmp_path / "mine.py"), {})
    assert "\n" not in str(refusal.value)


def test_refusals_of_names_and_settings(tmp_path: Path) -> None:
    good = written(tmp_path, "pass")
    cases: list[tuple[str, dict[str, Any], str]] = [
        (f"{good}:other", {}, "no strategy 'other'; those under @strategy: mine"),
        (str(tmp_path / "none.py"), {}, "No such file or directory; name a strategy's file"),
        (good, {"lots": 1}, "has no setting 'lots'; it has shares"),
        (good, {"shares": 2**70}, "shares is 1180591620717411303424, which 64 bits do not hold"),
        (good, {"shares": 1.5}, "setting shares is a whole number, not 1.5"),
    ]
    for name, settings, why in cases:
        with pytest.raises(StrategyError, match=why):
            load_strategy(name, settings)
    with pytest.raises(StrategyError, match="takes 5 parameters: event, view, own, my, intents"):
        load_strategy(written(tmp_path, "pass", signature="(event)"), {})
    with pytest.raises(StrategyError, match="threshold is a str; give a number"):
        load_strategy(written(tmp_path, "pass", "@strategy(threshold='high')"), {})
    with pytest.raises(StrategyError, match=r"mine.py:4: NameError: name 'stratagem'"):
        load_strategy(written(tmp_path, "pass", "@stratagem()"), {})
    with pytest.raises(ConfigError, match="no strategy 'crosss'; one of none, quote, cross"):
        with_strategy(Config(), "crosss", tmp_path)


def test_without_numba_one_sentence_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(StrategyError, match=r"needs Numba; pip install 'tickpath\[strategies\]'"):
        load_strategy(written(tmp_path, "pass"), {})


def test_a_recording_knows_the_very_file(tmp_path: Path) -> None:
    """The configuration that is recorded carries the file's hash; another file is refused."""
    file = Path(written(tmp_path, "pass"))
    (tmp_path / "a.toml").write_text('[strategy]\nfile = "mine.py:mine"\n')
    config = load_config(tmp_path / "a.toml")
    assert config.strategy.file == f"{file}:mine"
    recorded = from_json(config.to_json())
    assert make_strategy(recorded.strategy).name == "mine.py:mine"
    file.write_text(file.read_text() + "\n# changed\n")
    with pytest.raises(StrategyError, match=r"is not the file that was recorded \(SHA-256"):
        make_strategy(recorded.strategy)


def test_a_bad_file_is_status_2_and_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, "raise ValueError")
    (tmp_path / "day.itch").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "replay", str(tmp_path / "day.itch"),
         "--strategy", file], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("appliance: ") and "may raise" in done.stderr
