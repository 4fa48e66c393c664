"""Reading recordings, and which of their frames may calibrate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csiflow.evaluation.calibration import first_quiet, foreign_wait_s
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.files import expand, group_name
from csiflow.evaluation.labels import MOTION, QUIET, Labelling
from csiflow.evaluation.recording import load
from unit.cli.evaluation.rooms import RATE_HZ, loaded, write


def test_truth_of_every_frame(tmp_path: Path) -> None:
    """Labels become quiet and motion frame by frame; a recording with one label says so."""
    labelled = loaded(tmp_path, (("empty", 2), ("walking", 1)))
    assert labelled.truth.tolist() == [QUIET] * 100 + [MOTION] * 50
    assert labelled.scope == "frame"
    assert loaded(tmp_path, (("empty", 1),)).scope == "recording"
    assert loaded(tmp_path, (("empty", 1),), label=None).scope == "none"


def test_a_manifest_above_is_heard(tmp_path: Path) -> None:
    """The nearest manifest that lists the file gives label meanings, the label scope and whether it is spliced."""
    path = write(tmp_path / "set" / "a.npz", (("x", 1), ("y", 1)))
    entry = {"file": "set/a.npz", "quiet_labels": ["x"], "motion_labels": ["y"], "label_scope": "clip: middle"}
    (tmp_path / "manifest.json").write_text(json.dumps([{**entry, "spliced": True}]))
    labelled = load(path, "a", Labelling())
    assert labelled.truth.tolist() == [QUIET] * 50 + [MOTION] * 50
    assert (labelled.scope, labelled.spliced) == ("clip", True)


def test_a_manifest_of_another_form_is_reported(tmp_path: Path) -> None:
    """A manifest that is no list of files is named, not passed over."""
    path = write(tmp_path / "a.npz", (("empty", 1),))
    (tmp_path / "manifest.json").write_text('{"file": "a.npz"}')
    with pytest.raises(EvaluationError, match=r"manifest\.json is no list"):
        load(path, "a", Labelling())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"t_ns": None}, "has no t_ns"),
        ({"iq": None}, "neither iq nor amplitude"),
        ({"iq": np.zeros((3, 1, 4, 2), np.int8)}, "iq is .* for 50 time stamps"),
        ({"label": np.zeros(7, np.uint8)}, "label is uint8"),
        ({"label_names": None}, "no label_names"),
        ({"bpm": np.array([1.0, 2.0])}, "bpm is float64"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    """A missing or misshapen array is reported with the file and the array."""
    path = write(tmp_path / "room.npz", (("empty", 1),), **arrays)
    with pytest.raises(EvaluationError, match=message) as caught:
        load(path, "room", Labelling())
    assert "room.npz" in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """No such file, another kind of file, a damaged archive: each says which."""
    (tmp_path / "a.pcap").touch()
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 torn")
    for name, message in (("a.pcap", r"no \.npz"), ("b.npz", "no readable npz"), ("c.npz", "there is no recording")):
        with pytest.raises(EvaluationError, match=message):
            load(tmp_path / name, name, Labelling())


def test_an_impossible_rssi_does_not_matter(tmp_path: Path) -> None:
    """Replay refuses an RSSI that no packet can carry; no figure of an evaluation rests on it."""
    path = write(tmp_path / "room.npz", (("empty", 1),), rssi_dbm=np.full(50, 28711, np.int16))
    assert len(load(path, "room", Labelling()).truth) == 50


@pytest.mark.parametrize(
    ("quiet_s", "first", "stop", "counted"),
    [
        (30.0, 0, 500, 500),  # ten seconds
        (10.0, 0, 250, 300),  # half of a short one; counting waits for 300 frames
        (4.0, 0, 100, 200),  # ... or for its end
        (1.0, 0, 50, 50),  # fewer than 40 frames: all of it
    ],
)
def test_the_first_quiet_calibrates(tmp_path: Path, quiet_s: float, first: int, stop: int, counted: int) -> None:
    """Ten seconds of the first quiet, half of a shorter one; never a frame of a later quiet or of motion."""
    stretch = first_quiet(loaded(tmp_path, (("empty", quiet_s), ("walking", 3), ("empty", 30))))
    assert stretch is not None
    assert (stretch.first, stretch.stop, stretch.counted) == (first, stop, counted)


def test_skip_leaves_the_start_out(tmp_path: Path) -> None:
    """Nothing before --skip calibrates; a first quiet that is over by then calibrates nothing at all."""
    labelled = loaded(tmp_path, (("walking", 1), ("empty", 30), ("walking", 1), ("empty", 30)))
    stretch = first_quiet(labelled, 5.0)
    assert stretch is not None
    assert (stretch.first, stretch.stop) == (5 * RATE_HZ, 15 * RATE_HZ)
    assert first_quiet(labelled, 31.5) is None
    assert first_quiet(loaded(tmp_path, (("walking", 3),))) is None


def test_a_foreign_calibration_waits(tmp_path: Path) -> None:
    """A recording that another calibrated is counted from its 75th frame, a second at least."""
    assert foreign_wait_s(loaded(tmp_path, (("walking", 3),))) == pytest.approx(75 / RATE_HZ)


def test_files_folders_patterns(tmp_path: Path) -> None:
    """Each recording once, in the order given; a missing file stays, an empty folder or pattern is an error."""
    a, b = (write(tmp_path / "x" / name, (("empty", 1),)) for name in ("a.npz", "b.npz"))
    missing = tmp_path / "none.npz"
    assert expand([str(b), str(tmp_path), str(missing)]) == [b, a, missing]
    assert expand([str(tmp_path / "**" / "*.npz")]) == [a, b]
    assert group_name(a, None) == "x"
    for nothing in (tmp_path / "*.pcap", tmp_path / "empty"):
        if "*" not in str(nothing):
            nothing.mkdir()
        with pytest.raises(EvaluationError, match=r"no file matches|no \.npz recording"):
            expand([str(nothing)])


@pytest.mark.parametrize("name", ["gone.npz", "gone.pcap", "gone"])
def test_a_recording_that_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    """Whatever it is called, the first thing wrong with it is that it does not exist."""
    with pytest.raises(EvaluationError, match=f"there is no recording .*{name};"):
        load(tmp_path / name, name, Labelling())


def test_a_capture_is_sent_to_replay(tmp_path: Path) -> None:
    """What exists but holds no arrays is refused by its form."""
    path = tmp_path / "a.pcap"
    path.write_bytes(b"x")
    with pytest.raises(EvaluationError, match=r"is no \.npz recording; eval reads arrays, csiflow replay also"):
        load(path, "a", Labelling())
