"""State and per-frame step of the attractor analysis of one scalar series: regime, exponent, dimension.

The scalar's tail is ``TAIL`` frames. All thresholds are relative to ``floor``, the variance of the scalar while the
stream is quiet, so nothing depends on the scale of the scalar; the tail's own level does not matter either.
"""

from __future__ import annotations

from math import log, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from csi_introspection import regime as regimes
from csi_introspection._compile import kernel
from csi_introspection.arrays import Record
from csi_introspection.embedding import LONGEST_DELAY, delay_by_correlation, distance_row
from csi_introspection.invariants import BINS, HORIZON, fit_scan, follow_reference
from csi_introspection.nonlinearity import TERMS, cubic_gain
from csi_introspection.segments import describe
from csi_introspection.tones import TAIL, fit_tones

SCAN_FRAMES = 16
"""Frames over which one scan of all reference vectors is spread."""
REFILL = 8
"""Rows of distances made again per frame after the delay has changed."""
NEVER = 1e300

STATE = np.dtype(
    [
        ("time", "i8"),  # frames taken
        ("regime", "i8"),  # the published one, see regime.NAMES
        ("candidate", "i8"),  # what the newest frame alone would say
        ("run", "i8"),  # frames the candidate has differed from the published one
        ("changed", "i8"),  # 1 when this frame changed the published regime
        ("tones_due", "i8"),  # 1 when the next loud frame fits tones, 0 when it tests nonlinearity
        ("delay", "i8"),  # tau of the embedding
        ("delay_disputed", "i8"),  # scans in a row whose data asked for another delay
        ("refill", "i8"),  # rows still to be made again
        ("refill_newest", "i8"),  # newest vector of that refill
        ("scan_part", "i8"),  # parts of the running scan that are done
        ("scan_newest", "i8"),  # newest vector of the running scan
        ("neighbours", "i8"),  # pairs followed by the running scan
        ("floor", "f8"),  # variance of the scalar at rest; 0 while it is not known
        ("lowest", "f8"),  # log2 distance of the histogram's first bin in the running scan
        ("tones_bic", "f8"),
        ("tones_left", "f8"),  # share of the excess variance that two tones leave
        ("cubic_bic", "f8"),
        ("cubic_gain", "f8"),
        ("invariants", "f8", (4,)),  # exponent, its confidence, dimension, its confidence of the last finished scan
        ("ring", "f8", (4 * TAIL,)),  # every sample twice, 2 TAIL apart: any 2 TAIL newest are contiguous
        ("tail", "f8", (TAIL,)),
        ("sums", "f8", (3, TAIL + 1)),
        ("columns", "f8", (TERMS + 1, TAIL)),
        ("factor", "f8", (TERMS + 1, TERMS + 1)),
        ("coefficients", "f8", (TERMS + 1,)),
        ("residual", "f8", (TAIL,)),
        ("omega", "f8", (2,)),
        ("folded", "f4", (TAIL,)),
        ("power", "f4", (TAIL,)),
        ("distances", "f4", (TAIL,)),
        ("rows", "f4", (2 * TAIL, TAIL)),
        ("divergence", "f8", (HORIZON + 1,)),
        ("histogram", "i8", (BINS,)),
    ],
    align=True,
)
"""One stream's attractor state; about 170 kB, of which the distance table is 128."""


def new_attractor(floor: float = 0.0) -> NDArray[np.void]:
    """Return the state, shape (1,), of a series of which nothing was seen; ``floor`` 0 means not known yet."""
    state = np.zeros(1, STATE)
    state["regime"] = state["candidate"] = regimes.UNKNOWN
    state["delay"] = 1
    state["floor"] = floor
    state["tones_due"] = 1
    state["tones_bic"] = state["cubic_bic"] = NEVER
    state["tones_left"] = 1.0
    state["invariants"] = (nan, 0.0, nan, 0.0)
    return state


@kernel
def noise_floor(variance: float, mean: float) -> float:
    """Floor of a quiet stretch: its variance, but never less than what rounding leaves of a constant ``mean``."""
    return max(variance, 1e-12 * mean * mean, 1e-30)


@kernel
def describe_tail(state: Record, variance: float) -> int:
    """Classify the tail as it stands by its own evidence, without memory; see ``regime``."""
    floor = state.floor
    constant, pieces, calm = describe(state.tail, floor, state.sums)
    if regimes.is_idle(variance, floor, constant, pieces):
        state.tones_due = 1
        state.tones_left = 1.0
        state.tones_bic = NEVER
        state.cubic_gain = 0.0
        state.cubic_bic = NEVER
        return regimes.IDLE
    nats = log(TAIL)
    if state.tones_due == 1:
        one, two = fit_tones(
            state.tail,
            floor,
            state.columns,
            state.factor,
            state.coefficients,
            state.residual,
            state.folded,
            state.power,
            state.omega,
        )
        bic_one = TAIL * log((one + 2.0 * floor) / (TAIL - 5)) + 4.0 * nats
        bic_two = TAIL * log((two + 2.0 * floor) / (TAIL - 8)) + 7.0 * nats
        state.tones_bic = min(bic_one, bic_two)
        state.tones_left = max(two / (TAIL - 7) - floor, 0.0) / max(variance - 0.8 * floor, 1e-300)
    else:
        gain, share = cubic_gain(state.tail, state.columns, state.factor, state.coefficients)
        state.cubic_gain = gain
        state.cubic_bic = TAIL * log((share * variance * TAIL + 2.0 * floor) / (TAIL - 12)) + 13.0 * nats
    state.tones_due = 1 - state.tones_due
    return regimes.classify(
        constant, pieces, calm, state.tones_bic, state.tones_left, state.cubic_bic, state.cubic_gain
    )


