"""The past is kept as exactly as its tier promises, and for as long as the memory lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from csi_events.multi_bssid.history import BITS, SCANS, STEPS, History
from csi_events.multi_bssid.packing import coarsen, pack, unpack_row
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUDGET = 256 * 1024


def walk(random: np.random.Generator, scans: int, *, absent: float = 0.1) -> NDArray[np.float64]:
    """Return readings (scans, 32) in hundredths of a dB that wander about, some absent."""
    level = -60.0 + 30.0 * np.sin(np.cumsum(random.normal(0.0, 0.01, (scans, SLOTS)), axis=0))
    rssi: NDArray[np.float64] = np.round(level, 2)
    rssi[random.random((scans, SLOTS)) < absent] = np.nan
    return rssi


def unpack(row: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """Return the codes of a packed row."""
    codes = np.empty(SCANS, np.int64)
    unpack_row(row, bits, codes)
    return codes


def naive_codes(values: NDArray[np.int16], bits: int, steps: int) -> list[int]:
    """Codes of one slot's block, by the definition; packed as one large number, least significant first."""
    read = [int(v) for v in values if v != -32768]
    low, span = (min(read), max(read) - min(read)) if read else (0, 0)
    number = 0
    for scan, value in enumerate(values):
        code = 0 if value == -32768 else 1 + round((int(value) - low) * (steps / span) if span else 0)
        number |= code << (scan * bits)
    return list(number.to_bytes(4 * bits, "little"))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([0, 1, 2]), st.integers(1, SCANS), st.sampled_from([0, 3, 700, 6000]))
def test_packing_equals_its_naive_twin(seed: int, tier: int, scans: int, wide: int) -> None:
    """Codes are those of the definition, bit by bit, in every tier; unpacking gives them back."""
    random = np.random.default_rng(seed)
    rssi = random.integers(-6000 - wide, -6000 + wide + 1, (SLOTS, SCANS)).astype(np.int16)
    rssi[random.random(rssi.shape) < 0.2] = -32768
    rssi[:, scans:] = -32768
    codes = np.full((SLOTS, 4 * BITS[tier]), 255, np.uint8)
    least, span = np.empty(SLOTS, np.int16), np.empty(SLOTS, np.uint16)
    pack(rssi, scans, BITS[tier], STEPS[tier], codes, least, span)
    for slot in range(SLOTS):
        assert codes[slot].tolist() == naive_codes(rssi[slot], BITS[tier], STEPS[tier])
        assert ((unpack(codes[slot], BITS[tier]) > 0) == (rssi[slot] != -32768)).all()
    if tier < 2:
        fewer = np.full((SLOTS, 4 * BITS[tier + 1]), 255, np.uint8)
        coarsen(codes, BITS[tier], STEPS[tier], BITS[tier + 1], STEPS[tier + 1], fewer)
        for slot in range(SLOTS):
            before = unpack(codes[slot], BITS[tier])
            expected = np.where(before > 0, 1 + np.rint((before - 1) * STEPS[tier + 1] / STEPS[tier]), 0)
            assert unpack(fewer[slot], BITS[tier + 1]).tolist() == expected.tolist()


@pytest.fixture(scope="module")
def full() -> tuple[History, NDArray[np.float64], NDArray[np.float64]]:
    """A history that has wrapped round in every tier; and what went in."""
    history = History(BUDGET)
    scans = sum(history.capacity) + 2000
    rssi = walk(np.random.default_rng(1), scans)
    t_s = np.asarray(1.7e9 + np.arange(scans) * 0.05, np.float64)
    for t, row in zip(t_s, rssi, strict=True):
        history.push(float(t), row)
    return history, t_s, rssi


def test_errors_are_within_their_bounds(full: tuple[History, NDArray[np.float64], NDArray[np.float64]]) -> None:
    """Every reading of every slot is within its stated bound of what went in; none is missing, invented or moved."""
    history, t_s, rssi = full
    for slot in range(SLOTS):
        past = history.past(slot)
        row = np.rint((past.t_s - t_s[0]) / 0.05).astype(int)
        assert past.t_s == pytest.approx(t_s[row], abs=6e-4)
        begin = row[0] // SCANS * SCANS
        assert row.tolist() == [i for i in range(begin, len(t_s)) if not np.isnan(rssi[i, slot])]
        error = np.abs(past.rssi_dbm - rssi[row, slot])
        assert (error <= past.bound_db + 1e-9).all()
    assert np.unique(np.diff(past.bound_db) > 0).size == 2  # bounds differ from block to block


