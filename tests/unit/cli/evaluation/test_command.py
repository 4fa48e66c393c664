"""``csiflow eval`` as a program."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from csiflow.evaluation.calibration import first_quiet, learn
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.outcome import Settings, judge
from csiflow.evaluation.recording import load
from csiflow.evaluation.report import Report, tables
from rich.console import Console
from support.waiting import wait_for
from unit.cli.evaluation.rooms import RATE_HZ, loaded, signature, write
from unit.events.signals import channel, quantised

pytestmark = pytest.mark.timeout(300)  # the kernels may have to be compiled

R = {
    "motion": {"recall", "false_positive_rate", "f1"},
    "onset": {"frames_median", "ms_median", "missed", "ratio_vs_window"},
    "recognition": {"signature", "frames_median", "ratio_vs_window", "false_matches_per_hour"},
    "breathing": {"bpm", "truth", "error"},
}


def evaluate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "csiflow", "eval", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def result(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The last line of stdout."""
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def assert_contract(found: dict[str, Any]) -> None:
    """Every name of R is there."""
    for part, names in R.items():
        assert names <= set(found[part])
    assert "false_alarms_per_hour" in found


def test_a_room_that_was_walked_through(tmp_path: Path) -> None:
    """The contract's names for each recording and the total, plots in their folder, motion found as it was made."""
    a = write(tmp_path / "a.npz", (("empty", 20), ("walking", 8), ("empty", 10)))
    b = write(tmp_path / "b.npz", (("empty", 12), ("walking", 6)), seed=1)
    run = evaluate(tmp_path, "--plots", tmp_path / "plots", "--jobs", "2", "--json")
    assert run.returncode == 0, run.stderr
    found = result(run)
    assert list(found["recordings"]) == [str(a), str(b)]
    for each in (*found["recordings"].values(), found["total"]):
        assert_contract(each)
    assert found["total"]["motion"]["windows"]["motion"] == 14
    assert found["total"]["motion"]["recall"] >= 0.8
    assert found["total"]["onset"]["count"] == 2
    assert found["total"]["onset"]["window"]["missed"] == 0
    assert found["recordings"][str(a)]["calibration"]["stop_s"] <= 10
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert "onset_curve.png" in drawn
    assert sum(name.startswith("timeline_") for name in drawn) == 2
    assert "total" in run.stderr


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """The rest is evaluated and printed, the bad one is named with what is wrong, and the exit code is not 0."""
    good = write(tmp_path / "good.npz", (("empty", 12), ("walking", 3)))
    bad = write(tmp_path / "bad.npz", (("empty", 1),), iq=None)
    run = evaluate(bad, good, tmp_path / "missing.npz", "--json")
    assert run.returncode == 1
    found = result(run)
    assert list(found["recordings"]) == [str(good)]
    assert set(found["errors"]) == {str(bad), str(tmp_path / "missing.npz")}
    assert "neither iq nor amplitude" in found["errors"][str(bad)]
    assert "Traceback" not in run.stderr
    assert evaluate(bad).returncode == 2, "nothing could be judged"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--share", "("], "no regular expression"),
        (["--signatures", "nowhere"], "no folder of signatures"),
        (["--skip", "soon"], "not a duration"),
    ],
)
def test_options_that_cannot_be_used(tmp_path: Path, arguments: Sequence[str], message: str) -> None:
    """They are refused at once, with what to write instead."""
    run = evaluate(write(tmp_path / "a.npz", (("empty", 1),)), *arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_interrupted(tmp_path: Path, send: Callable[[int, int], None]) -> None:
    """Ctrl-C ends the command and its processes without a report or a traceback, from a terminal or for it alone."""
    for number in range(40):
        write(tmp_path / f"{number}.npz", (("empty", 60), ("walking", 60)), seed=number)
    command = [sys.executable, "-m", "csiflow", "eval", str(tmp_path), "--jobs", "2", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        while not (children := _children(process.pid)):
            assert process.poll() is None
        send(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, "Traceback" in said) == ("", False), said
    # the tracker of multiprocessing's resources ends when it sees that its parent has, so a little later
    asyncio.run(wait_for(lambda: not any(map(_alive, children)), what="every process of the command ends"))


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("needs /proc/PID/task/TID/children to see the processes that are started")
    return [int(child) for child in path.read_text().split()]


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return _state(pid) != "Z"
    except FileNotFoundError:
        return False


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_only_the_first_quiet_calibrates(tmp_path: Path) -> None:
    """What comes after the first quiet stretch can be anything: the calibration is the same to the last bit."""
    quiet = (("empty", 12.0), ("walking", 4.0))
    one, other = (loaded(tmp_path / name, (*quiet, *more)) for name, more in (("a", ()), ("b", (("empty", 30.0),))))
    learnt = []
    for labelled in (one, other):
        stretch = first_quiet(labelled)
        assert stretch is not None
        learnt.append((stretch.first, stretch.stop))
        assert labelled.seconds[stretch.stop - 1] < 12
        assert learn(labelled, stretch).quiet.frames == stretch.stop - stretch.first
    assert learnt[0] == learnt[1]


def test_what_cannot_calibrate_says_so(tmp_path: Path) -> None:
    """A recording of motion alone has no motion figures of its own; another one of the room lends it its quiet."""
    still = write(tmp_path / "still.npz", (("empty", 20),))
    path = write(tmp_path / "walk.npz", (("walking", 10),))
    labelled = load(path, "walk", Labelling())
    alone = judge(labelled, Settings(), None).figures()
    assert alone["motion"]["recall"] is None
    assert "--calibrate-from" in alone["motion"]["why"]
    lent = judge(labelled, Settings(calibrate_from=still), None).figures()
    assert lent["calibration"]["recording"] == str(still)
    assert lent["motion"]["recall"] >= 0.8


@pytest.mark.parametrize("frames", [1, 2, 5, 30])
def test_next_to_nothing(tmp_path: Path, frames: int) -> None:
    """A recording of a few frames has no figures, and says why; it is no error."""
    labelled = loaded(tmp_path, (("empty", frames / RATE_HZ),))
    figures = judge(labelled, Settings(), None).figures()
    assert_contract(figures)
    assert figures["motion"]["f1"] is None
    assert all("why" in figures[part] for part in ("motion", "onset", "recognition", "breathing"))
    assert msgspec.json.encode(figures)


@pytest.mark.parametrize("fault", ["silent", "hole", "one time", "long gap"])
def test_recordings_of_broken_radios(tmp_path: Path, fault: str) -> None:
    """No signal, none for a while, no clock, a silence of days: figures or null, never an exception."""
    count = round(30 * RATE_HZ)
    iq = quantised(channel(count, rate_hz=RATE_HZ))
    t_ns = np.arange(count, dtype=np.int64) * 20_000_000
    if fault in {"silent", "hole"}:
        iq[0 if fault == "silent" else 500 : 700 if fault == "hole" else count] = 0
    elif fault == "one time":
        t_ns[:] = 7
    else:
        t_ns[900:] += 10**15
    figures = judge(loaded(tmp_path, (("empty", 20), ("walking", 10)), iq=iq, t_ns=t_ns), Settings(), None).figures()
    assert_contract(figures)
    assert msgspec.json.encode(figures)
    if fault == "silent":
        assert "carry signal" in figures["motion"]["why"]


def test_names_are_printed_as_they_are(tmp_path: Path) -> None:
    """Square brackets in a file's name are no mark-up."""
    path = write(tmp_path / "room[red]1.npz", (("empty", 12),))
    report = Report({path.name: judge(load(path, path.name, Labelling()), Settings(), None)}, {path.name: "x"})
    console = Console(record=True, width=120, file=io.StringIO())
    for table in tables(report):
        console.print(table)
    assert "room[red]1.npz" in console.export_text()


def test_a_signature_of_the_same_take_is_held_out(tmp_path: Path) -> None:
    """With --take a recording is never judged by a signature made from it; without, every signature is used."""
    library = tuple(signature(name, "walking") for name in ("walk_p1", "walk_p2", "walk"))
    path = write(tmp_path / "room_p1_1.npz", (("empty", 12), ("walking", 3)))
    labelled = load(path, "room", Labelling())
    held = judge(labelled, Settings(signatures=library, take=re.compile("_(p[0-9]+)")), None).figures()
    assert held["signatures"] == {"used": 2, "held_out": 1}
    assert judge(labelled, Settings(signatures=library), None).figures()["signatures"]["held_out"] == 0


@pytest.mark.parametrize(
    ("pattern", "windows", "figures"),
    [
        ("espectre/*_sequence.npz", (40, 27), (0.975, 0.0, 0.987)),
        ("espectre/test_c3_*.npz", (30, 19), (0.967, 0.0, 0.983)),
        ("GeoTec/*.npz", (108, 36), (0.991, 0.056, 0.986)),
    ],
)
def test_the_motion_table(
    csiflow_data: Path, pattern: str, windows: tuple[int, int], figures: tuple[float, float, float]
) -> None:
    """The real recordings that docs/measurements.md reports: the same windows, figures within three points."""
    found = result(evaluate(csiflow_data / "csi" / pattern, "--json"))["total"]["motion"]
    assert (found["windows"]["motion"], found["windows"]["quiet"]) == windows
    assert (found["recall"], found["false_positive_rate"], found["f1"]) == pytest.approx(figures, abs=0.03)
