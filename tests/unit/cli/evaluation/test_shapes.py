"""Shapes: who learns, who is tested, and what is counted; the matcher here is a stand-in of this file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from csi_introspection.shapes import Encoded, Example, LabelledExample
from csi_introspection.templates import Columns
from csiflow.evaluation.confusion import NONE, Confusion, answer, choose_kinds, combined
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.files import expand
from csiflow.evaluation.folds import (
    Answered,
    Evidence,
    Fold,
    FoldEvidence,
    every_pair_folds,
    leave_one_out_folds,
    of_one_take,
    one_take_folds,
    run_fold,
)
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.recording import load
from csiflow.evaluation.sessions import LONGEST_S, parted, quiet_stretches
from csiflow.evaluation.shapes import ShapeOptions, Shapes, as_json, figures_of, plan, read_jobs, run, tables, take_in
from csiflow.evaluation.takes import LabelledTake, pieces_of, source_of, takes_of
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.cli.evaluation.rooms import RATE_HZ, Stretches, loaded, write


def by_length(train: Sequence[LabelledExample], test: Example, seen: Sequence[int]) -> list[Evidence]:
    """Say which label's actions last as long as this one: all that a stand-in needs to know."""
    lasts = len(test.encoded.displaced) - test.first
    return [
        {
            "lag": {
                each.label: 1 / (1 + abs(len(each.example.encoded.displaced) - each.example.first - min(lasts, frames)))
                for each in train
            }
        }
        for frames in (lasts, *seen)
    ]


def made(label: str, source: str, frames: int = 10) -> LabelledTake:
    """A take of no content."""
    width = 4
    rows = Encoded(
        np.zeros((frames + 5, width), np.float32), np.ones((frames + 5, width), np.float32), Columns(width), 25.0, 25.0
    )
    return LabelledTake(label, Example(rows, 5, timed=True), source, f"{source}.npz", 0)


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
    """Each stretch of a motion label is a take that ends with it; a label for the whole recording has no beginning."""
    labelled = loaded(tmp_path, (("empty", 2), ("walking", 1), ("fall", 1), ("empty", 2), ("walking", 0.5)))
    found = takes_of(labelled, "e1")
    assert [(cut.label, cut.first, cut.stop, cut.timed) for cut in found.cuts] == [
        ("walking", 100, 150, True),
        ("fall", 150, 200, True),
        ("walking", 300, 325, True),
    ]
    assert [len(run.amplitude) for run in found.runs] == [325]
    late = takes_of(labelled, "e1", 120)
    assert [(cut.first, cut.stop) for cut in late.cuts] == [(30, 80), (180, 205)]
    assert [len(run.amplitude) for run in late.runs] == [205]
    (whole,) = takes_of(loaded(tmp_path, (("fall", 2),)), "e1").cuts
    assert (whole.first, whole.stop, whole.timed) == (0, 100, False)


def test_pieces_of_repeated_gestures(tmp_path: Path) -> None:
    """Pieces follow each other, share no frame, and those of equal number are from one take."""
    labelled = loaded(tmp_path, (("clap", 10),))
    pieces = pieces_of(labelled, 1.0)
    assert [len(run.amplitude) for run in pieces.runs] == [RATE_HZ] * 10
    assert np.array_equal(np.concatenate([run.amplitude for run in pieces.runs]), labelled.recording.amplitude)
    assert Counter(cut.source for cut in pieces.cuts) == {"pieces 00": 5, "pieces 01": 5}
    assert [(cut.run, cut.first, cut.stop) for cut in pieces.cuts] == [(n, 0, RATE_HZ) for n in range(10)]


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


def test_every_pair_holds_the_folds_of_one_take() -> None:
    """Every source learns from every other that has every label; the first of each are those of one take, in order."""
    takes = [made(label, source) for source in "uvwx" for label in "ab" if (source, label) != ("v", "b")]
    pairs = every_pair_folds(takes)
    names = [(fold.test[0].source, fold.train[0].source) for fold in pairs]
    assert sorted(names) == sorted((one, other) for one in "uvwx" for other in "uwx" if one != other)
    evidence = [run_fold(fold, by_length) for fold in pairs]
    assert of_one_take(evidence) == [run_fold(fold, by_length) for fold in one_take_folds(takes)]


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


def test_the_answer_is_the_label_with_the_most_evidence() -> None:
    """By name among equals, none without evidence."""
    assert answer({}) == answer({"a": 0.0, "b": 0.0}) == NONE
    assert answer({"b": 1.0, "a": 1.0}) == "a"
    assert answer({"a": 0.1, "b": 0.2}) == "b"


def test_kinds_are_added_as_shares_of_their_best() -> None:
    """A kind whose numbers are large weighs no more than another; evidence against a label counts as none."""
    evidence: Evidence = {"lag": {"a": 1.0, "b": 0.5}, "vec128": {"a": 200.0, "b": 1000.0}}
    assert combined(evidence, ("lag",)) == {"a": 1.0, "b": 0.5}
    assert combined(evidence, ("lag", "vec128")) == {"a": 1.2, "b": 1.5}
    assert combined({"lag": {"a": -3.0, "b": 4.0}}, ("lag",)) == {"a": 0.0, "b": 1.0}
    assert combined({"lag": {"a": -3.0}}, ("lag", "vec128")) == {"a": 0.0}


