"""Motion judged with constants chosen without the source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from csi_events.decision import RULES, Rules
from csiflow.evaluation import left_out
from csiflow.evaluation.calibration import first_quiet, learn
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.left_out import (
    COPIES,
    RANGES,
    cost,
    reliability,
    rows,
    searches,
)
from csiflow.evaluation.motion import count_motion
from csiflow.evaluation.motion_trace import PLAIN, Counted, Trace, count, decided, trace
from csiflow.evaluation.recording import load
from csiflow.main import app
from typer.testing import CliRunner
from unit.cli.evaluation.rooms import write

VISIT = (("empty", 24.0), ("walking", 10.0), ("empty", 12.0), ("walking", 8.0))


def traced(folder: Path, source: str, seed: int) -> tuple[Trace, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """A room's trace, and the states that the product itself gave every frame."""
    from csi_events.offline import frame_states, run  # noqa: PLC0415 - only here

    path = write(folder / source / "room.npz", VISIT, seed=seed)
    labelled = load(path, str(path), Labelling())
    stretch = first_quiet(labelled)
    assert stretch is not None
    calibration = learn(labelled, stretch)
    judged = list(run(labelled.recording, calibration.quiet))
    since_s = float(labelled.seconds[stretch.counted])
    found = trace(labelled, calibration, since_s, stretch.counted, source)
    states = frame_states(judged, len(labelled.truth))
    motion = count_motion(labelled, states, since_s)
    replayed = count([found], RULES).motion
    assert (replayed.hit, replayed.missed, replayed.false, replayed.quiet) == (
        motion.hit,
        motion.missed,
        motion.false,
        motion.quiet,
    )
    return found, np.array([window.moving for window in judged])


def test_the_replay_decides_as_the_product_did(tmp_path: Path) -> None:
    """With the product's own constants every window, and every second, is judged as in the run itself."""
    for seed in range(3):
        found, moving = traced(tmp_path, f"s{seed}", seed)
        np.testing.assert_array_equal(decided(found, RULES), moving)


def test_a_row_does_not_depend_on_its_own_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changing everything about one source leaves the constants it is judged with as they were, within the ranges."""
    monkeypatch.setattr(left_out, "DRAWS", 30)
    monkeypatch.setattr(left_out, "SEARCHED", replace(left_out.SEARCHED, best=20))
    monkeypatch.setattr(left_out, "REFINED", 10)
    traces = [traced(tmp_path, f"s{seed}", seed)[0] for seed in range(3)]
    before = rows(traces)
    traces[0].moves[:] = ~traces[0].moves
    after = rows(traces)
    assert [row.source for row in before] == ["s0", "s1", "s2"]
    assert before[0].rules == after[0].rules == searches(traces[1:])[None]
    assert before[1].rules != after[1].rules
    for row in before:
        assert all(low <= getattr(row.rules, name) <= high for name, (low, high) in RANGES.items())


def test_copies_of_the_others_are_searched_on_and_never_those_of_the_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every copy the command makes serves the searches without other sources and the one with all, and no row."""
    monkeypatch.setattr(left_out, "DRAWS", 30)
    monkeypatch.setattr(left_out, "SEARCHED", replace(left_out.SEARCHED, best=20))
    monkeypatch.setattr(left_out, "REFINED", 1)
    asked: set[frozenset[tuple[str, str]]] = set()
    judged: list[str] = []
    plainly = left_out.cost

    def costed(traces: list[Trace], rules: Rules) -> float:
        asked.add(frozenset((each.source, each.perturbation) for each in traces))
        return plainly(traces, rules)

    for seed in range(3):
        write(tmp_path / f"s{seed}" / "room.npz", VISIT, seed=seed)
    monkeypatch.setattr(left_out, "cost", costed)
    result = CliRunner().invoke(app, ["eval", "--leave-one-source-out", "--json", "--jobs", "1", str(tmp_path)])
    assert result.exit_code == 0, result.output
    every = frozenset((f"s{seed}", name) for seed in range(3) for name in (PLAIN, *COPIES))
    without = {frozenset(pair for pair in every if pair[0] != f"s{seed}") for seed in range(3)}
    assert asked == {every, *without}
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["copies"] == 3 * len(COPIES)
    assert found["all_sources"]["product"]["constants"].keys() == RANGES.keys()
    traces = [traced(tmp_path, f"s{seed}", seed)[0] for seed in range(2)]

    def counted(traces: list[Trace], rules: Rules) -> Counted:
        judged.extend(each.perturbation for each in traces)
        return count(traces, rules)

    monkeypatch.setattr(left_out, "count", counted)
    rows([*traces, *(replace(each, perturbation=COPIES[0]) for each in traces)], {"s0": RULES, "s1": RULES})
    assert judged == [PLAIN] * 4


def test_a_source_costs_as_much_as_it_is_as_by_all_its_copies(tmp_path: Path) -> None:
    """Half of it is of the recordings as they are, half the mean over perturbations, however many there are."""
    plain = traced(tmp_path, "s0", 0)[0]
    wrong = replace(plain, moves=~plain.moves)
    right_cost, wrong_cost = cost([plain], RULES), cost([wrong], RULES)
    assert right_cost < wrong_cost
    copies = [replace(wrong, perturbation=COPIES[0]), replace(plain, perturbation=COPIES[1])]
    expected = (right_cost + (wrong_cost + right_cost) / 2) / 2
    assert cost([plain, *copies], RULES) == pytest.approx(expected)


def test_reliability_counts_every_start_once(tmp_path: Path) -> None:
    """The two walks of each room are two starts, both right, each in one bin."""
    traces = [traced(tmp_path, f"s{seed}", seed)[0] for seed in range(2)]
    table = reliability(traces)
    assert sum(row["events"] for row in table) == sum(row["right"] for row in table) == 4


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders give a row each with both judgements; one folder is refused."""
    monkeypatch.setattr(left_out, "DRAWS", 30)
    monkeypatch.setattr(left_out, "SEARCHED", replace(left_out.SEARCHED, best=20))
    monkeypatch.setattr(left_out, "REFINED", 5)
    for seed in range(2):
        write(tmp_path / f"s{seed}" / "room.npz", VISIT, seed=seed)
    arguments = ["eval", "--leave-one-source-out", "--json", "--jobs", "1"]
    result = CliRunner().invoke(app, [*arguments, str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["rows"].keys() == {"s0", "s1"}
    assert found["rows"]["s0"]["left_out"]["f1"] > 0.8
    alone = CliRunner().invoke(app, [*arguments, str(tmp_path / "s0")])
    assert alone.exit_code == 2
    assert "two folders" in alone.output
