"""The recent events against a sorted list."""

from __future__ import annotations

from csi_gateway.recent import RecentEvent, RecentEvents
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab")), max_size=80),
    st.integers(1, 30),
    st.integers(1, 30),
    st.none() | st.integers(0, 50),
    st.sampled_from([None, "a", "b", "c"]),
)
def test_newest_first_whatever_the_order_of_arrival(
    arrivals: list[tuple[int, str]], capacity: int, limit: int, since: int | None, node: str | None
) -> None:
    """The newest ``capacity`` by time are kept and read newest first, by node and later than ``since``."""
    recent = RecentEvents(capacity)
    for number, (at, name) in enumerate(arrivals):
        recent.add(RecentEvent(at, name, str(number).encode()))
    kept = sorted((at for at, _ in arrivals), reverse=True)[:capacity]
    assert len(recent) == len(kept)
    everything = recent.newest(1000)
    assert [event.at_ns for event in everything] == kept
    wanted = [e for e in everything if node in (None, e.node_id) and (since is None or e.at_ns > since)]
    assert recent.newest(limit, None if node is None else frozenset(node), since) == wanted[:limit]
