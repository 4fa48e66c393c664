"""What is known of nodes, from messages in any order."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from csi_gateway.heads import EventHead, SensingHead, SnapshotHead
from csi_gateway.nodes import Nodes
from csi_schemas.common import Provenance
from hypothesis import given
from hypothesis import strategies as st
from support.gateway import motion_started, sensing_update, snapshot

SECOND = 1_000_000_000
T0 = 1_800_000_000 * SECOND


def sensing(
    nodes: Nodes,
    node_id: str,
    at_ns: int,
    *,
    presence: bool = False,
    stream: str = "1x64@6",
    provenance: Provenance = "replay",
) -> None:
    """Feed a ``sensing_update``."""
    update = sensing_update(node_id, at_ns=at_ns, presence=presence, stream=stream)
    value = msgspec.json.encode(msgspec.structs.replace(update, provenance=provenance))
    nodes.sensing(msgspec.json.decode(value, type=SensingHead), value)


def event(nodes: Nodes, name: str, node_id: str, at_ns: int, **more: Any) -> None:
    """Feed an event."""
    nodes.event(EventHead(name, node_id, "replay", "esp32", at_ns, **more))


def view(nodes: Nodes, now_ns: int) -> dict[str, Any]:
    """The only node's view."""
    (only,) = nodes.view(now_ns)
    return only


