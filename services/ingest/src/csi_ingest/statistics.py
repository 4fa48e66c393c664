"""The figures of ``GET /stats`` and of the Prometheus metrics, both read from the ledger and the node table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from csi_runtime import metrics

from csi_ingest.ledger import Ledger, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csi_ingest.listener import Listener
    from csi_ingest.nodes import Node, NodeTable

log = structlog.get_logger(__name__)

_LONGEST_NODE_NUMBER = 3
"""Digits of a u8. Multi-BSSID hosts make their 64-bit numbers up, so they get no label of their own."""
_SEQUENCE_COUNTS = ("missing", "reordered", "duplicates", "restarts")


def kernel_drops(listeners: Sequence[Listener]) -> int | None:
    """Datagrams the kernel dropped on all sockets; ``None`` where the platform does not say."""
    counts = [drops for listener in listeners if (drops := listener.kernel_drops()) is not None]
    return sum(counts) if counts else None


def stats(ledger: Ledger, nodes: NodeTable, listeners: Sequence[Listener], *, kafka: str | None) -> dict[str, Any]:
    """Return the body of ``GET /stats``.

    ``received == published + telemetry + duplicates + rejected + dropped + pending``. A node that sends on several
    ports is one entry, its counts added up; ``provenance`` then names each port. ``kafka`` is why Kafka is away.
    """
    outcomes = ledger.outcomes
    return {
        "received": ledger.total_received,
        "received_by_provenance": dict(ledger.received),
        "published": outcomes[Outcome.PUBLISHED],
        "telemetry": outcomes[Outcome.TELEMETRY],
        "telemetry_by_kind": dict(ledger.details[Outcome.TELEMETRY]),
        "duplicates": outcomes[Outcome.DUPLICATE],
        "rejected": outcomes[Outcome.REJECTED],
        "rejected_by_reason": dict(ledger.details[Outcome.REJECTED]),
        "dropped": outcomes[Outcome.DROPPED],
        "dropped_by_reason": dict(ledger.details[Outcome.DROPPED]),
        "pending": ledger.pending,
        "kernel_drops": kernel_drops(listeners),
        "kafka_away": kafka,
        "sources": sources(nodes),
        "nodes": _nodes(nodes),
        "listeners": {listener.provenance: listener.address for listener in listeners},
    }


def sources(table: NodeTable) -> dict[str, dict[str, int]]:
    """Count what can be sensed with, CSI frames and multi-BSSID scans, by provenance and source."""
    counts: dict[str, dict[str, int]] = {}
    for node in table.nodes.values():
        usable = node.streams.total() + node.scans
        if usable:
            of_provenance = counts.setdefault(node.key.provenance, {})
            of_provenance[node.source] = of_provenance.get(node.source, 0) + usable
    return counts


def _nodes(table: NodeTable) -> dict[str, Any]:
    merged: dict[str, dict[str, Any]] = {}
    for node in table.nodes.values():
        entry = merged.setdefault(
            node.key.node_id,
            {
                "provenance": [],
                "streams": {},
                "scans": 0,
                **dict.fromkeys(_SEQUENCE_COUNTS, 0),
                "last_seen_ns": 0,
                "stale": True,
            },
        )
        entry["provenance"].append(node.key.provenance)
        entry["streams"] = dict(Counter(entry["streams"]) + Counter(node.frames_by_stream()))
        entry["scans"] += node.scans
        for name in _SEQUENCE_COUNTS:
            entry[name] += getattr(node.sequence, name)
        if node.last_seen_ns >= entry["last_seen_ns"]:
            entry["last_seen_ns"] = node.last_seen_ns
            entry["source"] = node.source
        entry["stale"] = entry["stale"] and node.stale
    return merged


@dataclass(slots=True)
class MetricsMirror:
    """Brings the Prometheus counters up to the ledger's counts; cheaper than counting each datagram twice."""

    _counted: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _kernel_drops: int = 0
    _dropped: int = 0

    def update(self, ledger: Ledger, nodes: NodeTable, listeners: Sequence[Listener]) -> None:
        """Raise each counter by what the ledger has gained, and warn about fresh losses."""
        for provenance, count in ledger.received.items():
            self._raise(metrics.INGEST_RECEIVED, (provenance,), count)
        for outcome, count in ledger.outcomes.items():
            self._raise(metrics.INGEST_OUTCOME, (outcome.value,), count)
        for outcome, counter in (
            (Outcome.TELEMETRY, metrics.INGEST_TELEMETRY),
            (Outcome.REJECTED, metrics.INGEST_REJECTED),
            (Outcome.DROPPED, metrics.INGEST_DROPPED),
        ):
            for detail, count in ledger.details[outcome].items():
                self._raise(counter, (detail,), count)
        metrics.INGEST_PENDING.set(ledger.pending)
        for node in nodes.nodes.values():
            if len(node.key.node_id) <= _LONGEST_NODE_NUMBER:
                self._update_node(node)
        self._warn_about_kernel_drops(listeners)
        self._warn_about_drops(ledger)

    def _raise(self, counter: Any, labels: tuple[str, ...], count: int) -> None:
        identity = (counter._name, *labels)  # noqa: SLF001 - a counter has no public name
        gained = count - self._counted[identity]
        if gained > 0:
            counter.labels(*labels).inc(gained)
            self._counted[identity] = count

    def _update_node(self, node: Node) -> None:
        name = f"{node.key.provenance}/{node.key.node_id}"
        sequence = node.sequence
        metrics.INGEST_MISSING.labels(name).set(sequence.missing)
        for what, count in (
            ("reordered", sequence.reordered),
            ("duplicate", sequence.duplicates),
            ("restarted", sequence.restarts),
        ):
            self._raise(metrics.INGEST_SEQUENCE, (name, what), count)
        metrics.INGEST_NODE_LAST_SEEN.labels(name).set(node.last_seen_ns / 1e9)

    def _warn_about_kernel_drops(self, listeners: Sequence[Listener]) -> None:
        drops = kernel_drops(listeners)
        if drops is None:
            return
        metrics.INGEST_KERNEL_DROPS.set(drops)
        if drops > self._kernel_drops:
            log.warning(
                "the kernel dropped datagrams on a full socket buffer; raise net.core.rmem_max or lower the rate",
                dropped=drops - self._kernel_drops,
                total=drops,
            )
            self._kernel_drops = drops

    def _warn_about_drops(self, ledger: Ledger) -> None:
        dropped = ledger.outcomes[Outcome.DROPPED]
        if dropped > self._dropped:
            log.warning(
                "datagrams dropped",
                dropped=dropped - self._dropped,
                total=dropped,
                by_reason=dict(ledger.details[Outcome.DROPPED]),
            )
            self._dropped = dropped
