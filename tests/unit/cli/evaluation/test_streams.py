"""Shapes as a stream: what counts as right, wrong first and false."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from csiflow.evaluation.files import expand
from csiflow.evaluation.shapes import ShapeOptions, Shapes, as_json, plan_streams, read_jobs, stream_table, take_in
from csiflow.evaluation.streams import StreamOutcome, begins, count_action, run_streams
from unit.cli.evaluation.rooms import Stretches, write
from unit.cli.evaluation.test_shapes import manifest

RIGHT = np.array([True, True, False])


@pytest.mark.parametrize(
    ("promoted", "right", "wrong", "ms"),
    [
        ({}, 0, 0, math.inf),
        ({0: (14, 16)}, 1, 0, 40.0),
        ({1: (5, 16)}, 1, 0, 0.0),
        ({0: (5, 10)}, 0, 0, math.inf),
        ({0: (14, 16), 2: (12, 20)}, 1, 1, 40.0),
        ({0: (14, 16), 2: (15, 20)}, 1, 0, 40.0),
        ({0: (14, 16), 2: (5, 20)}, 1, 0, 40.0),
        ({2: (12, 13)}, 0, 1, math.inf),
    ],
)
def test_one_action(promoted: dict[int, tuple[int, int]], right: int, wrong: int, ms: float) -> None:
    """Right: active at some frame of the action. Wrong first: another begins in it before; a carried one is none."""
    frames = np.zeros((20, 3), bool)
    for signature, (first, stop) in promoted.items():
        frames[first:stop, signature] = True
    outcome = StreamOutcome()
    count_action(outcome, frames, RIGHT, 10, 0.01)
    assert (outcome.actions, outcome.right, outcome.wrong_first, outcome.ms) == (1, right, wrong, [ms])


def test_a_promotion_begins_once() -> None:
    """What is active on the first frame began before."""
    frames = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], bool)
    assert begins(frames).tolist() == [[False, False], [False, True], [False, False], [True, False]]


def test_folds_are_pooled() -> None:
    """Counts add up; misses count as never in the median; no watched time has no rate."""
    pooled = StreamOutcome(2, 1, 1, [20.0, math.inf], 0, 0.0, ["a"])
    pooled.add(StreamOutcome(1, 1, 0, [60.0], 1, 1800.0, []))
    figures = pooled.figures()
    assert (figures["right"], figures["actions"], figures["wrong_first"], figures["ms_median"]) == (2, 3, 1, 60.0)
    assert figures["false_matches_per_hour"] == 2.0
    assert figures["calibrating"] == ["a"]
    empty = StreamOutcome(1, 0, 0, [math.inf]).figures()
    assert empty["ms_median"] is None
    assert empty["false_matches_per_hour"] is None
    assert empty["false_matches_interval"] is None


def test_walks_are_recognised_as_streams(tmp_path: Path) -> None:
    """From files to figures: every walk is played in one fold of each kind, after a quiet long enough to promote."""
    stretches: Stretches = (("empty", 20), ("walking", 3), ("empty", 2))
    for number in range(3):
        write(tmp_path / f"room_p{number}.npz", stretches, seed=number)
    manifest(tmp_path, {f"room_p{number}.npz": "one" for number in range(3)})
    shapes, options = Shapes(), ShapeOptions(stream=True)
    jobs = read_jobs(expand([str(tmp_path)]), options, shapes.errors)
    assert len(list(take_in(shapes, jobs, 1))) == 3
    steps = [(name, step) for name, step in plan_streams(shapes, jobs) if step.kind == "lag"]
    assert len(steps) == 3
    for name, outcome in run_streams(steps, 1):
        shapes.streams.setdefault(name, StreamOutcome()).add(outcome)
    (figures,) = as_json(shapes)["streams"].values()
    assert figures["actions"] == figures["right"] == 3
    assert figures["wrong_first"] == 0
    assert figures["calibrating"] == []
    assert figures["watched_s"] == pytest.approx(3 * 3 * 22, rel=0.01)
    assert stream_table(shapes).row_count == 1
