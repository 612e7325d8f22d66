"""The pool against a model: a stack of indexes over a set of used ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdk_bindings.env import Pool


@given(st.integers(4, 40), st.integers(1, 12), st.lists(st.integers(0, 40), max_size=120))
def test_a_pool_hands_out_each_object_once(size: int, count: int, actions: list[int]) -> None:
    pool = Pool(size, count)
    used: list[int] = []
    freed: list[int] = []
    fresh = high = 0
    for action in actions:
        if action % 2 and used:
            index = used.pop(action % len(used))
            assert bytes(pool.view(index)) == bytes([index]) * size, "nobody else wrote there"
            pool.give(index)
            freed.append(index)
            continue
        taken = pool.take()
        if freed:
            assert taken == freed.pop(), "the last given back is the first to go out"
        elif fresh < count:
            assert taken == fresh
            fresh += 1
        else:
            assert taken is None
        if taken is not None:
            assert taken not in used
            used.append(taken)
            pool.view(taken)[:] = bytes([taken]) * size
            high = max(high, len(used))
        assert pool.used_count == len(used)
        assert pool.used_count_max == high


@pytest.mark.parametrize(("size", "count"), [(3, 1), (4, 0), (0, 0)])
def test_too_small(size: int, count: int) -> None:
    with pytest.raises(ValueError, match="4 bytes or more"):
        Pool(size, count)
