"""``csi.sensing.v1``: one ``sensing_update`` per closed window of one stream.

Field names follow what RuView clients parse; ``node_id`` is a string here. What RuView fills with constants
(``position``, ``signal_field``) is absent unless it was measured.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from csi_schemas.calibration import CalibrationState
from csi_schemas.common import Origin, Provenance

MotionLevel = Literal["absent", "present_still", "present_moving", "active"]
QualityVerdict = Literal["Permit", "Defer", "Deny"]
EnhancedMotionLevel = Literal["None", "Minimal", "Moderate", "High"]


class NodeReading(msgspec.Struct, omit_defaults=True):
    """One node's radio in this window."""

    node_id: str
    rssi_dbm: float
    """Mean RSSI of the window's frames, dBm."""
    amplitude: list[float]
    """Mean amplitude per sub-carrier over frames and antennas, at most 56 bins, I/Q units."""
    subcarrier_count: int
    """Sub-carriers per antenna before binning."""
    position: list[float] | None = None
    """Metres, only if measured."""


class SensingFeatures(msgspec.Struct):
    """Window features on gain-normalised amplitudes (each frame divided by its own L2 norm)."""

    mean_rssi: float
    """dBm."""
    variance: float
    """Mean over sub-carriers of the window variance of the normalised amplitude (root mean square 1)."""
    motion_band_power: float
    """Power in 0.5-10 Hz (or to the Nyquist rate) over the stream's last 4 s, same unit as ``variance``."""
    breathing_band_power: float
    """Power in 0.1-0.5 Hz over the stream's last 30 s, same unit as ``variance``."""
    dominant_freq_hz: float
    """Frequency of the strongest spectral line, Hz; 0 when there is none."""
    change_points: int
    """Level shifts inside the window."""
    spectral_power: float
    """Total power over the stream's last 4 s without the mean, same unit as ``variance``."""


class Classification(msgspec.Struct):
    """What the windowed path concludes."""

    motion_level: MotionLevel
    presence: bool
    confidence: float
    """0-1; 0 means the window could not say and the last state was kept."""


class VitalSigns(msgspec.Struct, omit_defaults=True):
    """Rates, present only when they passed a significance test."""

    breathing_rate_bpm: float | None = None
    """Breaths per minute."""
    breathing_confidence: float | None = None
    """0-1."""


class Window(msgspec.Struct):
    """The frames a ``sensing_update`` is about."""

    frames: int
    start_ns: int
    """Receive time of the first frame, ns since the Unix epoch."""
    end_ns: int
    """Receive time of the last frame."""
    closed_by: Literal["frames", "duration", "timeout"]


class SignalField(msgspec.Struct):
    """Signal strength over a floor grid, only if measured."""

    grid_size: tuple[int, int, int]
    """Cells along x, y and z."""
    values: list[float]
    """One value a cell, z slowest, x fastest, 0-1."""


class EnhancedMotion(msgspec.Struct):
    """Motion as the multi-BSSID pipeline sees it (ADR-022)."""

    score: float
    """0-1."""
    level: EnhancedMotionLevel
    contributing_bssids: int
    """Access points that carried weight."""


class EnhancedBreathing(msgspec.Struct):
    """Breathing as the multi-BSSID pipeline sees it (ADR-022); present only when it passed a significance test."""

    rate_bpm: float
    """Breaths per minute."""
    confidence: float
    """0-1."""
    bssid_count: int
    """Access points that took part."""


class Calibration(msgspec.Struct, omit_defaults=True):
    """What the windowed path thinks of its calibration of this stream."""

    state: CalibrationState
    reason: str | None = None
    """Why it is suspect, and what to do."""
    since_ns: int | None = None
    """Receive time of the last frame it was learnt from, ns since the Unix epoch."""
    progress: float | None = None
    """Share of the stretch that is learnt from now, 0-1."""
    request: str | None = None
    """The request that is being answered."""
    threshold: float | None = None
    """Excess over the quiet's level from which motion begins, log energy; it follows the stream's own quiet."""


class RadioHealth(msgspec.Struct, omit_defaults=True):
    """The state of a stream's radio, over its last minute."""

    rate_hz: float
    """Frames per second received."""
    loss: float
    """Share of frames that sequence numbers say were lost, 0-1."""
    dead_subcarriers: int
    """Sub-carriers that carried signal when it was calibrated and carry none now."""
    gain_states: int
    """Profiles that the radio switches between, 1 when it does not."""
    drift: float
    """Distance of the quiet profile from the calibrated one, in quiet standard deviations."""
    channel_before: int | None = None
    """The channel that the node left for this one, if it changed."""


class NodeFeatures(msgspec.Struct):
    """One node's share, where an update is about several."""

    node_id: str
    features: SensingFeatures
    classification: Classification
    rssi_dbm: float
    """dBm."""
    last_seen_ms: int
    """Time since the node's newest frame, ms."""
    frame_rate_hz: float
    """Frames per second."""
    stale: bool


class SensingUpdate(msgspec.Struct, omit_defaults=True, tag_field="type", tag="sensing_update"):
    """The answer of the windowed path for one window of one stream."""

    timestamp: float
    """Receive time of the window's last frame, seconds since the Unix epoch."""
    source: str
    tick: int
    """Windows of this stream so far, from 1."""
    nodes: list[NodeReading]
    features: SensingFeatures
    classification: Classification
    node_id: str
    stream: str
    """Stream label, see ``StreamKey.label``; ``scan`` for a host that scans for access points."""
    provenance: Provenance
    window: Window
    origin: Origin
    """The window's last frame."""
    vital_signs: VitalSigns | None = None
    signal_field: SignalField | None = None
    enhanced_motion: EnhancedMotion | None = None
    enhanced_breathing: EnhancedBreathing | None = None
    posture: str | None = None
    """Name of the fingerprint the room matches."""
    signal_quality_score: float | None = None
    """0-1."""
    quality_verdict: QualityVerdict | None = None
    """RuView's UI calls Defer Warn."""
    quality_reason: str | None = None
    """Why the verdict is not Permit."""
    bssid_count: int | None = None
    """Access points in the window, for multi-BSSID nodes."""
    calibration: Calibration | None = None
    health: RadioHealth | None = None
    node_features: list[NodeFeatures] | None = None
