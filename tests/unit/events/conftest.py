"""Settings of the events tests."""

from __future__ import annotations

from hypothesis import settings

# A shared machine may be busy: how long an example takes says nothing about its truth.
settings.register_profile("events", deadline=None)
settings.load_profile("events")
