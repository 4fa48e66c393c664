"""Settings of the fusion of zones, read from ``CSIFLOW_CLUSTER_*`` environment variables."""

from __future__ import annotations

from csi_streaming import StreamingSettings
from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from csi_introspection.cluster.zone import Pace
from csi_introspection.cluster.zones import ZoneTable, everything


class ClusterSettings(StreamingSettings):
    """How soon a node counts as silent, and how often a zone is told; the zones are the introspection service's."""

    model_config = SettingsConfigDict(
        env_prefix="CSIFLOW_CLUSTER_", extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    enabled: bool = Field(default=False, validation_alias=AliasChoices("enabled", "CSIFLOW_INTROSPECTION_ENABLED"))
    """The switch of introspection: off, there is nothing to fuse."""
    zones: ZoneTable = Field(
        default_factory=everything, validation_alias=AliasChoices("zones", "CSIFLOW_INTROSPECTION_ZONES")
    )
    """See the introspection service: both must be given the same."""
    stale_after_s: float = Field(default=1.5, ge=0.2, le=60)
    """A stream whose newest frame is older than this takes no part. Nodes that send less often flicker; the clocks of
    several ingest hosts must agree to well below it."""
    interval_s: float = Field(default=0.1, ge=0.01)
    """Least time between two snapshots of a zone without news; news (regime, onset, motion, a promoted match, a node
    that comes or goes) is told at once."""
    onset_gap_s: float = Field(default=1.0, gt=0)
    """Onsets of a zone's nodes that follow each other within this are one motion, told once."""
    forget_s: float = Field(default=600.0, ge=10)
    """A silent node that no zone names is no longer listed after this."""
    max_streams: int = Field(default=1024, ge=1)
    """Streams a zone keeps; one more, and the one heard longest ago is forgotten."""

    @property
    def pace(self) -> Pace:
        """The times of a zone in nanoseconds."""
        return Pace(*(round(s * 1e9) for s in (self.stale_after_s, self.interval_s, self.onset_gap_s, self.forget_s)))
