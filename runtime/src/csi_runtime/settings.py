"""Settings every service shares, read from ``CSIFLOW_*`` environment variables.

A service's own settings subclass :class:`RuntimeSettings` with ``env_prefix="CSIFLOW_<SERVICE>_"``; the shared fields
below keep their plain ``CSIFLOW_`` names in every service.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def shared(name: str) -> AliasChoices:
    """Accept a shared field by its Python name and as ``CSIFLOW_<NAME>``."""
    return AliasChoices(name, f"CSIFLOW_{name.upper()}")


def default_state_dir() -> Path:
    """Folder for the embedded broker's data, tokens and run files: under the checkout, else under the home folder."""
    return Path.home() / ".local" / "state" / "csiflow"


class RuntimeSettings(BaseSettings):
    """What every service needs to run."""

    model_config = SettingsConfigDict(
        env_prefix="CSIFLOW_", extra="forbid", populate_by_name=True, use_attribute_docstrings=True
    )

    kafka: str = Field(default="127.0.0.1:9092", validation_alias=shared("kafka"))
    """Bootstrap servers, ``HOST:PORT[,HOST:PORT...]``."""
    log_format: Literal["auto", "console", "json"] = Field(default="auto", validation_alias=shared("log_format"))
    """``auto``: console on a terminal, else JSON lines."""
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias=shared("log_level")
    )
    """Least severe records that are written."""
    state_dir: Path = Field(default_factory=default_state_dir, validation_alias=shared("state_dir"))
    """Where the embedded broker, tokens and run files live."""
    http_host: str = "127.0.0.1"
    """Address of /health, /ready and /metrics."""
    http_port: int = Field(default=0, ge=0, le=65535)
    """Port of /health, /ready and /metrics; 0 takes a free one and logs it."""
