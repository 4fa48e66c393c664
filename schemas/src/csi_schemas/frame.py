"""``csi.frames.v1``: one validated CSI frame, or one scan of the access points a host hears."""

from __future__ import annotations

from typing import Literal

import msgspec

from csi_schemas.common import Provenance, StreamKey, channel_of
from csi_schemas.telemetry import BssidSlot

SequenceStatus = Literal["first", "in_order", "gap", "reordered", "restarted"]


class CsiFrame(msgspec.Struct, omit_defaults=False, gc=False, tag_field="kind", tag="csi"):
    """One CSI measurement of one node, as ingest published it; ``kind`` is ``csi`` and comes first in JSON.

    ``iq`` holds interleaved int8 I, Q per sub-carrier, antenna-major (``n_antennas * n_subcarriers * 2`` bytes),
    base64 in JSON. Follows ADR-018.
    """

    node_id: str
    """The node's number in its packets, as text; the record key."""
    timestamp_ns: int
    """Receive time, ns since the Unix epoch: kernel time stamp where the platform has one."""
    sequence: int
    """The node's own frame counter, u32, wraps."""
    provenance: Provenance
    source: str
    """RuView's word for the kind of radio: ``esp32``, ``wifi-enhanced:23``, ..."""
    n_antennas: int
    n_subcarriers: int
    """Sub-carriers per antenna, 1-512, null sub-carriers included."""
    frequency_mhz: int
    """Centre frequency in MHz; 0 when the node did not say."""
    rssi_dbm: int
    """-128 to 20 dBm."""
    noise_floor_dbm: int
    """-128 to 127 dBm, as the radio says."""
    iq: bytes
    """int8 I, Q pairs, base64 in JSON; ``csi_schemas.iq`` shapes them."""
    sequence_status: SequenceStatus = "in_order"
    """How the sequence number relates to the node's earlier ones."""
    missing_before: int = 0
    """Frames lost between the highest sequence number so far and this one (status ``gap``)."""

    @property
    def channel(self) -> int | None:
        """IEEE 802.11 channel of ``frequency_mhz``, if it is on one."""
        return channel_of(self.frequency_mhz)

    @property
    def stream(self) -> StreamKey:
        """The stream this frame belongs to."""
        return StreamKey(self.node_id, self.n_antennas, self.n_subcarriers, channel_of(self.frequency_mhz))


class MultiBssidFrame(msgspec.Struct, omit_defaults=False, gc=False, frozen=True, tag_field="kind", tag="multi_bssid"):
    """One scan of one host (ADR-022), as ingest published it; ``kind`` is ``multi_bssid`` and comes first in JSON.

    What is learnt of a slot is good as long as ``epoch`` and the slot's ``generation`` stay the same and
    ``sequence_status`` is not ``restarted``. ``csi_schemas.access_points`` turns dBm into amplitudes.
    """

    node_id: str
    """The host's random number, 16 lower-case hexadecimal digits; the record key."""
    timestamp_ns: int
    """Receive time, ns since the Unix epoch: kernel time stamp where the platform has one."""
    sequence: int
    """The host's counter of scans, u32, wraps."""
    provenance: Provenance
    source: str
    """``wifi-enhanced:<slots>``, or ``wifi`` for a host that hears one access point."""
    uptime_ms: int
    """The agent's clock, ms since its start, u32, wraps after 49.7 days."""
    epoch: int
    """0-255, drawn when the agent starts."""
    native: bool
    """Read through an interface that can give 10-20 scans a second, not through a command that is run for each."""
    slots: tuple[BssidSlot, ...]
    """At most 32, slot numbers distinct; empty when the host hears nothing."""
    sequence_status: SequenceStatus = "in_order"
    """How the sequence number relates to the host's earlier ones."""
    missing_before: int = 0
    """Scans lost between the highest sequence number so far and this one (status ``gap``)."""


AnyFrame = CsiFrame | MultiBssidFrame
"""What a record of ``csi.frames.v1`` may hold; skip the kinds you do not know."""
