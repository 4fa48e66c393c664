"""Fetching pauses at high rates only, and never with a backlog."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from csi_streaming import StreamingSettings
from csi_streaming.consumer import BUSY_RECORDS, BatchConsumer


@pytest.mark.parametrize(
    ("fetched", "pauses"),
    [(0, []), (1, []), (BUSY_RECORDS - 1, []), (BUSY_RECORDS, [0.004]), (249, [0.004]), (250, []), (500, [])],
)
async def test_it_pauses_between_a_few_records_and_a_backlog(
    fetched: int, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One node's frames are fetched at once; half a poll or more means work is waiting already."""
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    consumer: Any = SimpleNamespace(settings=StreamingSettings(max_poll_records=500, busy_pause_ms=4))
    await BatchConsumer._pause_when_busy(consumer, fetched)
    assert slept == pauses
