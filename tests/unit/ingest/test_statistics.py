"""/stats and the metrics say what the ledger says."""

from __future__ import annotations

import logging
import socket
import sys

import pytest
from csi_ingest.buffer import PendingBuffer
from csi_ingest.intake import Intake
from csi_ingest.ledger import Ledger, Outcome
from csi_ingest.listener import open_listener
from csi_ingest.nodes import NodeTable
from csi_ingest.quiet import OncePerInterval
from csi_ingest.statistics import MetricsMirror, sources, stats
from csi_schemas.codec import BssidSlot, MultiBssid, encode, encode_csi
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

SOURCE = ("192.0.2.1", 40000)


def intake() -> Intake:
    """An intake with room for 100 records."""
    return Intake(Ledger(), PendingBuffer(100, 10**6, 0.25), NodeTable(5.0))


def frame(node: int, sequence: int) -> bytes:
    """A CSI datagram."""
    return encode_csi(node, bytes(128), sequence=sequence, n_subcarriers=64)


def scan(*slots: int) -> bytes:
    """A multi-BSSID datagram."""
    readings = tuple(BssidSlot(slot=slot, rssi_dbm=-60.0, age_ms=5) for slot in slots)
    return encode(MultiBssid(host="0123456789abcdef", sequence=1, uptime_ms=5, slots=readings))


def test_stats_add_up_and_merge_a_node_of_two_ports() -> None:
    """Counts by outcome and provenance; node 1 on two ports is one entry whose counts are added up."""
    taken = intake()
    for provenance in ("live", "replay"):
        for sequence in (0, 1, 4, 4):
            taken.take(frame(1, sequence), 1000, SOURCE, provenance)
    taken.take(b"junk!", 2000, SOURCE, "live")
    body = stats(taken.ledger, taken.nodes, [], kafka="away")
    assert body["received"] == 9
    assert body["received_by_provenance"] == {"live": 5, "replay": 4}
    assert (body["duplicates"], body["pending"], body["published"]) == (2, 7, 0)
    node = body["nodes"]["1"]
    assert node["provenance"] == ["live", "replay"]
    assert (node["missing"], node["duplicates"], node["streams"]) == (4, 2, {"1x64@6": 6})
    assert body["kafka_away"] == "away"


def test_sources_are_named_by_what_can_be_sensed_with() -> None:
    """CSI counts as esp32, scans by their access points, other telemetry not at all; synthetic is synthetic."""
    taken = intake()
    taken.take(frame(1, 0), 1, SOURCE, "live")
    taken.take(scan(0, 1, 2), 1, SOURCE, "live")
    taken.take(b"\x02\x00\x11\xc5\x09" + bytes(27), 1, SOURCE, "live")
    taken.take(frame(1, 0), 1, SOURCE, "synthetic")
    assert sources(taken.nodes) == {"live": {"esp32": 1, "wifi-enhanced:3": 1}, "synthetic": {"synthetic": 1}}


def test_metrics_follow_the_ledger_and_add_up() -> None:
    """After two updates the counters have risen by exactly what happened in between, once."""

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    def outcomes() -> dict[str, float]:
        return {outcome: value("csiflow_ingest_outcome_total", outcome=outcome) for outcome in Outcome}

    taken = intake()
    mirror = MetricsMirror()
    received_before = value("csiflow_ingest_received_total", provenance="live")
    before = outcomes()
    for round_ in range(2):
        for sequence in range(3):
            taken.take(frame(200, sequence), 5_000_000_000, SOURCE, "live")
        taken.take(b"", 6, SOURCE, "live")
        mirror.update(taken.ledger, taken.nodes, [])
        mirror.update(taken.ledger, taken.nodes, [])
        received = value("csiflow_ingest_received_total", provenance="live") - received_before
        assert received == 4 * (round_ + 1)
        gained = {outcome: count - before[outcome] for outcome, count in outcomes().items()}
        assert sum(gained.values()) + value("csiflow_ingest_pending") == received
        assert gained[Outcome.DUPLICATE] == 3 * round_
    assert value("csiflow_ingest_node_last_seen_seconds", node="live/200") == 5.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts drops for each socket")
def test_kernel_drops_are_reported_and_warned_about_once() -> None:
    """A flooded socket: /stats and the gauge have the kernel's count, and each rise is one warning."""
    taken = intake()
    mirror = MetricsMirror()
    listener = open_listener("live", "127.0.0.1:0", 4096)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, capture_logs() as logs:
            for flood in (1, 2):
                for _ in range(100):
                    sender.sendto(bytes(500), listener.socket.getsockname())
                mirror.update(taken.ledger, taken.nodes, [listener])
                mirror.update(taken.ledger, taken.nodes, [listener])
                warnings = [log for log in logs if "kernel dropped" in log["event"]]
                assert len(warnings) == flood
                assert sum(log["dropped"] for log in warnings) == listener.kernel_drops()
        drops = listener.kernel_drops()
        assert drops
        assert stats(taken.ledger, taken.nodes, [listener], kafka=None)["kernel_drops"] == drops
        assert REGISTRY.get_sample_value("csiflow_ingest_kernel_drops") == drops
    finally:
        listener.close()


def test_invented_hosts_get_no_metric_of_their_own() -> None:
    """A multi-BSSID host's made-up number never becomes a Prometheus label."""
    taken = intake()
    taken.take(scan(0), 1, SOURCE, "live")
    MetricsMirror().update(taken.ledger, taken.nodes, [])
    assert REGISTRY.get_sample_value("csiflow_ingest_node_last_seen_seconds", {"node": "live/0123456789abcdef"}) is None


def test_a_chatty_library_is_heard_once_and_others_always() -> None:
    """The same message of aiokafka passes once; another message of it, and the same one of ours, pass."""
    quiet = OncePerInterval("aiokafka")

    def passes(name: str, message: str) -> bool:
        return bool(quiet.filter(logging.LogRecord(name, logging.ERROR, "", 0, message, None, None)))

    assert passes("aiokafka.client", "Unable connect to node with id %s: %s")
    assert not passes("aiokafka.client", "Unable connect to node with id %s: %s")
    assert passes("aiokafka.client", "Unable to update metadata from %s")
    assert passes("csi_ingest", "Unable connect to node with id %s: %s")
    assert passes("csi_ingest", "Unable connect to node with id %s: %s")
