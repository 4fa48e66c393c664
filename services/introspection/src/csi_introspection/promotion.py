"""When a match is promoted, confirmed and taken back.

A signature is promoted when the evidence of its head is unlikely in this stream's own quiet, explains enough of what
moved, and no unlikely one of another label has more. The whole of it confirms; it is taken back when it ends or is
overtaken before that. What counts as unlikely follows from the false matches an hour that are wanted, so that a
promotion means the same in every stream.
"""

from __future__ import annotations

import numpy as np

from csi_introspection import dtw, tail
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64, Int64
from csi_introspection.matcher import BAND, HEAD, KIND, KINDS, LABEL, LENGTH, REST, WIDTH, Matcher

NONE, EMERGING, CONFIRMED, RETRACTED = range(4)
STATE, AGE = range(2)
"""Columns of a signature's state: one of the above; rows since it emerged."""
FALSE_PER_HOUR = 0.1
"""Wanted rate of false matches of a stream, all signatures together."""
FADED = 0.5
"""A confirmed match ends when the logarithm of the p-value of the whole is above this share of what promotes."""
OVERTAKEN = 1.1
"""An active match ends when another label has this many times its evidence."""


@kernel
def is_active(states: Int64, k: int) -> bool:
    """Whether signature ``k`` is promoted."""
    return bool(states[k, STATE] in (EMERGING, CONFIRMED))


@kernel
def log_limit(signatures: int) -> float:
    """Natural log of the share of quiet seconds in which one of so many signatures may be promoted."""
    return float(np.log(FALSE_PER_HOUR / 3600.0 / max(signatures, 1)))


@kernel
def log_p_of(counts: Int64, tails: Float64, k: int, evidence: float) -> float:
    """Natural log of the p-value of so much evidence for signature ``k``; nan while its quiet is not known."""
    if counts[k] < tail.FEWEST:
        return float(np.nan)
    return float(tail.log_p(tails[k], evidence))


@kernel
def leader_of(integers: Int64, matches: Float64, counts: Int64, tails: Float64, kind: int, limit: float) -> int:
    """Return the signature of ``kind`` with the most evidence of those whose log p is below ``limit``; -1: none."""
    leader = -1
    for k in range(integers.shape[0]):
        if integers[k, KIND] == kind and integers[k, REST] == 0:
            own = matches[k, dtw.HEAD_EVIDENCE]
            ahead = leader < 0 or own > matches[leader, dtw.HEAD_EVIDENCE]
            if ahead and log_p_of(counts, tails, k, own) < limit:
                leader = k
    return leader


@kernel
def promote(matcher: Matcher) -> None:
    """Bring every signature's state up to its newest match."""
    integers, matches, thresholds = matcher.integers, matcher.matches, matcher.thresholds
    counts, tails, states = matcher.counts, matcher.tails, matcher.states
    stride = matcher.vectors.shape[0]
    n = integers.shape[0]
    motions = 0
    for k in range(n):
        motions += 1 - integers[k, REST]
    limit = log_limit(motions)
    for kind in range(KINDS):
        leader = leader_of(integers, matches, counts, tails, kind, limit)
        for k in range(n):
            if integers[k, KIND] != kind:
                continue
            if integers[k, REST] == 1:
                states[k, STATE] = CONFIRMED if matches[k, dtw.SCORE] >= thresholds[k] else NONE
            else:
                advance_state(integers, matches, thresholds, counts, tails, states, stride, k, leader, limit)


@kernel
def advance_state(
    integers: Int64,
    matches: Float64,
    thresholds: Float64,
    counts: Int64,
    tails: Float64,
    states: Int64,
    stride: int,
    k: int,
    leader: int,
    limit: float,
) -> None:
    """Advance the state of signature ``k``.

    Args:
        integers: As in ``Matcher``, from which the arrays come one by one: all of it at every call costs more than the
            work.
        matches: See there.
        thresholds: See there.
        counts: See there.
        tails: See there.
        states: See there; rewritten.
        stride: Frames a row.
        k: The signature.
        leader: As ``leader_of`` says.
        limit: As ``log_limit`` says.
    """
    own = matches[k, dtw.HEAD_EVIDENCE]
    leads = leader >= 0 and integers[k, LABEL] == integers[leader, LABEL]
    if states[k, STATE] in (NONE, RETRACTED):
        states[k, STATE] = NONE
        if leads and log_p_of(counts, tails, k, own) < limit and matches[k, dtw.HEAD_SCORE] >= thresholds[k]:
            states[k, STATE] = EMERGING
            states[k, AGE] = 0
        return
    states[k, AGE] += 1
    overtaken = False
    if leader >= 0 and not leads:
        overtaken = matches[leader, dtw.HEAD_EVIDENCE] > OVERTAKEN * max(own, 0.0)
    whole = log_p_of(counts, tails, k, matches[k, dtw.WHOLE_EVIDENCE])
    if states[k, STATE] == CONFIRMED:
        if overtaken or not whole < FADED * limit:
            states[k, STATE] = NONE
    elif overtaken or states[k, AGE] > (integers[k, LENGTH] + integers[k, BAND]) * stride:
        states[k, STATE] = RETRACTED
    elif whole < limit and matches[k, dtw.WHOLE_SCORE] >= thresholds[k]:
        states[k, STATE] = CONFIRMED


@kernel
def fit_one(matcher: Matcher, k: int) -> None:
    """Fit the tail of signature ``k`` anew; one a frame, after each second."""
    if matcher.counts[k] >= 4:
        count = min(matcher.counts[k], tail.KEPT)
        numbers = matcher.integers[k]
        noise = np.sqrt(numbers[HEAD] * numbers[WIDTH])
        tail.fit_tail(matcher.maxima[k], count, noise, matcher.maxima[matcher.counts.size], matcher.tails[k])


@kernel
def take_evidence(matcher: Matcher) -> None:
    """Count the newest frame's evidence towards the running calm second."""
    for k in range(matcher.running.size):
        matcher.running[k] = max(matcher.running[k], matcher.matches[k, dtw.HEAD_EVIDENCE])


@kernel
def close_second(matcher: Matcher, calm: int) -> None:
    """End the running second; ``calm`` 1: learn from it."""
    for k in range(matcher.running.size):
        if calm == 1 and matcher.running[k] > -np.inf:
            tail.keep_maximum(matcher.maxima, matcher.counts, k, matcher.running[k])
        matcher.running[k] = -np.inf
