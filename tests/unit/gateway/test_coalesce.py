"""``max_hz``: rate bounded, newest wins, the last value always comes."""

from __future__ import annotations

import itertools

import pytest
from csi_gateway.coalesce import Coalescer
from hypothesis import given
from hypothesis import strategies as st

arrivals = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.5)), max_size=60)


@given(arrivals, st.sampled_from([0.5, 2.0, 30.0]))
def test_rate_order_and_last_value(steps: list[tuple[str, float]], max_hz: float) -> None:
    """Per key: passes are at least 1/max_hz apart, values ascend, and the last one offered is the last one passed."""
    coalescer: Coalescer[int] = Coalescer(max_hz)
    passed: dict[str, list[tuple[float, int]]] = {"a": [], "b": []}
    offered: dict[str, int] = {}
    keys: dict[int, str] = {}
    now = 0.0

    def release(until: float) -> None:
        while (due := coalescer.next_due()) is not None and due <= until:
            for value in coalescer.due(due):
                passed[keys[value]].append((due, value))

    for number, (key, pause) in enumerate(steps):
        now += pause
        release(now)
        keys[number] = key
        offered[key] = number
        if coalescer.offer(key, number, now) is not None:
            passed[key].append((now, number))
    release(now + 1.0 / max_hz)

    assert coalescer.next_due() is None
    assert sum(map(len, passed.values())) + coalescer.replaced == len(steps)
    for key, came in passed.items():
        assert [value for _, value in came] == sorted(value for _, value in came)
        assert all(later - earlier >= 1.0 / max_hz - 1e-9 for (earlier, _), (later, _) in itertools.pairwise(came))
        assert (came[-1][1] if came else None) == offered.get(key)


def test_two_per_second() -> None:
    """At 2 Hz: the first passes at 0.0, of those at 0.1 and 0.2 the newer one at 0.5."""
    coalescer: Coalescer[str] = Coalescer(2.0)
    assert coalescer.offer("k", "first", 0.0) == "first"
    assert coalescer.offer("k", "second", 0.1) is None
    assert coalescer.offer("k", "third", 0.2) is None
    assert coalescer.offer("other", "unhindered", 0.2) == "unhindered"
    assert coalescer.next_due() == pytest.approx(0.5)
    assert coalescer.due(0.49) == []
    assert coalescer.due(0.5) == ["third"]
    assert coalescer.replaced == 1
    assert coalescer.offer("k", "fourth", 0.9) is None
    assert coalescer.offer("k", "fifth", 1.0) == "fifth", "a newer one at its time replaces the one that waits"
    assert coalescer.due(2.0) == []
