"""What the introspection service sends to the zones: every piece of news at once, the rest thinned."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner
from csi_introspection.cluster.member import COMPANY_NS, Company, MemberFeed
from csi_introspection.cluster.zones import Zones
from csi_introspection.processor import IntrospectionProcessor
from csi_introspection.reference import references
from csi_introspection.settings import IntrospectionSettings
from csi_schemas.common import Origin
from csi_schemas.introspection import IntrospectionSnapshot, Similarity, ZoneMember
from csi_schemas.topics import FRAMES, INTROSPECTION, MEMBERS
from csi_streaming import Output
from csi_streaming.testing import Harness
from hypothesis import given
from hypothesis import strategies as st
from unit.introspection.rooms import frames_of, room
from unit.introspection.zones_of import MS, T0, match

ALL = Zones({"all": ("*",)})


def snapshot(at_ms: float = 0, **fields: Any) -> IntrospectionSnapshot:
    """A snapshot of node 1, ``at_ms`` after T0."""
    given: dict[str, Any] = {
        "timestamp_ns": T0 + int(at_ms * MS),
        "node_id": "1",
        "frame_count": 1,
        "regime": "idle",
        "lyapunov_exponent": None,
        "attractor_dim": None,
        "attractor_confidence": 0.25,
        "regime_changed": False,
        "top_k_similarity": [],
        "stream": "1x64@6",
        "sequence": 1,
        "provenance": "live",
        "source": "esp32",
        "origin": Origin(FRAMES.name, 3, int(at_ms)),
    }
    return IntrospectionSnapshot(**{**given, **fields})


def decoded(outputs: list[Output]) -> list[ZoneMember]:
    """The records among the outputs."""
    return [msgspec.json.decode(o.value, type=ZoneMember) for o in outputs if o.topic == MEMBERS.name]


def test_a_quiet_stream_sends_at_most_ten_records_a_second() -> None:
    """100 snapshots a second for 10 s: 100 records, 100 ms apart, each with its own frame's time and origin."""
    feed = MemberFeed("1", ALL)
    sent = decoded([o for k in range(1000) for o in feed.outputs(snapshot(10 * k))])
    assert [m.timestamp_ns for m in sent] == [T0 + 100 * k * MS for k in range(100)]
    assert [m.origin.offset for m in sent] == [100 * k for k in range(100)]


PROMOTED = [match("walk", 0.8, state="emerging"), Similarity("door", 0.1, above_threshold=False)]


@pytest.mark.parametrize(
    "news", [{"onset": True}, {"regime": "chaotic"}, {"moving": True}, {"top_k_similarity": PROMOTED}]
)
def test_news_is_sent_at_once_and_once(news: dict[str, Any]) -> None:
    """10 ms after the last record; a snapshot that says the same again waits, one that takes it back does not."""
    feed = MemberFeed("1", ALL)
    feed.outputs(snapshot())
    assert feed.outputs(snapshot(5)) == []
    (sent,) = decoded(feed.outputs(snapshot(10, **news)))
    assert sent.onset_ns == (T0 + 10 * MS if "onset" in news else None)
    assert sent.best_match == (PROMOTED[0] if "top_k_similarity" in news else None)
    if "onset" in news:
        assert feed.outputs(snapshot(15)) == []
        (later,) = decoded(feed.outputs(snapshot(110)))
        assert later.onset_ns == T0 + 10 * MS
    else:
        assert feed.outputs(snapshot(15, **news)) == []
        assert len(feed.outputs(snapshot(20))) == 1


def test_a_match_that_is_confirmed_is_news() -> None:
    """The state of a promoted match counts, the scores do not."""
    feed = MemberFeed("1", ALL)
    feed.outputs(snapshot(top_k_similarity=[match(state="emerging")]))
    assert feed.outputs(snapshot(5, top_k_similarity=[match(score=0.95, state="emerging")])) == []
    (sent,) = decoded(feed.outputs(snapshot(10, top_k_similarity=[match()])))
    assert sent.best_match is not None
    assert sent.best_match.state == "confirmed"


def test_the_promoted_match_is_sent_not_the_higher_one() -> None:
    """Scores of different signatures do not compare; a promotion does."""
    low = Similarity("other", 0.9, above_threshold=False)
    (sent,) = decoded(MemberFeed("1", ALL).outputs(snapshot(top_k_similarity=[low, match("walk", 0.8)])))
    assert sent.best_match is not None
    assert sent.best_match.signature_id == "walk"


