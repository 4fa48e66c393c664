"""A scan is permitted when a body would show in it, whether anything happens or not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from csi_events.multi_bssid import quality
from csi_events.multi_bssid.quality import QualityState, track, weigh
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Quality(NamedTuple):
    """The verdict on one scan, and what it is about."""

    verdict: str
    reason: str | None
    heard: int
    evidence_nats: float


@dataclass
class Host:
    """A host that hears some access points, scan after scan."""

    access_points: int = 8
    noise_db: float = 0.7
    scan_hz: float = 10.0
    state: QualityState = field(default_factory=QualityState)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    t_s: float = 1e9
    offset_db: float | NDArray[np.float64] = 0.0

    def scans(self, seconds: float, heard: int | None = None) -> list[Quality]:
        """Scan for some time; only the first ``heard`` access points are read anew."""
        return [self.scan(self.access_points if heard is None else heard) for _ in range(round(seconds * self.scan_hz))]

    def scan(self, heard: int) -> Quality:
        """Scan once."""
        self.t_s += 1.0 / self.scan_hz
        rssi = np.round(-60.0 + self.offset_db + self.random.normal(0.0, self.noise_db, SLOTS), 0)
        evidence = weigh(self.t_s, rssi, np.arange(SLOTS) < heard, 30.0, 0.5, 3.0, self.state.record)
        return Quality(*self.state.judge(self.t_s, evidence, 3), evidence[1], evidence[4])


@pytest.mark.parametrize("noise_db", [0.0, 0.7])
@pytest.mark.parametrize("scan_hz", [2.0, 20.0])
def test_a_static_room_is_permitted(noise_db: float, scan_hz: float) -> None:
    """Nothing but noise, or nothing at all, on three access points: Permit throughout, once they are learnt."""
    said = Host(3, noise_db, scan_hz).scans(120.0)
    assert {q.verdict for q in said[int(6 * scan_hz) :]} == {"Permit"}
    assert said[-1].reason is None


def test_the_first_scans_say_that_they_learn() -> None:
    """Before eight readings the verdict is Defer with its reason."""
    first = Host().scans(0.5)
    assert {q.verdict for q in first} == {"Defer"}
    assert first[0].reason == "learning: 0 of 8 access points have been read 8 times"


def test_too_few_access_points_are_not_a_static_room() -> None:
    """Two access points are Defer and none is Deny, for reasons of their own."""
    two = Host(2).scans(20.0)[-1]
    assert (two.verdict, two.reason) == ("Defer", "too few access points: 2 of at least 3")
    none = Host(0).scans(1.0)[-1]
    assert (none.verdict, none.reason) == ("Deny", "no access point is heard")


def test_access_points_that_fall_silent_are_missed() -> None:
    """When most stay in the packets but are not read anew the verdict is Defer, when all do Deny, with the numbers."""
    host = Host(10)
    assert host.scans(20.0)[-1].verdict == "Permit"
    assert host.scans(10.0, heard=4)[-1][:3] == ("Defer", "6 of 10 access points fell silent", 4)
    assert host.scans(10.0, heard=0)[-1][:2] == ("Deny", "all 10 access points fell silent")
    assert host.scans(10.0)[-1].verdict == "Permit"


def test_noise_in_which_no_body_shows_is_not_permitted() -> None:
    """With the noise the evidence sinks: Permit, then Defer, then Deny, each for that reason."""
    said = [Host(4, noise_db).scans(60.0)[-1] for noise_db in (1.0, 7.0, 30.0)]
    assert [q.verdict for q in said] == ["Permit", "Defer", "Deny"]
    assert said[0].evidence_nats > said[1].evidence_nats > said[2].evidence_nats
    assert "might not show" in str(said[1].reason)
    assert "would not show" in str(said[2].reason)


def test_a_host_that_is_moved_is_deferred_until_the_levels_have_settled() -> None:
    """A jump of all levels by 8 dB is Defer within 2 s and Permit again within half a minute."""
    host = Host()
    host.scans(90.0)
    host.offset_db = 8.0
    jump = host.scans(2.0)
    assert jump[-1].verdict == "Defer"
    assert "changed their level" in str(jump[-1].reason)
    assert host.scans(28.0)[-1].verdict == "Permit"
    assert host.state.shift_threshold_db <= quality.SHIFT_DB[2]


def test_a_body_that_shadows_some_paths_is_no_shift() -> None:
    """6 dB on a third of the access points, coming and going, never changes the verdict."""
    host = Host(9)
    host.scans(30.0)
    for i in range(600):
        host.offset_db = np.where(np.arange(SLOTS) % 3 == 0, -6.0 * (i // 50 % 2), 0.0)
        assert host.scan(9).verdict == "Permit"


def naive_weigh(
    log: list[tuple[float, list[float | None]]], expiry_s: float, step_db: float, shadow_db: float
) -> tuple[int, int, int, float, float]:
    """What ``weigh`` must say after all of these scans, computed from each slot's whole history."""
    now = log[-1][0]
    known = heard = learnt = 0
    moved, nats = [], 0.0
    for slot in range(SLOTS):
        history = [(t, row[slot]) for t, row in log if row[slot] is not None]
        if not history or now - history[-1][0] > expiry_s:
            continue
        known += 1
        fast = slow = float(history[0][1] or 0.0)
        noise = interval = 0.0
        for number, ((t0, x0), (t1, x1)) in enumerate(pairwise(history), 1):
            assert x0 is not None
            assert x1 is not None

            def share(constant: float, dt: float = t1 - t0, n: int = number) -> float:
                return max(1 - math.exp(-dt / constant), 1 / n)

            noise = (1 - share(20)) * noise + share(20) * (x1 - x0) ** 2 / 2
            interval = (1 - share(20)) * interval + share(20) * (t1 - t0)
            fast = (1 - share(2)) * fast + share(2) * x1
            slow = (1 - share(60)) * slow + share(60) * x1
        silence = now - history[-1][0]
        if silence > max(5.0, 4 * interval):
            continue
        heard += 1
        if len(history) < 8:
            continue
        learnt += 1
        moved.append(abs(fast - slow))
        variance = max(noise + step_db**2 / 12, 1e-6)
        nats += 2.0 / max(0.25, interval, silence) * min(4.0, shadow_db**2 / 2 / variance) / 3
    return known, heard, learnt, float(np.median(moved)) if learnt >= 3 else 0.0, nats


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(0.05, 1.0), st.floats(0.1, 4.0))
def test_the_kernel_equals_its_naive_twin(seed: int, scans: int, present: float, interval_s: float) -> None:
    """Counts, shift and evidence follow from each slot's history, however sparse."""
    random = np.random.default_rng(seed)
    state = QualityState()
    log: list[tuple[float, list[float | None]]] = []
    t_s = 50.0
    for _ in range(scans):
        t_s += random.exponential(interval_s)
        rssi, fresh = random.normal(-60.0, 2.0, SLOTS), random.random(SLOTS) < present
        log.append((t_s, [float(x) if f else None for x, f in zip(rssi, fresh, strict=True)]))
        said = weigh(t_s, rssi, fresh, 30.0, 0.5, 3.0, state.record)
    expected = naive_weigh(log, 30.0, 0.5, 3.0)
    assert said[:3] == expected[:3]
    assert said[3:] == pytest.approx(expected[3:])


