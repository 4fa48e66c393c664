"""What the command line prints: people read stderr, programs read the one JSON line that ends stdout."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import orjson
import typer
from rich.console import Console

console = Console(stderr=True, highlight=False)
"""Everything meant for people goes here, so that stdout stays machine readable."""


def emit_json(result: dict[str, Any]) -> None:
    """Print ``result`` as one line of JSON on stdout: the last thing a ``--json`` command says."""
    sys.stdout.write(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    sys.stdout.flush()


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with ``message``, which says what was wrong, where and what to do."""
    console.print(f"[bold red]error:[/] {message}", soft_wrap=True)
    raise typer.Exit(code)
