"""Shared settings keep their plain names in every service."""

from __future__ import annotations

from pathlib import Path

import pytest
from csi_runtime.settings import RuntimeSettings
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict


class ServiceSettings(RuntimeSettings):
    """Settings of an imagined service."""

    model_config = SettingsConfigDict(env_prefix="CSIFLOW_IMAGINED_", extra="forbid", populate_by_name=True)

    answer: int = 42


def test_shared_and_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """CSIFLOW_KAFKA is every service's; CSIFLOW_IMAGINED_* is this one's."""
    monkeypatch.setenv("CSIFLOW_KAFKA", "broker:1")
    monkeypatch.setenv("CSIFLOW_STATE_DIR", "/somewhere")
    monkeypatch.setenv("CSIFLOW_IMAGINED_ANSWER", "7")
    monkeypatch.setenv("CSIFLOW_IMAGINED_HTTP_PORT", "9100")
    settings = ServiceSettings()
    assert (settings.kafka, settings.state_dir, settings.answer, settings.http_port) == (
        "broker:1",
        Path("/somewhere"),
        7,
        9100,
    )


def test_by_name_in_code() -> None:
    """Tests and benchmarks build settings by field name."""
    assert ServiceSettings(kafka="here:2", http_port=1).kafka == "here:2"


def test_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An impossible value names the field."""
    monkeypatch.setenv("CSIFLOW_IMAGINED_HTTP_PORT", "70000")
    with pytest.raises(ValidationError, match="http_port"):
        ServiceSettings()
