"""Settings of the ingest service, read from ``CSIFLOW_INGEST_*`` environment variables."""

from __future__ import annotations

from pathlib import Path

from csi_runtime.settings import RuntimeSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict


class IngestSettings(RuntimeSettings):
    """Where ingest listens, and how much it holds while Kafka is away."""

    model_config = SettingsConfigDict(env_prefix="CSIFLOW_INGEST_", extra="forbid", populate_by_name=True)

    live: str = "0.0.0.0:5005"
    """``HOST:PORT`` for real nodes and wifiscan agents; empty: do not listen. Port 0 takes a free one and logs it."""
    replay: str = "127.0.0.1:5006"
    """``HOST:PORT`` for recordings; empty: do not listen."""
    synthetic: str = "127.0.0.1:5007"
    """``HOST:PORT`` for the simulator; empty: do not listen."""
    receive_buffer_bytes: int = Field(default=16 * 2**20, ge=4096)
    """Kernel receive buffer asked for on each socket; what was granted is logged."""
    buffer_records: int = Field(default=50_000, ge=16)
    """Records held until Kafka acknowledges them; beyond it datagrams are dropped with a reason while Kafka is away."""
    buffer_bytes: int = Field(default=64 * 2**20, ge=2**20)
    """The same bound in bytes of record values."""
    dead_letter_share: float = Field(default=0.25, gt=0, le=1)
    """Largest part of the buffer that dead letters may fill, so that a flood of junk leaves room for frames."""
    away_after: float = Field(default=2.0, gt=0)
    """Kafka counts as away when a batch has waited this many seconds for its acknowledgement."""
    stale_after: float = Field(default=5.0, gt=0)
    """A node is stale when none of its datagrams came for this many seconds."""
    shutdown_timeout: float = Field(default=5.0, ge=0)
    """Seconds to wait on shutdown for Kafka to acknowledge what is held."""
    auth_key: SecretStr | None = None
    """Hexadecimal key that every node must authenticate its datagrams with on the live port; empty: none must."""
    auth_key_file: Path | None = None
    """File of lines ``NODE KEY`` or ``NODE open``, ``*`` for every node not named; a node without a line is refused."""
