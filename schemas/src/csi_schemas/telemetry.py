"""``csi.telemetry.v1``: the node packets that are not CSI, decoded; one Struct per packet kind, tagged by ``kind``.

The same Structs are what ``csi_schemas.codec`` decodes to and encodes from, so every bit of a packet is kept: bits
without a meaning yet are in ``other_flags`` and ``reserved``, which JSON leaves out when they are zero.
"""

from __future__ import annotations

import msgspec

from csi_schemas.common import Provenance


class NodePacket(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", kw_only=True):
    """What every packet of an ESP32 node carries."""

    node: int
    """The node's number, 0-255."""

    @property
    def node_id(self) -> str:
        """The node's number as text: the record key."""
        return str(self.node)


class Vitals(NodePacket, frozen=True, tag="vitals"):
    """Magic 0xC5110002, 32 bytes: what the node's own vital-signs estimator says."""

    presence: bool
    """Flag bit 0."""
    fall: bool
    """Flag bit 1."""
    motion: bool
    """Flag bit 2."""
    breathing_rate_bpm: float
    """Breaths per minute, resolution 0.01; 0 when the node has none."""
    heart_rate_bpm: float
    """Beats per minute, resolution 0.0001; 0 when the node has none."""
    rssi_dbm: int
    n_persons: int
    """Persons the node believes to see, 0-255."""
    motion_energy: float
    """Not negative; the firmware's own unit."""
    presence_score: float
    """Not negative; the firmware's own unit, not a probability."""
    uptime_ms: int
    """Node clock, ms since its start, u32, wraps after 49.7 days."""
    other_flags: int = 0
    """Flag bits 3-7 as sent."""
    reserved: int = 0
    """Bytes 14-15 as a u16."""
    reserved_tail: int = 0
    """Bytes 28-31 as a u32."""


class Features(NodePacket, frozen=True, tag="features"):
    """Magic 0xC5110003, 48 bytes: eight features computed on the node."""

    sequence: int
    """The node's counter of feature packets, u16, wraps."""
    node_time_us: int
    """Node clock, microseconds, signed 64 bit."""
    values: tuple[float, float, float, float, float, float, float, float]
    """Eight finite numbers, meaning and scale are the firmware's."""
    reserved: int = 0
    """Byte 5."""


class FusedVitals(NodePacket, frozen=True, tag="fused_vitals"):
    """Magic 0xC5110004, 48 bytes: vital signs fused from CSI and a millimetre-wave radar."""

    presence: bool
    """Flag bit 0."""
    fall: bool
    """Flag bit 1."""
    motion: bool
    """Flag bit 2."""
    mmwave: bool
    """Flag bit 3: a millimetre-wave radar is attached."""
    breathing_rate_bpm: float
    """Fused breaths per minute, resolution 0.01; 0 when the node has none."""
    heart_rate_bpm: float
    """Fused beats per minute, resolution 0.0001; 0 when the node has none."""
    rssi_dbm: int
    n_persons: int
    """Persons the node believes to see, 0-255."""
    mmwave_type: int
    """The firmware's number for the radar model."""
    fusion_confidence: int
    """Percent, 0-100."""
    motion_energy: float
    """Not negative; the firmware's own unit."""
    presence_score: float
    """Not negative; the firmware's own unit, not a probability."""
    uptime_ms: int
    """Node clock, ms since its start, u32, wraps after 49.7 days."""
    mmwave_heart_rate_bpm: float
    """Beats per minute from the radar alone; 0 when it has none."""
    mmwave_breathing_rate_bpm: float
    """Breaths per minute from the radar alone; 0 when it has none."""
    mmwave_distance_cm: float
    """Distance to the nearest target, centimetres; 0 when there is none."""
    mmwave_targets: int
    """Targets the radar sees, 0-255."""
    mmwave_confidence: int
    """Percent, 0-100."""
    other_flags: int = 0
    """Flag bits 4-7 as sent."""
    reserved: int = 0
    """Bytes 42-47 as a 48-bit little-endian number."""


class WasmEvent(msgspec.Struct, frozen=True):
    """One number a WebAssembly module put out."""

    type: int
    """Event type, 0-255, defined by the module."""
    value: float


class WasmOutput(NodePacket, frozen=True, tag="wasm_output"):
    """Magic 0xC5110004, 8 + 5n bytes: output of a WebAssembly module that runs on the node."""

    module: int
    """Module slot, 0-255."""
    events: tuple[WasmEvent, ...]
    """At most 16."""


class CompressedCsi(NodePacket, frozen=True, tag="compressed_csi"):
    """Magic 0xC5110005: CSI as run lengths of the XOR with the node's previous frame.

    There are no key frames, so ``csi_schemas.codec.CompressedCsiDecoder`` is needed to get I/Q out of a run of them.
    """

    channel: int
    """IEEE 802.11 channel."""
    iq_length: int
    """Bytes of I/Q the packet expands to."""
    compressed: bytes
    """(value, count) pairs, base64 in JSON; the counts add up to ``iq_length``."""


class FeatureState(NodePacket, frozen=True, tag="feature_state"):
    """Magic 0xC5110006, 60 bytes, CRC-32 protected: the node's compact sensing state."""

    mode: int
    """The firmware's operating mode."""
    sequence: int
    """The node's counter of feature-state packets, u16, wraps."""
    node_time_us: int
    """Node clock, microseconds, unsigned 64 bit."""
    motion_score: float
    """0-1, over 100 ms."""
    presence_score: float
    """0-1, over 1 s."""
    respiration_bpm: float
    """Breaths per minute; 0 when the node has none."""
    respiration_confidence: float
    """0-1."""
    heart_rate_bpm: float
    """Beats per minute; 0 when the node has none."""
    heart_rate_confidence: float
    """0-1."""
    anomaly_score: float
    """0-1."""
    environment_shift_score: float
    """0-1, drift of the baseline."""
    coherence: float
    """0-1, agreement of the node's links."""
    flags: int
    """u16, bits: 0 presence valid, 1 respiration valid, 2 heart rate valid, 3 anomaly, 4 environment shift, 5 degraded,
    6 calibrating, 7 wants recalibration."""
    rssi_dbm: int = 0
    """Median RSSI, dBm; 0 when not measured, as in older firmware."""
    reserved: int = 0
    """Byte 55."""


class BssidSlot(msgspec.Struct, frozen=True, omit_defaults=True):
    """One access point of a multi-BSSID frame. A slot number is all that leaves the host: no MAC, no SSID."""

    slot: int
    """0-31; the host's own stable numbering."""
    rssi_dbm: float
    """dBm, resolution 0.01."""
    age_ms: int
    """Time since the scanner saw the access point, ms, 0-65535."""
    channel: int = 0
    """IEEE 802.11 channel; 0 when unknown."""
    band: int = 0
    """0 unknown, 1: 2.4 GHz, 2: 5 GHz, 3: 6 GHz."""
    radio: int = 0
    """0 unknown, else the Wi-Fi generation: 1 b, 2 a, 3 g, 4 n, 5 ac, 6 ax, 7 be."""
    rssi_variance_db2: float = 0.0
    """Running variance of the slot's RSSI, dB squared."""
    generation: int = 0
    """0-255. Another number than before means another access point: forget what was learnt of the slot."""


class MultiBssid(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="multi_bssid", kw_only=True):
    """Magic 0xC5110002, 24 + 12n bytes: signal strengths of the access points one host hears (ADR-022)."""

    host: str
    """Random 64-bit number of the host, 16 lower-case hexadecimal digits (a JSON number would lose bits)."""
    sequence: int
    """The host's counter of scans, u32, wraps."""
    uptime_ms: int
    """The agent's clock, ms since its start, u32, wraps after 49.7 days."""
    slots: tuple[BssidSlot, ...]
    """At most 32, slot numbers distinct."""
    epoch: int = 0
    """0-255, drawn when the agent starts. Another number than before: forget what was learnt of every slot."""
    native: bool = False
    """Read through an interface that can give 10-20 scans a second, not through a command that is run for each."""

    @property
    def node_id(self) -> str:
        """``host``: the record key. No ESP32's number has 16 digits."""
        return self.host


TelemetryBody = Vitals | Features | FusedVitals | WasmOutput | CompressedCsi | FeatureState | MultiBssid


class TelemetryRecord(msgspec.Struct, kw_only=True):
    """One non-CSI packet of one node, as ingest received it."""

    timestamp_ns: int
    """Receive time, ns since the Unix epoch."""
    node_id: str
    """The record key."""
    provenance: Provenance
    source: str
    """RuView's word for the kind of radio: ``esp32``, ``wifi-enhanced:23``, ..."""
    body: TelemetryBody
