"""Plots of an evaluation, as PNG files; matplotlib draws them without a display."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from csiflow.evaluation.beside import published_for
from csiflow.evaluation.figures import Value, dots
from csiflow.evaluation.labels import MOTION, QUIET, runs
from csiflow.evaluation.recognition import promoted_by_signature

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from csiflow.evaluation.answers import FrameAnswers, WindowAnswers
    from csiflow.evaluation.curves import Curve
    from csiflow.evaluation.outcome import Outcome
    from csiflow.evaluation.recording import LabelledRecording
    from csiflow.evaluation.report import Report

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
    for place, (first, _) in enumerate(runs(labelled.label)):
        name = labelled.label_names[labelled.label[first]]
        score.text(t[first], 1.01 + 0.05 * (place % 2), name, fontsize=7, transform=score.get_xaxis_transform())
    score.plot(t, frames.score, linewidth=0.7, color="black")
    for at in np.flatnonzero(frames.onset):
        score.axvline(t[at], color="tab:blue", linewidth=1)
    for at in windows.started:
        score.axvline(t[at], color="tab:orange", linewidth=1, linestyle="--")
    score.set_ylabel("motion_score")
    score.set_title(
        f"{labelled.name}: onset (blue), MotionStarted (orange, dashed); labels quiet (green), motion (red)",
        fontsize=9,
        pad=20,
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
    onset, alarms = total.onsets.figures(), total.alarms.figures()
    axes = _Axes(total.alarms.quiet_s)
    for name, curve in total.onset_curves.items():
        axes.curve(curve, f"{name}, any threshold on motion_score")
    for name in ("abrupt", "gentle"):
        axes.point(onset[name]["ms_median"], alarms["onset"]["per_hour"], "o", f"{name}, onset as published")
        axes.point(onset[name]["window"]["ms_median"], alarms["window"]["per_hour"], "s", f"{name}, windowed path")
    written = [axes.save(folder / "onset_curve.png", "onset", "false onsets")]
    if any(curve.ms for curve in total.recognition_curves.values()):
        found = total.recognition.figures()
        axes = _Axes(total.recognition.watched_s)
        for name, curve in total.recognition_curves.items():
            axes.curve(curve, f"any threshold on {name}")
        axes.point(found["ms_median"], found["false_matches_per_hour"], "o", "as published")
        written.append(axes.save(folder / "recognition_curve.png", "right match", "false matches"))
    return written


def draw_beside(folder: Path, report: Report) -> Path | None:
    """Draw F1 and false positives of every group by ours, by peers, and as published."""
    pools = {name: outcome for name, outcome in report.pooled_groups.items() if outcome.beside}
    if not pools:
        return None
    members = report.members
    panels: dict[str, dict[str, dict[str, Value]]] = {"F1, %": {}, "false positives, % of quiet seconds": {}}
    for name, outcome in pools.items():
        figures = [each.figures() for each in outcome.beside.values()]
        for panel, part in zip(panels.values(), ("f1", "false_positive_rate"), strict=True):
            panel[name] = {each["title"]: None if each[part] is None else 100 * each[part] for each in figures}
        for said in published_for(members[name]):
            for panel, span in zip(panels.values(), (said.f1, said.false_positives), strict=True):
                panel[name][said.title] = span
    return dots(folder / "motion_beside.svg", panels)


class _Axes:
    """Time to an answer over false answers per hour of ``watched_s`` seconds; none at all is drawn as half of one."""

    def __init__(self, watched_s: float) -> None:
        self._figure = Figure(figsize=(8, 5.5), layout="constrained")
        self._axes: Axes = self._figure.subplots()
        self._least = 1800 / watched_s if watched_s else 0.1
        self._watched_s = watched_s

    def curve(self, curve: Curve, label: str) -> None:
        """Draw every threshold that answers at least half of the events."""
        points = [(point["false_per_hour"], point["ms_median"]) for point in curve.points()]
        drawn = [(max(rate, self._least), ms) for rate, ms in points if rate is not None and ms is not None]
        if drawn:
            rates, times = zip(*drawn, strict=True)
            self._axes.plot(rates, times, ".-", label=f"{label} (n={len(curve.ms)})")

    def point(self, ms: float | None, rate: float | None, marker: str, label: str) -> None:
        """Draw one answer as it is published, if it has both figures."""
        if ms is not None and rate is not None:
            self._axes.plot([max(rate, self._least)], [ms], marker, label=label)

    def save(self, path: Path, right: str, wrong: str) -> Path:
        """Name the axes and write the file."""
        axes = self._axes
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=10)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{wrong} per quiet hour ({self._watched_s:.0f} s watched; none is drawn as half of one)")
        axes.set_ylabel(f"median ms from the label to the {right}")
        axes.grid(visible=True, alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
        _save(self._figure, path)
        return path
