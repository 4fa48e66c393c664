"""Which of several labelled motions another one is: the service's features and matcher over whole takes.

Frames become rows by the per-frame path itself, once for every kind; rows then meet signatures in its matcher, begun at
the motion's onset where that is known. What is learnt and what is tested may share a session: the quiet of one room, as
a stream in service would have seen before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import NamedTuple

import numpy as np
from csi_schemas.signature import DtwParameters, FeatureKind, Signature

from csi_introspection import dtw
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int64
from csi_introspection.features import KINDS
from csi_introspection.matcher import Matcher, advance_matcher, new_matcher, open_afresh, rescale
from csi_introspection.playback import Run, Session
from csi_introspection.templates import KIND_NUMBER, Columns, template

MOST_ROWS = 64
"""Rows of a signature."""
BANDS: dict[FeatureKind, int] = {"amplitude_l2_per_subcarrier": 8, "lag": 16, "vec128": 16}
"""Band by kind. Leaving out one take, or one person, at a time, changes of speed want the wider one."""


class Encoded(NamedTuple):
    """Rows of every kind of a run of frames, as the service has them when it matches."""

    displaced: Float32
    """(T, columns) rows minus the quiet mean, in feature units: what signatures hold."""
    unit: Float32
    """(T, columns) 1 / quiet deviation."""
    columns: Columns
    row_rate_hz: float
    frame_rate_hz: float

    @property
    def stride(self) -> int:
        """Frames a row."""
        return max(1, round(self.frame_rate_hz / self.row_rate_hz))

    def part(self, first: int, stop: int) -> Encoded:
        """Rows of frames ``first`` to ``stop``, which is not included."""
        return self._replace(displaced=self.displaced[first:stop], unit=self.unit[first:stop])


class Example(NamedTuple):
    """One motion: its rows, some of what came before, and where it begins."""

    encoded: Encoded
    first: int
    """Frame at which it begins, or from which it is looked for."""
    timed: bool
    """It begins there and ends with the rows; otherwise it is somewhere within."""


class LabelledExample(NamedTuple):
    """A motion whose label is known."""

    label: str
    example: Example


class Recorded(NamedTuple):
    """Frames to be turned into rows, and the quiet of their own that they follow without a silence."""

    quiet: Run | None
    run: Run


def encode(recordings: Sequence[Recorded], quiet: Sequence[Run]) -> list[Encoded]:
    """Return the rows of every recording of a session; none knows anything of another's frames.

    Args:
        recordings: What is encoded.
        quiet: The session's quiet, played before each recording.

    Raises:
        ValueError: the frames have no features, or the quiet is too short to be known.
    """
    session = Session([], quiet)
    if quiet:
        session.mark()
    found = []
    for number, (own, run) in enumerate(recordings):
        if number and quiet:
            session.rewind()
        elif number:
            session = Session([])
        session.pause()
        if own is not None:
            session.show(own)
        found.append(rows_of_run(session, run))
    return found


def rows_of_run(session: Session, run: Run) -> Encoded:
    """Return the rows of frames that follow what the session has seen.

    Raises:
        ValueError: as ``encode``.
    """
    displaced, unit = [], []
    columns, rates = None, (0.0, 0.0)
    for stream in session.play(run):
        inner = stream.stream
        if inner is None or inner.quiet[0]["calibrated"] == 0:
            raise ValueError("the quiet before these frames is too short, or they have no live sub-carriers")
        columns, rates = inner.shape.columns, (inner.shape.row_rate_hz, inner.shape.frame_rate_hz)
        displaced.append((inner.row - inner.mean).astype(np.float32))
        unit.append(inner.unit.copy())
    if columns is None:
        raise ValueError("a run without frames has no rows")
    return Encoded(np.array(displaced), np.array(unit), columns, *rates)


def columns_of_kind(columns: Columns, kind: FeatureKind) -> slice:
    """Where the numbers of a kind are in a stream's rows."""
    ends = columns.ends()
    number = KIND_NUMBER[kind]
    return slice(int(ends[number]), int(ends[number + 1]))


def kinds_of(columns: Columns) -> list[FeatureKind]:
    """Kinds that a stream has."""
    return [kind for kind, number in KIND_NUMBER.items() if columns[number] > 0]


def liveliest(encoded: Encoded, rows: int) -> int:
    """First frame of the run of so many rows in which most changes, in quiet deviations of ``lag``; 0 of fewer rows."""
    part = columns_of_kind(encoded.columns, "lag")
    energy = ((encoded.displaced[:, part] * encoded.unit[:, part]) ** 2).sum(axis=1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    span = rows * encoded.stride
    return int(np.argmax(sums[span:] - sums[:-span])) if len(energy) > span else 0


def rows_of(example: Example, kind: FeatureKind) -> Float64:
    """Return a motion as signatures hold it, (rows, width) and at most ``MOST_ROWS``.

    Where nobody knows when it begins it is where most changes.
    """
    encoded = example.encoded
    first = example.first if example.timed else liveliest(encoded, MOST_ROWS)
    rows = encoded.displaced[first + encoded.stride - 1 :: encoded.stride][:MOST_ROWS]
    return rows[:, columns_of_kind(encoded.columns, kind)].astype(np.float64)


def signature_of(labelled: LabelledExample, kind: FeatureKind, identity: str, threshold: float = 0.78) -> Signature:
    """Make the signature of a motion.

    Raises:
        ValueError: the motion has fewer than two rows, or the stream no such feature.
    """
    encoded = labelled.example.encoded
    if kind not in kinds_of(encoded.columns):
        raise ValueError(f"{identity}: these frames give no {kind}")
    rows = rows_of(labelled.example, kind)
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
        promotion_threshold=threshold,
        feature_version=KINDS[kind].version,
        rate_hz=encoded.row_rate_hz,
        provenance="replay",
    )


