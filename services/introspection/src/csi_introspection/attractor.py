"""State and per-frame step of the attractor analysis of one scalar series: regime, exponent, dimension.

The scalar's tail is ``TAIL`` frames. All thresholds are relative to ``floor``, the variance of the scalar while the
stream is quiet, so nothing depends on the scale of the scalar; the tail's own level does not matter either.

What costs most is done in turn on loud frames, one task a frame, so that no frame costs much more than another.
"""

from __future__ import annotations

from math import floor as whole
from math import log, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from csi_introspection import invariants, nonlinearity, pairs, regime, segments, tones
from csi_introspection._compile import kernel
from csi_introspection.arrays import Record
from csi_introspection.embedding import LONGEST_DELAY, OCTAVE, delay_by_correlation
from csi_introspection.tones import TAIL

NEVER = 1e300
CATCH_UP = 8
"""Delay vectors taken in per frame after the table had to be begun anew."""
OLDEST = 7
"""Age, in frames, past which exponent and dimension are withheld."""
TONES, NONLINEARITY, DELAY, INVARIANTS = range(4)
"""Tasks of loud frames, in turn."""
TASKS = 4
_DISPUTES = 2
"""Times in a row the data must ask for another delay before it is changed."""
_BLUR = 1e-3
"""Added to every distance, in deviations of the floor."""
_RESCALE = 2.0
"""Octaves the floor may move before the histogram of distances is begun anew."""
_LOWEST = 8.0
"""Octaves from the floor's deviation down to the histogram's first bin."""

STATE = np.dtype(
    [
        ("time", "i8"),  # frames taken
        ("regime", "i8"),  # the published one, see regime.NAMES
        ("candidate", "i8"),  # what the newest frame alone would say
        ("run", "i8"),  # frames the candidate has differed from the published one
        ("changed", "i8"),  # 1 when this frame changed the published regime
        ("age", "i8"),  # frames since the tail that the invariants describe was the newest
        ("task", "i8"),  # of the next loud frame
        ("disputed", "i8"),  # times in a row that the data asked for another delay
        ("floor", "f8"),  # variance of the scalar at rest; 0 while it is not known
        ("tones_bic", "f8"),
        ("tones_left", "f8"),  # share of the excess variance that two tones leave
        ("cubic_bic", "f8"),
        ("cubic_gain", "f8"),
        ("invariants", "f8", (4,)),  # exponent, its confidence, dimension, its confidence
        ("ring", "f8", (2 * TAIL,)),  # every sample twice, TAIL apart: the newest TAIL are contiguous
        ("tail", "f8", (TAIL,)),  # about its mean, in deviations of the floor
        ("steady", "f8", (TAIL,)),  # that without lone frames far off
        ("sums", "f8", (3, TAIL + 1)),
        ("prices", "f4", (2 * TAIL,)),
        ("columns", "f8", (nonlinearity.TERMS + 1, TAIL)),
        ("factor", "f8", (nonlinearity.TERMS + 1, nonlinearity.TERMS + 1)),
        ("coefficients", "f8", (nonlinearity.TERMS,)),
        ("tones", tones.WORK),
        ("pairs", pairs.STATE),
    ],
    align=True,
)
"""One stream's attractor state; about 65 kB, of which the distance table is 32."""


def new_attractor(floor: float = 0.0) -> NDArray[np.void]:
    """Return the state, shape (1,), of a series of which nothing was seen; ``floor`` 0 means not known yet."""
    state = np.zeros(1, STATE)
    state["regime"] = state["candidate"] = regime.UNKNOWN
    state["floor"] = floor
    rest(state[0])
    state["pairs"] = pairs.new_pairs()
    return state


@kernel
def noise_floor(variance: float, mean: float) -> float:
    """Floor of a quiet stretch: its variance, but never less than what rounding leaves of a constant ``mean``."""
    return max(variance, 1e-12 * mean * mean, 1e-30)


@kernel
def rest(state: Record) -> None:
    """Forget what loud frames found."""
    state.task = TONES
    state.tones_left = 1.0
    state.tones_bic = NEVER
    state.cubic_gain = 0.0
    state.cubic_bic = NEVER
    state.disputed = 0
    withhold(state)


@kernel
def withhold(state: Record) -> None:
    """Have neither exponent nor dimension."""
    state.invariants[0], state.invariants[1], state.invariants[2], state.invariants[3] = nan, 0.0, nan, 0.0
    state.age = 0


@kernel
def log_floor(floor: float) -> float:
    """log2 of the standard deviation that belongs to the variance ``floor``."""
    return 0.5 * log(floor + 1e-300) / log(2.0)


@kernel
def lowest_distance(floor: float) -> int:
    """Where the histogram of distances should begin, in 1 / OCTAVE."""
    return whole((log_floor(floor) - _LOWEST) * OCTAVE)