def test_heads_read_whole_messages() -> None:
    """The heads decode what the schemas' own messages encode to."""
    update, shot = sensing_update("7", at_ns=T0), snapshot("7", at_ns=T0)
    head = msgspec.json.decode(msgspec.json.encode(update), type=SensingHead | SnapshotHead)
    assert isinstance(head, SensingHead)
    assert (head.node_id, head.stream, head.at_ns // 1000) == ("7", "1x64@6", T0 // 1000)
    head = msgspec.json.decode(msgspec.json.encode(shot), type=SensingHead | SnapshotHead)
    assert isinstance(head, SnapshotHead)
    assert (head.at_ns, head.regime) == (T0, "periodic")
    started = msgspec.json.decode(msgspec.json.encode(motion_started("7", at_ns=T0)), type=EventHead)
    assert (started.event, started.timestamp_ns) == ("MotionStarted", T0)


def test_stale_after_silence() -> None:
    """Exactly the limit is not stale yet; beyond it nothing is claimed about now."""
    nodes = Nodes(5.0)
    sensing(nodes, "1", T0, presence=True)
    told = view(nodes, T0 + 5 * SECOND)
    assert (told["stale"], told["presence"], told["motion_level"]) == (False, True, "present_moving")
    told = view(nodes, T0 + 5 * SECOND + 1000)
    assert (told["stale"], told["stale_reason"], told["presence"], told["confidence"]) == (True, "silent", None, None)
    assert view(nodes, T0 - SECOND)["age_s"] == 0.0, "a node whose clock is ahead"


def test_one_stream_may_be_stale_alone() -> None:
    """The node's presence comes from its streams that still speak, the strongest of them."""
    nodes = Nodes(5.0)
    sensing(nodes, "1", T0, presence=True, stream="1x64@6")
    sensing(nodes, "1", T0 + 8 * SECOND, presence=False, stream="1x128@6")
    told = view(nodes, T0 + 9 * SECOND)
    assert (told["stale"], told["presence"], told["motion_level"]) == (False, False, "absent")
    assert [(state["stream"], state["stale"], state["presence"]) for state in told["stream_states"]] == [
        ("1x128@6", False, False),
        ("1x64@6", True, None),
    ]
    sensing(nodes, "1", T0 + 8 * SECOND, presence=True, stream="1x64@6")
    assert view(nodes, T0 + 9 * SECOND)["presence"] is True


def test_a_replay_never_speaks_for_a_node_that_is_heard_live() -> None:
    """Neither its presence nor its silence; once the live node is silent, a fresh replay is shown as what it is."""
    nodes = Nodes(5.0)
    sensing(nodes, "1", T0, presence=False, provenance="live")
    sensing(nodes, "1", T0 + 2 * SECOND, presence=True)
    told = view(nodes, T0 + 3 * SECOND)
    assert (told["provenance"], told["presence"], told["streams"]) == ("live", False, ["1x64@6"])
    assert {(state["provenance"], state["presence"]) for state in told["stream_states"]} == {
        ("live", False),
        ("replay", True),
    }
    both = nodes.most_telling(nodes.latest_sensing(), T0 + 3 * SECOND)
    assert [value.provenance for value in both] == ["live", "replay"], "not the newest first"

    event(nodes, "NodeStale", "1", T0 + 3 * SECOND, last_seen_ns=T0 + 2 * SECOND)
    assert view(nodes, T0 + 4 * SECOND)["stale"] is False, "it was the replay that fell silent"

    sensing(nodes, "1", T0 + 7 * SECOND, presence=True)
    told = view(nodes, T0 + 8 * SECOND)
    assert (told["provenance"], told["stale"], told["presence"]) == ("replay", False, True)
    both = nodes.most_telling(nodes.latest_sensing(), T0 + 8 * SECOND)
    assert [value.provenance for value in both] == ["replay", "live"]


def test_node_stale_until_heard_again() -> None:
    """NodeStale holds against everything older, also against events that no frame decided."""
    nodes = Nodes(3600.0)
    sensing(nodes, "1", T0, presence=True)
    event(nodes, "NodeStale", "1", T0 + 5 * SECOND, last_seen_ns=T0 + 1)
    assert view(nodes, T0 + 6 * SECOND)["stale_reason"] == "NodeStale"
    assert nodes.is_stale("1", "replay", T0, T0 + 6 * SECOND)
    sensing(nodes, "1", T0 + 4 * SECOND)
    event(nodes, "PresenceEnded", "1", T0 + 6 * SECOND)
    assert view(nodes, T0 + 6 * SECOND)["stale"] is True
    event(nodes, "MotionStarted", "1", T0 + 6 * SECOND, origin={"topic": "csi.frames.v1"})
    assert view(nodes, T0 + 6 * SECOND)["stale"] is False
    event(nodes, "NodeStale", "1", T0 + 12 * SECOND, last_seen_ns=T0 + 6 * SECOND)
    event(nodes, "NodeBack", "1", T0 + 13 * SECOND)
    assert view(nodes, T0 + 13 * SECOND)["stale"] is False
    event(nodes, "NodeStale", "1", T0 + 12 * SECOND, last_seen_ns=T0 + 6 * SECOND)
    assert view(nodes, T0 + 13 * SECOND)["stale"] is False, "an old NodeStale read late changes nothing"


@given(st.permutations(range(6)))
def test_order_does_not_matter(order: list[int]) -> None:
    """The newest by its own time stands, whatever the order in which topics and partitions are read."""
    nodes = Nodes(5.0)
    for i in order:
        sensing(nodes, "1", T0 + i * SECOND, presence=i == 5)
        value = msgspec.json.encode(snapshot("1", sequence=i, at_ns=T0 + i * SECOND))
        nodes.snapshot(msgspec.json.decode(value, type=SnapshotHead), value)
    told = view(nodes, T0 + 6 * SECOND)
    assert (told["last_seen_ns"], told["presence"]) == (T0 + 5 * SECOND, True)
    (latest,) = nodes.latest_snapshots()
    assert msgspec.json.decode(latest.value)["sequence"] == 5
    assert nodes.latest_sensing()[0].at_ns == T0 + 5 * SECOND


def test_latest_by_node_newest_first() -> None:
    """Filtered by node, newest first, one value a stream."""
    nodes = Nodes(5.0)
    for i, (name, stream) in enumerate(itertools.product(("1", "2"), ("a", "b"))):
        sensing(nodes, name, T0 + i * SECOND, stream=stream)
    assert [(value.node_id, value.stream) for value in nodes.latest_sensing()] == [
        ("2", "b"),
        ("2", "a"),
        ("1", "b"),
        ("1", "a"),
    ]
    assert [value.node_id for value in nodes.latest_sensing(frozenset({"1"}))] == ["1", "1"]
    assert nodes.latest_sensing(frozenset({"3"})) == []
    assert nodes.knows("2")
    assert not nodes.knows("3")