def outcome(tested: str, learnt: str, *, lag: bool, vec: bool) -> FoldEvidence:
    """A fold of one take of label a, which each kind answers rightly or not."""
    evidence: Evidence = {
        "lag": {"a": float(lag), "b": 0.5},
        "vec128": {"a": float(vec), "b": 0.5},
    }
    return FoldEvidence((learnt,), (tested,), (Answered(f"{tested}.npz", 0, "a", evidence, {}),))


def test_kinds_are_chosen_where_nothing_tested_was_seen() -> None:
    """What decides are folds that neither test nor learn from the source in question."""
    folds = [
        outcome("u", "v", lag=False, vec=True),
        outcome("v", "w", lag=True, vec=False),
        outcome("w", "x", lag=True, vec=False),
        outcome("x", "u", lag=False, vec=True),
    ]
    assert choose_kinds(folds[0], folds) == ("lag",)  # by v and w
    assert choose_kinds(folds[1], folds) == ("lag",)  # w says lag and x says vec128: the first
    assert choose_kinds(folds[2], folds) == ("vec128",)  # by u and x
    assert choose_kinds(folds[0], folds[:1]) == ("lag", "vec128")
    figures = figures_of(folds, folds)
    assert [fold["kinds"] for fold in figures["folds"]] == [["lag"], ["lag"], ["vec128"], ["lag"]]
    assert {kinds: found["right"] for kinds, found in figures["kinds"].items()} == {
        "lag+vec128": 0,
        "lag": 2,
        "vec128": 2,
    }
    assert figures["right"] == 1


def test_seen_frames_are_told_apart() -> None:
    """After few frames long and short actions look alike; the whole ones do not. Untimed takes are left out."""
    train = [made("short", "u", 10), made("long", "u", 40)]
    test = [made("short", "v", 11), made("long", "v", 39)]
    (fold,) = [fold for fold in one_take_folds([*train, *test]) if fold.test[0].source == "v"]
    untimed = replace(test[0], example=test[0].example._replace(timed=False))
    evidence = run_fold(Fold(fold.train, (*fold.test, untimed)), by_length, (10,))
    figures = figures_of([evidence], [evidence])
    assert figures["top1"] == 1
    assert figures["total"] == 3
    assert figures["seen"]["10"]["right"] == 1
    assert figures["seen"]["10"]["total"] == 2


def manifest(folder: Path, rooms: dict[str, str | None]) -> None:
    """Write which room each recording is of."""
    entries = [{"file": file, "device": "d"} | ({"room": room} if room else {}) for file, room in rooms.items()]
    (folder / "manifest.json").write_text(json.dumps(entries))


def test_recordings_of_one_room_and_device_are_one_session(tmp_path: Path) -> None:
    """Its quiet is that of all of them; one of which the manifest says no room, or other frames, is on its own."""
    stretches: Stretches = (("empty", 2), ("walking", 1), ("empty", 0.5), ("walking", 1), ("empty", 3))
    for name in ("a", "b", "c"):
        write(tmp_path / f"{name}.npz", stretches)
    write(tmp_path / "still.npz", (("empty", 100),))
    manifest(tmp_path, {"a.npz": "one", "b.npz": "one", "c.npz": None, "still.npz": "one"})
    errors: dict[str, str] = {}
    jobs = read_jobs(expand([str(tmp_path)]), ShapeOptions(), errors)
    assert not errors
    names = [[Path(each.cuts.recording).stem for each in job.recordings] for job in jobs]
    assert names == [["a", "b"], ["c"]]
    seconds = [[len(run.amplitude) / RATE_HZ for run in job.quiet] for job in jobs]
    assert seconds == [[2, 3, 2, 3, LONGEST_S], [2, 3]]  # half a second is too short
    own = [each.quiet for each in jobs[0].recordings]
    assert [run is not None and len(run.amplitude) / RATE_HZ for run in own] == [2, 2]
    by_name = ShapeOptions(session=re.compile(r"([abc])\.npz"))
    assert len(read_jobs(expand([str(tmp_path)]), by_name, errors)) == 3


def test_the_middle_of_a_long_quiet_is_used(tmp_path: Path) -> None:
    """People settle at both ends."""
    labelled = loaded(tmp_path, (("empty", LONGEST_S + 20), ("walking", 1)))
    (run,) = quiet_stretches(labelled)
    first = round(10 * RATE_HZ)
    assert np.array_equal(run.amplitude, labelled.recording.amplitude[first : first + len(run.amplitude)])
    assert len(run.amplitude) == pytest.approx(LONGEST_S * RATE_HZ, abs=2)


