"""An evaluation as one JSON object and as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from csiflow.evaluation import beside
from csiflow.evaluation.answers import REGIMES
from csiflow.evaluation.outcome import Outcome, pooled


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an evaluation found."""

    outcomes: dict[str, Outcome]
    groups: dict[str, str]
    """Group of each recording."""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> Outcome:
        """All recordings pooled."""
        return pooled("total", list(self.outcomes.values()))

    @property
    def members(self) -> dict[str, list[str]]:
        """Names of each group's recordings."""
        found: dict[str, list[str]] = {}
        for name, group in self.groups.items():
            found.setdefault(group, []).append(name)
        return found

    @property
    def pooled_groups(self) -> dict[str, Outcome]:
        """Each group's recordings pooled."""
        members: dict[str, list[Outcome]] = {}
        for name, outcome in self.outcomes.items():
            members.setdefault(self.groups[name], []).append(outcome)
        return {group: pooled(group, outcomes) for group, outcomes in members.items()}

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object."""
        total = self.total
        return {
            "recordings": {name: _with_events(outcome) for name, outcome in self.outcomes.items()},
            "groups": {name: outcome.figures() for name, outcome in self.pooled_groups.items()},
            "total": total.figures(),
            "curves": {
                "onset": {name: curve.points() for name, curve in total.onset_curves.items()},
                "recognition": {name: curve.points() for name, curve in total.recognition_curves.items()},
            },
            "errors": self.errors,
            **(
                {"published": [asdict(each) for each in beside.published_for(list(self.outcomes))]}
                if total.beside
                else {}
            ),
        }


def _with_events(outcome: Outcome) -> dict[str, Any]:
    """Return a recording's figures with each of its onsets and actions."""
    figures = outcome.figures()
    figures["onset"]["events"] = [onset.figures() for onset in outcome.onsets.found]
    figures["recognition"]["events"] = [action.figures() for action in outcome.recognition.actions]
    return figures


def tables(report: Report) -> list[Table]:
    """Return the tables: each recording, the groups where there are several, and the total, part by part."""
    each = {name: outcome.figures() for name, outcome in report.outcomes.items()}
    groups = report.pooled_groups
    pools = {name: outcome.figures() for name, outcome in groups.items()} if len(groups) > 1 else {}
    total = {"total": report.total.figures()} if len(each) > 1 else {}
    sections = [each, pools, total]
    built = [_motion(sections), _turns(sections), _onset(sections), _missed(report)]
    built += [_recognition(sections), _breathing(sections)]
    built.append(_regimes(total or each))
    if report.total.beside:
        built.append(_beside(report))
    return [table for table in built if table.row_count]


def _beside(report: Report) -> Table:
    """Return each group by every detector, and what is published of the group's recordings."""
    return beside.table(
        {
            group: (outcome.beside, beside.published_for(report.members[group]))
            for group, outcome in report.pooled_groups.items()
            if outcome.beside
        }
    )


