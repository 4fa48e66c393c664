"""Figures of whole evaluations, as small SVG files that are the same for the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from csiflow.evaluation.breaths import WAIT_S

if TYPE_CHECKING:
    from csiflow.evaluation.breaths import Breaths

DRAWN = 0.2
"""Share of its seconds of which a stream's rate is drawn."""
MARKERS = ("o", "s", "D", "^")
Value: TypeAlias = float | tuple[float, float] | None
"""A figure in per cent, the lowest and highest of several, or none."""


def save(figure: Figure, path: Path) -> Path:
    """Write a figure; letters stay letters and no date is in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasSVG(figure)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def dots(path: Path, panels: Mapping[str, Mapping[str, Mapping[str, Value]]]) -> Path:
    """Draw figures side by side: a panel each, a row each group, a marker each side.

    Args:
        path: where to.
        panels: by what is measured, by group, by side.
    """
    groups = list(dict.fromkeys(group for rows in panels.values() for group in rows))
    sides = list(dict.fromkeys(side for rows in panels.values() for row in rows.values() for side in row))
    figure = Figure(figsize=(4.2 * len(panels) + 1.5, 0.34 * len(groups) + 1.6), layout="constrained")
    for axes, (name, rows) in zip(np.ravel(figure.subplots(1, len(panels), sharey=True)), panels.items(), strict=True):
        for number, side in enumerate(sides):
            colour, shift = f"C{number}", 0.16 * (number - (len(sides) - 1) / 2)
            places, values = [], []
            for row, group in enumerate(groups):
                value = rows.get(group, {}).get(side)
                if isinstance(value, tuple):
                    axes.plot(value, [row + shift] * 2, "|-", color=colour, linewidth=2)
                elif value is not None:
                    places.append(row + shift)
                    values.append(value)
            axes.plot(values, places, MARKERS[number % len(MARKERS)], color=colour, markersize=5, label=side)
        axes.set_xlabel(name)
        axes.grid(visible=True, axis="x", alpha=0.3)
        axes.set_yticks(range(len(groups)), groups, fontsize=8)
    axes.invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(sides), fontsize=8)
    return save(figure, path)


def breathing_rates(path: Path, found: Sequence[Breaths]) -> Path | None:
    """Draw what was told second by second of streams without a known rate, of those with ``DRAWN`` answered or more."""
    drawn = [each for each in found if each.truth is None and np.isfinite(each.rate).mean() >= DRAWN]
    if not drawn:
        return None
    figure = Figure(figsize=(8, 0.9 + 1.05 * len(drawn)), layout="constrained")
    for axes, each in zip(np.ravel(figure.subplots(len(drawn), 1, sharex=True, sharey=True)), drawn, strict=True):
        axes.plot(WAIT_S + np.arange(len(each.rate)), each.rate, linewidth=1.2, solid_capstyle="round")
        share = 100 * np.isfinite(each.rate).mean()
        axes.set_title(f"{each.name}, {each.by}: {share:.0f} % of seconds answered", fontsize=7, pad=2, loc="left")
        axes.set_ylim(3, 31)
        axes.grid(visible=True, alpha=0.3)
    axes.set_xlabel("seconds")
    figure.supylabel("breaths per minute", fontsize=8)
    return save(figure, path)


def breathing_errors(path: Path, found: Sequence[Breaths]) -> Path | None:
    """Draw mean and largest error and the share answered over the true rate, of streams that have one."""
    known = sorted((each for each in found if each.truth is not None), key=lambda each: each.truth or 0.0)
    if not known:
        return None
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    error, answered = figure.subplots(2, 1, sharex=True)
    for number, by in enumerate(dict.fromkeys(each.by for each in known)):
        own = [(each.truth, each.figures()) for each in known if each.by == by]
        told = [(truth, figures) for truth, figures in own if figures["error"] is not None]
        truths = [truth for truth, _ in told]
        mean, largest = ([figures[part] for _, figures in told] for part in ("error", "error_max"))
        error.plot(truths, mean, "o-", color=f"C{number}", markersize=4, label=f"{by}: mean")
        error.plot(truths, largest, "^:", color=f"C{number}", markersize=4, label=f"{by}: largest")
        shares = [100 * (figures["answered"] or 0.0) for _, figures in own]
        answered.plot([truth for truth, _ in own], shares, "s-", color=f"C{number}", markersize=4, label=by)
    error.set_ylabel("error, breaths/min", fontsize=8)
    error.set_yscale("symlog", linthresh=0.1)
    answered.set_ylabel("% of seconds answered", fontsize=8)
    answered.set_ylim(0, 105)
    answered.set_xlabel("true rate, breaths per minute")
    for axes in (error, answered):
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize=7)
    return save(figure, path)
