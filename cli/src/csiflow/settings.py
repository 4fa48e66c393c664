"""Settings of the command line itself; the services have their own."""

from __future__ import annotations

import os
from pathlib import Path

from csi_runtime.errors import ConfigurationError
from csi_runtime.settings import RuntimeSettings, load
from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict
from rich.markup import escape

from csiflow.output import fail


def checkout() -> Path | None:
    """The checkout the wrapper runs from, if it does."""
    root = os.environ.get("CSIFLOW_ROOT")
    return Path(root) if root else None


class CliSettings(RuntimeSettings):
    """What ``csiflow`` itself needs; ``kafka`` is only used when CSIFLOW_KAFKA is set."""

    model_config = SettingsConfigDict(env_prefix="CSIFLOW_CLI_", extra="forbid", populate_by_name=True)

    start_timeout: float = Field(default=600.0, gt=0)
    """Seconds a service may take to become ready; the first start compiles the kernels."""
    fingerprints: Path | None = Field(
        default=None, validation_alias=AliasChoices("fingerprints", "CSIFLOW_FINGERPRINTS")
    )
    """Folder of the fingerprints of multi-BSSID nodes; by default ``fingerprints`` in the state folder."""
    stop_timeout: float = Field(default=10.0, gt=0)
    """Seconds a service may take to stop before it is killed."""

    @property
    def external_kafka(self) -> str | None:
        """Bootstrap servers of the cluster named by CSIFLOW_KAFKA, or ``None`` for the embedded broker."""
        return self.kafka if "kafka" in self.model_fields_set else None

    @property
    def fingerprint_folder(self) -> Path:
        """Where fingerprints are written to and read from."""
        return self.fingerprints or self.state_dir / "fingerprints"


def cli_settings() -> CliSettings:
    """Return the settings of the environment.

    Raises:
        typer.Exit: with code 2, a variable cannot be used; the message names it.
    """
    try:
        return load(CliSettings)
    except ConfigurationError as error:
        fail(escape(str(error)), 2)
