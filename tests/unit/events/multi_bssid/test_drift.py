"""What a slot did over the last blocks gets the name it deserves, and noise gets none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from csi_events.multi_bssid import drift_tests
from csi_events.multi_bssid.drift import BLOCKS, LEAST_BLOCKS, PROFILES, DriftState, add_readings, judge_in_turn
from csi_events.multi_bssid.drift_tests import fit_line, fit_oscillation, fit_sinusoid, fit_step, grew, log_chance
from csi_events.multi_bssid.slots import SLOTS
from csi_ingest.synthetic.neighbourhood import Drift, neighbourhood
from csi_ingest.synthetic.reception import Reception, ScanParameters
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEDS = 200


def centred(n: int, seed: int) -> NDArray[np.float64]:
    """Return n normal numbers of mean 0."""
    values = np.random.default_rng(seed).normal(0.0, 2.0, n)
    return np.asarray(values - values.mean())


series = st.builds(centred, st.integers(32, 64), st.integers(0, 2**32))


def observe(
    state: DriftState, t_s: float, rssi_dbm: NDArray[np.float64], fresh: NDArray[np.bool_], step_db: float
) -> tuple[str | None, ...]:
    """Show one scan; return the profiles."""
    add_readings(t_s, rssi_dbm, fresh, state.record)
    if judge_in_turn(t_s, 2.0, step_db, state.record):
        state.name()
    return state.names


@settings(deadline=None, max_examples=40)
@given(series)
def test_curves_are_those_of_least_squares(away: NDArray[np.float64]) -> None:
    """Line and step equal numpy's fit and the best of all splits; sinusoids equal lstsq's."""
    n, fitted = len(away), np.empty(len(away))
    size = fit_line(away, fitted)
    slope, offset = np.polyfit(np.arange(n), away, 1)
    assert fitted == pytest.approx(slope * np.arange(n) + offset, abs=1e-9)
    assert size == pytest.approx(slope * n)

    def split_rest(k: int) -> float:
        return float(np.var(away[:k]) * k + np.var(away[k:]) * (n - k))

    size = fit_step(away, fitted)
    assert np.sum((away - fitted) ** 2) == pytest.approx(min(map(split_rest, range(4, n - 3))))
    assert size == pytest.approx(fitted[-1] - fitted[0])

    rows = [r for r, c in enumerate(drift_tests.CYCLES) if c * n >= 2 * BLOCKS]
    gains = {}
    for row in rows[::7]:
        basis = np.stack([np.ones(n), drift_tests.COSINES[row, :n], drift_tests.SINES[row, :n]], axis=1)
        expected = basis @ np.linalg.lstsq(basis, away, rcond=None)[0]
        gains[row] = fit_sinusoid(away, row, fitted)
        assert fitted == pytest.approx(expected, abs=1e-6)
        assert np.sum((away - fitted) ** 2) == pytest.approx(np.sum(away**2) - gains[row])
    fit_oscillation(away, fitted)
    coarse = max(fit_sinusoid(away, row, np.empty(n)) for row in rows[::4])
    assert np.sum((away - fitted) ** 2) <= np.sum(away**2) - coarse + 1e-9


@pytest.mark.parametrize(("cycles", "peak"), [(2.0, 3.0), (5.3, 1.0), (20.1, 8.0)])
def test_an_oscillation_is_measured(cycles: float, peak: float) -> None:
    """Of a pure sinusoid, amplitude and frequency are found to the resolution of the tables."""
    wave = peak * np.sin(2 * np.pi * cycles * np.arange(BLOCKS) / BLOCKS + 0.7)
    size, omega = fit_oscillation(wave - wave.mean(), np.empty(BLOCKS))
    assert size == pytest.approx(2 * peak, rel=0.06)
    assert omega * BLOCKS / (2 * np.pi) == pytest.approx(cycles, abs=drift_tests.CYCLE_STEP)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(32, 64), st.floats(0.2, 8.0), st.sampled_from([0.0, 0.25]))
def test_growth_is_a_rank_sum_test(seed: int, n: int, factor: float, step: float) -> None:
    """Growth is what scipy's Mann-Whitney test says at three places, if the variances double; ties included."""
    random = np.random.default_rng(seed)
    variances = random.chisquare(3, n) * np.where(np.arange(n) < n // 3, 1.0, factor)
    if step:
        variances = np.round(variances / step) * step
    floor = 0.02

    def at(split: int) -> bool:
        early, late = variances[:split], variances[split:]
        test = stats.mannwhitneyu(late, early, alternative="greater", use_continuity=False, method="asymptotic")
        return bool((late + floor).mean() >= 2 * (early + floor).mean() and 3 * test.pvalue < 1e-3)

    assert grew(variances, floor) == any(at(quarter * n // 4) for quarter in (1, 2, 3))


def test_the_chance_of_noise_is_as_stated() -> None:
    """Two parameters of a fixed frequency that fit white noise beat a chance x in a share x of all series."""
    random = np.random.default_rng(4)
    chances = []
    for _ in range(2000):
        away = random.normal(0.0, 1.0, BLOCKS)
        away -= away.mean()
        fitted = np.empty(BLOCKS)
        fit_sinusoid(away, 64, fitted)
        # omega 0 with white noise: half of the series have no positive correlation, and shrink nothing
        chances.append(log_chance(away, fitted, 0.0, 3.0, 1.0, np.pi))
    share = np.mean(np.array(chances) < np.log(0.05))
    assert 0.03 < share < 0.07


def test_blocks_hold_means_and_variances() -> None:
    """Blocks of irregular readings equal numpy's mean and variance of the same readings, each of a second at least."""
    random = np.random.default_rng(2)
    state = DriftState()
    t = np.cumsum(random.uniform(0.02, 0.2, 600))
    rssi = random.normal(-60.0, 3.0, (600, SLOTS))
    fresh = random.random((600, SLOTS)) < 0.7
    for i in range(600):
        add_readings(t[i], rssi[i], fresh[i], state.record)
    times, values = t[fresh[:, 5]], rssi[fresh[:, 5], 5]
    begin, expected = 0, []
    for end in range(len(times)):
        if end - begin + 1 >= 4 and times[end] - times[begin] >= 1.0:
            expected.append((values[begin : end + 1].mean(), values[begin : end + 1].var(ddof=1)))
            begin = end + 1
    assert state.blocks[5] == len(expected) > 10
    assert state.means[5, : len(expected)] == pytest.approx([mean for mean, _ in expected], rel=1e-6)
    assert state.variances[5, : len(expected)] == pytest.approx([variance for _, variance in expected], rel=1e-4)


def drifting(profile: int, random: np.random.Generator, begin_s: float, end_s: float) -> Drift:
    """Return a drift of this profile between two times, its figures drawn."""
    name, length = PROFILES[profile], end_s - begin_s
    sign = float(random.choice([-1.0, 1.0]))
    if name == "Linear":
        return Drift(name, begin_s, sign * random.uniform(4.0, 10.0) / length * 60)
    if name == "StepChange":
        return Drift(name, begin_s + length * random.uniform(0.2, 0.8), sign * random.uniform(3.0, 8.0))
    if name == "Oscillating":
        return Drift(name, 0.0, random.uniform(1.5, 4.0), random.uniform(8.0, 25.0))
    if name == "VarianceExpansion":
        return Drift(name, begin_s + length * random.uniform(0.0, 0.4), random.uniform(4.0, 8.0))
    return Drift(name)


@pytest.mark.parametrize(
    ("scan_hz", "length_s", "quantum_db", "fading_db"),
    [(20.0, 66.0, 1.0, 0.4), (20.0, 66.0, 0.5, 0.4), (2.0, 129.0, 0.5, 0.4)],
)
def test_profiles_are_told_apart(scan_hz: float, length_s: float, quantum_db: float, fading_db: float) -> None:
    """Of 200 simulated access points a profile, at least 95 % are named: noise of 0.5-1 dB, slow fading, quantised."""
    confusion: Counter[tuple[int, str | None]] = Counter()
    plain = neighbourhood(1, 0)[0]
    cases = [(profile, seed) for profile in range(len(PROFILES)) for seed in range(SEEDS)]
    for start in range(0, len(cases), SLOTS):
        batch = [*cases[start : start + SLOTS]]
        random = np.random.default_rng([start, 11])
        points = [replace(plain, drift=drifting(p, random, 4.0, length_s)) for p, _ in batch]
        points += [plain] * (SLOTS - len(points))
        noise = ScanParameters(quantum_db=quantum_db, noise_db=random.uniform(0.5, 1.0), fading_db=fading_db)
        t = np.arange(1.0, 4.0 + length_s, 1.0 / scan_hz)
        level = np.stack([-60.0 + point.drift.offset_db(t) for point in points], axis=1)
        readings = Reception(points, noise, start).receive(t, level)
        state, heard = DriftState(), np.full(SLOTS, -np.inf)
        for i, t_s in enumerate(t):
            fresh, heard = readings.heard_s[i] > heard, readings.heard_s[i]
            said = observe(state, float(t_s), readings.rssi_dbm[i], fresh, quantum_db)
        confusion.update((profile, said[slot]) for slot, (profile, _) in enumerate(batch))
    print(f"\n{scan_hz:g} scans/s, {quantum_db:g} dB steps" + "".join(f"{name:>19}" for name in PROFILES))  # noqa: T201
    for row, name in enumerate(PROFILES):
        print(f"{name:>26}" + "".join(f"{confusion[row, column]:19}" for column in PROFILES))  # noqa: T201
        assert confusion[row, name] >= 0.95 * SEEDS


def test_a_slot_is_forgotten_alone_and_others_keep_their_profile() -> None:
    """After ``forget`` the slot has no profile until it has blocks enough; the others keep theirs."""
    state = DriftState()
    everything = np.ones(SLOTS, np.bool_)
    levels = np.full(SLOTS, -60.0)

    def run(begin: float, seconds: float) -> tuple[str | None, ...]:
        said: tuple[str | None, ...] = ()
        for t_s in np.arange(begin, begin + seconds, 0.25):
            said = observe(state, float(t_s), levels, everything, 0.5)
        return said

    assert set(run(0.0, 20.0)) == {None}
    assert set(run(20.0, 60.0)) == {"Stable"}
    state.forget(3)
    after = run(80.0, 4.0)
    assert after[3] is None
    assert set(after[:3] + after[4:]) == {"Stable"}
    assert run(84.0, LEAST_BLOCKS * 1.25 + 4.0)[3] == "Stable"
    state.clear()
    assert set(run(200.0, 4.0)) == {None}
    assert state.nbytes <= 19 * 1024
