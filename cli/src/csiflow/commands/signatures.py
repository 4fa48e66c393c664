"""``csiflow signatures check``: does every signature file say what it must."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from csi_introspection.library import check as check_library

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
    """Load every signature of a folder and name what is wrong, file and field.

    Example:

      csiflow signatures check signatures/
    """
    report = check_library(directory)
    for signature in report.signatures:
        console.print(
            f"[green]ok[/]     {signature.id}: {signature.label}, {signature.length} x {len(signature.vectors[0])}"
        )
    for problem in report.problems:
        console.print(f"[red]wrong[/]  {problem}")
    if as_json:
        found = [{"id": signature.id, "label": signature.label} for signature in report.signatures]
        emit_json({"signatures": found, "problems": [str(problem) for problem in report.problems]})
    if report.problems:
        raise typer.Exit(1)
