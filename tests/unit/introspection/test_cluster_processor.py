"""Zones in time: at once what is new, at most ten a second what is not, and who is silent leaves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from csi_schemas.common import Origin
from csi_schemas.introspection import ClusterSnapshot
from csi_schemas.topics import CLUSTER, FRAMES
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from unit.introspection.zones_of import MS, T0, Cluster, match, member

LIVING = {"living-room": ("1", "2")}


def nodes(snapshot: ClusterSnapshot) -> tuple[list[str], list[str]]:
    """Who takes part and who left."""
    return [m.node_id for m in snapshot.members], [node.node_id for node in snapshot.left]


def test_the_first_record_makes_a_zone() -> None:
    """Its snapshot has the record's zone as key, its time, its frame as origin, and names who is missing."""
    cluster = Cluster(zones=LIVING)
    first = member("1", zone="living-room")
    (snapshot,) = cluster.send(first)
    assert nodes(snapshot) == (["1"], ["2"])
    assert snapshot.left[0].last_seen_ns is None
    assert (snapshot.zone, snapshot.timestamp_ns, snapshot.origin) == ("living-room", T0, first.origin)
    assert (snapshot.regime, snapshot.agreement, snapshot.provenance) == ("idle", 1.0, "live")
    (published,) = cluster.harness.outputs(CLUSTER.name)
    assert (published.key, published.partition) == (b"living-room", 0)


def test_without_news_a_zone_is_told_ten_times_a_second() -> None:
    """Three nodes with 30 records a second each for 10 s: at most 10 snapshots a second and at least 9."""
    cluster = Cluster()
    sent = [member(str(n), k * 33 + n) for k in range(300) for n in range(3)]
    snapshots = cluster.send(*sent)
    assert 90 <= len(snapshots) <= 102
    gaps = [b.timestamp_ns - a.timestamp_ns for a, b in pairwise(snapshots[3:])]
    assert min(gaps) >= 100 * MS


@pytest.mark.parametrize(
    "news",
    [
        {"regime": "transient"},
        {"moving": True, "motion_score": 3.0},
        {"onset_ns": T0 + 1 * MS},
        {"best_match": match()},
        {"node": "3"},
    ],
)
def test_news_is_told_at_once(news: dict[str, object]) -> None:
    """A millisecond after the last snapshot, a record that says something new is answered; the same again is not."""
    cluster = Cluster()
    cluster.send(member("1"))
    assert cluster.send(member("1", 1)) == []
    (snapshot,) = cluster.send(member(at_ms=2, **news))  # type: ignore[arg-type]
    assert snapshot.timestamp_ns == T0 + 2 * MS
    assert snapshot.regime_changed == ("regime" in news)
    assert snapshot.onset == ("onset_ns" in news)
    assert snapshot.moving == ("moving" in news)
    assert cluster.send(member(at_ms=3, **news)) == []  # type: ignore[arg-type]


def test_a_node_that_falls_silent_fades_and_leaves_within_two_seconds() -> None:
    """While the other goes on, its weight falls, then it is listed as left with the time of its last frame."""
    cluster = Cluster()
    cluster.send(member("1"), member("2"))
    snapshots = [s for k in range(1, 30) for s in cluster.send(member("1", 100 * k))]
    weights = [m.weight for s in snapshots for m in s.members if m.node_id == "2"]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < 0.2
    left = next(s for s in snapshots if s.left)
    assert left.timestamp_ns - T0 <= 2_000 * MS
    assert nodes(left) == (["1"], ["2"])
    assert (left.left[0].last_seen_ns, left.left[0].provenance) == (T0, "live")
    assert left.left[0].age_ms == (left.timestamp_ns - T0) / MS
    (back,) = cluster.send(member("2", 3001))
    assert nodes(back) == (["1", "2"], [])


def test_when_everything_is_silent_the_clock_lets_nodes_leave() -> None:
    """Ticks every 100 ms: all leave within 2 s of their last frame, told once, with no frame as origin."""
    cluster = Cluster()
    cluster.send(member("1"), member("2", 50, provenance="replay", source="esp32"))
    told = {at: snapshots for at in range(100, 3000, 100) if (snapshots := cluster.tick(at))}
    assert max(told) <= 2_000
    snapshots = [s for each in told.values() for s in each]
    assert nodes(snapshots[-1]) == ([], ["1", "2"])
    assert (snapshots[-1].regime, snapshots[-1].agreement) == ("unknown", 0.0)
    assert snapshots[-1].provenance == "replay"
    assert [s.origin for s in snapshots] == [None] * len(snapshots)
    assert len(snapshots) <= 2


