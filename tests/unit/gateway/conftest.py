"""Settings of the gateway tests."""

from __future__ import annotations

from hypothesis import settings

# A shared machine may be busy: how long an example takes says nothing about its truth.
settings.register_profile("gateway", deadline=None)
settings.load_profile("gateway")
