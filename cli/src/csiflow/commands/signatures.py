"""``csiflow signatures check``: does every signature file say what it must, and can they be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from csi_introspection.library import PATTERN, SUFFIX, Report
from csi_introspection.library import check as check_library
from rich.markup import escape
from rich.table import Column, Table

from csiflow.commands.options import Json
from csiflow.output import console, emit_json

signatures = typer.Typer(no_args_is_help=True, help="The signature library of the per-frame path.")


@signatures.command("check")
def check(
    directory: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Folder of *.sig.json files.", show_default=False)
    ],
    *,
    as_json: Json = False,
) -> None:
    """Load every signature of a folder, name what is wrong (file, field, what to do), and which look the same.

    Exit code 1 when a file has a problem. Signatures that cannot be told apart are a warning: they load.

    Example:

      csiflow signatures check signatures/
    """
    # numba takes half a second to load, which the other commands need not wait for
    from csi_introspection.threshold import confused_pairs  # noqa: PLC0415

    report = check_library(directory)
    rows = _rows(report)
    pairs = confused_pairs(report.signatures)
    for table in _tables(rows):
        console.print(table)
    for row in rows:
        if row["outdated"] is not None:
            console.print(f"[yellow]warning:[/] {escape(row['file'])}: no stream has this: {row['outdated']}")
    for pair in pairs:
        console.print(f"[yellow]warning:[/] {pair}", soft_wrap=True)
    for problem in report.problems:
        console.print(f"[red]wrong[/]  {escape(str(problem))}", soft_wrap=True)
    if not rows and not report.problems:
        console.print(f"[yellow]warning:[/] {escape(str(directory))} has no {PATTERN} file")
    if rows and not (report.problems or pairs or any(row["outdated"] is not None for row in rows)):
        some = "1 signature is valid" if len(rows) == 1 else f"{len(rows)} signatures are valid and can be told apart"
        console.print(f"[green]nothing is wrong:[/] {some}", soft_wrap=True)
    if as_json:
        emit_json(
            {
                "signatures": rows,
                "problems": [
                    {"file": p.file, "field": p.field, "message": p.message, "remedy": p.remedy}
                    for p in report.problems
                ],
                "indistinguishable": [{"first": p.first, "second": p.second, "score": p.score} for p in pairs],
            }
        )
    if report.problems:
        raise typer.Exit(1)


def _tables(rows: list[dict[str, Any]]) -> Iterator[Table]:
    """One table for each kind and version of features, narrow enough for 80 columns."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(f"{row['feature_kind']}, version {row['feature_version']}", []).append(row)
    for kind, alike in kinds.items():
        columns = ("signature", "label", "rows x width", "threshold", "provenance")
        table = Table(*(Column(name, overflow="fold") for name in columns), title=kind, title_justify="left")
        for row in alike:
            file = row["file"].removesuffix(SUFFIX)
            pace = "of frames" if row["rate_hz"] is None else f"{row['rate_hz']:g}/s"
            name = file if file == row["id"] else f"{row['file']}: {row['id']}"
            size = f"{row['length']} x {row['width']}, {pace}"
            table.add_row(*map(escape, (name, row["label"], size, f"{row['threshold']:g}", row["provenance"])))
        yield table


def _rows(report: Report) -> list[dict[str, Any]]:
    """Describe the valid signatures, one row each."""
    from csi_introspection.capture import why_outdated  # noqa: PLC0415 - as in ``check``

    return [
        {
            "file": file,
            "id": signature.id,
            "label": signature.label,
            "captured_at": signature.captured_at,
            "feature_kind": signature.feature_kind,
            "feature_version": signature.feature_version,
            "length": signature.length,
            "width": len(signature.vectors[0]),
            "rate_hz": signature.rate_hz,
            "threshold": signature.promotion_threshold,
            "provenance": signature.provenance,
            "rest": signature.rest,
            "outdated": why_outdated(signature),
        }
        for file, signature in zip(report.files, report.signatures, strict=True)
    ]
