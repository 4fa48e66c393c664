"""The node table: staleness on a clock the test owns, and bounds."""

from __future__ import annotations

from csi_ingest.nodes import MAX_NODES, MAX_STREAMS, NodeKey, NodeTable

LIVE_1 = NodeKey("live", "1")


def test_a_silent_node_is_reported_stale_once_and_back_once() -> None:
    """Five seconds after its last datagram one NodeStale with that datagram's time; one NodeBack with the next one."""
    table = NodeTable(stale_after=5.0)
    assert table.seen(LIVE_1, "esp32", now=100.0, timestamp_ns=7)[1] is None
    assert list(table.sweep(104.9, 1)) == []
    (stale,) = table.sweep(105.0, 2)
    assert (stale.node_id, stale.provenance, stale.source) == ("1", "live", "esp32")
    assert (stale.timestamp_ns, stale.last_seen_ns) == (2, 7)
    assert list(table.sweep(200.0, 3)) == []
    _, back = table.seen(LIVE_1, "esp32", now=201.0, timestamp_ns=9)
    assert back is not None
    assert (back.timestamp_ns, back.stale_since_ns, back.node_id) == (9, 7, "1")
    assert table.seen(LIVE_1, "esp32", now=202.0, timestamp_ns=10)[1] is None
    assert list(table.sweep(206.9, 4)) == []
    assert len(list(table.sweep(207.0, 5))) == 1


def test_a_node_that_keeps_sending_is_never_stale() -> None:
    """Only silence makes stale, however long the table lives."""
    table = NodeTable(stale_after=5.0)
    for second in range(1000):
        assert table.seen(LIVE_1, "esp32", float(second), second)[1] is None
        assert list(table.sweep(second + 0.5, second)) == []


def test_nodes_of_different_ports_are_different_nodes() -> None:
    """A replayed node 1 neither keeps the live node 1 alive nor shares its sequence accounting."""
    table = NodeTable(stale_after=5.0)
    live, _ = table.seen(LIVE_1, "esp32", 0.0, 1)
    replayed, _ = table.seen(NodeKey("replay", "1"), "esp32", 4.0, 2)
    assert live.sequence is not replayed.sequence
    assert [(event.provenance, event.node_id) for event in table.sweep(5.0, 3)] == [("live", "1")]


def test_invented_hosts_cannot_fill_the_memory() -> None:
    """Past MAX_NODES the node that has been silent longest is forgotten, and a sending one is kept."""
    table = NodeTable(stale_after=5.0)
    for number in range(MAX_NODES + 50):
        table.seen(NodeKey("live", f"{number:016x}"), "wifi", float(number), number)
        table.seen(LIVE_1, "esp32", float(number), number)
    assert len(table.nodes) == MAX_NODES
    assert LIVE_1 in table.nodes
    assert NodeKey("live", f"{0:016x}") not in table.nodes


def test_invented_stream_shapes_cannot_fill_the_memory() -> None:
    """Past MAX_STREAMS further shapes are counted together, and no frame goes uncounted."""
    node, _ = NodeTable(stale_after=5.0).seen(LIVE_1, "esp32", 0.0, 1)
    for frequency in range(1000):
        node.count_frame((1, 64, frequency))
    node.count_frame((1, 64, 0))
    assert len(node.streams) == MAX_STREAMS + 1
    frames = node.frames_by_stream()
    assert sum(frames.values()) == 1001
    assert frames["other"] == 1000 - MAX_STREAMS


def test_streams_are_named_as_messages_name_them() -> None:
    """Labels are antennas x sub-carriers @ channel; frequencies of no channel share the label with '?'."""
    node, _ = NodeTable(stale_after=5.0).seen(LIVE_1, "esp32", 0.0, 1)
    for shape in ((1, 64, 2437), (1, 64, 2437), (1, 128, 2437), (2, 64, 5180), (1, 64, 0), (1, 64, 1)):
        node.count_frame(shape)
    assert node.frames_by_stream() == {"1x64@6": 2, "1x128@6": 1, "2x64@36": 1, "1x64@?": 2}
