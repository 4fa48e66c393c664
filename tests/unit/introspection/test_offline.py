"""Whole recordings through the service's kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from csi_introspection.measure import measure
from csi_introspection.offline import analyse
from csi_introspection.reference import references
from unit.introspection.rooms import room


def test_every_snapshot_is_its_own_object() -> None:
    """The list holds T different snapshots, numbered and timed by their frames."""
    iq = room(150, 0).reshape(150, 1, 64, 2)
    t_ns = np.arange(150, dtype=np.int64) * 50_000_000
    made = analyse(iq, references(), t_ns=t_ns, node_id="n")
    assert [s.frame_count for s in made] == list(range(1, 151))
    assert [s.timestamp_ns for s in made] == t_ns.tolist()
    assert len({id(s.top_k_similarity) for s in made}) == 150


def test_wider_integers_and_amplitudes_give_what_int8_gives() -> None:
    """int16 samples and float amplitudes of the same frames give the same regimes and scores."""
    iq = room(250, 1).reshape(250, 1, 64, 2)
    expected = analyse(iq, references())
    amplitude = np.hypot(iq[..., 0].astype(np.float32), iq[..., 1].astype(np.float32))
    for other in (iq.astype(np.int16), amplitude):
        for ours, theirs in zip(analyse(other, references()), expected, strict=True):
            assert ours.regime == theirs.regime
            assert [m.score for m in ours.top_k_similarity] == pytest.approx(
                [m.score for m in theirs.top_k_similarity], abs=2e-4
            )


@pytest.mark.parametrize("shape", [(10, 64), (10, 1, 64, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """The message says what was given and what is expected."""
    with pytest.raises(ValueError, match="expected"):
        analyse(np.zeros(shape, np.int8), [])


def test_numbers_that_are_not_finite_are_refused() -> None:
    """A nan in a recording is an error, not a quiet frame."""
    amplitude = np.ones((5, 1, 64))
    amplitude[2, 0, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        analyse(amplitude, [])


def test_real_recordings_tell_rest_from_motion(csiflow_data: Path) -> None:
    """On a labelled recording, idle prevails before the motion and hardly occurs in it; so does the idle signature.

    Counted from where the first block is over and as many rows have come as the idle signature has.
    """
    recording = np.load(csiflow_data / "csi/espectre/test_c3_20260329_130804.npz")
    made = analyse(recording["iq"], references(), t_ns=recording["t_ns"])
    labels = recording["label_names"][recording["label"]]

    def share(label: str, *, of_regime: bool) -> float:
        said = [
            s.regime == "idle"
            if of_regime
            else any(m.signature_id == "idle_room" and m.above_threshold for m in s.top_k_similarity)
            for s, name in zip(made, labels, strict=True)
            if name == label and any(m.signature_id == "idle_room" and m.progress == 1.0 for m in s.top_k_similarity)
        ]
        return float(np.mean(said))

    assert share("baseline", of_regime=True) > 0.85
    assert share("movement", of_regime=True) < 0.1
    assert share("baseline", of_regime=False) > 0.95
    assert share("movement", of_regime=False) < 0.1


def test_measure_reports_the_contract() -> None:
    """Frames per second, two percentiles, baselines and their ratio, all positive."""
    got = measure(frames=200, subcarriers=64, signatures=1, runs=2)
    assert (got["frames"], got["runs"]) == (200, 2)
    assert set(got) >= {"frames_per_s", "latency_us", "baseline", "ratio"}
    assert 0 < got["latency_us"]["p50"] <= got["latency_us"]["p99"]
    assert all(value > 0 for value in got["baseline"].values())
    assert got["ratio"] > 0
