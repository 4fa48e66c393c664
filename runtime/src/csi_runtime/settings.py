"""Settings every service shares, read from ``CSIFLOW_*`` environment variables.

A service's own settings subclass :class:`RuntimeSettings` with ``env_prefix="CSIFLOW_<SERVICE>_"``; the shared fields
below keep their plain ``CSIFLOW_`` names in every service.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AliasChoices, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from csi_runtime.errors import ConfigurationError


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


S = TypeVar("S", bound=RuntimeSettings)


def load(settings: type[S]) -> S:
    """Return the settings of the environment.

    Raises:
        ConfigurationError: A variable cannot be used; the message names each such variable, its fault and what to do.
    """
    try:
        return settings()
    except ValidationError as error:
        faults = "; ".join(_fault(settings, each) for each in error.errors(include_url=False))
        raise ConfigurationError(faults) from error
    except SettingsError as error:  # JSON was wanted
        prefix = settings.model_config.get("env_prefix", "")
        raise ConfigurationError(
            f"{prefix}*: {error} ({error.__cause__}); docs/settings.md says what it takes"
        ) from error


def variable(settings: type[RuntimeSettings], name: str) -> str:
    """Environment variable of a field."""
    alias = settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[-1])
    return f"{settings.model_config.get('env_prefix', '')}{name.upper()}"


def _fault(settings: type[RuntimeSettings], error: ErrorDetails) -> str:
    """Say which variable is at fault, and how."""
    said = error["msg"].removeprefix("Value error, ")
    names = [str(part) for part in error["loc"]]
    if not names:  # variables that do not go together; the message names them
        return f"{settings.model_config.get('env_prefix', '')}*: {said}"
    head = variable(settings, names[0]) if names[0] in settings.model_fields else names[0]
    whole = "__".join([head, *(name.upper() for name in names[1:])])
    if error["type"] == "value_error":  # our own checks say what was given and what to give
        return f"{whole}: {said}"
    return f"{whole}={error['input']}: {said}; docs/settings.md says what it takes"
