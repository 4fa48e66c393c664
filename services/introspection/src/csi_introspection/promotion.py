"""When a match is promoted, confirmed and taken back.

A signature is promoted when the evidence of its head is unlikely in this stream's own quiet, explains enough of what
moved, and no signature of another label has more. The whole of it confirms; it is taken back when it ends, fades or is
overtaken before that. What counts as unlikely follows from the false matches an hour that are wanted, so that a
promotion means the same in every stream.
"""

from __future__ import annotations

import numpy as np

from csi_introspection import dtw, tail
from csi_introspection._compile import kernel
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
def log_limit(signatures: int) -> float:
    """Natural log of the share of quiet seconds in which one of so many signatures may be promoted."""
    return float(np.log(FALSE_PER_HOUR / 3600.0 / max(signatures, 1)))


@kernel
def log_p_of(matcher: Matcher, k: int, evidence: float) -> float:
    """Natural log of the p-value of so much evidence for signature ``k``; nan while its quiet is not known."""
    if matcher.counts[k] < tail.FEWEST:
        return float(np.nan)
    return float(tail.log_p(matcher.tails[k], evidence))


@kernel
def promote(matcher: Matcher) -> None:
    """Bring every signature's state up to its newest match."""
    n = matcher.integers.shape[0]
    limit = log_limit(n)
    stride = matcher.vectors.shape[0]
    for kind in range(KINDS):
        leader = -1
        for k in range(n):
            if matcher.integers[k, KIND] == kind and matcher.integers[k, REST] == 0:
                ahead = leader < 0 or matcher.matches[k, dtw.HEAD_EVIDENCE] > matcher.matches[leader, dtw.HEAD_EVIDENCE]
                leader = k if ahead else leader
        for k in range(n):
            if matcher.integers[k, KIND] != kind:
                continue
            state, match = matcher.states[k], matcher.matches[k]
            if matcher.integers[k, REST] == 1:
                state[STATE] = CONFIRMED if match[dtw.SCORE] >= matcher.thresholds[k] else NONE
                continue
            advance_state(matcher, k, leader, limit, stride)


@kernel
def advance_state(matcher: Matcher, k: int, leader: int, limit: float, stride: int) -> None:
    """Advance the state of signature ``k``; ``leader`` has the most evidence of its kind."""
    state, match, numbers = matcher.states[k], matcher.matches[k], matcher.integers[k]
    own = match[dtw.HEAD_EVIDENCE]
    same = numbers[LABEL] == matcher.integers[leader, LABEL]
    p = log_p_of(matcher, k, own)
    if state[STATE] in (NONE, RETRACTED):
        state[STATE] = NONE
        if same and p < limit and match[dtw.HEAD_SCORE] >= matcher.thresholds[k]:
            state[STATE] = EMERGING
            state[AGE] = 0
        return
    state[AGE] += 1
    overtaken = not same and matcher.matches[leader, dtw.HEAD_EVIDENCE] > OVERTAKEN * max(own, 0.0)
    overtaken = overtaken and log_p_of(matcher, leader, matcher.matches[leader, dtw.HEAD_EVIDENCE]) < limit
    over = state[AGE] > (numbers[LENGTH] + numbers[BAND]) * stride
    if state[STATE] == CONFIRMED:
        over = not log_p_of(matcher, k, match[dtw.WHOLE_EVIDENCE]) < FADED * limit
    elif not overtaken:
        whole = log_p_of(matcher, k, match[dtw.WHOLE_EVIDENCE])
        if whole < limit and match[dtw.WHOLE_SCORE] >= matcher.thresholds[k]:
            state[STATE] = CONFIRMED
            return
    if overtaken or over:
        state[STATE] = RETRACTED if state[STATE] == EMERGING else NONE


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
