"""All parameters of the multi-BSSID pipeline, with ADR-022's defaults where it gives one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Parameters(BaseModel):
    """One frozen object for all stages; ``CSIFLOW_EVENTS_MULTI_BSSID__<NAME>`` in the environment of events."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # the node
    min_bssids: int = Field(default=3, ge=1, le=32)
    """Access points below which the single-AP mode answers, with lower confidence (ADR-022)."""
    expiry_s: float = Field(default=30.0, gt=0)
    """A slot that was silent this long takes no part until it is heard again (ADR-022)."""
    gap_s: float = Field(default=3.0, gt=0)
    """Silence of a node (or 10 scan intervals, if longer) after which earlier scans are no longer compared with."""

    calibrate_s: float = Field(default=10.0, ge=2)
    """First stretch of a node, taken for an empty room; nothing is said of it."""

    # predictive gate
    gate_residual: float = Field(default=0.05, gt=0)
    """Residual of a slot, relative to its predicted amplitude, from which it changed (ADR-022); 0.05 is 0.42 dB."""
    quantisation_db: float = Field(default=0.5, ge=0)
    """Step of the signal strengths; a residual of up to one step is no change, whatever ``gate_residual`` is."""

    # attention
    adaptation: bool = True
    """Adapt the embeddings to the room from feedback (ADR-022)."""
    lora_rank: int = Field(default=2, ge=1, le=16)
    """Rank of the adaptation."""
    lora_learning_rate: float = Field(default=0.001, gt=0)
    """Step of the adaptation (ADR-022)."""
    ewc_lambda: float = Field(default=100.0, ge=0)
    """Weight of the elastic weight consolidation that keeps earlier rooms (ADR-022); 0 switches it off."""

    # correlation graph
    correlation_frames: int = Field(default=30, ge=4, le=256)
    """Scans the Pearson correlations are over (ADR-022)."""
    correlation_edge: float = Field(default=0.7, gt=0, lt=1)
    """Correlation from which two slots are in one cluster."""

    # motion and presence
    motion_threshold: float = Field(default=0.15, gt=0, lt=1)
    """Motion score from which somebody moves (ADR-022)."""
    adopt_s: float = Field(default=600.0, ge=30)
    """Levels that stay away from the empty room's for this long, without motion or breathing, are the empty room's."""

    # breathing
    breathing: bool = True
    """Look for breathing, with native scan rates only (ADR-022)."""
    breathing_low_hz: float = Field(default=0.1, gt=0)
    """Lower end of the band (ADR-022)."""
    breathing_high_hz: float = Field(default=0.5, gt=0)
    """Upper end of the band (ADR-022)."""
    breathing_p: float = Field(default=1e-4, gt=0, lt=1)
    """Chance with which noise alone may pass for breathing, per attempt."""

    # quality gate
    shadow_db: float = Field(default=3.0, gt=0)
    """What a body takes off a path that it shadows; ADR-022 says 3-8 dB."""

    # drift
    drift_db: float = Field(default=2.0, gt=0)
    """A slot whose level changes by less than this, from one end to the other, is Stable."""

    # fingerprints
    fingerprint: bool = True
    """Match the room with the fingerprints learnt on site (ADR-022)."""

    # history
    history_bytes: int = Field(default=256 * 1024, ge=4096)
    """Memory of the tiered history of one node, bytes (ADR-022)."""
