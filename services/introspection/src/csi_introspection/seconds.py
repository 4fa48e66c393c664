"""What a stream's past seconds say of which evidence is unlikely.

Calm seconds teach how far a signature's evidence goes while nothing moves; restless ones how far it goes while
something moves that is no motion of the library. The second tail is what a keyword spotter's background model or a
verifier's cohort is for (Auckenthaler 2000, doi:10.1006/dspr.1999.0360), made of the stream's own past. The motions of
the library must not be in it, or what a stream does often would be unlikely nowhere: a second that lies within a match
that was confirmed is explained and teaches nothing. What was only promoted, and never confirmed, is not.
"""

from __future__ import annotations

import numpy as np

from csi_introspection import quiet, tail
from csi_introspection._compile import kernel
from csi_introspection.matcher import KIND, KINDS, LENGTH, REST, WIDTH, Matcher

FALSE_PER_HOUR = 0.1
"""Wanted rate of false matches of a stream, all signatures together."""
FADED = 0.5
"""A match ends when the logarithm of the p-value of its evidence is above this share of what promotes."""
NOISE_ROWS = 16
"""Rows by whose noise in quiet a tail is at least as wide."""
FEWEST_FITTED = 4
"""Seconds of which a tail can be fitted at all."""
FORGIVEN, RESTLESS = range(2)
"""What a kind's waiting second may be: calm or explained; neither."""


@kernel
def log_limit(signatures: int) -> float:
    """Natural log of the share of seconds in which one of so many signatures may be promoted falsely."""
    return float(np.log(FALSE_PER_HOUR / 3600.0 / max(signatures, 1)))


@kernel
def log_p_of(matcher: Matcher, k: int, evidence: float) -> float:
    """Natural log of the p-value of so much evidence for signature ``k``; nan while its quiet is not known.

    Of calm and restless seconds those count in which it is less rare.
    """
    if matcher.counts[k] < tail.FEWEST:
        return float(np.nan)
    found = tail.log_p(matcher.tails[k], evidence)
    if matcher.restless_counts[k] >= tail.FEWEST_RESTLESS:
        found = max(found, tail.log_p(matcher.restless_tails[k], evidence))
    return float(found)


@kernel
def noise_of(matcher: Matcher, k: int) -> float:
    """Least scale of a tail of signature ``k``."""
    numbers = matcher.integers[k]
    return float(np.sqrt(min(numbers[LENGTH], NOISE_ROWS) * numbers[WIDTH]))


@kernel
def fit_calm(matcher: Matcher, k: int) -> None:
    """Fit the tail of signature ``k`` over calm seconds anew; one a frame, after they were learnt."""
    if matcher.counts[k] >= FEWEST_FITTED:
        count = min(matcher.counts[k], tail.KEPT)
        work = matcher.maxima[matcher.counts.size]
        tail.fit_tail(matcher.maxima[k], count, noise_of(matcher, k), work, matcher.tails[k])
    set_limits(matcher, k)


@kernel
def fit_restless(matcher: Matcher, k: int) -> None:
    """Fit the tail of signature ``k`` over restless seconds anew; one a frame, after one was learnt."""
    if matcher.restless_counts[k] >= tail.FEWEST_RESTLESS:
        count = min(matcher.restless_counts[k], tail.KEPT)
        work = matcher.maxima[matcher.counts.size]
        tail.fit_tail(matcher.restless[k], count, noise_of(matcher, k), work, matcher.restless_tails[k])
    set_limits(matcher, k)


@kernel
def set_limits(matcher: Matcher, k: int) -> None:
    """Work out once, for every frame to come, which evidence of signature ``k`` is unlikely enough in either tail."""
    fitted = matcher.tails[k]
    fitted[tail.LIMIT] = fitted[tail.FADES] = np.inf
    if matcher.counts[k] >= tail.FEWEST:
        motions = 0
        for each in range(matcher.integers.shape[0]):
            motions += 1 - matcher.integers[each, REST]
        limit = log_limit(motions)
        fitted[tail.LIMIT] = tail.evidence_at(fitted, limit)
        fitted[tail.FADES] = tail.evidence_at(fitted, FADED * limit)
        if matcher.restless_counts[k] >= tail.FEWEST_RESTLESS:
            fitted[tail.LIMIT] = max(fitted[tail.LIMIT], tail.evidence_at(matcher.restless_tails[k], limit))


@kernel
def unlearn(matcher: Matcher) -> None:
    """Void what was learnt, as when the calm seconds turn out not to have been quiet."""
    matcher.counts.fill(0)
    matcher.restless_counts.fill(0)
    matcher.lately_restless.fill(FORGIVEN)
    for k in range(matcher.counts.size):
        set_limits(matcher, k)


@kernel
def close_second(matcher: Matcher, moved: int) -> bool:
    """End the running second, in which something ``moved`` (1) or not. One without frames is none.

    Returns:
        Whether a restless second was learnt: the one that no match which ends from now on can explain.
    """
    waiting, running = matcher.waiting, matcher.running
    if running.size > 0 and running[0] == -np.inf:
        return False
    at = min(waiting[0], tail.PENDING - 1)
    several = waiting[0] > at
    learnt = learn_restless(matcher)
    for k in range(running.size):
        most = np.float32(max(running[k], 0.0))
        matcher.pending[k, at] = max(matcher.pending[k, at], most) if several else most
        matcher.lately[k, 0] = most
        running[k] = -np.inf
    waiting[1 + at] = max(waiting[1 + at], moved) if several else moved
    waiting[0] = at + 1
    for kind in range(KINDS):
        matcher.lately_restless[kind, 0] = RESTLESS if moved == 1 else FORGIVEN
        if matcher.confirmed[kind] == 1:
            for second in range(matcher.delay[0]):
                matcher.lately_restless[kind, second] = FORGIVEN
            matcher.confirmed[kind] = 0
    return learnt


@kernel
def learn_restless(matcher: Matcher) -> bool:
    """Make place for a second among those that may yet be explained, and learn from the oldest if it is restless."""
    lately, flags, last = matcher.lately, matcher.lately_restless, matcher.delay[0] - 1
    learnt = False
    for k in range(matcher.counts.size):
        if flags[matcher.integers[k, KIND], last] == RESTLESS:
            tail.keep_maximum(matcher.restless, matcher.restless_counts, k, lately[k, last])
            learnt = True
        for second in range(last):
            lately[k, last - second] = lately[k, last - second - 1]
    for kind in range(KINDS):
        for second in range(last):
            flags[kind, last - second] = flags[kind, last - second - 1]
    return learnt


@kernel
def judge_seconds(matcher: Matcher, verdict: int) -> int:
    """Learn from the seconds that were waiting for their block's verdict; returns from how many.

    All of a still block count as calm, whatever moved a little; of one that moved those in which nothing did. Away from
    the quiet mean, or at a new place, what they show is no quiet's, and of the running second neither.
    """
    learnt = 0
    if verdict in (quiet.MOVED, quiet.REFINED):
        for second in range(matcher.waiting[0]):
            if verdict == quiet.REFINED or matcher.waiting[1 + second] == 0:
                learnt += 1
                for k in range(matcher.running.size):
                    tail.keep_maximum(matcher.maxima, matcher.counts, k, matcher.pending[k, second])
    else:
        matcher.running.fill(-np.inf)
    matcher.waiting[0] = 0
    return int(learnt)
