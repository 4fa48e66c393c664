"""The per-frame path over a whole recording: the service's own kernels, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.common import Origin, Provenance
from numpy.typing import NDArray

from csi_introspection.snapshot import SnapshotWriter
from csi_introspection.stream import USUAL_RATE_HZ, FrameStream

if TYPE_CHECKING:
    from csi_schemas.introspection import IntrospectionSnapshot
    from csi_schemas.signature import Signature


def analyse(
    frames: NDArray[np.generic],
    signatures: Sequence[Signature],
    *,
    t_ns: NDArray[np.int64] | None = None,
    node_id: str = "recording",
    provenance: Provenance = "replay",
) -> list[IntrospectionSnapshot]:
    """Return the snapshot of every frame of one stream.

    Args:
        frames: int8 I/Q, (T, antennas, sub-carriers, 2), or amplitudes of any real type, (T, antennas, sub-carriers).
        signatures: The library.
        t_ns: (T) receive times; by default ``stream.USUAL_RATE_HZ`` frames a second.
        node_id: For the snapshots.
        provenance: For the snapshots.

    Returns:
        T snapshots; ``origin`` names the frame as an offset in partition 0 of no topic.

    Raises:
        ValueError: ``frames`` has neither shape, or is not finite.
    """
    return [deepcopy(snapshot) for snapshot in follow(frames, signatures, t_ns, node_id, provenance)]


def follow(
    frames: NDArray[np.generic],
    signatures: Sequence[Signature],
    t_ns: NDArray[np.int64] | None,
    node_id: str,
    provenance: Provenance,
) -> Iterator[IntrospectionSnapshot]:
    """As ``analyse``, one frame at a time; every snapshot is the same object, rewritten."""
    if frames.ndim not in {3, 4} or (frames.ndim == 4 and frames.shape[3] != 2):
        raise ValueError(f"frames of shape {frames.shape}; expected (T, antennas, sub-carriers[, 2])")
    count, n_antennas, n_subcarriers = frames.shape[:3]
    stream = FrameStream(n_antennas, n_subcarriers, signatures)
    writer = SnapshotWriter(node_id, f"{n_antennas}x{n_subcarriers}@?", provenance, "recording")
    eight_bit = frames.ndim == 4 and frames.dtype == np.int8
    if eight_bit:
        rows = np.ascontiguousarray(frames).reshape(count, -1)
    else:
        values = frames.astype(np.float32)
        rows = np.hypot(values[..., 0], values[..., 1]) if frames.ndim == 4 else values
        rows = np.ascontiguousarray(rows).reshape(count, -1)
        if not np.isfinite(rows).all():
            raise ValueError("frames holds numbers that are not finite")
    advance = stream.advance if eight_bit else stream.advance_amplitude
    for number in range(count):
        time = round(number * 1e9 / USUAL_RATE_HZ) if t_ns is None else int(t_ns[number])
        advance(rows[number], time)
        yield writer.update(stream, time, number, Origin("", 0, number))
