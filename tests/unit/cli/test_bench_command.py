"""``csiflow bench``: every benchmark that is listed is there and starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from csiflow.commands.bench import BENCHES, script
from csiflow.main import app
from typer.testing import CliRunner

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _in_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSIFLOW_ROOT", str(ROOT))


@pytest.mark.parametrize("name", BENCHES)
def test_a_benchmark_says_how_it_is_used(name: str) -> None:
    """Its file is found, everything it imports exists, and its help names the command that runs it."""
    done = subprocess.run(
        [sys.executable, str(script(ROOT, name)), "--help"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: csiflow bench {name} -- [-h]")


def test_without_a_name_all_are_listed() -> None:
    """Nobody has to read the source to find out what can be measured."""
    done = CliRunner().invoke(app, ["bench"])
    assert done.exit_code == 0
    assert all(name in done.stderr and measures.split()[0] in done.stderr for name, measures in BENCHES.items())


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    """Exit code 2, and the names to choose from."""
    done = CliRunner().invoke(app, ["bench", "flo"])
    assert done.exit_code == 2
    assert "there is no benchmark 'flo'" in done.stderr
    assert "fingerprints" in done.stderr