def test_a_quiet_whose_middle_was_not_recorded_is_left_out(tmp_path: Path) -> None:
    """A recording that paused in the middle of its quiet has no frame in that minute, and is evaluated all the same."""
    labelled = loaded(tmp_path, (("empty", 10), ("walking", 1), ("empty", 5), ("walking", 1)))
    t_ns = labelled.recording.t_ns.copy()
    t_ns[round(5 * RATE_HZ) :] += 200_000_000_000
    (run,) = quiet_stretches(replace(labelled, recording=replace(labelled.recording, t_ns=t_ns)))
    assert len(run.amplitude) == 5 * RATE_HZ


def test_quiet_that_nobody_labelled_is_said_to_be_assumed(tmp_path: Path) -> None:
    """The first two seconds of a clip are taken where its session has no quiet; with one, its own are not."""
    write(tmp_path / "fall.npz", (("fall", 5),))
    errors: dict[str, str] = {}
    (job,) = read_jobs(expand([str(tmp_path)]), ShapeOptions(), errors)
    (recording,) = job.recordings
    assert recording.assumed
    assert recording.quiet is not None
    assert len(recording.quiet.amplitude) == 2 * RATE_HZ
    write(tmp_path / "room.npz", (("empty", 5),))
    manifest(tmp_path, {"fall.npz": "one", "room.npz": "one"})
    ((other,),) = [job.recordings for job in read_jobs(expand([str(tmp_path)]), ShapeOptions(), errors)]
    assert not other.assumed
    assert other.quiet is None


def test_sessions_are_parted_over_processes(tmp_path: Path) -> None:
    """Every recording is in exactly one part, with the quiet of its session."""
    for number in range(5):
        write(tmp_path / f"{number}.npz", (("empty", 2), ("walking", 1)))
    manifest(tmp_path, {f"{number}.npz": "one" for number in range(5)})
    (job,) = read_jobs(expand([str(tmp_path)]), ShapeOptions(), {})
    parts = parted([job], 2)
    assert [len(part.recordings) for part in parts] == [3, 2]
    assert {each.cuts.recording for part in parts for each in part.recordings} == {
        each.cuts.recording for each in job.recordings
    }
    assert all(part.quiet == job.quiet for part in parts)
    assert len(parted([job], 9)) == 5


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
    shapes = Shapes()
    work = read_jobs(expand([str(tmp_path)]), ShapeOptions(), shapes.errors)
    assert len(list(take_in(shapes, work, jobs))) == 3
    steps = plan(shapes)
    assert {(group, scheme) for group, scheme, _ in steps} == {("lab", "every_pair"), ("lab", "leave_one_out")}
    assert len(list(run(shapes, steps, (5,), jobs, by_length))) == 9
    found = as_json(shapes)
    assert list(found["errors"]) == [str(tmp_path / "lab" / "torn.npz")]
    assert found["shapes"]["lab"]["sources"] == ["p0", "p1", "p2"]
    for scheme in ("one_take", "leave_one_out"):
        assert found["shapes"]["lab"][scheme]["confusion"] == {"fall": [3, 0], "walking": [0, 3]}
        assert found["shapes"]["lab"][scheme]["seen"]["5"]["total"] == 6
        assert [fold["tested"] for fold in found["shapes"]["lab"][scheme]["folds"]] == [["p0"], ["p1"], ["p2"]]
    assert found["shapes"]["lab"]["every_pair"] == {"top1": 1.0, "kinds": {"lag": 1.0}}
    assert len(tables(shapes)) == 2


def test_frames_without_features_are_an_error_of_their_recordings(tmp_path: Path) -> None:
    """A recording of three sub-carriers has nothing to match: it is named, and the others are evaluated."""
    person(tmp_path / "lab", "p0", 3.0, 1.0)
    few = np.ones((200, 1, 3, 2), np.int8)
    write(tmp_path / "lab" / "p9.npz", (("empty", 2), ("fall", 2)), iq=few)
    shapes = Shapes()
    list(take_in(shapes, read_jobs(expand([str(tmp_path)]), ShapeOptions(), shapes.errors), 1))
    (message,) = shapes.errors.values()
    assert "p9.npz: " in message
    assert "no live sub-carriers" in message
    assert {take.source for take in shapes.groups["lab"]} == {"p0"}


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
    errors: dict[str, str] = {}
    (geotec,) = read_jobs(expand([str(folder / "GeoTec")]), ShapeOptions(), errors)
    cuts = [cut for recording in geotec.recordings for cut in recording.cuts.cuts]
    assert len(cuts) == 80
    assert {cut.source for cut in cuts} == {f"e{number:02d}" for number in range(1, 11)}
    assert Counter(cut.label for cut in cuts) == dict.fromkeys(("standing_up", "walking", "turn", "sitting_down"), 20)
    wanted = frozenset({"fall", "squat", "walking"})
    (people,) = read_jobs(expand([str(folder / "qiang")]), ShapeOptions(labels=wanted), errors)
    assert {cut.source for each in people.recordings for cut in each.cuts.cuts} == {
        f"p{number}" for number in range(1, 6)
    }
    assert len(people.recordings) == 40
    assert len(people.quiet) == 6
    assert not any(each.assumed or each.quiet is not None for each in people.recordings)
    clap = load(folder / "tharium" / "clap_first50.npz", "clap", Labelling())
    assert len(pieces_of(clap, 0.98).cuts) >= 49
    assert not errors
