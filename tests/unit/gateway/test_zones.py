"""What the gateway keeps of zones."""

from __future__ import annotations

import msgspec
from csi_gateway.heads import ClusterHead
from csi_gateway.zones import Zones
from csi_schemas.introspection import ClusterMember, ClusterSnapshot

SECOND = 10**9


def fused(zone: str, at_ns: int, *nodes: str) -> tuple[ClusterHead, bytes]:
    """A fused snapshot as the reader sees it."""
    members = [ClusterMember(node, "idle", 0.0) for node in nodes]
    value = msgspec.json.encode(ClusterSnapshot(zone, at_ns, "idle", 1.0, members, "live"))
    return msgspec.json.decode(value, type=ClusterHead), value


def test_the_newest_of_each_zone_is_kept() -> None:
    """In order of name; an older one changes nothing, and a wish for some zones gives those."""
    zones = Zones(5.0)
    new, old, other = fused("b", 9, "1"), fused("b", 8, "1"), fused("a", 1)
    for each in (new, old, other):
        zones.take(*each)
    assert [(value.zone, value.value) for value in zones.latest()] == [("a", other[1]), ("b", new[1])]
    assert [value.zone for value in zones.latest(frozenset({"b", "c"}))] == ["b"]


def test_old_and_deserted_is_stale() -> None:
    """A zone says nothing about now when nobody takes part, or when it was told too long ago."""
    zones = Zones(5.0)
    for each in (fused("a", 0), fused("b", 0, "1")):
        zones.take(*each)
    deserted, kept = zones.latest()
    assert zones.is_stale(deserted, 0)
    assert not zones.is_stale(kept, 5 * SECOND)
    assert zones.is_stale(kept, 5 * SECOND + 1)
    assert (kept.age_s(SECOND), kept.age_s(-1)) == (1.0, 0.0)
