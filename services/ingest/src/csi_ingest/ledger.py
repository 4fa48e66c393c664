"""The ledger: every datagram received ends in exactly one outcome, or is pending."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a datagram; each datagram has exactly one."""

    PUBLISHED = "published"
    """A CSI frame or a multi-BSSID scan that Kafka acknowledged on csi.frames.v1."""
    TELEMETRY = "telemetry"
    """Another packet that Kafka acknowledged on csi.telemetry.v1; the detail is its kind."""
    DUPLICATE = "duplicate"
    """A second copy of a frame, a scan, or any authenticated datagram; not published."""
    REJECTED = "rejected"
    """Not a valid packet; Kafka acknowledged the dead letter on csi.rejected.v1. The detail is the reason."""
    DROPPED = "dropped"
    """Valid or not, it could not be held; the detail is the :class:`DropReason`."""


class DropReason(StrEnum):
    """Why a datagram was dropped."""

    BUFFER_FULL = "buffer_full"
    """The bounded buffer was full while Kafka was away."""
    DEAD_LETTER_OVERFLOW = "dead_letter_overflow"
    """Dead letters filled their share of the buffer; the rest of it is kept for frames."""
    REFUSED_BY_KAFKA = "refused_by_kafka"
    """Kafka refuses this one record whatever is tried, e.g. larger than the topic's max.message.bytes."""


class LedgerError(RuntimeError):
    """More datagrams were settled than were received: a defect of ingest."""


@dataclass(slots=True)
class Ledger:
    """Counts by outcome; ``received`` always equals their sum plus ``pending``."""

    received: Counter[str] = field(default_factory=Counter)
    """Datagrams read from the sockets, by provenance."""
    pending: int = 0
    """Datagrams received that have no outcome yet: held, or sent and not acknowledged."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    details: dict[Outcome, Counter[str]] = field(
        default_factory=lambda: {o: Counter() for o in (Outcome.TELEMETRY, Outcome.REJECTED, Outcome.DROPPED)}
    )
    """Telemetry by kind, rejected and dropped by reason; each adds up to its outcome."""

    def receive(self, provenance: str) -> None:
        """Count one datagram in."""
        self.received[provenance] += 1
        self.pending += 1

    def settle(self, outcome: Outcome, detail: str | None = None, count: int = 1) -> None:
        """Give ``count`` pending datagrams their outcome.

        Raises:
            LedgerError: fewer than ``count`` are pending, or the outcome needs a detail and has none.
        """
        if count > self.pending:
            raise LedgerError(f"{count} datagrams end as {outcome} but only {self.pending} are pending")
        details = self.details.get(outcome)
        if (details is None) != (detail is None):
            raise LedgerError(f"outcome {outcome} with detail {detail!r}")
        self.pending -= count
        self.outcomes[outcome] += count
        if details is not None and detail is not None:
            details[detail] += count

    @property
    def total_received(self) -> int:
        """Datagrams read from all sockets."""
        return self.received.total()

    def imbalance(self) -> int:
        """Return received - outcomes - pending: 0 unless ingest has a defect."""
        return self.received.total() - self.outcomes.total() - self.pending
