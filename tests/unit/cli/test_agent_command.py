"""``csiflow agent`` is the agent's own command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from csiflow.main import app
from typer.testing import CliRunner
from unit.wifiscan.test_scanners import HOME
from unit.wifiscan.texts import nmcli


def test_arguments_and_exit_code_pass_through(tmp_path: Path) -> None:
    """The contract of ``parse`` holds here too; the agent's own help, errors and exit codes come out."""
    file = tmp_path / "list.txt"
    file.write_text(nmcli([HOME]).replace("None", "50"))
    done = CliRunner().invoke(app, ["agent", "parse", "nmcli", str(file), "--json"])
    assert done.exit_code == 0, done.output
    (reading,) = json.loads(done.stdout.splitlines()[-1])["access_points"]
    assert (reading["bssid"], reading["signal_pct"], reading["channel"]) == (HOME.bssid, 50, 36)
    done = CliRunner().invoke(app, ["agent", "parse", "iw", str(file), "--json"])
    assert done.exit_code == 2
    assert "line 1: expected BSS" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["parse", "--help"]])
def test_help_is_the_agents(arguments: list[str]) -> None:
    """Under the name it was called by."""
    done = CliRunner().invoke(app, ["agent", *arguments])
    assert done.exit_code == 0
    assert done.stdout.startswith("usage: csiflow agent")