@kernel
def follow_rows(
    matcher: Matcher,
    rows: Float32,
    nothing: Float64,
    unit: Float32,
    ends: Int64,
    first: int,
    most: Float32,
    whole: Float32,
) -> None:
    """Match rows, (T, columns), afresh from ``first`` on; ``most`` (T, n) gets the most evidence until each frame.

    ``whole`` (n) gets the most evidence of the whole of each signature.
    """
    n = most.shape[1]
    for i in range(rows.shape[0]):
        if i == first:
            open_afresh(matcher, 0, 0)
        advance_matcher(matcher, rows[i], nothing, unit, ends, 1.0)
        # one motion: nothing goes on from a signature that a part of it completed
        matcher.since.fill(matcher.completed.shape[2])
        for k in range(n):
            before = most[i - 1, k] if i > first else np.float32(-np.inf)
            most[i, k] = max(before, np.float32(matcher.matches[k, dtw.EVIDENCE]))
            if i >= first:
                whole[k] = max(whole[k], np.float32(matcher.matches[k, dtw.WHOLE_EVIDENCE]))


def evidence_of(signatures: Sequence[Signature], example: Example) -> tuple[Float32, Float32]:
    """Return the most evidence of the signatures' best prefixes until each frame of a motion, (frames, n), and of all.

    The second, (n), is that of whole signatures, anywhere in the motion; below 0 where none ended in it.
    """
    encoded = example.encoded
    templates = [template(s, encoded.columns, encoded.row_rate_hz, encoded.frame_rate_hz) for s in signatures]
    matcher = new_matcher(templates, encoded.columns.total, encoded.stride)
    begin = max(0, example.first - 2 * encoded.stride)  # enough for the row before the motion's first
    unit = np.ascontiguousarray(encoded.unit[begin])
    rescale(matcher, unit)
    most = np.empty((len(encoded.displaced) - begin, len(templates)), np.float32)
    rows = np.ascontiguousarray(encoded.displaced[begin:])
    nothing = np.zeros(encoded.columns.total)
    whole = np.full(len(templates), -dtw.UNREACHED, np.float32)
    follow_rows(matcher, rows, nothing, unit, encoded.columns.ends(), example.first - begin, most, whole)
    return most[example.first - begin :], whole


def best_of_so_many(evidence: Sequence[float], count: int) -> float:
    """Return the mean, over every choice of ``count`` of these, of the most evidence among the chosen.

    Labels have unequal numbers of signatures, and the best of more is better for no other reason than that.
    """
    falling = sorted(evidence, reverse=True)
    choices = comb(len(falling), count)
    return sum(
        value * comb(len(falling) - 1 - place, count - 1) / choices
        for place, value in enumerate(falling[: len(falling) - count + 1])
    )


Evidence = Mapping[FeatureKind, Mapping[str, float]]
"""Evidence for each label, by kind."""


def recognise(train: Sequence[LabelledExample], test: Example, seen: Sequence[int] = ()) -> list[Evidence]:
    """Return the evidence that a motion is of each label of ``train``: of all of it, then of its first ``seen`` frames.

    Of all of it: that of whole signatures, so that a kind of which none was followed to its end says nothing. Of frames
    seen: that of the best prefixes. Labels are compared by as many signatures as the one with the fewest has, see
    ``best_of_so_many``. Kinds are those that the stream and every example have; what is no evidence at all counts 0.
    """
    kinds = [k for k in kinds_of(test.encoded.columns) if all(k in kinds_of(t.example.encoded.columns) for t in train)]
    signatures = [signature_of(each, kind, f"{kind}-{n}") for kind in kinds for n, each in enumerate(train)]
    most, whole = evidence_of(signatures, test)
    found: list[dict[FeatureKind, dict[str, float]]] = [{} for _ in range(1 + len(seen))]
    for number, kind in enumerate(kinds):
        own = slice(number * len(train), (number + 1) * len(train))
        parts = [most[min(frames, len(most)) - 1, own] for frames in seen]
        for by_kind, evidence in zip(found, (whole[own], *parts), strict=True):
            by_kind[kind] = by_label(train, np.maximum(evidence, 0.0))
    return list(found)


def by_label(train: Sequence[LabelledExample], evidence: Float32) -> dict[str, float]:
    """Return each label's evidence by that of its signatures, (n)."""
    labels: dict[str, list[float]] = {}
    for each, value in zip(train, evidence.tolist(), strict=True):
        labels.setdefault(each.label, []).append(value)
    fewest = min(map(len, labels.values()))
    return {label: best_of_so_many(values, fewest) for label, values in labels.items()}
