"""Quality gate: may what a scan says be relied on (ADR-022, stage 6)? Three filters, each with reasons of its own.

- Structural: enough access points are heard, anew, and as many as lately. None is Deny, too few Defer.
- Shift: most of them changed their level at once. A body shadows some paths; this is a host that was carried away, or
  a radio that changed its gain. Defer, until the new levels have stood for a while and are the old ones.
- Evidence: would a body show? What the readings of two seconds would say of one that shadows a third of the paths, in
  nats of log-likelihood ratio under each slot's own noise. Little is Defer, next to nothing Deny.

None asks whether anything happens. ADR-022's implementation calls a room without change Deny, as it does a scan of too
few access points; here a static room that is heard well is Permit.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SlotRecord, floats

if TYPE_CHECKING:
    from csi_schemas.sensing import QualityVerdict
    from numpy.typing import NDArray


Evidence = tuple[int, int, int, float, float]
"""What :func:`weigh` returns."""
FAST_S = 2.0
"""Time constant of a slot's level, s; what the evidence is about as well."""
SLOW_S = 60.0
"""Time constant of what the level is compared with, s."""
NOISE_S = 20.0
"""Time constant of a slot's noise, s."""
LEARNT_READINGS = 8
"""Readings a slot needs before it counts."""
SILENT_S = 5.0
"""A slot is silent without a reading for this long, or for four of its own intervals, if longer."""
LEAST_SHARE = 0.5
"""Share of the access points heard lately that must still be heard."""
SETTLE_S = 15.0
"""Levels that are away for so long are the levels now, s."""
HOLD_S = 1.0
"""A verdict becomes better after so long, worse at once."""
SHADOWED_SHARE = 1.0 / 3.0
"""Share of the paths that a body is taken to shadow."""
LEAST_INTERVAL_S = 0.25
"""Readings nearer than this are one: noise of neighbouring readings is not independent."""
MOST_NATS = 4.0
"""Evidence of one reading counts at most so much: a slot without noise is not to be believed beyond doubt."""
DENY_NATS = 1.0
"""Evidence below this is Deny."""
EVIDENCE_NATS = log(1.0 / 0.01)
"""Evidence from which a verdict is Permit, before it is tuned; a hundred to one."""
TUNING_RANGE = 4.0
"""Tuning changes the threshold of the evidence by this factor at most, either way."""
TUNING_STEP = 0.2
"""Step of the tuning for one outcome, in log threshold."""
WRONG_SHARE = 0.05
"""Share of wrong outcomes under Permit that tuning aims at."""
SHIFT_QUANTILE = 0.01
"""Share of the time the shift may be beyond its tracked quantile."""
SHIFT_RATE_DB = 0.1
"""Speed with which the quantile rises while the shift is beyond it, dB/s."""
SHIFT_MARGIN = 1.5
"""The shift that counts, in multiples of the quantile."""
SHIFT_DB = (2.0, 3.0, 6.0)
"""The shift that counts, dB: at least, before it is tuned, at most."""


