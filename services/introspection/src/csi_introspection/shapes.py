"""Which of several labelled motions another one is: the service's matcher, begun at the motion's onset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from csi_schemas.signature import DtwParameters, FeatureKind, Signature
from numpy.typing import NDArray

from csi_introspection import dtw
from csi_introspection.arrays import Float32, Float64, Int64
from csi_introspection.features import KINDS
from csi_introspection.matcher import open_afresh
from csi_introspection.stream import FrameStream

MOST_ROWS = 64
"""Rows of a signature."""
BANDS: dict[FeatureKind, int] = {"amplitude_l2_per_subcarrier": 8, "lag": 24, "vec128": 24}
"""Band by kind. Leaving out one take, or one person, at a time, changes of speed want the wider one."""
SETTLED_FRAMES = 512
"""Frames that a stream is given of each stretch of quiet."""
FIRST_S = 2.0
"""Seconds at the start of a recording that count as quiet when no label says which are."""


class Take(Protocol):
    """One recorded motion."""

    @property
    def amplitude(self) -> NDArray[np.generic]:
        """(T, antennas, sub-carriers), ends with the motion."""
        ...

    @property
    def t_ns(self) -> Int64:
        """(T) receive times."""
        ...

    @property
    def first(self) -> int:
        """Frame at which the motion begins."""
        ...

    @property
    def quiet(self) -> tuple[int, int] | None:
        """First and last (excluded) frame of the recording's first quiet stretch; ``None`` where it has none."""
        ...


class LabelledTake(Protocol):
    """One recorded motion whose label is known."""

    @property
    def label(self) -> str:
        """What it is."""
        ...

    @property
    def take(self) -> Take:
        """The recording of it."""
        ...


def there_and_back(count: int, wanted: int) -> Int64:
    """Frame numbers, (wanted), that go to and fro over ``count`` frames without a jump and end at the first."""
    cycle = np.concatenate([np.arange(count), np.arange(count)[::-1]])
    return np.tile(cycle, -(-wanted // cycle.size))[:wanted][::-1].astype(np.int64)


def quiet_of(take: Take) -> Float32:
    """Return the frames of a take's quiet, (T, antennas x sub-carriers): as labelled, else its first two seconds."""
    amplitude = np.asarray(take.amplitude, np.float32)
    first, stop = take.quiet or (0, max(2, round(FIRST_S * 1e9 / interval_ns(take.t_ns))))
    return amplitude[first:stop].reshape(len(amplitude[first:stop]), -1)


def settle(take: Take, signatures: Sequence[Signature], session: Sequence[Take] = ()) -> tuple[FrameStream, int]:
    """Return a stream that has seen the quiet of a take, after those of its session, and the time of its next frame.

    Quiet frames are played there and back, so that a stretch of any length gives as much as is needed without a jump.
    """
    shape = np.asarray(take.amplitude).shape
    interval = interval_ns(take.t_ns)
    stream = FrameStream(shape[1], shape[2], signatures, every_kind=not signatures)
    time = 0
    for other in [*(t for t in session if np.asarray(t.amplitude).shape[1:] == shape[1:]), take]:
        quiet = quiet_of(other)
        for number in there_and_back(len(quiet), SETTLED_FRAMES):
            stream.advance_amplitude(quiet[number], time)
            time += interval
    return stream, time


def interval_ns(t_ns: Int64) -> int:
    """Usual time between two frames."""
    return max(1, int(np.median(np.diff(t_ns))))


def rows_of(take: Take, kind: FeatureKind, session: Sequence[Take] = ()) -> tuple[Float64, float]:
    """Return a take's motion as signatures hold it, (rows, width) and at most ``MOST_ROWS``, and rows a second.

    Raises:
        ValueError: the stream has no such feature.
    """
    stream, time = settle(take, [], session)
    interval = interval_ns(take.t_ns)
    rows = []
    for frame in np.asarray(take.amplitude, np.float32).reshape(len(take.amplitude), -1):
        stream.advance_amplitude(frame, time)
        time += interval
        row = None if stream.stream is None else stream.stream.displacement(kind)
        if row is None:
            raise ValueError(f"these frames give no {kind}")
        rows.append(row)
    assert stream.stream is not None  # noqa: S101 - there would be no row
    stride = round(stream.stream.shape.frame_rate_hz / stream.stream.shape.row_rate_hz)
    return np.array(rows[take.first + stride - 1 :: stride][:MOST_ROWS]), stream.stream.shape.row_rate_hz


def signature_of(labelled: LabelledTake, kind: FeatureKind, identity: str, session: Sequence[Take] = ()) -> Signature:
    """Make the signature of a take.

    Raises:
        ValueError: the stream has no such feature, or the motion fewer than two rows.
    """
    rows, rate_hz = rows_of(labelled.take, kind, session)
    if len(rows) < dtw.FEWEST_ROWS:
        raise ValueError(f"{identity}: {len(rows)} rows; a signature has at least {dtw.FEWEST_ROWS}")
    return Signature(
        id=identity,
        label=labelled.label,
        captured_at="1970-01-01T00:00:00Z",
        feature_kind=kind,
        length=len(rows),
        dtw=DtwParameters(window=BANDS[kind]),
        vectors=rows.tolist(),
        feature_version=KINDS[kind].version,
        rate_hz=rate_hz,
        provenance="replay",
    )


def evidence_by_label(signatures: Sequence[Signature], test: Take, session: Sequence[Take] = ()) -> Mapping[str, float]:
    """Return the most evidence that whole signatures of each label reach over a take, begun at its onset."""
    stream, time = settle(test, signatures, session)
    interval = interval_ns(test.t_ns)
    most: dict[str, float] = {}
    for number, frame in enumerate(np.asarray(test.amplitude, np.float32).reshape(len(test.amplitude), -1)):
        if number == test.first and stream.stream is not None:
            open_afresh(stream.stream.matcher, 0)
        stream.advance_amplitude(frame, time)
        time += interval
        if number < test.first or stream.stream is None:
            continue
        matcher = stream.stream.matcher
        for k, signature in enumerate(stream.signatures):
            evidence = float(matcher.matches[k, dtw.EVIDENCE])
            most[signature.label] = max(most.get(signature.label, -np.inf), evidence)
    return most


def recognise(
    train: Sequence[LabelledTake], test: Take, kinds: Sequence[FeatureKind] = ("amplitude_l2_per_subcarrier", "vec128")
) -> Mapping[str, float]:
    """Return the evidence for each label of ``train`` that ``test`` is of it: its share of the most, summed over kinds.

    Where a motion happened (the amplitude) and how (the changes) tell different motions apart. Nothing is returned
    where nothing could be matched.
    """
    session = [labelled.take for labelled in train]
    total: dict[str, float] = {}
    for kind in kinds:
        signatures = [
            signature_of(labelled, kind, f"{labelled.label}-{number}", session[:number] + session[number + 1 :])
            for number, labelled in enumerate(train)
        ]
        found = evidence_by_label(signatures, test, session)
        most = max(found.values(), default=0.0)
        for label, evidence in found.items():
            total[label] = total.get(label, 0.0) + (max(evidence, 0.0) / most if most > 0.0 else 0.0)
    return total
