"""Shapes: who learns, who is tested, and what is counted; the matcher here is a stand-in of this file."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.files import expand
from csiflow.evaluation.folds import (
    NONE,
    Confusion,
    FoldOutcome,
    answer,
    leave_one_out_folds,
    one_take_folds,
    run_fold,
)
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.recording import load
from csiflow.evaluation.shapes import ShapeOptions, as_json, plan, read_takes, run, tables
from csiflow.evaluation.takes import LabelledTake, Take, pieces_of, source_of, takes_of
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.cli.evaluation.rooms import RATE_HZ, Stretches, loaded, write


def by_length(train: Sequence[LabelledTake], test: Take) -> Mapping[str, float]:
    """Say which label's actions last as long as this one: all that a stand-in needs to know."""
    lasts = len(test.t_ns) - test.first
    return {each.label: -abs(len(each.take.t_ns) - each.take.first - lasts) for each in train}


def made(label: str, source: str, frames: int = 10) -> LabelledTake:
    """A take of no content."""
    take = Take(np.zeros((frames + 5, 1, 4), np.float32), np.arange(frames + 5), 5, timed=True, quiet=(0, 5))
    return LabelledTake(label, take, source, f"{source}.npz")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("GeoTec/D1_e01_rx_tx.npz", "e01"),
        ("qiang/0510_fall_p3_2.npz", "p3"),
        ("x/take-7_walk.npz", "take-7"),
        ("x/p12/walk.npz", "walk"),
        ("x/walk_p3", "p3"),
        ("x/walk.npz", "walk"),
    ],
)
def test_which_take_a_file_is_from(path: str, source: str) -> None:
    """A take or person in the file's name is found; a file without one is a take of its own."""
    assert source_of(Path(path), None) == source


def test_actions_are_cut_where_their_labels_are(tmp_path: Path) -> None:
    """Each stretch of a motion label is a take that ends with it; the first quiet goes along, if it came before."""
    labelled = loaded(tmp_path, (("empty", 2), ("walking", 1), ("fall", 1), ("empty", 2), ("walking", 0.5)))
    takes = takes_of(labelled, "e1")
    assert [(each.label, each.take.first, len(each.take.t_ns)) for each in takes] == [
        ("walking", 100, 150),
        ("fall", 150, 200),
        ("walking", 300, 325),
    ]
    assert all(each.take.quiet == (0, 100) and each.take.timed for each in takes)
    whole = takes_of(loaded(tmp_path, (("fall", 2),)), "e1")
    assert [(each.take.first, each.take.timed, each.take.quiet) for each in whole] == [(0, False, None)]


def test_what_was_seen_ends_early(tmp_path: Path) -> None:
    """A take seen for some frames holds nothing that came later."""
    (take,) = takes_of(loaded(tmp_path, (("empty", 2), ("walking", 1))), "e1")
    assert len(take.take.seen(8).t_ns) == len(take.take.seen(8).amplitude) == 108
    assert len(take.take.seen(1000).t_ns) == 150


def test_pieces_of_repeated_gestures(tmp_path: Path) -> None:
    """Pieces follow each other, share no frame, and those of equal number are from one take."""
    labelled = loaded(tmp_path, (("clap", 10),))
    pieces = pieces_of(labelled, 1.0)
    assert [len(piece.take.t_ns) for piece in pieces] == [RATE_HZ] * 10
    assert np.array_equal(np.concatenate([piece.take.t_ns for piece in pieces]), labelled.recording.t_ns)
    assert Counter(piece.source for piece in pieces) == {"pieces 0": 5, "pieces 1": 5}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvwx")), min_size=1, max_size=30))
def test_nothing_is_learnt_from_the_source_tested(drawn: list[tuple[str, str]]) -> None:
    """Every take is tested exactly once in each scheme, and never by a fold that learnt from its source."""
    takes = [made(label, source) for label, source in drawn]
    for scheme in (one_take_folds, leave_one_out_folds):
        try:
            folds = scheme(takes)
        except EvaluationError:
            assert scheme is one_take_folds or len({source for _, source in drawn}) < 2
            continue
        assert sorted(id(take) for fold in folds for take in fold.test) == sorted(map(id, takes))
        for fold in folds:
            assert not {take.source for take in fold.train} & {take.source for take in fold.test}
            if scheme is one_take_folds:
                assert len({take.source for take in fold.train}) == 1
                assert {take.label for take in fold.train} == {label for label, _ in drawn}


def test_one_source_is_not_enough() -> None:
    """With one take, or none other that has every label, the message says what to do."""
    with pytest.raises(EvaluationError, match="two takes or more, found u; --take"):
        leave_one_out_folds([made("a", "u")])
    with pytest.raises(EvaluationError, match="no take but u has every label"):
        one_take_folds([made("a", "u"), made("b", "u"), made("a", "v")])


