"""Rows of before that a window's first frames are compared with, and where they are until they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events.arrival import normalised_frame
from csi_events.change import MAX_LAG
from csi_events.open_window import FRAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.baseline import Baseline
    from csi_events.open_window import Layout, OpenWindow
    from csi_events.quiet import Quiet
    from csi_events.stretch import Kept


def history_rows(widths: NDArray[np.int64] | None) -> int:
    """Rows before a window that its first frame may be compared with, over these half-widths or any."""
    return 2 * (MAX_LAG if widths is None else int(widths.max())) - 1


def rest(window: OpenWindow, baseline: Baseline, *, gathered: bool) -> None:
    """Make a window ready for the next, with the rows that this may be compared with, or its first calibration may.

    Args:
        window: has been judged.
        baseline: of its stream.
        gathered: its frames were put by for a calibration; before there is one, they need be kept nowhere else.
    """
    if baseline.quiet is not None:
        window.rest(history_rows(baseline.quiet.widths))
    elif gathered:
        window.elsewhere += len(window.t_ns)
        window.rest(0)
    else:
        window.rest(history_rows(baseline.widths))


def recall(window: OpenWindow, baseline: Baseline, layout: Layout | None, quiet: Quiet) -> None:
    """Before a first calibration is taken up, between windows: have the rows that were kept for it as frames only."""
    if baseline.quiet is not None or baseline.stretch is None or layout is None:
        return
    if np.array_equal(layout.live, quiet.live):
        put_before(window, baseline.stretch.kept, layout, history_rows(quiet.widths))


def put_before(window: OpenWindow, frames: Kept, layout: Layout, history: int) -> None:
    """Put rows of the last ``window.elsewhere`` of some frames before those that the window keeps.

    Args:
        window: has no frames yet.
        frames: (frames, antennas, sub-carriers) amplitudes, or their squares as whole numbers.
        layout: as of the rows.
        history: rows that are wanted in all.
    """
    wanted, columns = history - window.before, int(layout.edges[-1])
    if wanted <= 0 or not window.elsewhere or window.rows.shape[1] != columns:
        return
    rows, grouped = np.zeros((history + FRAMES, columns), np.float32), np.empty(len(layout.edges) - 1, np.float32)
    first, squared = wanted, frames.dtype == np.uint16
    for frame in frames[: -window.elsewhere - 1 : -1]:
        if not first:
            break
        first -= normalised_frame(frame, squared, layout.live, layout.edges, rows[first - 1], grouped)
    rows[wanted:history] = window.rows[: window.before]
    window.rows, window.before = rows[first:], history - first
    window.last = window.rows[max(0, window.before - 1) : window.before].copy()
