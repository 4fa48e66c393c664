"""Settings of a stream application: how it consumes, produces and starts again."""

from __future__ import annotations

from typing import Literal, Self

from csi_runtime.settings import RuntimeSettings
from pydantic import Field, model_validator


class StreamingSettings(RuntimeSettings):
    """What both consumers can be told; a service subclasses it with its own ``env_prefix``."""

    group_id: str = ""
    """Consumer group; empty takes ``csiflow-<service name>``. Workers of one group share the partitions."""
    start_from: Literal["earliest", "latest"] = "earliest"
    """Where a group without committed offsets begins. The position is committed at once, so it is chosen only once."""
    session_timeout_s: float = Field(default=6.0, ge=1.0, le=45.0)
    """Silence after which the broker gives a worker's partitions to others. The broker refuses less than its
    ``group.min.session.timeout.ms`` (6 s unless configured)."""
    heartbeat_interval_s: float = Field(default=1.0, gt=0)
    """At most a third of the session timeout."""
    rebalance_timeout_s: float = Field(default=10.0, gt=0)
    """How long a rebalance waits for a worker to finish what it has begun."""
    commit_interval_s: float = Field(default=0.5, gt=0)
    """Offsets are committed this often; a killed worker's successor repeats at most this much."""
    max_poll_records: int = Field(default=500, ge=1)
    """Records taken in one step; the event loop is held for as long as their processing takes."""
    busy_pause_ms: float = Field(default=4.0, ge=0)
    """Pause before the next fetch when the last one brought several records but no backlog: fewer, larger fetches at
    high rates. A few hundred frames a second and less never wait."""
    max_in_flight_records: int = Field(default=8192, ge=1)
    """Records fetched but not yet processed and acknowledged; above it, fetching waits (back-pressure)."""
    linger_ms: int = Field(default=0, ge=0)
    """How long an output waits for company; 0 sends at once, and still batches what arrives meanwhile."""
    max_batch_bytes: int = Field(default=256 * 1024, ge=1024)
    """Largest batch of outputs for one partition."""
    produce_timeout_s: float = Field(default=30.0, gt=0)
    """Timeout of a request to the broker. Retriable errors are retried without end, others stop the worker."""
    warm_up_s: float = Field(default=120.0, ge=0)
    """Records this much older than the last processed one are read again after an assignment, to rebuild state."""
    warm_up_records: int = Field(default=6000, ge=0)
    """At most this many records a partition are read again; 0 switches warm-up off."""
    stop_timeout_s: float = Field(default=10.0, gt=0)
    """A stop that takes longer (a broker that does not answer) is cut short, with exit code 1; nothing is lost, as
    unacknowledged work stays uncommitted."""

    @model_validator(mode="after")
    def _heartbeats_fit_the_session(self) -> Self:
        if self.heartbeat_interval_s * 3 > self.session_timeout_s:
            raise ValueError(
                f"heartbeat_interval_s={self.heartbeat_interval_s} must be at most a third of "
                f"session_timeout_s={self.session_timeout_s}, else one late heartbeat costs the worker its partitions"
            )
        return self
