"""docs/settings.md is what the settings classes say."""

from __future__ import annotations

from pathlib import Path

from csiflow.settings_reference import PAGE, render

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_current() -> None:
    """A setting that was added, changed or documented anew makes the committed page stale."""
    assert (ROOT / PAGE).read_text() == render(), "python -m csiflow.settings_reference writes it"
