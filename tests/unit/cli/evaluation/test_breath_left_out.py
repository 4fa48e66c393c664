"""Breathing judged again from what was seen, by other constants, and with constants chosen without the source."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from csi_events.breathing.rules import RULES
from csi_events.offline import Recording
from csiflow.commands import evaluate_breathing_left_out as command
from csiflow.evaluation import breath_left_out
from csiflow.evaluation.breath_confidence import reliability
from csiflow.evaluation.breath_left_out import RANGES, Search, count, leave_out
from csiflow.evaluation.breath_trace import BreathTrace, shown, trace
from csiflow.evaluation.breathers import ENDED_S, MEAN_S, STOPPED_S, Breather, breather, simulated, stopped
from csiflow.evaluation.breaths import WAIT_S, Breaths, Streamed, told
from csiflow.evaluation.figures import Value, breathing_errors, breathing_rates, dots
from csiflow.evaluation.nulls import coloured, joined, white
from csiflow.main import app
from typer.testing import CliRunner
from unit.events.signals import channel, quantised

pytestmark = pytest.mark.timeout(300)  # the kernels may have to be compiled


def person(seed: int, seconds: int = 60, swing: float = 1.0, wander: float = 0.02) -> Recording:
    """Somebody who breathes about 15 times a minute in view of two antennas."""
    return breather(2, Breather(15.0, wander, swing), np.random.default_rng(seed), seconds)[0]


def traced(
    source: str, recording: Recording, truth: float | None, *, null: bool = False, name: str = ""
) -> BreathTrace:
    """What was seen in a recording."""
    return trace(Streamed(name or source, source, recording, truth, source, null))


def interrupted() -> Recording:
    """Breathing, a walk, breathing again, a silence, and breathing once more."""
    calm = person(1, 50)
    walks = np.ones(8 * 20, dtype=bool)
    walk = Recording.from_iq(
        quantised(channel(len(walks), antennas=2, subcarriers=56, moving=walks, rate_hz=20)),
        (np.arange(len(walks)) * 5e7).astype(np.int64),
    )
    parts = joined([calm, walk, person(1, 50), person(1, 45)])
    late = np.arange(len(parts.t_ns)) >= len(parts.t_ns) - 45 * 20
    return Recording(parts.t_ns + np.where(late, 20_000_000_000, 0), parts.amplitude, parts.iq)


def test_the_replay_shows_what_the_product_showed() -> None:
    """With the product's constants every second is as in the run itself: calm, interrupted, and without anybody."""
    for recording in (person(0), interrupted(), white(1, 0, seconds=50), coloured(3, 2.5, 0, seconds=90)):
        found = shown(traced("a", recording, None))
        np.testing.assert_allclose(found.rate, told(recording), atol=1e-5)
        assert (np.isfinite(found.confidence) == np.isfinite(found.rate)).all()
    assert np.isfinite(shown(traced("a", interrupted(), None)).rate).mean() > 0.25


def test_stricter_constants_answer_less() -> None:
    """Out of reach, neither a line nor a ridge is answered; at the product's, most seconds of a clear person are."""
    clear = traced("a", person(0, 90), 15.0)
    assert np.isfinite(shown(clear).rate).mean() > 0.7
    assert count([clear], RULES).answered == int(np.isfinite(shown(clear).rate).sum())
    strict = RULES._replace(min_z=1e9, min_z_slow=1e9, min_odds=1e9)
    assert not np.isfinite(shown(clear, strict).rate).any()


def test_what_is_counted() -> None:
    """A null's answers are false, a person's missing seconds are missed, and a known rate has errors."""
    clear = traced("a", person(0, 70), 15.5)
    own = count([clear], RULES)
    assert own.null == own.false == 0
    assert own.resting == 71 - WAIT_S - 1
    assert len(own.errors) == own.answered
    null = count([traced("a", person(0, 70), None, null=True)], RULES)
    assert (null.null, null.false, null.resting) == (own.resting, own.answered, 0)
    assert null.cost == pytest.approx(breath_left_out.FALSE_COST * 100 * null.false / null.null)
    figures = own.figures()
    assert figures["error"] == pytest.approx(np.mean(own.errors), abs=1e-3)


def test_a_row_does_not_depend_on_its_own_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calling one source's person a null leaves the constants it is judged with, and changes the others'."""
    monkeypatch.setattr(breath_left_out, "DRAWS", 25)
    monkeypatch.setattr(breath_left_out, "REFINED", 5)
    traces = [traced(f"s{n}", person(n, 60, swing=0.4), 15.0) for n in range(3)]
    traces.append(trace(Streamed("noise", "noise", white(1, 3, seconds=60), None, "", null=True)))
    before = leave_out(traces, traces)
    changed = [traced("s0", person(0, 60, swing=0.4), None, null=True), *traces[1:]]
    after = leave_out(changed, changed)
    assert [row.source for row in before.rows] == ["s0", "s1", "s2", ""]
    alone = [Search(traces, seed).without("s0") for seed in range(breath_left_out.SEARCHES)]
    assert before.constants["s0"] == after.constants["s0"] == RULES._replace(**breath_left_out.SEARCHED.mean(alone))
    assert before.constants["s1"] != after.constants["s1"]
    for rules in before.constants.values():
        assert all(low <= getattr(rules, name) <= high for name, (low, high) in RANGES.items())


def test_a_confidence_is_counted_once_and_a_null_is_never_right() -> None:
    """Every second answered is in one bin; of a person called a null none is right."""
    clear = traced("a", person(0, 90, wander=0.0), 15.0)
    table = reliability([clear])
    assert sum(row["seconds"] for row in table) == np.isfinite(shown(clear).rate).sum()
    assert sum(row["right"] for row in table) == sum(row["seconds"] for row in table)
    wrong = reliability([traced("a", person(0, 90), None, null=True)])
    assert sum(row["right"] for row in wrong) == 0 < sum(row["seconds"] for row in wrong)


def test_simulated_people_breathe_at_the_rate_they_are_said_to() -> None:
    """A steady person's truth is the rate itself; each stream says another, none is a null."""
    _, truth = breather(1, Breather(12.0, 0.0, 1.0), np.random.default_rng(0), 60)
    np.testing.assert_allclose(truth[MEAN_S:], 12.0)
    some = [next(simulated(seed, 1)) for seed in (1, 2)]
    assert some[0].name != some[1].name
    one, other = (np.asarray(stream.truth, float) for stream in some)
    assert not np.allclose(one, other)
    assert not any(stream.null for stream in some)


