"""Predictive gate: what a slot's readings were expected to be, and which of them differ (ADR-022, stage 1).

ADR-022 throws away the scans in which nothing differs. Here every scan is processed: a gate that drops quiet scans
leaves the other stages with disturbed ones alone, and noise and empty rooms are learnt from the quiet ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SlotRecord, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREDICTION_S = 2.0
"""Time constant of the prediction, s."""
NOISE_S = 20.0
"""Time constant with which a slot's noise is learnt while nobody moves, s."""
MOVING_NOISE_S = 600.0
"""The same while somebody moves: noise that came to stay is not motion for ever, s."""
PRIOR_READINGS = 8
"""The noise of a new slot is a plain mean until this many readings."""
NOISE_DEVIATIONS = 3.0
"""A residual within this many deviations of the slot's noise is no change."""
JITTER = 1.25
"""Steps of quantisation that jitter may reach: the prediction itself is a little off."""
DB_PER_NEPER = 20.0 / np.log(10.0)


class GateState(SlotRecord):
    """What is expected of every slot; arrays are (32,)."""

    predicted_dbm = floats()
    """Exponential mean of the readings."""
    noise_db2 = floats()
    """Variance of the residuals while nobody moves."""
    heard_s = floats()
    """Time of the newest fresh reading."""


@kernel(
    "Tuple((float64[::1], boolean[::1], boolean[::1]))(float64[::1], boolean[::1], float64, boolean, float64, float64,"
    " float64, gate)",
    gate=GateState.layout,
)
def predict(
    rssi_dbm: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    t_s: float,
    quiet: bool,  # noqa: FBT001 - kernels take positional arguments
    residual_share: float,
    step_db: float,
    silence_s: float,
    state: GateState,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Compare fresh readings with their predictions, then move predictions and noise.

    A reading differs when its residual is beyond all of: ``residual_share`` of the predicted amplitude, ``JITTER``
    steps of quantisation, ``NOISE_DEVIATIONS`` of the slot's own noise. The noise takes residuals cut off at that
    limit, so that one jump does not deafen a slot. 0.5 us for 32 slots.

    Args:
        rssi_dbm: (32,).
        fresh: (32,): the reading is a new one.
        t_s: time of the scan, s.
        quiet: nobody moves as far as is known.
        residual_share: residual relative to the predicted amplitude, such as 0.05.
        step_db: quantisation of the readings, dB.
        silence_s: after so long without a reading, the next one is not compared with what was before.
        state: changed.

    Returns:
        (32,) residuals in dB, NaN where there is no fresh reading or no prediction; (32,) which differ; and (32,)
        which slots are active: they were heard within ``silence_s``.
    """
    slots = len(rssi_dbm)
    predicted_dbm, noise_db2 = state.predicted_dbm, state.noise_db2
    readings, heard_s = state.readings, state.heard_s
    residual = np.full(slots, np.nan)
    differs = np.zeros(slots, np.bool_)
    least = max(np.log1p(residual_share) * DB_PER_NEPER, JITTER * step_db)
    for i in range(slots):
        if not fresh[i]:
            continue
        if readings[i] == 0:
            predicted_dbm[i], noise_db2[i], readings[i], heard_s[i] = rssi_dbm[i], 0.0, 1, t_s
            continue
        elapsed = max(0.0, t_s - heard_s[i])
        if elapsed > silence_s:
            predicted_dbm[i], heard_s[i] = rssi_dbm[i], t_s
            continue
        r = rssi_dbm[i] - predicted_dbm[i]
        limit = max(least, NOISE_DEVIATIONS * np.sqrt(noise_db2[i]))
        residual[i] = r
        differs[i] = abs(r) > limit
        predicted_dbm[i] += (1.0 - np.exp(-elapsed / PREDICTION_S)) * r
        energy = r * r if readings[i] <= PRIOR_READINGS else min(r * r, limit * limit)
        share = 1.0 - np.exp(-elapsed / (NOISE_S if quiet else MOVING_NOISE_S))
        noise_db2[i] += max(share, 1.0 / readings[i] if readings[i] <= PRIOR_READINGS else 0.0) * (
            energy - noise_db2[i]
        )
        readings[i] += 1
        heard_s[i] = t_s
    active = np.empty(slots, np.bool_)
    for i in range(slots):
        active[i] = readings[i] > 0 and t_s - heard_s[i] < silence_s
    return residual, differs, active
