"""The fusion at one moment: a vote with weights, whatever the order, and nothing from those who are silent."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from csi_introspection.cluster import fusion
from csi_introspection.cluster.fusion import MARGIN, MOST_MOTION, fuse, weight
from csi_schemas.common import REALITY, Provenance
from csi_schemas.introspection import Regime, ZoneMember
from hypothesis import given
from hypothesis import strategies as st
from unit.introspection.zones_of import MS, T0, match, member

STALE = 1500 * MS
REGIMES = get_args(Regime)
PROVENANCES = get_args(Provenance)


@st.composite
def zones(draw: st.DrawFn) -> list[ZoneMember]:
    """What is known of a zone: up to twelve streams of four nodes, each stream once, fresh and stale."""
    names = st.tuples(st.sampled_from("1234"), st.sampled_from(["1x64@6", "1x128@6"]), st.sampled_from(PROVENANCES))
    streams = draw(st.lists(names, max_size=12, unique=True))
    share = st.floats(0, 1)
    return [
        member(
            node,
            -draw(st.integers(-50, 3000)),
            stream=stream,
            provenance=provenance,
            regime=draw(st.sampled_from(REGIMES)),
            attractor_confidence=draw(share),
            calibrating=draw(st.booleans()),
            moving=draw(st.booleans()),
            motion_score=draw(st.floats(-3, 20)),
            best_match=draw(st.none() | st.builds(match, st.sampled_from(["walk", "door"]), share)),
        )
        for node, stream, provenance in streams
    ]


@given(zones(), st.randoms(), st.none() | st.sampled_from(REGIMES))
def test_the_order_of_arrival_does_not_matter(streams: list[ZoneMember], rng: object, standing: Regime | None) -> None:
    """Any permutation of the streams gives the same fusion to the last bit, but for which of two equal matches."""
    shuffled = list(streams)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fuse(streams, T0, STALE, standing) == fuse(shuffled, T0, STALE, standing)


@given(zones(), st.none() | st.sampled_from(REGIMES))
def test_shares_and_agreement_are_shares(streams: list[ZoneMember], standing: Regime | None) -> None:
    """Weights are 0-1 and sum to 1; agreement is the sum behind the regime; both are 0 only where nobody is."""
    fused = fuse(streams, T0, STALE, standing)
    if not fused.members:
        assert (fused.regime, fused.agreement, fused.provenance) == ("unknown", 0.0, None)
        return
    assert math.isclose(math.fsum(m.weight for m in fused.members), 1.0)
    assert all(0 <= m.weight <= 1 for m in fused.members)
    behind = math.fsum(m.weight for m in fused.members if m.regime == fused.regime)
    assert math.isclose(fused.agreement, behind)
    assert 0 < fused.agreement <= 1
    others = {m.regime for m in fused.members} - {fused.regime}
    for other in others:
        assert math.fsum(m.weight for m in fused.members if m.regime == other) <= behind + MARGIN + 1e-12


@given(zones())
def test_who_is_silent_takes_no_part(streams: list[ZoneMember]) -> None:
    """Stale streams, and those less real than a fresh one of their node, change nothing; a node is there once."""
    fused = fuse(streams, T0, STALE)
    fresh = [s for s in streams if T0 - s.timestamp_ns < STALE]
    assert fused == fuse(fresh, T0, STALE)
    assert [m.node_id for m in fused.members] == sorted({s.node_id for s in fresh})
    for node in fused.members:
        own = [s for s in fresh if s.node_id == node.node_id]
        kinds = {s.provenance for s in own}
        assert node.provenance == next(p for p in ("live", "replay", "synthetic") if p in kinds)
        took_part = [s for s in own if s.provenance == node.provenance]
        assert node.streams == sorted(s.stream for s in took_part)
        assert node.last_seen_ns == max(s.timestamp_ns for s in took_part)
        assert node.age_ms >= 0
        assert node.moving == any(s.moving for s in took_part)


@given(zones())
def test_a_further_stream_gives_a_node_no_further_vote(streams: list[ZoneMember]) -> None:
    """A copy of each stream under another label changes no node's share, and neither regime nor agreement."""
    doubled = [*streams, *(member_copy(s, stream=s.stream + "+") for s in streams)]
    once, twice = fuse(streams, T0, STALE), fuse(doubled, T0, STALE)
    assert (once.regime, once.agreement) == (twice.regime, twice.agreement)
    assert [(m.node_id, m.regime, m.weight) for m in once.members] == [
        (m.node_id, m.regime, m.weight) for m in twice.members
    ]