def test_outcomes_tune_the_evidence_to_the_share_of_errors_that_is_allowed() -> None:
    """Errors that get rarer with more evidence pull the threshold to where a twentieth is wrong; it stays there."""
    state, random = QualityState(), np.random.default_rng(8)
    thresholds = []
    for _ in range(20_000):
        wrong = random.random() < math.exp(-state.evidence_threshold / 3.0)
        state.tune(correct=not wrong)
        thresholds.append(state.evidence_threshold)
    aim = 3.0 * math.log(1 / quality.WRONG_SHARE)
    assert np.mean(thresholds[10_000:]) == pytest.approx(aim, rel=0.1)
    assert aim > 1.5 * quality.EVIDENCE_NATS


@pytest.mark.parametrize(("correct", "factor"), [(True, 0.25), (False, 4.0)])
def test_tuning_by_outcomes_is_bounded(*, correct: bool, factor: float) -> None:
    """However many outcomes are right or wrong, the threshold stays within a factor of four; a moved host keeps it."""
    state = QualityState()
    for _ in range(10_000):
        state.tune(correct=correct)
    assert state.evidence_threshold == pytest.approx(factor * quality.EVIDENCE_NATS)
    state.clear()
    assert state.evidence_threshold == pytest.approx(factor * quality.EVIDENCE_NATS)


def test_tuning_changes_verdicts() -> None:
    """The same noisy scans are permitted or deferred according to the outcomes before."""
    verdicts = []
    for correct in (True, False):
        host = Host(4, 5.0)
        for _ in range(1000):
            host.state.tune(correct=correct)
        verdicts.append(host.scans(60.0)[-1].verdict)
    assert verdicts == ["Permit", "Defer"]


@pytest.mark.parametrize("scale_db", [0.6, 0.8])
def test_the_shift_that_counts_follows_what_the_room_does(scale_db: float) -> None:
    """The tracked quantile comes to rest where the share of shifts beyond it is a hundredth, and starts from above."""
    random = np.random.default_rng(3)
    quantile, beyond = quality.SHIFT_DB[1] / quality.SHIFT_MARGIN, []
    for shift in random.exponential(scale_db, 200_000):
        quantile = track(quantile, float(shift), 0.05)
        beyond.append(shift > quantile)
    assert np.mean(beyond[100_000:]) == pytest.approx(quality.SHIFT_QUANTILE, rel=0.25)
    assert quantile == pytest.approx(scale_db * math.log(1 / quality.SHIFT_QUANTILE), rel=0.15)


@pytest.mark.parametrize(("shift_db", "bound_db"), [(0.0, quality.SHIFT_DB[0]), (50.0, quality.SHIFT_DB[2])])
def test_the_shift_that_counts_is_bounded(shift_db: float, bound_db: float) -> None:
    """Neither a dead calm nor an endless upheaval moves the threshold beyond its bounds."""
    state = QualityState()
    for _ in range(100_000):
        state.shift_quantile_db = track(state.shift_quantile_db, shift_db, 1.0)
    assert state.shift_threshold_db == pytest.approx(bound_db)


def test_a_slot_is_forgotten_and_learnt_again() -> None:
    """Levels of a slot that has another access point are not compared with the old one's."""
    host = Host(3)
    host.scans(30.0)
    host.state.forget(0)
    assert "learning: 2 of 3" in str(host.scans(0.2)[-1].reason)
    assert host.scans(10.0)[-1].verdict == "Permit"
    host.state.clear()
    assert "learning: 0 of 3" in str(host.scans(0.1)[-1].reason)
    assert host.state.nbytes < 2048
