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
from csi_introspection.arrays import Float64, Int64
from csi_introspection.matcher import FIRST_OF_CHANGES, KIND, KINDS, LENGTH, REST, WIDTH, Matcher
from csi_introspection.past import Past

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
def log_p_of(
    counts: Int64, tails: Float64, restless_counts: Int64, restless_tails: Float64, k: int, evidence: float
) -> float:
    """Natural log of the p-value of so much evidence for signature ``k``; nan while its quiet is not known.

    Of calm and restless seconds those count in which it is less rare. The arrays are those of ``Matcher`` and ``Past``,
    and come one by one: all of them at every call cost more than the work.
    """
    if counts[k] < tail.FEWEST:
        return float(np.nan)
    found = tail.log_p(tails[k], evidence)
    if restless_counts[k] >= tail.FEWEST_RESTLESS:
        found = max(found, tail.log_p(restless_tails[k], evidence))
    return float(found)


@kernel
def noise_of(matcher: Matcher, k: int) -> float:
    """Least scale of a tail of signature ``k``."""
    numbers = matcher.integers[k]
    return float(np.sqrt(min(numbers[LENGTH], NOISE_ROWS) * numbers[WIDTH]))


@kernel
def fit_calm(matcher: Matcher, past: Past, k: int) -> None:
    """Fit the tail of signature ``k`` over calm seconds anew; one a frame, after they were learnt."""
    if past.counts[k] >= FEWEST_FITTED:
        count = min(past.counts[k], tail.KEPT)
        work = past.maxima[past.counts.size]
        tail.fit_tail(past.maxima[k], count, noise_of(matcher, k), past.order[k], work, matcher.tails[k])
    set_limits(matcher, past, k)


@kernel
def fit_restless(matcher: Matcher, past: Past, k: int) -> None:
    """Fit the tail of signature ``k`` over restless seconds anew; one a frame, after one was learnt."""
    if past.restless_counts[k] >= tail.FEWEST_RESTLESS:
        count = min(past.restless_counts[k], tail.KEPT)
        work = past.maxima[past.counts.size]
        order = past.restless_order[k]
        tail.fit_tail(past.restless[k], count, noise_of(matcher, k), order, work, past.restless_tails[k])
    set_limits(matcher, past, k)


@kernel
def set_limits(matcher: Matcher, past: Past, k: int) -> None:
    """Work out once, for every frame to come, which evidence of signature ``k`` is unlikely enough in either tail."""
    fitted = matcher.tails[k]
    fitted[tail.LIMIT] = fitted[tail.FADES] = fitted[tail.EARLY] = np.inf
    if past.counts[k] >= tail.FEWEST:
        motions = 0
        for each in range(matcher.integers.shape[0]):
            motions += 1 - matcher.integers[each, REST]
        limit = log_limit(motions)
        fitted[tail.LIMIT] = tail.evidence_at(fitted, limit)
        fitted[tail.FADES] = tail.evidence_at(fitted, FADED * limit)
        if past.restless_counts[k] >= tail.FEWEST_RESTLESS:
            fitted[tail.LIMIT] = max(fitted[tail.LIMIT], tail.evidence_at(past.restless_tails[k], limit))
        # Motions begin alike in what changes: once a stream has shown that people do other things than the library's,
        # a beginning is enough when a minute of that is known. One that has shown none is taken at its word.
        if matcher.integers[k, KIND] < FIRST_OF_CHANGES or not 0 < past.restless_counts[k] < tail.FEWEST:
            fitted[tail.EARLY] = fitted[tail.LIMIT]


@kernel
def rescale(matcher: Matcher, past: Past, grown: Float64) -> None:
    """Put what is known of each signature's evidence into units in which it is ``grown`` (n) times as much."""
    for k in range(grown.size):
        ratio = np.float32(grown[k])
        for second in range(tail.KEPT):
            past.maxima[k, second] *= ratio
            past.restless[k, second] *= ratio
        for second in range(tail.PENDING):
            past.pending[k, second] *= ratio
            past.lately[k, second] *= ratio
        for column in (tail.THRESHOLD, tail.SCALE, tail.LIMIT, tail.FADES, tail.EARLY):
            matcher.tails[k, column] *= grown[k]
            past.restless_tails[k, column] *= grown[k]


@kernel
def unlearn(matcher: Matcher, past: Past) -> None:
    """Void what was learnt, as when the calm seconds turn out not to have been quiet."""
    past.counts.fill(0)
    past.restless_counts.fill(0)
    past.lately_restless.fill(FORGIVEN)
    for k in range(past.counts.size):
        for place in range(tail.KEPT):
            past.order[k, place] = past.restless_order[k, place] = place
        set_limits(matcher, past, k)


@kernel
def close_second(matcher: Matcher, past: Past, moved: int) -> bool:
    """End the running second, in which something ``moved`` (1) or not. One without frames is none.

    Returns:
        Whether a restless second was learnt: the one that no match which ends from now on can explain.
    """
    waiting, running = past.waiting, matcher.running
    if running.size > 0 and running[0] == -np.inf:
        return False
    at = min(waiting[0], tail.PENDING - 1)
    several = waiting[0] > at
    learnt = learn_restless(matcher, past)
    for k in range(running.size):
        most = np.float32(max(running[k], 0.0))
        past.pending[k, at] = max(past.pending[k, at], most) if several else most
        past.lately[k, 0] = most
        running[k] = -np.inf
    waiting[1 + at] = max(waiting[1 + at], moved) if several else moved
    waiting[0] = at + 1
    for kind in range(KINDS):
        past.lately_restless[kind, 0] = RESTLESS if moved == 1 else FORGIVEN
        if matcher.confirmed[kind] == 1:
            for second in range(past.delay[0]):
                past.lately_restless[kind, second] = FORGIVEN
            matcher.confirmed[kind] = 0
    return learnt


@kernel
def learn_restless(matcher: Matcher, past: Past) -> bool:
    """Make place for a second among those that may yet be explained, and learn from the oldest if it is restless."""
    lately, flags, last = past.lately, past.lately_restless, past.delay[0] - 1
    learnt = False
    for k in range(past.counts.size):
        if flags[matcher.integers[k, KIND], last] == RESTLESS:
            tail.keep_maximum(past.restless, past.restless_counts, k, lately[k, last])
            learnt = True
        for second in range(last):
            lately[k, last - second] = lately[k, last - second - 1]
    for kind in range(KINDS):
        for second in range(last):
            flags[kind, last - second] = flags[kind, last - second - 1]
    return learnt


@kernel
def judge_seconds(matcher: Matcher, past: Past, verdict: int) -> int:
    """Learn from the seconds that were waiting for their block's verdict; returns from how many.

    All of a still block count as calm, whatever moved a little; of one that moved those in which nothing did. Away from
    the quiet mean, or at a new place, what they show is no quiet's, and of the running second neither.
    """
    learnt = 0
    if verdict in (quiet.MOVED, quiet.REFINED):
        for second in range(past.waiting[0]):
            if verdict == quiet.REFINED or past.waiting[1 + second] == 0:
                learnt += 1
                for k in range(matcher.running.size):
                    tail.keep_maximum(past.maxima, past.counts, k, past.pending[k, second])
    else:
        matcher.running.fill(-np.inf)
    past.waiting[0] = 0
    return int(learnt)
