"""``csi.events.v1``: things that began, ended or were estimated; one Struct per event, tagged by ``event``."""

from __future__ import annotations

from typing import Literal

import msgspec

from csi_schemas.common import Origin, Provenance


class Event(msgspec.Struct, omit_defaults=True, tag_field="event", kw_only=True):
    """What every event carries."""

    timestamp_ns: int
    """When it happened: receive time of the deciding frame, ns since the Unix epoch."""
    node_id: str
    provenance: Provenance
    source: str
    stream: str | None = None
    """Stream label, when the event is about one stream."""
    origin: Origin | None = None
    """The deciding frame, when one decided."""
    confidence: float | None = None
    """0-1."""


class PresenceStarted(Event, tag=True):
    """Somebody is there: presence held for the entering windows."""


class PresenceEnded(Event, tag=True):
    """Nobody is there any more."""

    started_ns: int
    """``timestamp_ns`` of the matching PresenceStarted."""


class MotionStarted(Event, tag=True, omit_defaults=False):  # the alias is a default that must be written
    """Motion held for the debounce windows."""

    alias: Literal["MotionDetected"] = "MotionDetected"
    """The name rvCSI uses for this event."""


class MotionEnded(Event, tag=True):
    """Motion is over."""

    started_ns: int
    """``timestamp_ns`` of the matching MotionStarted."""


class BreathingEstimated(Event, tag=True):
    """A breathing rate that passed its significance test."""

    breathing_rate_bpm: float
    """Breaths per minute."""


class NodeStale(Event, tag=True):
    """No datagram from this node for longer than the staleness limit."""

    last_seen_ns: int
    """Receive time of its last datagram."""


class NodeBack(Event, tag=True):
    """A stale node sends again."""

    stale_since_ns: int
    """``last_seen_ns`` of the matching NodeStale."""


class DriftDetected(Event, tag=True):
    """The quiet level of a stream has moved."""

    drift: float
    """Shift of the normalised amplitude profile, in quiet standard deviations."""


class NodeDegraded(Event, tag=True):
    """A node's radio is not what it was: rate, loss, dead sub-carriers or channel."""

    reason: str


AnyEvent = (
    PresenceStarted
    | PresenceEnded
    | MotionStarted
    | MotionEnded
    | BreathingEstimated
    | NodeStale
    | NodeBack
    | DriftDetected
    | NodeDegraded
)