@kernel
def take_tail(state: Record) -> float:
    """Write the newest ``TAIL`` samples about their mean, in deviations of the floor; return their variance."""
    tail = state.tail
    first = state.time % TAIL
    newest = state.ring[first : first + TAIL]
    mean = 0.0
    for t in range(TAIL):
        mean += newest[t]
    mean /= TAIL
    gain = 1.0 / sqrt(state.floor)
    variance = 0.0
    for t in range(TAIL):
        deviation = (newest[t] - mean) * gain
        tail[t] = deviation
        variance += deviation * deviation
    return variance / TAIL


@kernel
def price_tones(state: Record, variance: float) -> None:
    """Fit tones to the tail."""
    one, two = tones.fit_tones(state.tail, state.tones)
    nats = log(TAIL)
    bic_one = TAIL * log((one + 2.0) / (TAIL - 5)) + 4.0 * nats
    bic_two = TAIL * log((two + 2.0) / (TAIL - 8)) + 7.0 * nats
    state.tones_bic = min(bic_one, bic_two)
    state.tones_left = max(two / (TAIL - 7) - 1.0, 0.0) / max(variance - 0.8, 1e-3)


@kernel
def price_cubic(state: Record, variance: float) -> None:
    """Test the tail for nonlinearity."""
    gain, share = nonlinearity.cubic_gain(state.tail, state.columns, state.factor, state.coefficients)
    state.cubic_gain = gain
    state.cubic_bic = TAIL * log((share * variance * TAIL + 2.0) / (TAIL - 12)) + 13.0 * log(TAIL)


@kernel
def choose_delay(state: Record, variance: float) -> None:
    """Begin the table of distances anew where the data keep asking for another delay, or the floor has moved."""
    wanted = delay_by_correlation(state.tail, variance)
    delay = state.pairs.delay
    state.disputed = state.disputed + 1 if 3 * abs(wanted - delay) > delay else 0
    lowest = lowest_distance(state.floor)
    if state.disputed >= _DISPUTES or abs(lowest - state.pairs.lowest) > _RESCALE * OCTAVE:
        pairs.begin_pairs(state.pairs, wanted if state.disputed >= _DISPUTES else delay, lowest)
        state.disputed = 0


@kernel
def describe_tail(state: Record) -> int:
    """Classify the tail as it stands by its own evidence, without memory; see ``regime``."""
    variance = take_tail(state)
    segments.without_spikes(state.tail, state.steady)
    steady, constant, pieces, told, calm = segments.describe(state.steady, state.sums, state.prices)
    if regime.is_idle(steady, constant, pieces):
        if state.candidate != regime.IDLE:
            rest(state)
        return regime.IDLE
    if state.candidate == regime.IDLE:
        pairs.begin_pairs(state.pairs, state.pairs.delay, lowest_distance(state.floor))
    task = state.task
    if task == TONES:
        price_tones(state, variance)
    elif task == NONLINEARITY:
        price_cubic(state, variance)
    elif task == DELAY:
        choose_delay(state, variance)
    complete = pairs.advance_pairs(state.pairs, state.ring, state.time, _BLUR * sqrt(state.floor), CATCH_UP)
    state.age += 1
    if task == INVARIANTS and complete:
        predictor = nonlinearity.predictor_exponent(state.columns, TAIL, state.coefficients)
        invariants.fit_pairs(state.pairs, log_floor(state.floor), predictor, state.invariants)
        state.age = 0
    elif state.age > OLDEST:
        withhold(state)
    state.task = (task + 1) % TASKS
    return regime.classify(
        constant,
        pieces,
        told,
        calm,
        state.tones_bic,
        state.tones_left,
        state.cubic_bic,
        state.cubic_gain,
    )


@kernel
def advance_attractor(state: Record, value: float) -> None:
    """Take one sample.

    While the tail is not full or the floor not known, the regime is unknown. Exponent and dimension describe the tail
    as it was ``age`` frames ago, at most ``OLDEST``; a quiet tail has none.

    Args:
        state: A record of ``STATE``; ``regime``, ``changed``, ``invariants`` and ``age`` are the results.
        value: The scalar of this frame; finite.
    """
    place = state.time % TAIL
    state.ring[place] = value
    state.ring[place + TAIL] = value
    state.time += 1
    state.changed = 0
    if state.time >= TAIL and state.floor > 0.0:
        regime.hold(state, describe_tail(state))


assert LONGEST_DELAY * 2 < TAIL  # noqa: S101 - a delay that long would leave no vectors; checked once, at import
assert tones.TAIL == segments.LONGEST  # noqa: S101 - tables are made for it; checked once, at import