def test_a_worker_that_is_behind_does_not_take_its_delay_for_silence() -> None:
    """Ticks of now let nobody leave while records of an hour ago come, with pauses; when they end, all leave."""
    cluster = Cluster()
    hour = 3_600_000
    for k in range(20):
        cluster.send(member("1", 100 * k), member("2", 100 * k + 50), delay_ms=20)
        for pause in range(5):
            assert cluster.tick(hour + 500 * k + 100 * pause) == []
    (snapshot,) = cluster.tick(hour + 10_000)
    assert nodes(snapshot) == ([], ["1", "2"])


def test_a_zone_leaves_also_while_another_of_its_partition_goes_on() -> None:
    """The clock of a partition is one: zone a's node leaves although only zone b has records."""
    cluster = Cluster(zones={"a": ("1",), "b": ("2",)})
    cluster.send(member("1", zone="a"))
    snapshots = []
    for k in range(1, 22):
        snapshots += cluster.send(member("2", 100 * k, zone="b"))
        snapshots += cluster.tick(100 * k + 10)
    left = [s for s in snapshots if s.zone == "a"]
    assert [nodes(s) for s in left] == [([], ["1"])]
    assert left[0].timestamp_ns <= T0 + 2000 * MS


def test_one_motion_is_one_onset_of_its_first_node() -> None:
    """Onsets within the gap are one motion, told once; a late report of an earlier one moves it, unannounced."""
    cluster = Cluster()
    cluster.send(member("1"), member("2"), member("3"))
    (first,) = cluster.send(member("2", 520, onset_ns=T0 + 520 * MS))
    assert (first.onset, first.onset_node, first.onset_ns) == (True, "2", T0 + 520 * MS)
    (earlier,) = cluster.send(member("1", 500, onset_ns=T0 + 500 * MS))
    assert (earlier.onset, earlier.onset_node, earlier.onset_ns) == (False, "1", T0 + 500 * MS)
    later = cluster.send(member("3", 900, onset_ns=T0 + 900 * MS))
    assert [(s.onset, s.onset_node) for s in later] == [(False, "1")]
    going_on = [s for k in range(10, 25) for n in "123" for s in cluster.send(member(n, 100 * k))]
    assert not any(s.onset for s in going_on)
    (again,) = cluster.send(member("3", 2600, onset_ns=T0 + 2600 * MS))
    assert (again.onset, again.onset_node, again.onset_ns) == (True, "3", T0 + 2600 * MS)


def test_a_replay_of_a_node_that_is_heard_live_begins_no_motion() -> None:
    """Its onset and motion are not the zone's; once the node is no longer live they are, and the zone is a replay."""
    cluster = Cluster()
    cluster.send(member("1"))
    told = cluster.send(member("1", 10, provenance="replay", onset_ns=T0 + 10 * MS, moving=True, motion_score=3.0))
    assert told == []
    (alone,) = cluster.send(member("1", 1600, provenance="replay", onset_ns=T0 + 1600 * MS, moving=True))
    assert (alone.onset, alone.moving, alone.provenance) == (True, True, "replay")


def test_a_record_that_comes_twice_changes_nothing() -> None:
    """After a crash of its producer the same frames come again: no news, and no step back in time."""
    cluster = Cluster()
    sent = [member("1", 0), member("1", 5, regime="transient"), member("1", 10, regime="transient")]
    assert len(cluster.send(*sent)) == 2
    assert cluster.send(*sent) == []
    (zone,) = cluster.processor.zones.values()
    assert [m.timestamp_ns for m in zone.streams.values()] == [T0 + 10 * MS]


def test_a_topic_made_anew_is_followed() -> None:
    """Offsets that begin again, with newer times, are new records."""
    cluster = Cluster()
    cluster.send(member("1", 5000))
    (told,) = cluster.send(member("1", 5010, regime="chaotic", origin=Origin(FRAMES.name, 1, 0)))
    assert told.regime == "chaotic"


