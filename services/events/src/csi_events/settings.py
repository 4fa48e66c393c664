"""Settings of the events service, read from ``CSIFLOW_EVENTS_*`` environment variables."""

from __future__ import annotations

from pathlib import Path

from csi_streaming import StreamingSettings
from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from csi_events.multi_bssid.parameters import Parameters
from csi_events.states import HOLD_S


class EventsSettings(StreamingSettings):
    """Windows, presence and memory; the rest is every stream application's."""

    model_config = SettingsConfigDict(
        env_prefix="CSIFLOW_EVENTS_", env_nested_delimiter="__", extra="forbid", populate_by_name=True
    )

    window_frames: int = Field(default=16, ge=2, le=256)
    """A window closes on this many frames."""
    window_s: float = Field(default=1.0, gt=0, le=10)
    """A window closes on a frame this much later than its first, or when its stream is silent for this long."""
    presence_hold_s: float = Field(default=HOLD_S, ge=1)
    """Presence without evidence lasts this long, as ``present_still`` with a confidence of at most 0.5. Breathing
    is heard 20 to 31 s after somebody sat down: with a shorter hold, who sits still is ``absent`` until then."""
    idle_s: float = Field(default=600.0, ge=10)
    """A stream that is silent for this long is forgotten: its state begins anew, but for its stored calibration."""
    max_streams: int = Field(default=256, ge=1)
    """Streams a partition keeps; one more, and the one heard longest ago is forgotten."""
    fingerprints: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("fingerprints", "CSIFLOW_EVENTS_FINGERPRINTS", "CSIFLOW_FINGERPRINTS"),
    )
    """Folder of the ``*.fingerprint.json`` files of multi-BSSID nodes; by default ``fingerprints`` in the state folder.
    Files added, changed or removed count without a restart; a folder that is not there is an empty one. ``csiflow
    fingerprint`` reads ``CSIFLOW_FINGERPRINTS``."""
    latest_interval_s: float = Field(default=1.0, ge=0)
    """Least time between two records of a stream on csi.latest.v1."""
    multi_bssid: Parameters = Parameters()
    """The pipeline for scans of access points."""

    @property
    def fingerprint_folder(self) -> Path:
        """Where the fingerprints are."""
        return self.fingerprints or self.state_dir / "fingerprints"