def test_the_matrix_adds_up() -> None:
    """Rows are truths, columns answers; an answer that is no label is a column and never right."""
    confusion = Confusion()
    for truth, said in (("a", "a"), ("a", "b"), ("b", "b"), ("b", NONE), ("b", "b")):
        confusion.count(truth, said)
    figures = confusion.figures()
    assert (figures["right"], figures["total"], figures["top1"]) == (3, 5, 0.6)
    assert figures["answers"] == ["a", "b", NONE]
    assert figures["confusion"] == {"a": [1, 1, 0], "b": [0, 2, 1]}
    assert figures["by_label"]["b"]["right"] == 2
    assert (answer({}), answer({"b": 1.0, "a": 1.0}), answer({"a": 0.1, "b": 0.2})) == (NONE, "a", "b")


def test_seen_frames_are_told_apart() -> None:
    """After few frames long and short actions look alike; the whole ones do not. Untimed takes are left out."""
    train = [made("short", "u", 10), made("long", "u", 40)]
    test = [made("short", "v", 11), made("long", "v", 39)]
    (fold,) = [fold for fold in one_take_folds([*train, *test]) if fold.test[0].source == "v"]
    figures = run_fold(fold, by_length, (10,)).figures()
    assert figures["top1"] == 1
    assert figures["seen"]["10"]["right"] == 1
    assert figures["seen"]["10"]["total"] == 2


def person(folder: Path, name: str, walk_s: float, fall_s: float) -> None:
    """A person who walks and falls."""
    stretches: Stretches = (("empty", 3), ("walking", walk_s), ("empty", 2), ("fall", fall_s))
    write(folder / f"room_{name}.npz", stretches, frozenset({"walking", "fall"}), seed=len(name))


@pytest.mark.parametrize("jobs", [1, 2])
def test_people_in_folders(tmp_path: Path, jobs: int) -> None:
    """From files to figures: takes grouped by folder and person, one table and one object for each scheme."""
    for number, (walk_s, fall_s) in enumerate(((3.0, 1.0), (3.2, 1.1), (2.8, 1.6))):
        person(tmp_path / "lab", f"p{number}", walk_s, fall_s)
    (tmp_path / "lab" / "torn.npz").write_bytes(b"PK")
    shapes = read_takes(expand([str(tmp_path)]), ShapeOptions())
    steps = plan(shapes)
    assert {(group, scheme) for group, scheme, _ in steps} == {("lab", "one_take"), ("lab", "leave_one_out")}
    outcomes: dict[tuple[str, str], FoldOutcome] = {}
    for group, scheme, outcome in run(steps, by_length, ShapeOptions(seen=(5,)), jobs):
        outcomes.setdefault((group, scheme), FoldOutcome()).add(outcome)
    found = as_json(shapes, outcomes)
    assert list(found["errors"]) == [str(tmp_path / "lab" / "torn.npz")]
    assert found["shapes"]["lab"]["sources"] == ["p0", "p1", "p2"]
    for scheme in ("one_take", "leave_one_out"):
        assert found["shapes"]["lab"][scheme]["confusion"] == {"fall": [3, 0], "walking": [0, 3]}
        assert found["shapes"]["lab"][scheme]["seen"]["5"]["total"] == 6
    assert len(tables(outcomes)) == 2


def test_options_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    """--plots with --shapes and --labels without it would be passed over: they are refused instead."""
    path = write(tmp_path / "a.npz", (("empty", 1),))
    for arguments, message in (
        (["--shapes", "--plots", "x"], "--plots means nothing with"),
        (["--labels", "x"], "without"),
    ):
        command = [sys.executable, "-m", "csiflow", "eval", str(path), *arguments]
        run_ = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert run_.returncode == 2
        assert message in " ".join(run_.stderr.split())


def test_the_real_takes(csiflow_data: Path) -> None:
    """GeoTec D1 has ten takes of two directions and four actions; qiang's falls, squats and walks five people."""
    folder = csiflow_data / "csi"
    geotec = read_takes(expand([str(folder / "GeoTec")]), ShapeOptions())
    takes = geotec.groups["GeoTec"]
    assert len(takes) == 80
    assert {take.source for take in takes} == {f"e{number:02d}" for number in range(1, 11)}
    assert Counter(take.label for take in takes) == dict.fromkeys(
        ("standing_up", "walking", "turn", "sitting_down"), 20
    )
    names = [str(folder / "qiang" / f"0510_{action}_p*") for action in ("fall", "squat", "walking")]
    people = read_takes(expand(names), ShapeOptions()).groups["qiang"]
    assert len(people) == 40
    assert {take.source for take in people} == {f"p{number}" for number in range(1, 6)}
    clap = load(folder / "tharium" / "clap_first50.npz", "clap", Labelling())
    assert len(pieces_of(clap, 0.98)) >= 49
