"""When a match is promoted, confirmed and taken back.

A signature is promoted when its advantage is unlikely in this stream's own past, see ``seconds``, its prefix explains
enough of what moved, and no other label comes near. Gone through to the end it is confirmed; it is taken back when it
fades or is overtaken before that. Nothing is said of a prefix while nobody knows how far other motions' beginnings go,
see ``seconds.set_limits``. What counts as unlikely follows from the false matches an hour that are wanted, so that a
promotion means the same in every stream.
"""

from __future__ import annotations

import numpy as np

from csi_introspection import dtw, tail
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64, Int64
from csi_introspection.matcher import BAND, KIND, KINDS, LABEL, LENGTH, REST, WIDTH, Matcher
from csi_introspection.states import AGE, CONFIRMED, EMERGING, NONE, RETRACTED, STATE, TENTATIVE

MARGIN = 3.0
"""Rows by whose usual mismatch a label must be ahead of all others to be promoted or to overtake."""


@kernel
def mismatch_of(integers: Int64, matches: Float64, k: int) -> float:
    """Distance of a usual row of signature ``k`` from what it matched; at least that of the quiet's noise."""
    score, frames = matches[k, dtw.SCORE], matches[k, dtw.FRAMES]
    noise = np.float64(integers[k, WIDTH])
    if score <= 0.0 or frames < 1.0:
        return float(noise)
    return float(max(matches[k, dtw.EVIDENCE] * (1.0 / score - 1.0) / frames, noise))


@kernel
def leader_of(integers: Int64, matches: Float64, tails: Float64, kind: int) -> int:
    """Return the signature of ``kind`` that is ahead of every other label by ``MARGIN``; -1: none.

    What is not unlikely, with no more advantage than its ``tail.LIMIT``, neither leads nor stands in the way.
    """
    leader, rival = -1, 0.0
    for k in range(integers.shape[0]):
        if integers[k, KIND] == kind and integers[k, REST] == 0:
            own = matches[k, dtw.ADVANTAGE]
            if (leader >= 0 and own <= rival) or not own > tails[k, tail.LIMIT]:
                continue
            if leader < 0:
                leader = k
            elif integers[k, LABEL] == integers[leader, LABEL]:
                leader = k if own > matches[leader, dtw.ADVANTAGE] else leader
            elif own > matches[leader, dtw.ADVANTAGE]:
                rival = matches[leader, dtw.ADVANTAGE]
                leader = k
            else:
                rival = own
    if leader >= 0:
        ahead = matches[leader, dtw.ADVANTAGE] - rival
        if ahead < MARGIN * mismatch_of(integers, matches, leader):
            return -1
    return leader


@kernel
def promote(matcher: Matcher, trusted: bool) -> None:  # noqa: FBT001 - kernels take no names
    """Bring every signature's state up to its newest match, and count its advantage towards the running second.

    Args:
        matcher: The state.
        trusted: The stream is known to be where its quiet mean is, without which displacements from that mean, the
            first kind, say nothing of a motion.
    """
    integers, matches, thresholds = matcher.integers, matcher.matches, matcher.thresholds
    tails, states, running = matcher.tails, matcher.states, matcher.running
    stride = matcher.vectors.shape[0]
    n = integers.shape[0]
    for k in range(n):
        running[k] = max(running[k], matches[k, dtw.ADVANTAGE])
    for kind in range(KINDS):
        leader = leader_of(integers, matches, tails, kind)
        for k in range(n):
            if integers[k, KIND] != kind:
                continue
            if integers[k, REST] == 1:
                states[k, STATE] = CONFIRMED if matches[k, dtw.SCORE] >= thresholds[k] else NONE
            elif leader < 0 and states[k, STATE] in (NONE, RETRACTED):
                states[k, STATE] = NONE
            else:
                advance_state(integers, matches, thresholds, tails, states, stride, k, leader, trusted or kind > 0)
                if states[k, STATE] == CONFIRMED:
                    matcher.confirmed[kind] = 1


@kernel
def advance_state(
    integers: Int64,
    matches: Float64,
    thresholds: Float64,
    tails: Float64,
    states: Int64,
    stride: int,
    k: int,
    leader: int,
    trusted: bool,  # noqa: FBT001 - kernels take no names
) -> None:
    """Advance the state of signature ``k``.

    Args:
        integers: As in ``Matcher``, from which the arrays come one by one: all of it at every call costs more than the
            work.
        matches: See there.
        thresholds: See there.
        tails: See there.
        states: See there; rewritten.
        stride: Frames a row.
        k: The signature.
        leader: As ``leader_of`` says.
        trusted: As ``promote`` says.
    """
    leads = leader >= 0 and integers[k, LABEL] == integers[leader, LABEL]
    if states[k, STATE] in (NONE, RETRACTED):
        states[k, STATE] = NONE
        if (
            leads
            and trusted
            and matches[k, dtw.SCORE] >= thresholds[k]
            and matches[k, dtw.ADVANTAGE] > tails[k, tail.LIMIT]
        ):
            states[k, STATE] = EMERGING if matches[k, dtw.ADVANTAGE] > tails[k, tail.EARLY] else TENTATIVE
            states[k, AGE] = 0
        return
    states[k, AGE] += 1
    overtaken = leader >= 0 and not leads
    whole = matches[k, dtw.WHOLE_EVIDENCE]
    if states[k, STATE] == CONFIRMED:
        if overtaken or not whole > tails[k, tail.FADES]:
            states[k, STATE] = NONE
    elif overtaken or states[k, AGE] > (integers[k, LENGTH] + integers[k, BAND]) * stride:
        states[k, STATE] = RETRACTED if states[k, STATE] == EMERGING else NONE
    elif whole > tails[k, tail.LIMIT] and matches[k, dtw.WHOLE_SCORE] >= thresholds[k] and ends(integers, matches, k):
        states[k, STATE] = CONFIRMED
    elif not matches[k, dtw.EVIDENCE] > tails[k, tail.FADES]:
        states[k, STATE] = RETRACTED if states[k, STATE] == EMERGING else NONE


@kernel
def ends(integers: Int64, matches: Float64, k: int) -> bool:
    """Whether the end of signature ``k`` was seen: leaving its last rows out would explain what moved hardly better."""
    missing = matches[k, dtw.ADVANTAGE] - matches[k, dtw.WHOLE_ADVANTAGE]
    return bool(missing <= MARGIN * mismatch_of(integers, matches, k))
