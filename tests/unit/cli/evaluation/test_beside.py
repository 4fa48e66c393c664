"""Other detectors on the same recordings: what is asked of them, counted and published."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from csi_events.offline import Recording
from csiflow.evaluation import peers
from csiflow.evaluation.answers import WindowAnswers
from csiflow.evaluation.beside import OURS, Beside, pool, published_for
from csiflow.evaluation.breaths import WAIT_S
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.nulls import white
from csiflow.evaluation.outcome import Outcome, Settings, judge, pooled
from csiflow.evaluation.peers import PEERS, PeerRefusal, peer
from csiflow.evaluation.report import Report, tables
from csiflow.evaluation.wisense import POLL_S, WINDOW_FRAMES, Wisense, frames_of
from csiflow.main import app
from rich.console import Console
from typer.testing import CliRunner
from unit.cli.evaluation.rooms import RATE_HZ, loaded, write

pytestmark = pytest.mark.timeout(300)  # the kernels may have to be compiled

VISIT = (("empty", 24.0), ("walking", 10.0), ("empty", 12.0))


class Clairvoyant:
    """Says that somebody moves between two times, and remembers what calibrated it."""

    title = "clairvoyant 1"

    def __init__(self, first_s: float, stop_s: float) -> None:
        self.between = (first_s, stop_s)
        self.calibrated_on: Recording | None = None

    def motion(self, recording: Recording, quiet: Recording) -> WindowAnswers:
        """Answer as it was told to."""
        self.calibrated_on = quiet
        t = (recording.t_ns - recording.t_ns[0]) * 1e-9
        moving = (t >= self.between[0]) & (t < self.between[1])
        return WindowAnswers(moving, np.flatnonzero(moving)[:1], np.flatnonzero(moving)[-1:] + 1, [])

    def breathing(self, recording: Recording) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Always 12."""
        return np.full(int((recording.t_ns[-1] - recording.t_ns[0]) * 1e-9) + 1, 12.0)


def known(monkeypatch: pytest.MonkeyPatch, other: object) -> None:
    """Let ``other`` be the peer called clairvoyant."""
    module = ModuleType("clairvoyant")
    module.PEER = other  # type: ignore[attr-defined] # made here
    monkeypatch.setitem(sys.modules, "clairvoyant", module)
    monkeypatch.setitem(PEERS, "clairvoyant", "clairvoyant")
    monkeypatch.setattr(peers, "find_spec", lambda _: True)


def judged(folder: Path, name: str) -> Outcome:
    """A room that was walked through, judged beside a peer."""
    labelled = loaded(folder, VISIT)
    return judge(labelled, Settings(Labelling(), beside=(name,)), None)


def test_a_peer_is_calibrated_and_counted_as_ours_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the frames that calibrate ours; a start half a second late, and nothing else, is what is counted."""
    other = Clairvoyant(24.5, 34.0)
    known(monkeypatch, other)
    outcome = judged(tmp_path, "clairvoyant")
    calibration = outcome.about["calibration"]
    assert other.calibrated_on is not None
    assert len(other.calibrated_on.t_ns) == calibration["frames"]
    ours, theirs = outcome.beside[OURS], outcome.beside["clairvoyant"]
    assert ours.motion == outcome.motion
    figures = theirs.figures()
    assert figures["windows"] == {**outcome.motion.figures()["windows"], "missed": 0, "false": 0}
    assert figures["ms_median"] == pytest.approx(500, abs=1000 / RATE_HZ)
    assert figures["false_starts"] == 0
    assert figures["quiet_s"] == outcome.alarms.figures()["quiet_s"]


def test_what_a_peer_says_in_quiet_is_false(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Motion from 15 to 18 s is three false seconds, a false start, and a walk that was missed."""
    known(monkeypatch, Clairvoyant(15.0, 18.0))
    figures = judged(tmp_path, "clairvoyant").beside["clairvoyant"].figures()
    assert figures["windows"]["false"] == 3
    assert figures["windows"]["missed"] == figures["windows"]["motion"]
    assert figures["false_starts"] == 1
    assert figures["ms_median"] is None
    twice: dict[str, Beside] = {}
    for _ in range(2):
        pool(twice, judged(tmp_path, "clairvoyant").beside)
    assert twice["clairvoyant"].figures()["windows"]["false"] == 6


def test_a_refusal_is_reported_and_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that cannot calibrate says so; its seconds are none, ours are all."""

    class Unable(Clairvoyant):
        def motion(self, recording: Recording, quiet: Recording) -> WindowAnswers:
            raise PeerRefusal(f"{len(quiet.t_ns)} of {len(recording.t_ns)} frames are too few")

    known(monkeypatch, Unable(0, 1))
    outcome = judged(tmp_path, "clairvoyant")
    figures = outcome.beside["clairvoyant"].figures()
    assert "too few" in figures["refused"][0]
    assert figures["windows"]["motion"] == figures["windows"]["quiet"] == 0
    assert outcome.beside[OURS].motion.hit > 0


def test_a_missing_library_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an unknown name nor a library that is not installed is passed over."""
    with pytest.raises(EvaluationError, match="knows wisense, not 'nobody'"):
        peer("nobody")
    monkeypatch.setattr(peers, "find_spec", lambda _: None)
    with pytest.raises(EvaluationError, match=r"pip install wisense"):
        peer("wisense")
    result = CliRunner().invoke(app, ["eval", "--beside", "wisense", "room.npz"])
    assert result.exit_code == 2
    assert "pip install wisense" in result.output


