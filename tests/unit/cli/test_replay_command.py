"""``csiflow replay`` without ``--to``."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from csiflow.main import app
from csiflow.runfile import RunFile, published
from csiflow.settings import CliSettings
from csiflow.sources import too_fast
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


@pytest.mark.parametrize(
    ("duration", "speed", "said"),
    [
        (60.0, 1.0, None),
        (60.0, 3.0, None),
        (60.0, 6.0, "in 10.0 s: the windowed path calibrates for 10 s .* --speed 3 judges half of it"),
        (12.0, 1.0, "in 12.0 s: .* --speed 0.6 judges half of it"),
        (60.0, None, "as fast as it is taken: .* --speed 3 judges half of it"),
        (0.0, 1.0, "too short to be judged"),
    ],
)
def test_a_recording_played_too_fast_to_be_judged_is_told_of(
    duration: float, speed: float | None, said: str | None
) -> None:
    """Windows calibrate by the clock: what is over before half of it was judged says which speed would do."""
    warning = too_fast(duration, speed)
    assert (warning is None) == (said is None)
    assert warning is None or re.search(str(said), warning)
