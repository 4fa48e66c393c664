"""``csiflow eval --breathing``: what is counted, and what the nulls are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from csi_events.offline import Recording
from csiflow.evaluation.breaths import Breaths, evaluate_all, pools, told
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.nulls import joined, shuffled, white


def test_figures_of_known_seconds() -> None:
    """Share, error and minutes are those of the seconds that were answered; a pool weighs seconds."""
    rate = np.full(90, np.nan)
    rate[:30], rate[70:80] = 12.5, 11.5
    found = Breaths("a", "g", rate, 12.0)
    figures = found.figures()
    assert figures["seconds"] == 90
    assert figures["answered_s"] == 40
    assert figures["answered"] == pytest.approx(40 / 90, abs=1e-4)
    assert figures["error"] == figures["error_max"] == 0.5
    assert figures["per_minute"] == [[12.5, 0.0], [11.5, 0.0]]
    silent = Breaths("b", "g", np.full(10, np.nan), None)
    assert silent.figures()["bpm"] is None
    assert pools([found, silent])["g"]["answered"] == pytest.approx(0.4)
    assert pools([found, silent])["g"]["error"] == 0.5


def test_nulls_hold_the_same_frames() -> None:
    """Shuffling keeps times and frames; joining keeps frames and puts clips one after another."""
    noise = white(2, 1, seconds=3)
    other = shuffled(noise, 5)
    assert (other.t_ns == noise.t_ns).all()
    assert not np.array_equal(other.amplitude, noise.amplitude)
    np.testing.assert_array_equal(np.sort(other.amplitude, axis=0), np.sort(noise.amplitude, axis=0))
    both = joined([noise, other])
    assert len(both.t_ns) == 2 * len(noise.t_ns)
    assert (np.diff(both.t_ns) > 0).all()


def test_white_noise_is_told_nothing() -> None:
    """A minute of it has half a minute of seconds, none answered."""
    rate = told(white(3, 0, seconds=60))
    assert 25 <= len(rate) <= 33
    assert np.isnan(rate).all()


def test_every_recording_has_its_null(tmp_path: Path) -> None:
    """A long recording is judged as it is and shuffled, short ones of a folder are joined, noise comes last."""
    for name, seconds in (("long", 35), ("short_1", 10), ("short_2", 25)):
        noise: Recording = white(1, 3, seconds=seconds, rate_hz=10)
        assert noise.iq is not None
        np.savez(tmp_path / f"{name}.npz", iq=noise.iq, t_ns=noise.t_ns)
    files = sorted(tmp_path.glob("*.npz"))
    found = list(evaluate_all(files, Labelling(frozenset(), frozenset()), None, 0))
    names = [breaths.name for breaths in found]
    assert names[0].endswith("long.npz")
    assert names[1].endswith("long.npz, shuffled")
    assert "2 clips of 1 x 56 joined" in names[2]
    assert [breaths.group for breaths in found[3:]] == ["white noise"] * 3
