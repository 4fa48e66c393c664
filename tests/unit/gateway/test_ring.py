"""The ring against a list that remembers everything."""

from __future__ import annotations

from csi_gateway.ring import Losses, Ring
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 40), st.lists(st.one_of(st.integers(1, 100), st.none()), max_size=30))
def test_keeps_the_newest_and_counts_the_rest(capacity: int, steps: list[int | None]) -> None:
    """After any pushes (a number) and drains (None): nothing is lost uncounted, doubled or out of order."""
    ring: Ring[int] = Ring(capacity)
    naive: list[int] = []
    pushed = delivered = reported = 0
    for step in steps:
        if step is None:
            losses, items = ring.drain()
            lost = max(0, len(naive) - capacity)
            assert items == naive[lost:]
            assert losses == (Losses(lost, reported + lost) if lost else None)
            reported += lost
            delivered += len(items)
            naive.clear()
            assert ring.run == 0
        else:
            for _ in range(step):
                assert ring.push(pushed) is (len(naive) >= capacity)
                naive.append(pushed)
                pushed += 1
            assert ring.run == max(0, len(naive) - capacity)
        assert len(ring) == min(capacity, len(naive))
        assert ring.free == capacity - len(ring)
        assert delivered + ring.total + len(ring) == pushed


def test_a_full_ring_of_three() -> None:
    """1 2 3 4 5 into three places: 3 4 5 remain, two are reported once."""
    ring: Ring[int] = Ring(3)
    assert [ring.push(i) for i in range(1, 6)] == [False, False, False, True, True]
    assert ring.drain() == (Losses(2, 2), [3, 4, 5])
    assert ring.drain() == (None, [])
    ring.push(6)
    assert ring.drain() == (None, [6])
    assert ring.total == 2
