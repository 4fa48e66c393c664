"""The onset detector over a whole stretch held in memory: the service's kernel, without Kafka."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int8
from csi_introspection.onset import OnsetArrays, advance_onset
from csi_introspection.onset_channels import CHANNELS
from csi_introspection.onset_tail import EVIDENCE, THRESHOLD


@kernel
def advance_onsets(
    values: Float32,
    intervals: Float64,
    answers: Int8,
    evidence: Float32,
    state: NDArray[np.void],
    sums: Float64,
    recent: Float32,
    noise: Float64,
    levels: Float64,
    channels: Float64,
    tails: Float64,
) -> None:
    """Take frames (T, D) one by one, see ``follow_onsets``; the last seven are the fields of an ``OnsetArrays``."""
    for i in range(values.shape[0]):
        advance_onset(state, sums, recent, noise, levels, channels, tails, values[i], intervals[i])
        answers[i, 0], answers[i, 1] = state[0].onset, state[0].moving
        for c in range(channels.shape[0]):
            evidence[i, c, 0], evidence[i, c, 1] = channels[c, EVIDENCE], channels[c, THRESHOLD]


def follow_onsets(values: Float32, t_s: Float64, detector: OnsetArrays) -> tuple[Int8, Float32]:
    """Run a detector over frames.

    Args:
        values: (T, D) as ``onset.advance_onset`` takes them.
        t_s: (T,) times of receipt, s.
        detector: Advanced in place.

    Returns:
        (T, 2) onset and moving, 0 or 1; (T, CHANNELS, 2) evidence and threshold of every channel.
    """
    answers = np.zeros((len(values), 2), np.int8)
    evidence = np.zeros((len(values), CHANNELS, 2), np.float32)
    frames = np.ascontiguousarray(values, np.float32)
    advance_onsets(frames, np.diff(t_s, prepend=t_s[:1]), answers, evidence, *detector)
    return answers, evidence
