"""Digests tell books apart: a comparison by a digest that ignored something would prove nothing."""

import itertools

from itch_ouch import digest


def test_mix_is_the_finaliser_of_splitmix64() -> None:
    """The generator's first outputs from seed 0, as published with it."""
    assert digest.mix(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF
    assert digest.mix(2 * 0x9E3779B97F4A7C15 % 2**64) == 0x6E789E6AA1B965F4


def test_every_part_of_an_order_counts() -> None:
    bits = (16, 1, 64, 32, 32)
    base = (7, 0, 123456, 1_000_000, 100)
    seen = {digest.order(*base)}
    for position, width in enumerate(bits):
        for bit in range(width):
            changed = list(base)
            changed[position] ^= 1 << bit
            seen.add(digest.order(*changed))
    assert len(seen) == 1 + sum(bits)


def test_every_part_of_a_level_counts() -> None:
    bits = (16, 1, 32, 32, 64, 32)
    base = (7, 1, 3, 1_000_000, 500, 4)
    seen = {digest.level(*base)}
    for position, width in enumerate(bits):
        for bit in range(width):
            changed = list(base)
            changed[position] ^= 1 << bit
            seen.add(digest.level(*changed))
    assert len(seen) == 1 + sum(bits)


def test_sums_do_not_cancel_when_parts_are_swapped() -> None:
    """Two orders that exchange a part make another sum: the terms are not linear in it."""
    orders = [(1, 0, 10, 100, 5), (2, 1, 11, 101, 6)]
    plain = sum(digest.order(*o) for o in orders) % 2**64
    for swapped in itertools.product([False, True], repeat=5):
        if len(set(swapped)) == 1:
            continue
        pairs = [(b, a) if s else (a, b) for a, b, s in zip(*orders, swapped, strict=True)]
        one, other = zip(*pairs, strict=True)
        assert (digest.order(*one) + digest.order(*other)) % 2**64 != plain
