"""Generated days: the same from the same seed, true to the engine's book, and lifelike."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from naive_book import NaiveBook, unframe

from feed_sim.cli import main
from feed_sim.generator import Generator


def whole(generator: Generator) -> bytes:
    content = bytearray()
    while generator.step():
        content += generator.framed()
    return bytes(content)


def test_the_feed_rebuilds_the_engines_book() -> None:
    """Checked at every chunk and at the end: orders one by one, levels in order."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    symbols = 40
    generator, book = Generator(400_000, symbols, seed, 9000), NaiveBook()
    while generator.step():
        book.apply_all(unframe(bytes(generator.framed())))
        assert generator.core.check() == 0
        engine = {o.reference: [o.locate, o.side, o.price, o.shares]
                  for o in generator.core.orders()}
        assert book.orders == engine, seed
        levels = book.levels()
        for locate in range(1, symbols + 1):
            for side in (0, 1):
                mine = [tuple(level) for level in generator.core.levels(locate, side)]
                assert levels.get((locate, side), []) == mine
    assert generator.sequence_number == 400_000


@pytest.mark.parametrize("messages, symbols", [(26, 10), (27, 10), (5000, 3), (200_001, 500)])
def test_the_count_is_exact_and_the_seed_decides(messages: int, symbols: int) -> None:
    first = whole(Generator(messages, symbols, 5, 1000))
    assert first == whole(Generator(messages, symbols, 5, 1000))
    assert len(list(unframe(first))) == messages
    if messages > 100:
        assert first != whole(Generator(messages, symbols, 6, 1000))


def test_the_mix_is_that_of_a_trading_day() -> None:
    generator = Generator(1_000_000, 300, 11, 90_000)
    counts: dict[int, int] = {}
    for message in unframe(whole(generator)):
        counts[message[1] << 8 | message[2]] = counts.get(message[1] << 8 | message[2], 0) + 1
    share = {kind: 100 * n / 1_000_000 for kind, n in generator.type_counts.items()}
    assert 43 <= share["A"] + share["F"] <= 50
    assert 38 <= share["D"] <= 45
    assert 5 <= share["U"] <= 8
    assert 3 <= share["E"] <= 6
    assert 1 <= share["X"] <= 3
    assert 85_000 <= generator.live_orders_max <= 95_000
    # A power law: the tenth part of the symbols has far more than a tenth of the messages.
    ranked = sorted((n for locate, n in counts.items() if locate), reverse=True)
    assert sum(ranked[:30]) > 0.35 * sum(ranked)
    assert ranked[-1] > 100
    # Depth at the most active symbol: tens of levels, and the touch holds more than the tail.
    locate = max((n, locate) for locate, n in counts.items() if locate)[1]
    for side in (0, 1):
        levels = generator.core.levels(locate, side)
        assert len(levels) >= 20
        near, far = levels[:10], levels[-10:]
        assert sum(x.order_count for x in near) > 3 * sum(x.order_count for x in far)


def test_too_few_messages_and_a_bad_name_are_one_sentence(tmp_path: Path) -> None:
    for arguments, words in [
        (["-n", "10", "-k", "10", "day.itch"], "ask for more messages"),
        (["day.txt"], ".pcapng"),
        (["missing/day.itch"], "no such file"),
        (["missing/day.pcap"], "missing"),
        (["-n", "zero", "day.itch"], "zero"),
    ]:
        result = CliRunner().invoke(main, ["generate", *arguments[:-1],
                                           str(tmp_path / arguments[-1])])
        assert result.exit_code == 2, result.output
        assert words in result.output and "Traceback" not in result.output
        assert list(tmp_path.iterdir()) == []


def test_every_kind_of_file_holds_the_same_messages(tmp_path: Path) -> None:
    from scapy.layers.inet import UDP
    from scapy.utils import rdpcap

    def make(name: str) -> bytes:
        path = tmp_path / name
        result = CliRunner().invoke(
            main, ["generate", "-n", "3000", "-k", "20", "--json", str(path)]
        )
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["messages"] == 3000
        return path.read_bytes()

    plain = make("a.itch")
    assert gzip.decompress(make("a.itch.gz")) == plain
    assert make("b.itch.gz") == make("c.itch.gz")
    for name in ("a.pcap", "a.pcapng"):
        make(name)
        expected, content = 1, b""
        for packet in rdpcap(str(tmp_path / name)):
            payload = bytes(packet[UDP].payload)
            assert payload[:10] == b"TICKPATH01"
            assert int.from_bytes(payload[10:18], "big") == expected
            expected += int.from_bytes(payload[18:20], "big")
            content += payload[20:]
        assert content == plain
