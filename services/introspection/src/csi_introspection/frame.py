"""One frame into a stream's state: the one kernel that Python calls per frame, and the result it writes."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from csi_introspection import dtw, promotion, quiet, regime, seconds, states, tail
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64, Int8, Record
from csi_introspection.attractor import advance_attractor, noise_floor
from csi_introspection.changes import advance_changes, count_block, describe_changes, finish_block, is_whole, restart
from csi_introspection.features import amplitude_of_iq, bins_of_amplitude
from csi_introspection.matcher import FIRST_OF_CHANGES, REST, Matcher, advance_matcher, forget, open_afresh, rescale
from csi_introspection.onset import advance_onset
from csi_introspection.onset_frames import GAP_FRAMES, GAP_S
from csi_introspection.past import Past

TAIL = 8
"""Feature vectors kept, for the quiet's steps and changes."""
TOP = 5
"""Signatures reported, best first."""

(
    REGIME,
    CHANGED,
    EXPONENT,
    DIMENSION,
    CONFIDENCE,
    AGE,
    CALIBRATING,
    ONSET,
    MOVING,
    SCORE,
    MATCHES,
) = range(11)
"""Places in the result. After ``MATCHES``, their number, follow up to ``TOP`` of ``MATCH_FIELDS`` numbers: signature,
score, promotion state, progress, p-value."""
MATCH_FIELDS = 5
RESULT_SIZE = MATCHES + 1 + TOP * MATCH_FIELDS

CALM_S, SECOND_S, QUIET_S, INTERVAL_S, TO_FIT, ASTRAY, RESTLESS_TO_FIT = range(7)
"""Places in the clock: time since anything moved, running second, calm seconds in all, usual interval between frames;
signatures whose tail is still to be fitted since calm seconds were learnt, counted from the frame after that; 1 since a
gap, until a block stayed in its place: what is away from the quiet mean need not have moved there; as the fifth, of
restless seconds."""
CLOCK_SIZE = 7
SETTLED_S = 1.0
"""Stillness after which what moved before is over and the quiet is learnt from."""
OPEN_ROWS = 3
"""Rows before an onset at which a motion may have begun: a beginning is seen a little late."""
COARSER = 0.05
"""A quiet deviation that changed by less than this share leaves the signatures' scale alone."""


@kernel
def rounded(value: float) -> float:
    """Round to four decimals: what is published has no more, and a short number is cheap to encode."""
    return float(np.floor(value * 1e4 + 0.5) / 1e4)


@kernel
def report_attractor(attractor: Record, out: Float64) -> None:
    """Write regime, exponent and dimension; nan where the data cannot say."""
    out[REGIME] = attractor.regime
    out[CHANGED] = attractor.changed
    exponent, dimension = attractor.invariants[0], attractor.invariants[2]
    if attractor.regime not in (regime.PERIODIC, regime.CHAOTIC):
        exponent, dimension = nan, nan
    confidence = 0.0
    if not np.isnan(exponent) and not np.isnan(dimension):
        confidence = min(attractor.invariants[1], attractor.invariants[3])
    elif not np.isnan(exponent):
        confidence = attractor.invariants[1]
    elif not np.isnan(dimension):
        confidence = attractor.invariants[3]
    out[EXPONENT], out[DIMENSION], out[CONFIDENCE] = rounded(exponent), rounded(dimension), rounded(confidence)
    out[AGE] = attractor.age


@kernel
def report_matches(matcher: Matcher, past: Past, out: Float64) -> None:
    """Write the best matches, promoted ones first, then by score; see ``MATCHES``.

    A confirmed motion is reported for its whole, others for their best prefix.
    """
    matches, current, integers = matcher.matches, matcher.states, matcher.integers
    tails, counts = matcher.tails, past.counts
    restless_counts, restless_tails = past.restless_counts, past.restless_tails
    n = matches.shape[0]
    count = min(TOP, n)
    out[MATCHES] = count
    for place in range(count):
        best, most, whole = -1, -1.0, False
        for k in range(n):
            state = current[k, states.STATE]
            confirmed = state == states.CONFIRMED and integers[k, REST] == 0
            rank = matches[k, dtw.WHOLE_SCORE] if confirmed else matches[k, dtw.SCORE]
            if state in (states.EMERGING, states.CONFIRMED):
                rank += 2.0
            if rank <= most:
                continue
            taken = False
            for earlier in range(place):
                taken = taken or out[MATCHES + 1 + earlier * MATCH_FIELDS] == k
            if not taken:
                best, most, whole = k, rank, confirmed
        at = MATCHES + 1 + place * MATCH_FIELDS
        out[at] = best
        out[at + 1] = rounded(matches[best, dtw.WHOLE_SCORE if whole else dtw.SCORE])
        out[at + 2] = current[best, states.STATE]
        out[at + 3] = 1.0 if whole else rounded(matches[best, dtw.PROGRESS])
        out[at + 4] = nan
        if integers[best, REST] == 0:
            column = dtw.EVIDENCE if states.is_active(current, best) else dtw.ADVANTAGE
            column = dtw.WHOLE_EVIDENCE if whole else column
            found = seconds.log_p_of(counts, tails, restless_counts, restless_tails, best, matches[best, column])
            out[at + 4] = np.exp(found)


