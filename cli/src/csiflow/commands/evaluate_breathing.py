"""``csiflow eval --breathing``: the rate second by second, and nulls that hold none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csiflow.commands.evaluate import print_tables
from csiflow.evaluation.breaths import evaluate_all, pools, tables
from csiflow.evaluation.files import expand
from csiflow.output import console, emit_json

if TYPE_CHECKING:
    from csiflow.evaluation.labels import Labelling


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged, and how."""

    given: list[str]
    labelling: Labelling
    group: re.Pattern[str] | None
    antenna: int | None
    plots: Path | None
    leave_out: bool
    """Search for constants without each source."""
    peers: tuple[str, ...]


def evaluate_breathing(asked: Asked, jobs: int, *, as_json_line: bool) -> int:
    """Run the windowed path over recordings and nulls, and print what it answered; return the exit code."""
    if asked.leave_out:
        from csiflow.commands.evaluate_breathing_left_out import evaluate_breathing_left_out  # noqa: PLC0415

        return evaluate_breathing_left_out(asked, jobs, as_json_line=as_json_line)
    found, plots = [], asked.plots
    with console.status("evaluating") as status:
        for breaths in evaluate_all(expand(asked.given), asked.labelling, asked.group, asked.antenna, asked.peers):
            found.append(breaths)
            status.update(f"{len(found)} done")
    print_tables(tables(found))
    if plots is not None:
        from csiflow.evaluation.figures import breathing_errors, breathing_rates  # noqa: PLC0415 - matplotlib is slow

        breathing_rates(plots / "breathing_rate.svg", found)
        breathing_errors(plots / "breathing_error.svg", found)
        console.print(f"plots are in {plots}")
    if as_json_line:
        by = {name: [each for each in found if each.by == name] for name in dict.fromkeys(each.by for each in found)}
        ours, *others = ({"streams": {b.name: b.figures() for b in own}, "groups": pools(own)} for own in by.values())
        emit_json({**ours, **({"beside": dict(zip(list(by)[1:], others, strict=True))} if others else {})})
    return 0
