"""``csiflow test`` and ``csiflow lint``: what .ci/run and pre-commit run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from csiflow.output import console, fail
from csiflow.settings import checkout

CODE = ("schemas", "runtime", "streaming", "services", "cli", "deploy", "tests", "bench", "examples")
TYPED = (
    "schemas/src",
    "runtime/src",
    "streaming/src",
    "services/ingest/src",
    "services/events/src",
    "services/introspection/src",
    "services/gateway/src",
    "cli/src",
    "bench",
    "deploy",
    "examples",
)


def _root() -> Path:
    root = checkout()
    if root is None:
        fail("this command belongs to a checkout; run ./csiflow there", 2)
    return root


def _run(*command: str) -> None:
    console.print(f"[dim]$ {' '.join(command)}[/]", soft_wrap=True)
    code = subprocess.run([sys.executable, "-m", *command], cwd=_root(), check=False).returncode
    if code:
        raise typer.Exit(code)


def lint(*, fix: Annotated[bool, typer.Option(help="Format and repair what can be repaired.")] = False) -> None:
    """Check formatting, style, types and generated files.

    Example:

      csiflow lint --fix
    """
    _run("ruff", "format", *(() if fix else ("--check",)), *CODE)
    _run("ruff", "check", *(("--fix",) if fix else ()), *CODE)
    _run("mypy", *TYPED)
    for generated in ("csi_schemas.generate", "csiflow.settings_reference"):
        _run(generated, *(() if fix else ("--check",)))


def test(context: typer.Context) -> None:
    """Pass the tests; everything after the command goes to pytest. The compose test runs with -m compose.

    The whole suite runs in two processes, each with a Kafka of its own; a selection of it in one.

    Examples:

      csiflow test

      csiflow test tests/unit -k codec
    """
    selected = any(not argument.startswith("--") for argument in context.args)
    # A whole run starts browsers, brokers and compilers side by side on two cores: what fails there is tried once more,
    # and the summary says so.
    parallel = () if selected else ("-n", "2", "--dist", "loadfile", "--reruns", "1")
    markers = () if any(argument.startswith("-m") for argument in context.args) else ("-m", "not compose")
    if not selected:
        _run("csiflow.precompile")
    _run("pytest", *markers, *parallel, *context.args)