class QualityState(SlotRecord):
    """Levels and noise of every slot, the tuned thresholds, and the verdict that holds; arrays are (32,)."""

    fast_dbm = floats()
    slow_dbm = floats()
    noise_db2 = floats()
    """Half the mean square of the difference of successive readings: a slow shadow is no noise."""
    last_dbm = floats()
    heard_s = floats()
    interval_s = floats()
    """Mean time between readings, s."""
    shift_quantile_db: float = SHIFT_DB[1] / SHIFT_MARGIN
    """Tracked quantile of the shift; tuned by what the room does, see :func:`track`."""
    log_evidence: float = log(EVIDENCE_NATS)
    """Log of the evidence that is Permit; tuned by outcomes, see :meth:`tune`."""
    shifted_s: float | None = None
    """Since when the levels are away."""
    newest_s: float | None = None
    """Time of the newest scan."""
    held: int = 0
    """Verdict that holds: 0 Deny, 1 Defer, 2 Permit."""
    held_reason: str | None = None
    better_s: float | None = None
    """Since when it should be a better one."""

    def clear(self) -> None:
        """Forget levels and noise of every slot; what was tuned stays, as it is about the host and its rooms."""
        super().clear()
        self.shifted_s = self.better_s = None

    @property
    def shift_threshold_db(self) -> float:
        """Shift from which levels are away, dB."""
        return min(max(SHIFT_MARGIN * self.shift_quantile_db, SHIFT_DB[0]), SHIFT_DB[2])

    @property
    def evidence_threshold(self) -> float:
        """Evidence from which a verdict is Permit, nats."""
        return exp(self.log_evidence)

    def tune(self, *, correct: bool) -> None:
        """Take an outcome: what was said under Permit was right or wrong.

        A weighted up-down staircase (Kaernbach 1991): it comes to rest where a share ``WRONG_SHARE`` of the outcomes is
        wrong, within a factor ``TUNING_RANGE`` of where it began.
        """
        step = -TUNING_STEP * WRONG_SHARE if correct else TUNING_STEP * (1.0 - WRONG_SHARE)
        middle, most = log(EVIDENCE_NATS), log(TUNING_RANGE)
        self.log_evidence = min(max(self.log_evidence + step, middle - most), middle + most)

    def judge(self, t_s: float, evidence: Evidence, least: int) -> tuple[QualityVerdict, str | None]:
        """Judge the scan of ``t_s``; with fewer than ``least`` access points it is not Permit.

        Returns:
            The verdict, and why it is not Permit.
        """
        known, heard, learnt, shift_db, nats = evidence
        shifted = self._watch_shift(t_s, shift_db)
        level, reason = _structural(known, heard, learnt, least)
        if level == _PERMIT and shifted:
            level, reason = (
                _DEFER,
                f"most access points changed their level at once, by {shift_db:.1f} dB: was the host moved?",
            )
        if level == _PERMIT:
            level, reason = _evidence(nats, self.evidence_threshold)
        self._hold(t_s, level, reason)
        return _VERDICTS[self.held], self.held_reason

    def _watch_shift(self, t_s: float, shift_db: float) -> bool:
        """Whether the levels are away; those that stay away become what is compared with."""
        elapsed = 0.0 if self.newest_s is None else min(max(t_s - self.newest_s, 0.0), 1.0)
        self.newest_s = t_s
        shifted = shift_db > self.shift_threshold_db
        self.shift_quantile_db = track(self.shift_quantile_db, shift_db, elapsed)
        if not shifted:
            self.shifted_s = None
        elif self.shifted_s is None:
            self.shifted_s = t_s
        elif t_s - self.shifted_s >= SETTLE_S:
            self.slow_dbm[:] = self.fast_dbm
            self.shifted_s = None
        return shifted

    def _hold(self, t_s: float, level: int, reason: str | None) -> None:
        if level <= self.held or self.held_reason is None:
            self.held, self.held_reason, self.better_s = level, reason, None
            return
        if self.better_s is None or t_s < self.better_s:
            self.better_s = t_s
        if t_s - self.better_s >= HOLD_S:
            self.held, self.held_reason, self.better_s = level, reason, None


_DENY, _DEFER, _PERMIT = 0, 1, 2
_VERDICTS: tuple[QualityVerdict, ...] = ("Deny", "Defer", "Permit")


def _structural(known: int, heard: int, learnt: int, least: int) -> tuple[int, str | None]:
    if heard == 0:
        return _DENY, "no access point is heard" if known == 0 else f"all {known} access points fell silent"
    if heard < least:
        return _DEFER, f"too few access points: {heard} of at least {least}"
    if heard < LEAST_SHARE * known:
        return _DEFER, f"{known - heard} of {known} access points fell silent"
    if learnt < least:
        return _DEFER, f"learning: {learnt} of {heard} access points have been read {LEARNT_READINGS} times"
    return _PERMIT, None


def _evidence(nats: float, threshold: float) -> tuple[int, str | None]:
    if nats < DENY_NATS:
        return _DENY, f"a body would not show: {nats:.1f} nats in {FAST_S:g} s, too noisy or too few readings"
    if nats < threshold:
        return _DEFER, f"a body might not show: {nats:.1f} nats in {FAST_S:g} s of at least {threshold:.1f}"
    return _PERMIT, None


