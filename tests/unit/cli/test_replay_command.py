"""``csiflow replay`` without ``--to``."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from csiflow.main import app
from csiflow.runfile import RunFile, published
from csiflow.settings import CliSettings
from typer.testing import CliRunner
from unit.cli.evaluation.rooms import write


def test_the_stack_that_runs_here_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The datagrams go to the replay port in the run file, which need not be 5006."""
    monkeypatch.setenv("CSIFLOW_STATE_DIR", str(tmp_path))
    recording = write(tmp_path / "a.npz", (("empty", 1),))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ingest:
        ingest.bind(("127.0.0.1", 0))
        to = f"127.0.0.1:{ingest.getsockname()[1]}"
        run = RunFile(os.getpid(), "127.0.0.1:1", "http://127.0.0.1:1", "token", to, to, to, {})
        with published(CliSettings(), run):
            done = CliRunner().invoke(app, ["replay", str(recording), "--speed", "max", "--json"])
        assert done.exit_code == 0, done.output
        answer = json.loads(done.stdout.splitlines()[-1])
        with np.load(recording) as arrays:
            assert (answer["to"], answer["sent"]) == (to, len(arrays["t_ns"]))
        assert ingest.recv(65536)