def test_published_figures_stand_beside_their_own_recordings_only(tmp_path: Path) -> None:
    """ESPectre's pairs bring its figures along, as ranges that are marked as published; nothing else does."""
    assert not published_for([str(tmp_path / "espectre" / "test_c3.npz"), str(tmp_path / "a" / "baseline_1.npz")])
    own = str(tmp_path / "espectre" / "baseline_c3_1.npz")
    (said,) = published_for([own])
    assert said.recall == (96.1, 100.0)
    outcome = pooled("a", [])
    outcome.beside = {OURS: Beside(OURS)}
    report = Report({own: outcome}, {own: "espectre"})
    assert report.as_json()["published"][0]["title"] == "ESPectre, published"
    console = Console(width=150, record=True)
    for table in tables(report):
        console.print(table)
    assert "96.1-100" in console.export_text()


def test_wisense_sees_a_walk(tmp_path: Path) -> None:
    """The real library, calibrated on the empty room, says present in most of a walk and little else."""
    labelled = loaded(tmp_path, VISIT)
    quiet = labelled.recording.part(0, 500)
    answers = Wisense().motion(labelled.recording, quiet)
    walking = labelled.label == labelled.label_names.index("walking")
    assert answers.moving[walking].mean() > 0.6
    assert answers.moving[:1000].mean() < 0.1
    assert len(answers.started) >= 1
    assert answers.moving[answers.started].all()


def test_wisense_is_asked_as_its_monitor_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every half second of the recording, about its newest 64 frames, the antennas' mean."""
    labelled = loaded(tmp_path, (("empty", 12.0),))
    asked: list[tuple[int, float]] = []

    class Detector:
        def detect(self, window: list[object], calibration: object) -> object:
            assert calibration is not None
            asked.append((len(window), window[-1].timestamp))  # type: ignore[attr-defined] # the library's frames
            return type("Result", (), {"present": False})

    monkeypatch.setattr("csiflow.evaluation.wisense.PresenceDetector", Detector)
    Wisense().motion(labelled.recording, labelled.recording.part(0, 500))
    assert (WINDOW_FRAMES, POLL_S) == (64, 0.5)
    assert max(size for size, _ in asked) == 64
    np.testing.assert_allclose(np.diff([at for _, at in asked[:-1]]), POLL_S, atol=1.5 / RATE_HZ)
    noise = white(3, 0, seconds=1)
    np.testing.assert_allclose(frames_of(noise)[3].amplitude, noise.amplitude[3].mean(axis=0), rtol=1e-6)


def test_wisense_refuses_too_little_quiet(tmp_path: Path) -> None:
    """Nine frames cannot calibrate it, in its own words."""
    labelled = loaded(tmp_path, (("empty", 4.0),))
    with pytest.raises(PeerRefusal, match="at least 10"):
        Wisense().motion(labelled.recording, labelled.recording.part(0, 9))


def test_wisense_breathing_of_a_swing() -> None:
    """The real library reads 15 a minute off a clean swing of the amplitudes, and nothing off white noise."""
    t = np.arange(0, 45, 0.05)
    swing = 1.0 + 0.2 * np.sin(2 * np.pi * 0.25 * t)[:, None, None] * np.linspace(-1, 1, 20)[None, None, :] ** 3
    amplitude = np.ascontiguousarray(20.0 * swing, dtype=np.float32)
    rate = Wisense().breathing(Recording((t * 1e9).astype(np.int64), amplitude))
    assert len(rate) == 45
    np.testing.assert_allclose(rate[WAIT_S:-1], 15.0, atol=0.5)
    assert np.isnan(Wisense().breathing(white(1, 0, seconds=45))[WAIT_S:]).mean() > 0.8


def test_the_command_prints_both(tmp_path: Path) -> None:
    """One run prints ours and the library's figures, of motion and of breathing."""
    path = write(tmp_path / "room.npz", (("empty", 24.0), ("walking", 11.0)))
    run = CliRunner().invoke(app, ["eval", "--beside", "wisense", "--json", "--jobs", "1", str(path)])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout.splitlines()[-1])["total"]["beside"]
    assert found.keys() == {OURS, "wisense"}
    assert found["wisense"]["windows"]["motion"] == found[OURS]["windows"]["motion"] > 5
    run = CliRunner().invoke(app, ["eval", "--breathing", "--antenna", "0", "--beside", "wisense", "--json", str(path)])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout.splitlines()[-1])
    (other,) = found["beside"].values()
    assert other["streams"].keys() == found["streams"].keys()
