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
def is_active(matcher: Matcher, k: int) -> bool:
    """Whether signature ``k`` is promoted."""
    return bool(matcher.states[k, STATE] in (EMERGING, CONFIRMED))


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
def leader_of(matcher: Matcher, kind: int, limit: float) -> int:
    """Return the signature of ``kind`` with the most evidence of those whose log p is below ``limit``; -1: none."""
    leader = -1
    for k in range(matcher.integers.shape[0]):
        if matcher.integers[k, KIND] == kind and matcher.integers[k, REST] == 0:
            own = matcher.matches[k, dtw.HEAD_EVIDENCE]
            ahead = leader < 0 or own > matcher.matches[leader, dtw.HEAD_EVIDENCE]
            if ahead and log_p_of(matcher, k, own) < limit:
                leader = k
    return leader


@kernel
def promote(matcher: Matcher) -> None:
    """Bring every signature's state up to its newest match."""
    n = matcher.integers.shape[0]
    motions = 0
    for k in range(n):
        motions += 1 - matcher.integers[k, REST]
    limit = log_limit(motions)
    for kind in range(KINDS):
        leader = leader_of(matcher, kind, limit)
        for k in range(n):
            if matcher.integers[k, KIND] != kind:
                continue
            if matcher.integers[k, REST] == 1:
                at_rest = matcher.matches[k, dtw.SCORE] >= matcher.thresholds[k]
                matcher.states[k, STATE] = CONFIRMED if at_rest else NONE
            else:
                advance_state(matcher, k, leader, limit)


@kernel
def advance_state(matcher: Matcher, k: int, leader: int, limit: float) -> None:
    """Advance the state of signature ``k``; ``leader`` as ``leader_of`` says."""
    state, match, numbers = matcher.states[k], matcher.matches[k], matcher.integers[k]
    own = match[dtw.HEAD_EVIDENCE]
    leads = leader >= 0 and numbers[LABEL] == matcher.integers[leader, LABEL]
    if state[STATE] in (NONE, RETRACTED):
        state[STATE] = NONE
        if leads and log_p_of(matcher, k, own) < limit and match[dtw.HEAD_SCORE] >= matcher.thresholds[k]:
            state[STATE] = EMERGING
            state[AGE] = 0
        return
    state[AGE] += 1
    overtaken = False
    if leader >= 0 and not leads:
        overtaken = matcher.matches[leader, dtw.HEAD_EVIDENCE] > OVERTAKEN * max(own, 0.0)
    whole = log_p_of(matcher, k, match[dtw.WHOLE_EVIDENCE])
    if state[STATE] == CONFIRMED:
        if overtaken or not whole < FADED * limit:
            state[STATE] = NONE
    elif overtaken or state[AGE] > (numbers[LENGTH] + numbers[BAND]) * matcher.vectors.shape[0]:
        state[STATE] = RETRACTED
    elif whole < limit and match[dtw.WHOLE_SCORE] >= matcher.thresholds[k]:
        state[STATE] = CONFIRMED


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
