"""Settings of the gateway, ``CSIFLOW_GATEWAY_*``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from csi_runtime.settings import RuntimeSettings, shared
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict


class GatewaySettings(RuntimeSettings):
    """Where the gateway listens, who may use it and how patient it is with a slow client."""

    model_config = SettingsConfigDict(env_prefix="CSIFLOW_GATEWAY_", extra="forbid", populate_by_name=True)

    host: str = "127.0.0.1"
    """Address of the websockets, the REST interface and the dashboard."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Its port; 0 takes a free one and logs it."""

    token: SecretStr | None = None
    """Bearer token of /api and /ws."""
    token_file: Path | None = None
    """File that holds the bearer token; used when ``token`` is not set."""
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins whose pages may use the gateway besides its own, comma separated: ``https://ops.example[,...]``."""

    introspection_enabled: bool = Field(default=False, validation_alias=shared("introspection_enabled"))
    """The switch of introspection: off, the gateway reads no snapshots and answers 404 where they would be."""
    signatures: Path = Field(default=Path("signatures"), validation_alias=shared("signatures"))
    """Folder of the signature files that /api/v1/signatures lists."""

    stale_after: float = Field(default=5.0, gt=0)
    """Seconds without a message after which a node or stream is shown as stale."""
    events_kept: int = Field(default=500, ge=1, le=100_000)
    """Events kept for /api/v1/events, and read back at the start."""

    ring_size: int = Field(default=32, ge=16)
    """Messages kept for a client that cannot take them at the moment; the oldest is dropped for a newer one."""
    send_buffer: int = Field(default=1 << 20, ge=4096)
    """Bytes the kernel holds for a client besides its ring: more rides out longer bursts, less keeps a slow client
    closer to the present."""
    warn_after_drops: int = Field(default=32, ge=1)
    """Drops in a row after which a slow client is logged."""
    ping_interval: float = Field(default=20.0, gt=0)
    """Seconds between keep-alive pings to a websocket client."""
    ping_timeout: float = Field(default=60.0, gt=0)
    """Seconds without a pong, or any other sign that the client still reads, after which it is disconnected."""

    probe_interval: float = Field(default=2.0, gt=0)
    """Seconds between checks that Kafka answers."""

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/").lower() for part in value.split(",") if part.strip())
        return value