@kernel
def start_scan(state: Record, variance: float) -> bool:
    """Begin a scan over the vectors of the tail, or ask for another delay first; False when it did the latter."""
    wanted = delay_by_correlation(state.tail, variance)
    if 3 * abs(wanted - state.delay) > state.delay:
        state.delay_disputed += 1
    else:
        state.delay_disputed = 0
    if state.delay_disputed >= 2:
        state.delay = wanted
        state.delay_disputed = 0
        state.refill = TAIL - 2 * wanted
        state.refill_newest = state.time - 1
        return False
    state.scan_newest = state.time - 1
    state.neighbours = 0
    state.divergence.fill(0.0)
    state.histogram.fill(0)
    state.lowest = log_floor(state.floor) - 8.0
    return True


@kernel
def log_floor(floor: float) -> float:
    """log2 of the standard deviation that belongs to the variance ``floor``."""
    return 0.5 * log(floor + 1e-300) / log(2.0)


@kernel
def update_table(state: Record) -> bool:
    """Add the newest vector's row of distances; True when all rows are of the present delay."""
    newest = state.time - 1
    count = TAIL - 2 * state.delay
    blur = 1e-3 * sqrt(state.floor) + 1e-30
    span = 2 * TAIL
    distance_row(state.ring, newest % span + span, state.delay, count, blur, state.distances, state.rows[newest % span])
    if state.refill == 0:
        return True
    for _ in range(min(REFILL, state.refill)):
        state.refill -= 1
        at = state.refill_newest - state.refill
        reach = min(count, count - (newest - at))
        if reach > 0:
            distance_row(
                state.ring,
                newest % span + span - (newest - at),
                state.delay,
                reach,
                blur,
                state.distances,
                state.rows[at % span],
            )
    state.scan_part = 0
    return False


@kernel
def advance_scan(state: Record, variance: float) -> None:
    """Do one part of the running scan; publish exponent and dimension when it is complete."""
    if state.scan_part == 0 and not start_scan(state, variance):
        return
    delay = state.delay
    count = TAIL - 2 * delay
    step = (delay + 1) // 2
    theiler = max(2 * delay, 3)
    per_frame = (count + SCAN_FRAMES - 1) // SCAN_FRAMES
    oldest = state.scan_newest - count + 1
    for k in range(state.scan_part * per_frame, min((state.scan_part + 1) * per_frame, count)):
        state.neighbours += follow_reference(
            state.rows,
            state.scan_newest,
            oldest + k,
            count,
            theiler,
            step,
            state.lowest,
            state.divergence,
            state.histogram,
        )
    state.scan_part += 1
    if state.scan_part == SCAN_FRAMES:
        state.scan_part = 0
        fit_scan(
            state.divergence,
            state.histogram,
            state.neighbours,
            step,
            state.lowest,
            log_floor(state.floor),
            state.invariants,
        )


@kernel
def advance_attractor(state: Record, value: float) -> None:
    """Take one sample.

    While the tail is not full or the floor not known, the regime is unknown. Exponent and dimension describe the tail
    as it was when the last scan began, at most ``2 * SCAN_FRAMES`` loud frames ago; a quiet tail has none.

    Args:
        state: A record of ``STATE``; ``regime``, ``changed`` and ``invariants`` are the results.
        value: The scalar of this frame; finite.
    """
    span = 2 * TAIL
    newest = state.time
    state.ring[newest % span] = value
    state.ring[newest % span + span] = value
    state.time = newest + 1
    state.changed = 0
    if state.time < TAIL or state.floor <= 0.0:
        state.refill = TAIL - 2 * state.delay
        state.refill_newest = newest
        return
    first = newest % span + span - TAIL + 1
    mean = 0.0
    for t in range(TAIL):
        mean += state.ring[first + t]
    mean /= TAIL
    variance = 0.0
    for t in range(TAIL):
        centred = state.ring[first + t] - mean
        state.tail[t] = centred
        variance += centred * centred
    variance /= TAIL
    regimes.hold(state, describe_tail(state, variance))
    complete = update_table(state)
    if state.candidate == regimes.IDLE:
        state.scan_part = 0
        state.invariants[0], state.invariants[1], state.invariants[2], state.invariants[3] = nan, 0.0, nan, 0.0
    elif complete:
        advance_scan(state, variance)


assert LONGEST_DELAY * 2 < TAIL  # noqa: S101 - a delay that long would leave no vectors; checked once, at import
