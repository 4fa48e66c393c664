"""What every command says of itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from csiflow.main import app
from typer.testing import CliRunner


def commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the name and the help text of every command."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command.help or ""


COMMANDS = dict(commands(typer.main.get_command(app)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_how_it_is_used(name: str) -> None:
    """With an example that begins with the command itself; no sentence is broken in the middle of its paragraph."""
    _, *paragraphs = COMMANDS[name].split("\n\n")
    heading = next(number for number, text in enumerate(paragraphs) if text.strip() in {"Example:", "Examples:"})
    examples = [text.strip() for text in paragraphs[heading + 1 :]]
    assert examples
    assert all(f"csiflow {name}" in example for example in examples)
    assert not [text for text in paragraphs[:heading] if "\n" in text.strip()]


def test_the_version_is_printed() -> None:
    """On stdout, as programs that pin it read it."""
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout.startswith("csiflow ")
