"""Rows of a stretch: its normalised amplitudes, made from the frames each time they are needed.

A calibration goes through its frames a dozen times. Kept as rows they would take twice the memory of the frames, as
these are kept (:mod:`csi_events.stretch`), and more than all else that a wide stream holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from csi_events._compile import kernel
from csi_events.band_gain import band_parts, write_gains
from csi_events.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from csi_events.gain_states import GainStates

STEP_VALUES = 10_000
"""Amplitudes that one step looks at."""
SCALE_US, LEVEL_US, ALONG_US = 2.2e-3, 3e-3, 2e-3
"""What one amplitude of a step takes, about: norms of frames, gains of rows, and what they hold of a direction."""
PART_US, LEVELLING_US = 0.045, 45.0
"""What one part of a band adds to the gains of a row, and what a step that makes them takes, one row at least."""

_SCALES = "void({0}[:,::1], boolean, int64[::1], int64[::1], int64, int64, float64[:,::1], boolean[::1])"


@kernel(_SCALES.format("float32"), _SCALES.format("uint16"))
def _scales(  # noqa: PLR0917 - a kernel takes no structs
    frames: NDArray[np.float32] | NDArray[np.uint16],
    squared: bool,  # noqa: FBT001 - as above
    place: NDArray[np.int64],
    edges: NDArray[np.int64],
    first: int,
    stop: int,
    scale: NDArray[np.float64],
    usable: NDArray[np.bool_],
) -> None:
    """Write what each antenna is multiplied by in the frames ``first`` to ``stop``, and in which every one is heard."""
    for f in range(first, stop):
        row = frames[f]
        heard = len(place) > 0
        for a in range(len(edges) - 1):
            count = edges[a + 1] - edges[a]
            if count == 0:
                continue
            power = 0.0
            for c in range(edges[a], edges[a + 1]):
                value = np.float32(row[place[c]])
                if squared:
                    value = np.sqrt(value)
                power += np.float64(value) ** 2
            heard = heard and power > 0.0
            scale[f, a] = np.sqrt(count / power) if power > 0.0 else 0.0
        usable[f] = heard


_WRITE = (
    "void({0}[:,::1], boolean, int64[::1], int64[::1], float64[:,::1], int64[::1], "
    "float64[:,::1], float32[:,::1], int64, float32[:,::1])"
)


@kernel(_WRITE.format("float32"), _WRITE.format("uint16"))
def _write(  # noqa: PLR0917 - a kernel takes no structs
    frames: NDArray[np.float32] | NDArray[np.uint16],
    squared: bool,  # noqa: FBT001 - as above
    place: NDArray[np.int64],
    edges: NDArray[np.int64],
    scale: NDArray[np.float64],
    numbers: NDArray[np.int64],
    along: NDArray[np.float64],
    directions: NDArray[np.float32],
    left: int,
    rows: NDArray[np.float32],
) -> None:
    """Write the rows of the frames ``numbers``, from column ``left`` on, without what they hold of ``directions``."""
    right = left + rows.shape[1]
    for f in range(len(numbers)):
        frame, row, scales = frames[numbers[f]], rows[f], scale[numbers[f]]
        for a in range(len(edges) - 1):
            first, stop = max(left, edges[a]), min(right, edges[a + 1])
            if first >= stop:
                continue
            part, places = row[first - left : stop - left], place[first:stop]
            for c in range(len(part)):
                part[c] = np.float32(frame[places[c]])
            if squared:
                for c in range(len(part)):
                    part[c] = np.sqrt(part[c]) * scales[a]
            else:
                for c in range(len(part)):
                    part[c] = part[c] * scales[a]
        for d in range(along.shape[1]):
            direction = directions[d, left:right]
            for c in range(len(row)):
                row[c] -= along[f, d] * direction[c]


@kernel("void(float32[:,::1], float32[:,::1], float32[:,::1], float64[:,::1])")
def take_out(
    rows: NDArray[np.float32], read: NDArray[np.float32], write: NDArray[np.float32], along: NDArray[np.float64]
) -> None:
    """Take directions out of ``rows``, one after the other, and write what each row held of them to ``along``."""
    for f in range(len(rows)):
        row = rows[f]
        for d in range(len(read)):
            reads, writes = read[d], write[d]
            total = 0.0
            for c in range(len(row)):
                total += row[c] * reads[c]
            along[f, d] = total
            for c in range(len(row)):
                row[c] -= total * writes[c]


class Rows(Protocol):
    """Normalised amplitudes (frames, live sub-carriers), of which parts can be had."""

    @property
    def frames(self) -> int:
        """How many rows there are."""

    @property
    def columns(self) -> int:
        """How long they are."""

    def part(self, first: int, stop: int, left: int = 0, right: int | None = None) -> NDArray[np.float32]:
        """Return some rows, in some columns, not to be kept."""


@dataclass(frozen=True, slots=True)
class GivenRows:
    """Rows that are held as they are."""

    x: NDArray[np.float32]
    """(frames, columns)."""

    @property
    def frames(self) -> int:
        """How many rows there are."""
        return len(self.x)

    @property
    def columns(self) -> int:
        """How long they are."""
        return int(self.x.shape[1])

    def part(self, first: int, stop: int, left: int = 0, right: int | None = None) -> NDArray[np.float32]:
        """Return some rows, in some columns."""
        return np.ascontiguousarray(self.x[first:stop, left:right])


@dataclass(slots=True)
class StretchRows:
    """Rows made of frames: each antenna divided by its norm over its live sub-carriers, gain left out if it is known.

    The frames in which an antenna is silent are left out, as :func:`csi_events.normalise.gain_normalised` does.
    """

    kept: NDArray[np.float32] | NDArray[np.uint16]
    """(frames, antennas * sub-carriers): amplitudes, or their squares as whole numbers."""
    live: NDArray[np.bool_]
    """(antennas, sub-carriers)."""
    place: NDArray[np.int64]
    """(columns,): of the live sub-carriers among those."""
    edges: NDArray[np.int64]
    """(antennas + 1,): first column of each antenna, and the number of columns."""
    scale: NDArray[np.float64]
    """(frames, antennas): what an antenna is multiplied by."""
    usable: NDArray[np.bool_]
    """(frames,)."""
    numbers: NDArray[np.int64]
    """(usable frames,)."""
    along: NDArray[np.float64]
    """(usable frames, directions): what they hold of what is left out."""
    directions: NDArray[np.float32]
    """(directions, columns): by which that is subtracted."""

    @classmethod
    def of(cls, frames: NDArray[np.float32] | NDArray[np.uint16], live: NDArray[np.bool_]) -> Steps[StretchRows]:
        """Make ready, in steps: frames (frames, antennas, sub-carriers) as kept, live (antennas, sub-carriers)."""
        kept = frames.reshape(len(frames), live.size)
        place = np.flatnonzero(live)
        edges = np.concatenate(([0], np.cumsum(live.sum(axis=1)))).astype(np.int64)
        scale, usable = np.zeros((len(kept), len(live))), np.zeros(len(kept), np.bool_)
        for first, stop in parts(len(kept), live.size):
            yield SCALE_US * (stop - first) * live.size
            _scales(kept, kept.dtype == np.uint16, place, edges, first, stop, scale, usable)
        numbers = np.flatnonzero(usable)
        nothing = np.zeros((0, len(place)), np.float32)
        return cls(kept, live, place, edges, scale, usable, numbers, np.zeros((len(numbers), 0)), nothing)

    def level_out(self, profile: NDArray[np.float32]) -> Steps[None]:
        """Divide all rows by their gain over ``profile`` from now on (:mod:`csi_events.band_gain`), in steps."""
        heard = np.diff(self.edges) > 0
        bands = band_parts(self.live)
        row_us = LEVEL_US * self.columns + PART_US * bands[:, 1:].size
        step = max(1, int(LEVELLING_US / row_us))
        for first in range(0, self.frames, step):
            stop = min(first + step, self.frames)
            yield row_us * (stop - first)
            gains = np.ones((stop - first, len(bands)))
            write_gains(self.part(first, stop), profile, bands, gains)
            self.scale[np.ix_(self.numbers[first:stop], np.flatnonzero(heard))] /= gains

    def leave_out(self, gain: GainStates) -> Steps[None]:
        """Leave directions out of all rows from now on, in steps."""
        along = np.zeros((self.frames, len(gain.read)))
        for first, stop in parts(self.frames, self.columns * len(gain.read)):
            yield ALONG_US * (stop - first) * self.columns * len(gain.read)
            take_out(self.part(first, stop), gain.read, gain.write, along[first:stop])
        self.along, self.directions = along, gain.write

    @property
    def frames(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    @property
    def columns(self) -> int:
        """How long they are."""
        return len(self.place)

    def part(self, first: int, stop: int, left: int = 0, right: int | None = None) -> NDArray[np.float32]:
        """Return some rows, in some columns."""
        rows = np.empty((stop - first, (self.columns if right is None else right) - left), np.float32)
        numbers, along = self.numbers[first:stop], self.along[first:stop]
        squared = self.kept.dtype == np.uint16
        _write(self.kept, squared, self.place, self.edges, self.scale, numbers, along, self.directions, left, rows)
        return rows


def parts(rows: int, columns: int, least: int = 1) -> Iterator[tuple[int, int]]:
    """Cut so many rows in parts of about ``STEP_VALUES`` values and at least so many rows."""
    step = max(least, 1, STEP_VALUES // max(1, columns))
    return ((first, min(first + step, rows)) for first in range(0, rows, step))
