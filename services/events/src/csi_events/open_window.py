"""The frames of a stream's open window, each prepared when it arrives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from csi_events.arrival import (
    add_moments,
    compare_newest,
    move_up,
    normalised_frame,
    variance_of,
)
from csi_events.bad_frames import mend
from csi_events.band_gain import band_parts, level_out
from csi_events.breathing import GROUPS, antenna_products, product_columns, product_count
from csi_events.levels import change_points
from csi_events.normalise import binned_profile, frame_amplitude, frame_squares, group_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.quiet import Quiet
    from csi_events.stretch import Kept

AMPLITUDE_BINS = 56
FRAMES = 16
"""Frames for which there is room at first."""


class Layout(NamedTuple):
    """Which sub-carriers are looked at, and how they are grouped."""

    live: NDArray[np.bool_]
    """(antennas, sub-carriers)."""
    edges: NDArray[np.int64]
    """See :func:`csi_events.normalise.group_edges`."""
    shared: NDArray[np.int64]
    """See :func:`csi_events.breathing.products.product_columns`."""
    parts: NDArray[np.int64]
    """See :func:`csi_events.band_gain.band_parts`."""

    @classmethod
    def of(cls, live: NDArray[np.bool_]) -> Layout:
        """Lay out live sub-carriers."""
        return cls(live, group_edges(live, GROUPS), product_columns(live), band_parts(live))


@dataclass(slots=True)
class OpenWindow:
    """Frames in the order in which they came, and the newest rows of the windows before them."""

    t_ns: list[int] = field(default_factory=list)
    """Receive times of the window's frames."""
    amplitude: Kept = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint16))
    """(room, antennas, sub-carriers): all frames; their squares, which are whole numbers, where all I/Q has 8 bits."""
    profile: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(sub-carriers,): sum of their amplitudes over frames and antennas."""
    iq: list[NDArray[np.integer] | None] = field(default_factory=list)
    """I/Q of frames that are not prepared."""
    usable: list[int] = field(default_factory=list)
    """Numbers of the frames that could be used."""
    rows: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(room, live sub-carriers): normalised amplitudes of what came before the window, then of its usable frames."""
    before: int = 0
    """Rows before the window's."""
    last: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(0 or 1, live sub-carriers): the newest of those as it was before the window's first frame came."""
    grouped: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(room, groups): usable frames."""
    antenna_pairs: NDArray[np.complex64] | None = None
    """(room, products): usable frames; ``None`` where there is no phase or one antenna."""
    scores: list[float] = field(default_factory=list)
    """Change scores of usable frames, once there is a calibration."""
    products: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    """(room, room): of the usable frames with one another in units of noise, once there is a calibration."""
    total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """(live sub-carriers,): sum of the usable rows."""
    squares: float = 0.0
    """Sum of their squares."""
    ordered: bool = True
    """The frames came in the order of their times."""
    closed: bool = False
    """The window has been judged: the next frame opens another."""
    elsewhere: int = 0
    """Frames just before the kept rows that may be compared with too, and that somebody else has put by."""

    @property
    def x(self) -> NDArray[np.float32]:
        """(usable frames, live sub-carriers) normalised amplitudes of the window."""
        return self.rows[self.before : self.before + len(self.usable)]

    @property
    def frames(self) -> Kept:
        """(frames, antennas, sub-carriers) amplitudes of the window, or their squares as whole numbers."""
        return self.amplitude[: len(self.t_ns)]

    @property
    def binned(self) -> list[float]:
        """Mean amplitudes over frames and antennas in at most ``AMPLITUDE_BINS`` bins, to three decimals."""
        thousandths = binned_profile(self.profile, len(self.t_ns) * self.amplitude.shape[1], AMPLITUDE_BINS)
        numbers: list[float] = (thousandths / 1000.0).tolist()
        return numbers

    def row_mean(self) -> NDArray[np.float64]:
        """(live sub-carriers,): mean of the usable rows."""
        return np.asarray(self.total / len(self.usable))

    @property
    def variance(self) -> float:
        """Mean over sub-carriers of the variance of usable frames."""
        return variance_of(self.total, self.squares, len(self.usable))

    @property
    def change_points(self) -> int:
        """Level shifts among the usable frames; 0 without a calibration."""
        count = len(self.usable)
        if len(self.scores) < count:
            return 0
        return change_points(self.products, count, self.rows.shape[1], np.zeros(count + 1, np.bool_))

    def rest(self, history: int) -> None:
        """Make ready for the next window; keep the newest ``history`` rows."""
        count = len(self.usable)
        filled = self.before + count
        self.before = min(filled, history)
        room = self.before + max(FRAMES, count)
        if len(self.rows) > room + FRAMES:  # fewer rows are needed than before
            kept, self.rows = self.rows, np.zeros((room, self.rows.shape[1]), np.float32)
            self.rows[: self.before] = kept[filled - self.before : filled]
        else:
            move_up(self.rows, filled - self.before, self.before)
        self.last = self.rows[max(0, self.before - 1) : self.before].copy()
        self.t_ns.clear()
        self.iq.clear()
        self.usable.clear()
        self.scores.clear()
        self.profile[:] = 0.0
        self.total[:] = 0.0
        self.squares = 0.0
        self.ordered = True
        self.closed = False

    def forget(self) -> None:
        """Rows of before are nothing to compare with; only between windows, before the first frame."""
        self.before, self.last, self.elsewhere = 0, self.last[:0], 0

    def add(self, t_ns: int, frame: NDArray[Any]) -> None:
        """Take one frame: I/Q (antennas, sub-carriers, 2), or amplitudes (antennas, sub-carriers)."""
        number = len(self.t_ns)
        shape = frame.shape[:2]
        if self.amplitude.shape[1:] != shape:
            self.amplitude, self.profile = np.zeros((FRAMES, *shape), np.uint16), np.zeros(shape[1])
        if number == len(self.amplitude):
            self.amplitude = _grown(self.amplitude)
        if number and t_ns < self.t_ns[-1]:
            self.ordered = False
        self.t_ns.append(t_ns)
        squared = self.amplitude.dtype == np.uint16
        if squared and frame.dtype != np.int8:
            self.amplitude, squared = np.sqrt(self.amplitude, dtype=np.float32), False
        if frame.ndim == 3:
            (frame_squares if squared else frame_amplitude)(frame, self.amplitude[number], self.profile)
            self.iq.append(frame if shape[0] > 1 else None)
        else:
            self.amplitude[number] = frame
            self.profile += frame.sum(axis=0, dtype=np.float64)
            self.iq.append(None)

    def prepare(self, layout: Layout, quiet: Quiet | None) -> None:
        """Make rows of the frames that have none yet."""
        first = len(self.t_ns) - len(self.iq)
        for number, iq in enumerate(self.iq, first):
            self._prepare(number, iq, layout, quiet)
        self.iq.clear()

    def _prepare(self, number: int, iq: NDArray[np.integer] | None, layout: Layout, quiet: Quiet | None) -> None:
        count = len(self.usable)
        columns, groups = int(layout.edges[-1]), len(layout.edges) - 1
        if self.grouped.shape[1] != groups or self.rows.shape[1] != columns:
            self._lay_out(columns, groups)
        if count == len(self.grouped):
            self.grouped = _grown(self.grouped)
        if self.before + count == len(self.rows):
            self.rows = _grown(self.rows)
        if not self._normalise(number, count, layout, quiet):
            return
        if iq is None:
            self.antenna_pairs = None
        else:
            width = product_count(len(iq), layout.shared)
            if self.antenna_pairs is None or self.antenna_pairs.shape[1] != width:
                self.antenna_pairs = np.zeros((len(self.grouped), width), np.complex64)
            if count == len(self.antenna_pairs):
                self.antenna_pairs = _grown(self.antenna_pairs)
            antenna_products(iq, layout.shared, self.antenna_pairs[count])
        self.usable.append(number)
        self._compare(count, quiet)

    def _normalise(self, number: int, count: int, layout: Layout, quiet: Quiet | None) -> bool:
        """Make the row and the groups of usable frame ``count`` of frame ``number``, if that can be used."""
        row = self.rows[self.before + count]
        squared = self.amplitude.dtype == np.uint16
        if not normalised_frame(self.amplitude[number], squared, layout.live, layout.edges, row, self.grouped[count]):
            return False
        if quiet is not None:
            level_out(row, quiet.profile, layout.parts)
        return True

    def _compare(self, count: int, quiet: Quiet | None) -> None:
        """Add up the row of usable frame ``count``, and compare it with those before it.

        The one before it is mended if it turns out to be a bad frame; in the moments it stays as it was.
        """
        newest = self.before + count
        if quiet is None:
            self.squares = add_moments(self.rows[newest : newest + 1], self.total, self.squares)
            return
        if count == len(self.products):
            products = np.zeros((count + FRAMES, count + FRAMES))
            products[:count, :count] = self.products
            self.products = products
        read, write = quiet.gain
        noise = quiet.inverse_noise
        mended = newest >= 2 and mend(self.rows, newest - 1, read, write, noise)
        self.squares, score = compare_newest(
            self.rows,
            self.before,
            count,
            mended,
            read,
            write,
            noise,
            quiet.widths,
            quiet.level,
            self.total,
            self.squares,
            self.products,
        )
        self.scores.append(score)

    def sort(self, layout: Layout | None, quiet: Quiet | None) -> None:
        """Put frames that came out of order in the order of their times, and compare them anew."""
        if self.ordered:
            return
        self.ordered = True
        order = np.argsort(np.array(self.t_ns, np.int64), kind="stable")
        self.amplitude[: len(order)] = self.amplitude[order]
        self.t_ns = [self.t_ns[number] for number in order]
        places = {number: place for place, number in enumerate(order.tolist())}
        rank = np.argsort([places[number] for number in self.usable], kind="stable")
        self.usable = sorted(places[number] for number in self.usable)
        count = len(rank)
        self.rows[self.before - len(self.last) : self.before] = self.last
        if self.antenna_pairs is not None:
            self.antenna_pairs[:count] = self.antenna_pairs[:count][rank]
        self.scores.clear()
        self.total[:], self.squares = 0.0, 0.0
        if layout is None:
            return
        for place, number in enumerate(self.usable):
            self._normalise(number, place, layout, quiet)
            self._compare(place, quiet)

    def score(self) -> float | None:
        """Median change score of the usable frames; ``None`` when none has one."""
        known = self.scores
        if math.isnan(sum(known)):
            known = [value for value in known if not math.isnan(value)]
        known = sorted(known)
        middle = len(known) // 2
        if not known:
            return None
        return known[middle] if len(known) % 2 else 0.5 * (known[middle - 1] + known[middle])

    def _lay_out(self, columns: int, groups: int) -> None:
        """Make room for rows of so many columns; those of before have others."""
        self.rows = np.zeros((FRAMES, columns), np.float32)
        self.before, self.last = 0, self.rows[:0]
        self.total = np.zeros(columns)
        self.grouped = np.zeros((FRAMES, groups), np.float32)


def _grown(array: NDArray[Any]) -> NDArray[Any]:
    """Copy an array to one with room for ``FRAMES`` more."""
    more = np.zeros((len(array) + FRAMES, *array.shape[1:]), array.dtype)
    more[: len(array)] = array
    return more