def member_copy(original: ZoneMember, **changes: object) -> ZoneMember:
    """A record with some fields changed."""
    fields = {name: getattr(original, name) for name in original.__struct_fields__}
    return ZoneMember(**{**fields, **changes})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 0.5),
        ({"attractor_confidence": 1.0}, 1.0),
        ({"attractor_confidence": 1.0, "calibrating": True}, 0.5),
        ({"attractor_confidence": 1.0, "regime": "unknown"}, 0.25),
        ({"at_ms": -750}, 0.5),
        ({"at_ms": -1125}, 0.25),
        ({"at_ms": -1500}, 0.0),
        ({"moving": True, "motion_score": 2.0}, 1.5),
        ({"moving": True, "motion_score": 90.0}, 0.5 * (1 + MOST_MOTION)),
        ({"moving": True, "motion_score": -1.0}, 0.5),
        ({"moving": False, "motion_score": 3.0}, 0.5),
    ],
)
def test_the_weight_is_the_product_of_its_factors(fields: dict[str, Any], expected: float) -> None:
    """Freshness, certainty and motion, in closed form."""
    assert weight(member(**fields), T0, STALE) == pytest.approx(expected)


def test_one_link_that_sees_motion_outweighs_two_that_see_none() -> None:
    """Two quiet nodes and one that moves at 3 nats over quiet: 4 against 2."""
    fused = fuse(
        [member("1"), member("2"), member("3", regime="transient", moving=True, motion_score=3.0)], T0, STALE, "idle"
    )
    assert fused.regime == "transient"
    assert fused.agreement == pytest.approx(4 / 6)


def test_a_regime_that_stands_gives_way_only_to_a_clear_lead() -> None:
    """Two nodes that disagree by less than the margin keep what stands; without it the heavier wins."""
    sure = member("1", attractor_confidence=0.1, regime="chaotic")
    other = member("2", regime="idle")
    assert fuse([sure, other], T0, STALE).regime == "chaotic"
    assert fuse([sure, other], T0, STALE, "idle").regime == "idle"
    assert fuse([sure, other], T0, STALE, "periodic").regime == "chaotic"
    clear = member("1", attractor_confidence=0.5, regime="chaotic")
    assert fuse([clear, other], T0, STALE, "idle").regime == "chaotic"


def test_the_best_match_is_promoted_confirmed_then_high() -> None:
    """A promoted match comes before a higher one that is not, a confirmed before an emerging one."""
    streams = [
        member("1", best_match=match("high", 0.99, above_threshold=False, state=None)),
        member("2", best_match=match("early", 0.95, state="emerging")),
        member("3", best_match=match("whole", 0.85)),
        member("4", -2000, best_match=match("gone", 1.0)),
    ]
    for take, expected in ((4, ("whole", "3")), (2, ("early", "2")), (1, ("high", "1"))):
        fused = fuse(streams[:take], T0, STALE)
        assert fused.best_match is not None
        assert (fused.best_match.signature_id, fused.best_match_node) == expected


def test_the_provenance_is_the_least_real_of_the_members() -> None:
    """A zone with one replayed and one live node is a replay; a replay of the live node itself changes nothing."""
    live, replayed = member("1"), member("2", provenance="replay")
    assert fuse([live, replayed], T0, STALE).provenance == "replay"
    assert fuse([live, member("1", provenance="synthetic", regime="chaotic")], T0, STALE) == fuse([live], T0, STALE)
    gone = member("1", -1600)
    assert fuse([gone, member("1", provenance="synthetic")], T0, STALE).provenance == "synthetic"


def test_the_order_of_regimes_names_each_once() -> None:
    """Ties are decided for every regime there is."""
    assert sorted(fusion._LIVELINESS) == sorted(REGIMES)
    assert sorted(REALITY) == sorted(PROVENANCES)