def test_a_restart_goes_on_where_it_was() -> None:
    """State rebuilt from older records is the state before: what was told is not told as news, onsets least of all."""
    cluster = Cluster()
    cluster.send(member("1"), member("2"), member("2", 10, onset_ns=T0 + 10 * MS, regime="transient", moving=True))
    cluster.harness.reassign(replay_last=3)
    (again,) = cluster.send(member("1", 20))
    assert nodes(again) == (["1", "2"], [])
    assert (again.onset, again.onset_node, again.regime_changed) == (False, "2", False)
    assert again.moving


def test_what_left_while_no_worker_ran_is_told_soon() -> None:
    """A restart after a minute of silence: nobody is taken for fresh because their records were just read."""
    cluster = Cluster()
    cluster.send(member("1"), member("2"))
    cluster.harness.reassign(replay_last=2)
    told = [cluster.tick(60_000 + 100 * k) for k in range(6)]
    assert [nodes(s) for each in told for s in each] == [([], ["1", "2"])]


def test_a_clock_that_runs_ahead_does_not_silence_the_others() -> None:
    """A frame stamped a minute after Kafka saw it is taken as of when Kafka saw it."""
    cluster = Cluster()
    cluster.send(member("1"))
    (told,) = cluster.send(member("2", 60_000), delay_ms=-59_990)
    assert nodes(told) == (["1", "2"], [])
    assert told.timestamp_ns == T0 + 11 * MS


def test_a_wall_clock_set_back_is_followed() -> None:
    """After a step back of an hour, ticks and frames of the new time fuse what is new."""
    cluster = Cluster()
    cluster.send(member("1"))
    cluster.tick(0)
    back = -3_600_000
    cluster.tick(back)
    cluster.send(member("1", back + 10, origin=Origin(FRAMES.name, 1, 7)))
    (told,) = cluster.send(member("2", back + 20))
    assert nodes(told) == (["1", "2"], [])
    assert told.timestamp_ns == T0 + (back + 20) * MS


def test_unnamed_nodes_are_forgotten_and_named_ones_are_not() -> None:
    """After forget_s of silence a node that only the star stands for is no longer listed."""
    cluster = Cluster(zones={"all": ("*", "1")}, forget_s=10)
    cluster.send(member("1"), member("2"))
    cluster.tick(1000)
    assert nodes(cluster.tick(2000)[-1]) == ([], ["1", "2"])
    assert nodes(cluster.tick(10_001)[-1]) == ([], ["1"])


def test_zones_and_nodes_that_the_settings_lack_are_ignored_and_counted() -> None:
    """Records of another table change nothing."""
    before = REGISTRY.get_sample_value("csiflow_cluster_ignored_total") or 0.0
    cluster = Cluster(zones=LIVING)
    assert cluster.send(member("1", zone="attic"), member("9", zone="living-room")) == []
    assert REGISTRY.get_sample_value("csiflow_cluster_ignored_total") == before + 2
    assert cluster.processor.zones == {}


@pytest.mark.parametrize("poison", [b"", b"{", b"[]", b'{"type":"zone_member"}', None])
def test_a_record_that_is_no_member_costs_one_record(poison: bytes | None) -> None:
    """It is skipped and counted; the next one is answered."""
    before = REGISTRY.get_sample_value("csiflow_stream_skipped_total", {"app": "cluster"}) or 0.0
    cluster = Cluster()
    cluster.harness.send(poison, key=b"all", timestamp_ms=T0 // MS)
    assert len(cluster.send(member("1"))) == 1
    assert REGISTRY.get_sample_value("csiflow_stream_skipped_total", {"app": "cluster"}) == before + 1


def test_invented_nodes_do_not_take_all_memory() -> None:
    """Beyond the limit the stream heard longest ago goes."""
    cluster = Cluster(max_streams=3)
    cluster.send(*(member(str(n), n) for n in range(10)))
    (zone,) = cluster.processor.zones.values()
    assert sorted(node for node, _, _ in zone.streams) == ["7", "8", "9"]


@given(st.lists(st.tuples(st.sampled_from("123"), st.integers(0, 400)), min_size=1, max_size=80))
def test_at_any_moment_only_the_fresh_take_part(steps: list[tuple[str, int]]) -> None:
    """Random silences: members are exactly those heard in the last 1.5 s of event time, all others are left."""
    cluster = Cluster()
    now, heard = 0, dict[str, int]()
    for node, pause in steps:
        now += pause
        heard[node] = now
        for snapshot in cluster.send(member(node, now)):
            fresh = sorted(n for n, at in heard.items() if now - at < 1500)
            assert nodes(snapshot) == (fresh, sorted(set(heard) - set(fresh)))
