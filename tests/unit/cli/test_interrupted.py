"""Ctrl-C before a command has begun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_ctrl_c_while_the_imports_run_says_that_nothing_was_begun(tmp_path: Path) -> None:
    """Exit code 130 and one line, no traceback."""
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")  # the first library the command line imports
    search = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "csiflow", "eval", "room.npz"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": search}
    )
    assert done.returncode == 130
    assert done.stderr.strip() == "stopped; nothing was begun"