@kernel
def take_amplitude(state: Any, iq: Int8) -> bool:
    """Turn samples or amplitudes into the state's values and vector; False when an antenna heard nothing."""
    amplitude = state.amplitude
    if iq.size > 0:
        amplitude_of_iq(iq, amplitude)
    layout = state.layout
    if layout.bins == 0:
        for d in range(state.vector.size):
            state.vector[d] = amplitude[d]
            state.values[d] = amplitude[d]
        return True
    return bool(bins_of_amplitude(amplitude, layout.live, layout.edges, layout.bins, state.values, state.vector))


@kernel
def take_row(state: Any, afresh: int) -> None:
    """Take the newest vector into the running row and describe the changes; ``afresh`` 1 forgets the recent past."""
    width = state.vector.size
    changes, row = state.changes, state.row
    stride = changes.frames.shape[0]
    latest = state.latest
    ends = state.ends
    has_changes = ends[2] > ends[1]
    if afresh == 1:
        if has_changes:
            restart(changes, state.vector)
        for d in range(width):
            latest[0, d] = state.vector[d]
            latest[1, d] = state.vector[d]
    if stride > 1:  # many frames a row: one of them may be spoilt, and the middle of three costs less than a row
        for d in range(width):
            now, before, earlier = state.vector[d], latest[0, d], latest[1, d]
            latest[1, d], latest[0, d] = before, now
            row[d] = max(min(now, before), min(max(now, before), earlier))
    else:
        for d in range(width):
            row[d] = state.vector[d]
    if has_changes:
        advance_changes(changes, row[:width])
        for d in range(width):
            row[d] = np.float32(changes.row[d] / stride)
        describe_changes(changes, row[ends[1] : ends[2]], row[ends[2] : ends[3]])


@kernel
def take_units(state: Any) -> bool:
    """Bring the quiet's means and deviations to where they are now; True when a deviation changed notably."""
    ends, unit = state.ends, state.unit
    changed = False
    for d in range(ends[1]):
        state.mean[d] = state.moments[quiet.MEAN, d]
        changed = changed or abs(unit[d] - state.inverse_scale[d]) > COARSER * unit[d]
    if changed:
        unit[: ends[1]] = state.inverse_scale
    for kind in range(1, 3):
        if ends[kind + 1] > ends[kind]:
            value = np.float32(1.0 / np.sqrt(state.changes.spread[kind - 1, 0]))
            if abs(value - unit[ends[kind]]) > COARSER * unit[ends[kind]]:
                changed = True
                unit[ends[kind] : ends[kind + 1]] = value
    return bool(changed)


@kernel
def take_quiet(state: Any, verdict: int) -> None:
    """Bring means, units and signatures up to a block that has ended with ``verdict``."""
    rest = state.rest[0]
    state.attractor[0].floor = noise_floor(rest.scalar_variance, rest.scalar_mean)
    anew = verdict in (quiet.ADOPTED, quiet.PLACED)
    if state.ends[2] > state.ends[1]:
        weight = quiet.BLEND if verdict in (quiet.REFINED, quiet.PLACED) else 0.0
        finish_block(state.changes, 1.0 if verdict == quiet.ADOPTED else weight)
    if take_units(state) or verdict == quiet.ADOPTED:
        seconds.rescale(state.matcher, state.past, rescale(state.matcher, state.unit))
    if anew:
        forget(state.matcher)
    if verdict != quiet.AWAY:
        state.clock[ASTRAY] = 0.0
    learnt = seconds.judge_seconds(state.matcher, state.past, verdict)
    if learnt > 0:
        state.clock[QUIET_S] += learnt
        state.clock[TO_FIT] = 0.0
    if verdict == quiet.ADOPTED and state.clock[QUIET_S] < tail.FEWEST:
        seconds.unlearn(state.matcher, state.past)
        state.clock[QUIET_S] = 0.0


