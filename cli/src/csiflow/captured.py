"""Takes as checked signatures, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csi_introspection.capture import Take, make_signature
from csi_introspection.threshold import Confusion, Suggestion, confusions, suggest
from csi_schemas.signature import Signature

from csiflow.capture_target import Target, identity_of
from csiflow.output import console

if TYPE_CHECKING:
    from csi_schemas.common import Provenance

    from csiflow.heard import StreamName


@dataclass(frozen=True, slots=True)
class Made:
    """A captured signature, before it is written."""

    path: Path
    signature: Signature
    take: Take
    suggestion: Suggestion


def make(
    takes: Sequence[Take], target: Target, provenance: Provenance, known: Sequence[Signature]
) -> tuple[list[Made], list[Confusion]]:
    """Turn takes into signatures, each with its threshold, and name the known ones they look like."""
    captured_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = []
    for number, (take, path) in enumerate(zip(takes, target.paths, strict=True)):
        suggestion = suggest(take, [*takes[:number], *takes[number + 1 :]], known, target.label, rest=target.rest)
        signature = make_signature(
            take,
            identity=identity_of(path),
            label=target.label,
            captured_at=captured_at,
            provenance=provenance,
            threshold=suggestion.threshold,
            rest=target.rest,
        )
        made.append(Made(path, signature, take, suggestion))
    return made, confusions([(m.signature, m.take) for m in made], known)


def report(made: Sequence[Made], alike: Sequence[Confusion], name: StreamName) -> dict[str, Any]:
    """Say what was written; returns the same as one JSON object."""
    for m in made:
        late = f", {m.take.late_s:.2f} s after the countdown" if m.take.late_s else ""
        console.print(
            f"[green]written[/] {m.path}: {m.signature.length} x {m.take.vectors.shape[1]}, {m.take.rate_hz:g} rows/s, "
            f"departs {m.take.departure:.1f} quiet deviations{late}",
            soft_wrap=True,
        )
        console.print(f"  promotion threshold {m.suggestion.basis}", soft_wrap=True)
        if m.suggestion.overlap:
            console.print(
                "  [yellow]warning:[/] the takes of this label are no more alike than other things are: record them "
                "more alike, or choose another place or a longer motion",
                soft_wrap=True,
            )
    for pair in alike:
        console.print(f"[yellow]warning:[/] {pair}", soft_wrap=True)
    first = made[0].signature
    return {
        "label": first.label,
        "node": name.node_id,
        "stream": name.stream,
        "provenance": first.provenance,
        "kind": first.feature_kind,
        "rest": first.rest,
        "signatures": [_as_json(m) for m in made],
        "indistinguishable": [{"id": pair.first, "other": pair.second, "score": pair.score} for pair in alike],
    }


def _as_json(made: Made) -> dict[str, Any]:
    take, suggestion = made.take, made.suggestion
    return {
        "file": str(made.path),
        "id": made.signature.id,
        "length": made.signature.length,
        "width": take.vectors.shape[1],
        "rate_hz": take.rate_hz,
        "departure": round(take.departure, 3),
        "quiet_departure": round(take.quiet_departure, 3),
        "late_s": round(take.late_s, 3),
        "threshold": {
            "value": suggestion.threshold,
            "measured": suggestion.measured,
            "basis": suggestion.basis,
            "same_label": suggestion.same,
            "quiet": suggestion.quiet,
            "other_labels": suggestion.others,
        },
    }
