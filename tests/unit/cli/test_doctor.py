"""What doctor says of settings that it can check without anything running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def zones_finding(value: str, state: Path) -> dict[str, str]:
    """The finding about zones with CSIFLOW_INTROSPECTION_ZONES set to ``value``."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("CSIFLOW_")},
        "CSIFLOW_STATE_DIR": str(state),
        "CSIFLOW_INTROSPECTION_ZONES": value,
    }
    command = [sys.executable, "-m", "csiflow", "doctor", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    (finding,) = [each for each in json.loads(done.stdout)["findings"] if each["check"] == "zones"]
    assert done.returncode == 1 or finding["status"] == "ok"
    return dict(finding)


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        ("", "ok", "all: every node"),
        ('{"hall": ["1", "2"], "house": ["*"]}', "ok", "hall: nodes 1, 2; house: every node"),
        ("{}", "ok", "none: the fusion is switched off"),
        ('{"hall": "1"}', "failed", "zone 'hall': '1' is not a list of node ids"),
    ],
)
def test_zones(value: str, status: str, said: str, tmp_path: Path) -> None:
    """The zones that would be fused, or what is wrong with the table."""
    finding = zones_finding(value, tmp_path)
    assert finding["status"] == status
    assert said in finding["said"]
