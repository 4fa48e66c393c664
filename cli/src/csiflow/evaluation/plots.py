"""Plots of an evaluation, as PNG files; matplotlib draws them without a display."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csiflow.evaluation.labels import MOTION, QUIET, runs
from csiflow.evaluation.recognition import promoted_by_signature

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from csiflow.evaluation.answers import FrameAnswers, WindowAnswers
    from csiflow.evaluation.curves import Curve
    from csiflow.evaluation.outcome import Outcome
    from csiflow.evaluation.recording import LabelledRecording

TRUTH_COLOURS = {QUIET: "#d9ead3", MOTION: "#f4cccc"}


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110)


def file_stem(name: str) -> str:
    """Return a recording's name as the stem of a file's: its folder and its own, without separators."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "_".join(Path(name).with_suffix("").parts[-2:]))


def timeline(folder: Path, labelled: LabelledRecording, windows: WindowAnswers, frames: FrameAnswers) -> None:
    """Draw one recording: truth as background, ``motion_score``, what both paths said, regimes' matches."""
    t = labelled.seconds
    figure = Figure(figsize=(12, 5), layout="constrained")
    score, said = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for first, stop in runs(labelled.truth):
        colour = TRUTH_COLOURS.get(int(labelled.truth[first]))
        for axes in (score, said):
            if colour is not None:
                axes.axvspan(t[first], t[min(stop, len(t) - 1)], color=colour, linewidth=0)
    for first, _ in runs(labelled.label):
        name = labelled.label_names[labelled.label[first]]
        score.text(t[first], 1.01, name, fontsize=7, transform=score.get_xaxis_transform())
    score.plot(t, frames.score, linewidth=0.7, color="black")
    for at in np.flatnonzero(frames.onset):
        score.axvline(t[at], color="tab:blue", linewidth=1)
    for at in windows.started:
        score.axvline(t[at], color="tab:orange", linewidth=1, linestyle="--")
    score.set_ylabel("motion_score")
    score.set_title(
        f"{labelled.name}: onset (blue), MotionStarted (orange, dashed); labels quiet (green), motion (red)",
        fontsize=9,
        pad=14,
    )
    promoted = promoted_by_signature(frames)
    rows = [("windows: moving", windows.moving), ("frames: moving", frames.moving)]
    rows += [
        (f"match {frames.signatures[number].id}", promoted[:, number]) for number in np.flatnonzero(promoted.any(0))
    ]
    for place, (_, flags) in enumerate(rows):
        said.fill_between(t, place, place + 0.8, where=flags.tolist(), step="post", color="tab:gray", linewidth=0)
    said.set_yticks([place + 0.4 for place in range(len(rows))], [name for name, _ in rows], fontsize=8)
    said.set_ylim(-0.2, len(rows))
    said.set_xlabel("seconds")
    folder.mkdir(parents=True, exist_ok=True)
    _save(figure, folder / f"timeline_{file_stem(labelled.name)}.png")


def curves(folder: Path, total: Outcome) -> list[Path]:
    """Draw time to the answer against false answers per hour; return the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    onset = total.onsets.figures()
    alarms = total.alarms.figures()
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    for name, curve in total.onset_curves.items():
        _draw(axes, curve, f"{name}, any threshold on motion_score")
    for name, marker in (("abrupt", "o"), ("gentle", "s")):
        for path, figures, rate in (
            ("onset as published", onset[name], alarms["onset"]["per_hour"]),
            ("windowed path", onset[name]["window"], alarms["window"]["per_hour"]),
        ):
            if figures["ms_median"] is not None and rate is not None:
                axes.plot([max(rate, _FLOOR)], [figures["ms_median"]], marker, label=f"{name}, {path}")
    _label(axes, "median ms from the label to the onset", "false onsets per quiet hour")
    written.append(folder / "onset_curve.png")
    _save(figure, written[-1])
    if any(curve.ms for curve in total.recognition_curves.values()):
        figure = Figure(figsize=(8, 5.5), layout="constrained")
        axes = figure.subplots()
        for name, curve in total.recognition_curves.items():
            _draw(axes, curve, f"any threshold on {name}")
        found = total.recognition.figures()
        if found["ms_median"] is not None and found["false_matches_per_hour"] is not None:
            axes.plot([max(found["false_matches_per_hour"], _FLOOR)], [found["ms_median"]], "o", label="as published")
        _label(axes, "median ms from the label to the right match", "false matches per quiet hour")
        written.append(folder / "recognition_curve.png")
        _save(figure, written[-1])
    return written


_FLOOR = 0.1
"""None at all is drawn here, as the axis is logarithmic."""


def _draw(axes: Axes, curve: Curve, label: str) -> None:
    points = [
        point for point in curve.points() if point["ms_median"] is not None and point["false_per_hour"] is not None
    ]
    if not points:
        return
    rates = [max(point["false_per_hour"], _FLOOR) for point in points]
    axes.plot(rates, [point["ms_median"] for point in points], ".-", label=f"{label} (n={len(curve.ms)})")


def _label(axes: Axes, y: str, x: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(f"{x} (none is drawn at {_FLOOR})")
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