def test_who_stopped_is_false_some_time_after_it() -> None:
    """Only seconds from ``ENDED_S`` after a stop on count, and as a null's; more of them when nothing is withdrawn."""
    found = [trace(stream) for stream in stopped(7, 3)]
    total, believed = count(found, RULES), count(found, RULES._replace(min_lasting=0.0))
    assert total.resting == 0
    assert total.null == believed.null == len(found) * STOPPED_S
    assert total.false < believed.false
    whole = [shown(dataclasses.replace(each, since_s=WAIT_S)).rate for each in found]
    breathed = [rate[: each.since_s - ENDED_S - WAIT_S] for rate, each in zip(whole, found, strict=True)]
    assert np.isfinite(np.concatenate(breathed)).mean() > 0.3


@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_coloured_noise_has_its_slope(slope: float) -> None:
    """In the octaves above the lowest its power falls as f^-slope where it stands above the white noise."""
    recording = coloured(1, slope, 0, seconds=600)
    assert recording.iq is not None
    level = recording.iq[:, 0, :, 0] - recording.iq[:, 0, :, 0].mean(axis=0)
    power = (np.abs(np.fft.rfft(level, axis=0)) ** 2).mean(axis=1)
    f = np.fft.rfftfreq(len(level), 0.05)
    low, high = (power[(f >= a) & (f < b)].mean() for a, b in ((0.01, 0.02), (0.04, 0.08)))
    assert np.log2(low / high) / 2 == pytest.approx(slope, abs=0.5)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders give rows with three judgements, what confidences mean, and figures; one folder is refused."""
    monkeypatch.setattr(breath_left_out, "DRAWS", 16)
    monkeypatch.setattr(breath_left_out, "REFINED", 2)
    monkeypatch.setattr(
        command,
        "noise",
        lambda seed: iter([Streamed(f"noise {seed}", "noise", white(1, seed, seconds=40), None, "", null=True)]),
    )
    monkeypatch.setattr(command, "simulated", lambda seed: simulated(seed, 1))
    monkeypatch.setattr(command, "stopped", lambda seed: stopped(seed, 1))
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        recording = person(number, 50)
        assert recording.iq is not None
        np.savez(tmp_path / folder / "rest.npz", t_ns=recording.t_ns, iq=recording.iq, bpm=15.0)
    options = ["eval", "--breathing", "--leave-one-source-out", "--json", "--jobs", "1"]
    run = CliRunner().invoke(app, [*options, "--plots", str(tmp_path / "plots"), str(tmp_path)])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout.splitlines()[-1])
    assert {row["source"] for row in found["rows"]} == {"a", "b", ""}
    assert found["constants"].keys() == {"all", "a", "b"}
    assert found["rows"][0]["in_sample"]["seconds"] == found["rows"][0]["left_out"]["seconds"] > 0
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "breathing_left_out_breathing.svg",
        "breathing_left_out_nulls.svg",
    }
    alone = CliRunner().invoke(app, [*options, str(tmp_path / "a")])
    assert alone.exit_code == 2
    assert "two folders" in alone.output


def test_figures_are_small_and_the_same_for_the_same_figures(tmp_path: Path) -> None:
    """Drawn twice they are the same bytes, below 100 kB; without anything to draw there is no file."""
    rate = np.where(np.arange(200) % 3, 15.0, np.nan)
    known = [Breaths(f"r{bpm}", "g", np.full(30, bpm + 0.1), float(bpm)) for bpm in (10, 20)]
    panels: dict[str, dict[str, dict[str, Value]]] = {
        "F1, %": {"a": {"ours": 98.0, "published": (96.0, 100.0)}, "b": {"ours": None}}
    }
    drawn = []
    for folder in ("one", "two"):
        paths = [
            breathing_rates(tmp_path / folder / "rate.svg", [Breaths("lying", "g", rate, None)]),
            breathing_errors(tmp_path / folder / "error.svg", known),
            dots(tmp_path / folder / "dots.svg", panels),
        ]
        drawn.append([path.read_bytes() for path in paths if path is not None])
    assert len(drawn[0]) == 3
    assert drawn[0] == drawn[1]
    assert all(b"<svg" in each and len(each) < 100_000 for each in drawn[0])
    assert breathing_rates(tmp_path / "none.svg", known) is None
    assert breathing_errors(tmp_path / "none.svg", []) is None
    assert not (tmp_path / "none.svg").exists()