def test_every_zone_of_the_node_gets_its_record_in_its_partition() -> None:
    """Keyed by zone, where every Kafka client would put that key; a node of no zone sends nothing."""
    zones = Zones({"living-room": ("1", "2"), "house": ("*",), "attic": ("3",)})
    outputs = MemberFeed("1", zones).outputs(snapshot())
    assert [o.key for o in outputs] == [b"living-room", b"house"]
    assert [m.zone for m in decoded(outputs)] == ["living-room", "house"]
    partitions = list(range(MEMBERS.partitions))
    assert [o.partition for o in outputs] == [DefaultPartitioner()(o.key, partitions, partitions) for o in outputs]
    assert MemberFeed("9", Zones({"attic": ("3",)})).outputs(snapshot()) == []


@given(st.lists(st.tuples(st.integers(-50, 150), st.sampled_from(["idle", "chaotic"])), max_size=60))
def test_no_change_is_ever_missed(steps: list[tuple[int, str]]) -> None:
    """Whatever the times, the last record has the newest regime, and time set back is no reason to wait."""
    feed = MemberFeed("1", ALL)
    at = 0
    last: ZoneMember | None = None
    for pause, regime in steps:
        at += pause
        for sent in decoded(feed.outputs(snapshot(at, regime=regime))):
            last = sent
        assert last is not None
        assert last.regime == regime
        assert 0 <= T0 + at * MS - last.timestamp_ns < 100 * MS


def test_streams_of_one_worker_send_what_is_not_new_together() -> None:
    """Four nodes in turns, 30 frames a second each: four records at a time, the newest of each but a frame.

    So what is known of a node is never older than the interval and one of its frames.
    """
    company = Company()
    feeds = [MemberFeed(str(node), ALL, company) for node in range(4)]
    occasions: list[list[ZoneMember]] = []
    last: dict[str, int] = {}
    for k in range(1200):
        shot = snapshot(k * 1000 / 120, node_id=str(k % 4))
        sent = decoded(feeds[k % 4].outputs(shot))
        last |= {member.node_id: member.timestamp_ns for member in sent}
        if k > 12:
            assert shot.timestamp_ns - last[shot.node_id] < (100 + 34) * MS
        if sent:
            occasions.append(sent)
    together = occasions[4:]  # each one's first is news
    assert [len({member.node_id for member in sent}) for sent in together[1:]] == [4] * (len(together) - 1)
    assert len(together) <= 100
    for before, after in pairwise(together):
        assert after[0].timestamp_ns - before[0].timestamp_ns >= 100 * MS


def test_news_takes_nobody_along() -> None:
    """What is new of one stream is no reason to send what is not of another; a stream that has just sent stays."""
    company = Company()
    one, other = MemberFeed("1", ALL, company), MemberFeed("2", ALL, company)
    for feed, node in ((one, "1"), (other, "2")):
        assert len(feed.outputs(snapshot(0, node_id=node))) == 1
    other.outputs(snapshot(60, node_id="2"))
    assert [m.node_id for m in decoded(one.outputs(snapshot(70, onset=True)))] == ["1"]
    assert one.outputs(snapshot(75)) == []
    sent = decoded(other.outputs(snapshot(100, node_id="2")))
    assert [m.node_id for m in sent] == ["2"]
    assert one.outputs(snapshot(70 + COMPANY_NS / MS, node_id="1")) == []


def test_the_processor_feeds_the_zones_beside_its_snapshots() -> None:
    """20 frames a second for 5 s: one snapshot each; of them ten a second to the zone, and every change of regime."""
    settings = IntrospectionSettings(zones={"hall": ("1",)})
    harness = Harness(lambda partition: IntrospectionProcessor(partition, settings, references()))
    frames = [*frames_of(room(100, 1), node="1"), *frames_of(room(100, 2), node="2")]
    published = harness.send_frames(frames, batch_size=7)
    shots = {
        s.origin.offset: s
        for p in published
        if p.topic == INTROSPECTION.name
        for s in [msgspec.json.decode(p.value, type=IntrospectionSnapshot)]
    }
    members = [msgspec.json.decode(p.value, type=ZoneMember) for p in published if p.topic == MEMBERS.name]
    assert {p.key for p in published if p.topic == MEMBERS.name} == {b"hall"}
    assert {m.node_id for m in members} == {"1"}
    assert len(members) >= 50
    for each in members:
        shot = shots[each.origin.offset]
        assert (each.regime, each.timestamp_ns, each.stream) == (shot.regime, shot.timestamp_ns, shot.stream)
        assert each.attractor_confidence == shot.attractor_confidence
    changed = {s.origin.offset for s in shots.values() if s.node_id == "1" and s.regime_changed}
    assert changed <= {m.origin.offset for m in members}
    assert len(members) <= 51 + 2 * len(changed)