def test_the_bounds_are_the_documented_ones(full: tuple[History, NDArray[np.float64], NDArray[np.float64]]) -> None:
    """With its block's range R, by R/2 (1/254 [+ 1/30 [+ 1/6]]) at most, and 5 mdB."""
    history, t_s, rssi = full
    seen = np.zeros(3)
    for slot in (0, 31):
        past = history.past(slot)
        row = np.rint((past.t_s - t_s[0]) / 0.05).astype(int)
        hot_from = (len(t_s) // SCANS - len(history.tiers[0].places)) * SCANS
        warm_from = hot_from - len(history.tiers[1].places) * SCANS
        for block in np.unique(row // SCANS):
            if (block + 1) * SCANS > len(t_s):
                continue  # the open block is kept as it came
            tier = 0 if block * SCANS >= hot_from else 1 if block * SCANS >= warm_from else 2
            span = np.nanmax(rssi[block * SCANS :][:SCANS, slot]) - np.nanmin(rssi[block * SCANS :][:SCANS, slot])
            bound = span / 2 * sum(1 / steps for steps in STEPS[: tier + 1]) + 0.005
            here = row // SCANS == block
            assert past.bound_db[here] == pytest.approx(bound)
            seen[tier] = max(seen[tier], np.max(np.abs(past.rssi_dbm[here] - rssi[row[here], slot]) / span))
    assert seen[0] < seen[1] < seen[2]  # the tiers differ in what was measured as well


def test_memory_is_within_the_budget_and_holds_ten_minutes(
    full: tuple[History, NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """256 KiB hold ten minutes of 32 access points at 20 scans a second, 1024 scans of them with 8 bits."""
    history = full[0]
    assert 0.99 * BUDGET < history.nbytes <= BUDGET
    hot, warm, cold = history.capacity
    print(f"\n{history.nbytes} bytes: {hot} + {warm} + {cold} scans, {(hot + warm + cold) / 20 / 60:.1f} min at 20 Hz")  # noqa: T201
    assert hot == 1024
    assert (hot + warm + cold) / 20 >= 600
    assert len(full[0].past(0).t_s) > 0.85 * (hot + warm + cold)


def test_a_budget_that_is_too_small_is_refused() -> None:
    """The message says what would do, and that does."""
    with pytest.raises(ValueError, match="make it at least 12288"):
        History(4096)
    assert min(History(12 * 1024).capacity) >= SCANS


def test_a_forgotten_slot_has_no_past_and_the_others_keep_theirs() -> None:
    """In all tiers and in the open block; what comes later is kept again."""
    history = History(20_000)
    rssi = walk(np.random.default_rng(3), 1500, absent=0.0)
    for i, row in enumerate(rssi):
        history.push(i * 0.5, row)
    assert all(tier.written >= tier.blocks for tier in history.tiers)
    before = history.past(4).rssi_dbm
    history.forget(3)
    assert history.past(3).t_s.size == 0
    assert history.past(4).rssi_dbm.tolist() == before.tolist()
    for i, row in enumerate(rssi[:40]):
        history.push(750.0 + i * 0.5, row)
    assert history.past(3).t_s.tolist() == [750.0 + i * 0.5 for i in range(40)]
    history.clear()
    assert history.past(4).t_s.size == 0


def test_a_gap_or_a_step_back_in_time_closes_the_block() -> None:
    """Times are right to a millisecond whatever the distance of scans, of minutes or negative."""
    history = History(BUDGET)
    times = [0.0, 0.1, 500.0, 564.9, 565.1, 100.0, 100.5]
    for t in times:
        history.push(t, np.full(SLOTS, -50.0))
    assert history.past(0).t_s == pytest.approx(times, abs=5e-4)