def track(quantile_db: float, shift_db: float, elapsed_s: float) -> float:
    """Move a quantile by one observation (Robbins and Monro 1951), within what ``SHIFT_DB`` allows.

    It rises by ``SHIFT_RATE_DB`` a second while the shift is beyond it and sinks so slowly that it rests where the
    shift is beyond it for a share ``SHIFT_QUANTILE`` of the time.
    """
    share = (1.0 if shift_db > quantile_db else 0.0) - SHIFT_QUANTILE
    moved = quantile_db + SHIFT_RATE_DB * elapsed_s * share
    return min(max(moved, SHIFT_DB[0] / SHIFT_MARGIN), SHIFT_DB[2] / SHIFT_MARGIN)


@kernel(
    "Tuple((int64, int64, int64, float64, float64))(float64, float64[::1], boolean[::1], float64, float64, float64,"
    " quality)",
    quality=QualityState.layout,
)
def weigh(
    t_s: float,
    rssi_dbm: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    expiry_s: float,
    step_db: float,
    shadow_db: float,
    state: QualityState,
) -> Evidence:
    """Take fresh readings, and say what the three filters ask; 0.7 us for 32 slots.

    Args:
        t_s: time of the scan, s.
        rssi_dbm: (32,) dBm.
        fresh: (32,).
        expiry_s: a slot that was silent for so long is none.
        step_db: quantisation, dB; its variance is noise as well.
        shadow_db: what a body takes off a path that it shadows, dB.
        state: changed.

    Returns:
        Slots heard within ``expiry_s``; those of them that are not silent; those of these with enough readings; median
        over these of how far the level moved, dB, 0 with fewer than three; evidence of these, nats.
    """
    fast_dbm, slow_dbm, noise_db2, last_dbm = state.fast_dbm, state.slow_dbm, state.noise_db2, state.last_dbm
    heard_s, interval_s, readings = state.heard_s, state.interval_s, state.readings
    known, heard, learnt, nats = 0, 0, 0, 0.0
    moved = np.empty(len(rssi_dbm))
    for i in range(len(rssi_dbm)):
        if fresh[i]:
            if readings[i] == 0:
                fast_dbm[i] = slow_dbm[i] = last_dbm[i] = rssi_dbm[i]
                noise_db2[i], interval_s[i], readings[i], heard_s[i] = 0.0, 0.0, 1, t_s
            else:
                elapsed = max(t_s - heard_s[i], 0.0)
                early = 1.0 / readings[i]  # plain means at first
                away = rssi_dbm[i] - last_dbm[i]
                noise_db2[i] += max(1.0 - np.exp(-elapsed / NOISE_S), early) * (0.5 * away * away - noise_db2[i])
                interval_s[i] += max(1.0 - np.exp(-elapsed / NOISE_S), early) * (elapsed - interval_s[i])
                fast_dbm[i] += max(1.0 - np.exp(-elapsed / FAST_S), early) * (rssi_dbm[i] - fast_dbm[i])
                slow_dbm[i] += max(1.0 - np.exp(-elapsed / SLOW_S), early) * (rssi_dbm[i] - slow_dbm[i])
                last_dbm[i], heard_s[i] = rssi_dbm[i], t_s
                readings[i] += 1
        if readings[i] == 0:
            continue
        silence = t_s - heard_s[i]
        if silence > expiry_s:
            continue
        known += 1
        if silence > max(SILENT_S, 4.0 * interval_s[i]):
            continue
        heard += 1
        if readings[i] < LEARNT_READINGS:
            continue
        moved[learnt] = abs(fast_dbm[i] - slow_dbm[i])
        learnt += 1
        count = FAST_S / max(LEAST_INTERVAL_S, interval_s[i], silence)
        variance = noise_db2[i] + step_db * step_db / 12.0
        nats += count * min(MOST_NATS, 0.5 * shadow_db * shadow_db / max(variance, 1e-6))
    shift = np.median(moved[:learnt]) if learnt >= 3 else 0.0
    return known, heard, learnt, shift, SHADOWED_SHARE * nats
