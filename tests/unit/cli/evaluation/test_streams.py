"""How actions of a stream are counted."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.playback import Run
from csi_introspection.shapes import Encoded, Example
from csi_introspection.templates import Columns
from csiflow.evaluation.sessions import Job, Recording
from csiflow.evaluation.shapes import Shapes, plan_streams
from csiflow.evaluation.streams import StreamOutcome, begins, by_label, count_action
from csiflow.evaluation.takes import Cuts, LabelledTake

LABELS = ["sit", "walk", "sit"]
NAMES = ["sit", "walk"]
RIGHT = np.array([False, True])


def promoted(*intervals: tuple[int, int, int], frames: int = 20) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return (frames, signatures) with signature k promoted from first to stop, of every (k, first, stop)."""
    out = np.zeros((frames, len(LABELS)), bool)
    for k, first, stop in intervals:
        out[first:stop, k] = True
    return out


@pytest.mark.parametrize(
    ("intervals", "right", "wrong", "ms"),
    [
        ([], 0, 0, np.inf),
        ([(1, 12, 15)], 1, 0, 200.0),
        ([(1, 5, 12)], 1, 0, 0.0),  # promoted before the action, still active
        ([(0, 11, 13), (1, 14, 16)], 1, 1, 400.0),
        ([(1, 11, 13), (0, 14, 16)], 1, 0, 100.0),  # a wrong one after the right one
        ([(0, 5, 13), (1, 14, 16)], 1, 0, 400.0),  # the last action's, carried over
        ([(0, 5, 13), (2, 12, 15), (1, 16, 18)], 1, 0, 600.0),  # the same label by another of its signatures
        ([(0, 5, 11), (2, 12, 15)], 0, 1, np.inf),  # the same label, begun anew
    ],
)
def test_an_action_is_counted_by_labels(
    intervals: list[tuple[int, int, int]], right: int, wrong: int, ms: float
) -> None:
    """Right is the label active at any frame; wrong first, another label that begins between the border and that."""
    outcome = StreamOutcome()
    count_action(outcome, by_label(promoted(*intervals), LABELS, NAMES), RIGHT, 10, 0.1)
    assert (outcome.actions, outcome.right, outcome.wrong_first) == (1, right, wrong)
    assert outcome.ms == pytest.approx([ms])


def test_a_promotion_begins_on_its_first_frame_and_none_on_that_of_the_run() -> None:
    """What is active on the first frame of a run began before it."""
    found = begins(promoted((0, 0, 3), (1, 4, 6), (1, 8, 9)))
    assert np.argwhere(found).tolist() == [[4, 1], [8, 1]]


def test_every_combination_of_kinds_is_played_in_every_fold() -> None:
    """Of two kinds three rows: each alone, and both in one library, each with a fold for every source."""
    rows = np.zeros((4, 2), np.float32)
    example = Example(Encoded(rows, rows, Columns(1, 1), 25.0, 25.0), 0, timed=True)
    takes = [LabelledTake("sit", example, name, name, 0) for name in ("e1", "e2")]
    run = Run(np.zeros((4, 1, 2), np.float32), 40_000_000)
    recordings = tuple(Recording("room", Cuts(name, (run,), ()), None, assumed=False) for name in ("e1", "e2"))
    steps = plan_streams(Shapes(groups={"room": takes}), [Job(recordings, (run,))])
    assert [(name, step.kinds, step.train[0].source, len(step.recordings)) for name, step in steps] == [
        (f"room {'+'.join(kinds)}", kinds, learnt, 1)
        for kinds in (
            ("amplitude_l2_per_subcarrier",),
            ("lag",),
            ("amplitude_l2_per_subcarrier", "lag"),
        )
        for learnt in ("e2", "e1")
    ]
