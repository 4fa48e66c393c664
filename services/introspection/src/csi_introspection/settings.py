"""Settings of the introspection service, read from ``CSIFLOW_INTROSPECTION_*`` environment variables."""

from __future__ import annotations

from pathlib import Path

from csi_streaming import StreamingSettings
from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from csi_introspection.cluster.zones import ZoneTable, everything


def reference_signatures() -> Path | None:
    """Folder of the reference signatures in a checkout; ``None`` outside of one."""
    folder = Path(__file__).parents[4] / "signatures"
    return folder if folder.is_dir() else None


class IntrospectionSettings(StreamingSettings):
    """Kill switch, signature library and memory; the rest is every stream application's."""

    model_config = SettingsConfigDict(
        env_prefix="CSIFLOW_INTROSPECTION_", extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    enabled: bool = False
    """Off, the service consumes nothing and says so; ``--introspection`` switches it on as well. docs/matching.md says
    why it is off by default."""
    signatures: Path | None = Field(
        default_factory=reference_signatures,
        validation_alias=AliasChoices("signatures", "CSIFLOW_INTROSPECTION_SIGNATURES", "CSIFLOW_SIGNATURES"),
    )
    """Folder of the ``*.sig.json`` files; by default the checkout's ``signatures/``. Also read from
    ``CSIFLOW_INTROSPECTION_SIGNATURES``."""
    signatures_poll_s: float = Field(default=1.0, ge=0.05)
    """Seconds between two looks at that folder: files added, changed or removed count without a restart."""
    idle_s: float = Field(default=600.0, ge=10)
    """A stream that is silent for this long is forgotten: its state, calibration included, begins anew."""
    max_streams: int = Field(default=256, ge=1)
    """Streams a partition keeps; one more, and the one heard longest ago is forgotten. About 0.4 MB each."""
    latest_interval_s: float = Field(default=1.0, ge=0)
    """Least time between two records of a stream on csi.latest.v1."""
    zones: ZoneTable = Field(
        default_factory=everything, validation_alias=AliasChoices("zones", "CSIFLOW_INTROSPECTION_ZONES")
    )
    """Zones whose nodes are fused, as JSON: ``{"living-room": ["1", "2"], "house": ["*"]}``. ``"*"`` is every node, a
    node may be in several zones or in none, ``{}`` switches the fusion off. Unset or empty: one zone ``all`` of every
    node. The fusion service reads the same variable."""
