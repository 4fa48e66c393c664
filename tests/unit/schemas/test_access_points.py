"""Amplitude and pseudo-phase of a signal strength, as ADR-022 defines them."""

from __future__ import annotations

import math

import pytest
from csi_schemas.access_points import Band, amplitude, pseudo_phase, rssi
from csi_schemas.codec.limits import LIMITS
from hypothesis import given
from hypothesis import strategies as st


@given(st.floats(LIMITS["rssi_dbm"].low, LIMITS["rssi_dbm"].high))
def test_amplitude_and_back(dbm: float) -> None:
    """10^((rssi + 100) / 20) over all that the wire can carry: finite, positive, and undone by its inverse."""
    linear = amplitude(dbm)
    assert 0 < linear < 1.1e6
    assert rssi(linear) == pytest.approx(dbm, abs=1e-9)


def test_closed_forms() -> None:
    """1 at -100 dBm, ten times every 20 dB; an amplitude of nothing is the floor and not an error."""
    assert [amplitude(dbm) for dbm in (-100, -80, -40)] == pytest.approx([1, 10, 1000])
    assert rssi(0.0) == pytest.approx(-300)


def test_pseudo_phase_groups_by_band_and_channel() -> None:
    """ADR-022, 4.4: band offset plus channel / 48 of a quarter turn; nothing for what is unknown."""
    assert pseudo_phase(6, Band.GHZ_2_4) == pytest.approx(math.pi / 16)
    assert pseudo_phase(48, Band.GHZ_5) == pytest.approx(math.pi + math.pi / 2)
    assert pseudo_phase(48, Band.GHZ_6) == pytest.approx(math.pi)
    assert pseudo_phase(6, 0) is None
    assert pseudo_phase(0, Band.GHZ_5) is None