def _motion(sections: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("motion by the second: the windowed path", "recall", "false", "F1", "motion/quiet", "95 % recall")
    _fill(
        table,
        sections,
        lambda r: sum(r["motion"]["windows"][kind] for kind in ("motion", "quiet")),
        lambda r: (
            percent(r["motion"]["recall"]),
            percent(r["motion"]["false_positive_rate"]),
            percent(r["motion"]["f1"]),
            f"{r['motion']['windows']['motion']}/{r['motion']['windows']['quiet']}",
            _interval(r["motion"]["recall_interval"]),
        ),
    )
    return table


def _turns(sections: Sequence[Mapping[str, Any]]) -> Table:
    """Return how soon the windowed path says that motion began and that it is over."""
    table = _table(
        "events of the windowed path",
        *("abrupt starts", "ms", "gentle starts", "ms", "false/h", "ends", "missed", "already over", "ms"),
    )

    def starts(figures: Mapping[str, Any], kind: str) -> tuple[str, str]:
        found = figures["onset"][kind]
        return str(found["count"]), number(found["window"]["ms_median"])

    def cells(r: Mapping[str, Any]) -> tuple[str, ...]:
        end, alarms = r["end"], r["false_alarms"]["window"]
        return (
            *starts(r, "abrupt"),
            *starts(r, "gentle"),
            number(alarms["per_hour"]),
            *(str(end[part]) for part in ("count", "missed", "already")),
            number(end["ms_median"]),
        )

    _fill(table, sections, lambda r: r["onset"]["count"] + r["end"]["count"] + r["false_alarms"]["quiet_s"], cells)
    return table


def _onset(sections: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row per recording; pools have abrupt (a splice or a gap) and gentle onsets in rows of their own."""
    table = _table(
        "onset: the per-frame path, and how much sooner than the windowed path",
        *("onsets", "missed", "early", "already", "frames", "ms", "ratio", "windows", "false/h"),
    )
    rows: list[dict[str, Any]] = []
    for place, section in enumerate(sections):
        split: dict[str, Any] = {}
        for name, figures in section.items():
            alarms = figures["false_alarms"]
            split[name] = {**figures["onset"], "quiet_s": alarms["quiet_s"], "false": alarms["onset"]["per_hour"]}
            for kind in ("abrupt", "gentle") if place or len(section) == 1 else ():
                split[f"{name}, {kind}"] = {**figures["onset"][kind], "quiet_s": 0, "false": None}
        rows.append(split)
    _fill(
        table,
        rows,
        lambda r: r["count"] + r["quiet_s"],
        lambda r: (
            str(r["count"]),
            str(r["missed"]),
            str(r["early"]),
            str(r["already"]),
            number(r["frames_median"]),
            number(r["ms_median"]),
            number(r["ratio_vs_window"]),
            number(r["window"]["frames_median"]),
            number(r["false"]),
        ),
    )
    return table


def _missed(report: Report) -> Table:
    table = _table("missed onsets", "at s", "kind", "windows' frames")
    for name, outcome in report.outcomes.items():
        for onset in outcome.onsets.found:
            if onset.frames is None and not onset.already:
                found = onset.figures()
                table.add_row(escape(name), f"{found['at_s']:.2f}", found["kind"], number(found["window_frames"]))
    return table


def _regimes(figures: Mapping[str, Any]) -> Table:
    """Return the shares of all frames, by label."""
    table = Table(title="regimes by label, % of frames", title_justify="left", title_style="bold")
    table.add_column("label")
    for name in (*REGIMES, "frames"):
        table.add_column(name, justify="right")
    for found in figures.values():
        for label, shares in found["regimes"].items():
            table.add_row(escape(label), *(f"{100 * shares[name]:.1f}" for name in REGIMES), str(shares["frames"]))
    return table


def _recognition(sections: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(
        "recognition: promoted signatures",
        *("signature", "right", "wrong first", "frames", "ms", "ratio", "false/h"),
    )
    _fill(
        table,
        sections,
        lambda r: r["recognition"]["actions"] + r["recognition"]["false_matches"],
        lambda r: (
            r["recognition"]["signature"] or "-",
            f"{r['recognition']['right']}/{r['recognition']['actions']}",
            str(r["recognition"]["wrong_first"]),
            number(r["recognition"]["frames_median"]),
            number(r["recognition"]["ms_median"]),
            number(r["recognition"]["ratio_vs_window"]),
            number(r["recognition"]["false_matches_per_hour"]),
        ),
    )
    return table


def _breathing(sections: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("breathing: the windowed path", "bpm", "truth", "mean error", "largest", "estimates", "answered")
    _fill(
        table,
        sections,
        lambda r: r["breathing"]["recordings"]["with_truth"],
        lambda r: (
            number(r["breathing"]["bpm"]),
            number(r["breathing"]["truth"]),
            number(r["breathing"]["error"]),
            number(r["breathing"]["error_max"]),
            str(r["breathing"]["estimates"]),
            f"{r['breathing']['recordings']['answered']}/{r['breathing']['recordings']['with_truth']}",
        ),
    )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("recording", overflow="fold", min_width=16)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=len(column) < 9)
    return table


def _fill(table: Table, sections: Sequence[Mapping[str, Any]], has: Any, cells: Any) -> None:
    for section in sections:
        rows = [(name, figures) for name, figures in section.items() if has(figures)]
        for name, figures in rows:
            table.add_row(escape(name), *cells(figures))
        if rows:
            table.add_section()


def percent(share: float | None) -> str:
    """Write a share in per cent."""
    return "-" if share is None else f"{100 * share:.1f}"


def number(value: float | None) -> str:
    """Write a figure without needless digits."""
    return "-" if value is None else f"{value:.4g}"


def _interval(bounds: tuple[float, float] | None) -> str:
    return "-" if bounds is None else f"{100 * bounds[0]:.0f}-{100 * bounds[1]:.0f}"
