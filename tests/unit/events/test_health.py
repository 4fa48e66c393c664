"""The state of a radio against what it was at calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from csi_events.health import HOLD_NS, Health
from csi_events.learning import calibrate
from csi_events.quiet import Quiet
from numpy.typing import NDArray
from unit.events.signals import channel

SECOND = 10**9


def quiet() -> Quiet:
    """A calibration at 50 frames/s."""
    learnt = calibrate(np.abs(channel(500)).astype(np.float32), np.arange(500) / 50)
    assert learnt is not None
    return learnt


def look(health: Health, amplitude: NDArray[np.float32], learnt: Quiet, now_ns: int) -> None:
    """Look for dead sub-carriers to the end, if that is due."""
    for _ in health.look(amplitude, learnt, now_ns) or ():
        pass


def watch(seconds: float, *, rate_hz: float = 50.0, missing: int = 0, dead: int = 0) -> tuple[Health, list[str]]:
    """Windows of 10 frames at this rate; what was announced."""
    amplitude = np.abs(channel(10)).astype(np.float32)
    amplitude[:, :, :dead] = 0
    learnt, health, news = quiet(), Health(), []
    for k in range(round(seconds * rate_hz / 10)):
        t_ns = np.rint(SECOND / rate_hz * (10 * k + np.arange(1, 11))).astype(np.int64)
        look(health, amplitude, learnt, int(t_ns[-1]))
        news += health.observe(t_ns.tolist(), missing, learnt)
    return health, news


def test_a_healthy_radio_has_no_news() -> None:
    """The calibrated rate, no loss and every sub-carrier: nothing is announced and the report says so."""
    health, news = watch(60)
    assert news == []
    report = health.report(quiet(), 0.5)
    assert report.rate_hz == pytest.approx(50, rel=0.02)
    assert (report.loss, report.dead_subcarriers, report.gain_states, report.drift) == (0.0, 0, 1, 0.5)


@pytest.mark.parametrize(
    ("trouble", "word"),
    [({"rate_hz": 20.0}, "frames/s"), ({"missing": 5}, "33 % of its frames"), ({"dead": 20}, "20 of 64 sub-carriers")],
)
def test_each_trouble_is_announced_once_after_it_lasted(trouble: dict[str, Any], word: str) -> None:
    """A low rate, loss or dead sub-carriers are news once, after ten seconds, in words with the figures."""
    _, early = watch(HOLD_NS / SECOND - 1, **trouble)
    assert early == []
    _, news = watch(90, **trouble)
    assert len(news) == 1
    assert word in news[0]


def test_a_trouble_that_passed_may_be_announced_again() -> None:
    """Dead sub-carriers that come back and die again are two announcements."""
    learnt, health, news = quiet(), Health(), []
    whole = np.abs(channel(10)).astype(np.float32)
    broken = whole.copy()
    broken[:, :, :20] = 0
    for k in range(90 * 5):
        amplitude = whole if 30 <= k / 5 < 60 else broken
        t_ns = np.arange(10 * k, 10 * k + 10, dtype=np.int64) * SECOND // 50
        look(health, amplitude, learnt, int(t_ns[-1]))
        news += health.observe(t_ns.tolist(), 0, learnt)
    assert len(news) == 2