@kernel
def match_row(state: Any, dt_s: float) -> None:
    """Match the newest row, promote, learn what the quiet looks like to the signatures, and report the matches."""
    matcher, past, clock, onset = state.matcher, state.past, state.clock, state.onset.state[0]
    if onset.onset == 1:
        open_afresh(matcher, OPEN_ROWS, 0)
    was_calm = clock[CALM_S] >= SETTLED_S
    clock[CALM_S] = 0.0 if onset.moving == 1 else clock[CALM_S] + dt_s
    calm = clock[CALM_S] >= SETTLED_S
    if calm and not was_calm:
        open_afresh(matcher, 0, 0)
    if state.ends[2] > state.ends[1] and not is_whole(state.changes):
        open_afresh(matcher, 0, FIRST_OF_CHANGES)
    cost = quiet.quiet_cell_cost(state.moments, dtw.STEP_WEIGHT)
    advance_matcher(matcher, state.row, state.mean, state.unit, state.ends, cost)
    promotion.promote(matcher, clock[ASTRAY] == 0.0)
    if clock[TO_FIT] < past.counts.size:
        seconds.fit_calm(matcher, past, int(clock[TO_FIT]))
        clock[TO_FIT] += 1.0
    elif clock[RESTLESS_TO_FIT] < past.counts.size:
        seconds.fit_restless(matcher, past, int(clock[RESTLESS_TO_FIT]))
        clock[RESTLESS_TO_FIT] += 1.0
    clock[SECOND_S] += dt_s
    if clock[SECOND_S] >= 1.0:
        clock[SECOND_S] = 0.0
        learnt = seconds.close_second(matcher, past, 0 if calm else 1)
        if learnt and clock[RESTLESS_TO_FIT] >= past.counts.size:
            clock[RESTLESS_TO_FIT] = 0.0
    report_matches(matcher, past, state.out)


@kernel
def advance_frame(state: Any, iq: Int8, dt_s: float) -> None:
    """Take one frame into a stream's state.

    A frame in which an antenna heard nothing leaves the state as it was, and its result but for ``CHANGED`` and
    ``ONSET``.

    Args:
        state: A ``bundle.State``: ``layout`` (``features.Layout``; with 0 bins frames are vectors already),
            ``values`` (live) and ``vector`` (W) of the newest frame, ``latest`` (2, W) the ones before, ``axis`` (W)
            that make the attractor's scalar, ``tail`` (TAIL, W), the quiet's ``rest``, ``moments`` and
            ``inverse_scale``, ``attractor``, ``onset``, ``clock`` (see ``CALM_S``), ``changes``, ``row`` (columns) with
            ``mean`` and ``unit`` of all kinds and their ``ends``, ``matcher``, ``amplitude`` (antennas x sub-carriers)
            and ``out`` (RESULT_SIZE), the result.
        iq: Interleaved I, Q, antenna-major. Empty: ``amplitude`` holds the frame's amplitudes.
        dt_s: Seconds since the frame before, 0 where there is none.
    """
    out = state.out
    out[CHANGED], out[ONSET] = 0.0, 0.0
    if not take_amplitude(state, iq):
        return
    rest, attractor, onset = state.rest[0], state.attractor[0], state.onset
    clock, vector = state.clock, state.vector
    gap = clock[INTERVAL_S] > 0.0 and dt_s > max(GAP_S, GAP_FRAMES * clock[INTERVAL_S])
    first = attractor.time == 0
    dt_s = 0.0 if gap else max(dt_s, 0.0)
    if not gap and dt_s > 0.0:
        usual = clock[INTERVAL_S]
        clock[INTERVAL_S] = dt_s if usual == 0.0 else usual + 0.02 * (min(dt_s, 3.0 * usual) - usual)
    advance_onset(
        onset.state,
        onset.sums,
        onset.recent,
        onset.noise,
        onset.levels,
        onset.channels,
        onset.tails,
        state.values,
        2.0 * (GAP_S + GAP_FRAMES * clock[INTERVAL_S]) if gap else dt_s,
    )
    if gap:  # a block that straddled it would be judged by the jump, or mix two places
        forget(state.matcher)
        clock[ASTRAY] = 1.0
        rest.frames = 0
        state.past.waiting[0] = 0
        for place in range(TAIL):
            for d in range(vector.size):
                state.tail[place, d] = vector[d]
    take_row(state, 1 if gap or first else 0)
    held = min(attractor.time, TAIL - 1)
    place = attractor.time % TAIL
    scalar = 0.0
    for d in range(vector.size):
        state.tail[place, d] = vector[d]
        scalar += state.axis[d] * vector[d]
    before = state.tail[(place + TAIL - min(held, 1)) % TAIL]
    earlier = state.tail[(place + TAIL - min(held, quiet.LAG)) % TAIL]
    if state.ends[2] > state.ends[1]:
        count_block(state.changes, state.row[state.ends[1] : state.ends[2]], state.row[state.ends[2] : state.ends[3]])
    verdict = quiet.advance_quiet(rest, state.moments, state.inverse_scale, vector, before, earlier, scalar)
    if verdict != quiet.KEPT:
        take_quiet(state, verdict)
    advance_attractor(attractor, scalar)
    if rest.calibrated == 1:
        match_row(state, dt_s)
    report_attractor(attractor, out)
    out[CALIBRATING] = 1.0 if rest.calibrated == 0 or clock[QUIET_S] < tail.FEWEST else 0.0
    answer = onset.state[0]
    out[ONSET], out[MOVING], out[SCORE] = answer.onset, answer.moving, rounded(answer.score)
