"""``csiflow eval --breathing``: the rate second by second, and nulls that hold none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from csiflow.commands.evaluate import print_tables
from csiflow.evaluation.breaths import evaluate_all, pools, tables
from csiflow.evaluation.files import expand
from csiflow.output import console, emit_json

if TYPE_CHECKING:
    from csiflow.evaluation.labels import Labelling


def evaluate_breathing(
    given: list[str],
    labelling: Labelling,
    group: re.Pattern[str] | None,
    antenna: int | None,
    peers: tuple[str, ...],
    *,
    as_json_line: bool,
) -> int:
    """Run the windowed path over recordings and nulls, and print what it answered; return the exit code."""
    found = []
    with console.status("evaluating") as status:
        for breaths in evaluate_all(expand(given), labelling, group, antenna, peers):
            found.append(breaths)
            status.update(f"{len(found)} done")
    print_tables(tables(found))
    if as_json_line:
        by = {name: [each for each in found if each.by == name] for name in dict.fromkeys(each.by for each in found)}
        ours, *others = ({"streams": {b.name: b.figures() for b in own}, "groups": pools(own)} for own in by.values())
        emit_json({**ours, **({"beside": dict(zip(list(by)[1:], others, strict=True))} if others else {})})
    return 0
