"""What the Dockerfile puts into an image: a service's own packages and requirements, and nobody else's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = {"schemas", "runtime", "streaming"}


def select(service: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as the Dockerfile does."""
    script = ROOT / "deploy" / "docker" / "select_packages.py"
    command = [sys.executable, str(script), str(ROOT), service, str(output)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("service", "packages"),
    [
        ("ingest", {"schemas", "runtime", "ingest"}),
        ("gateway", {"schemas", "runtime", "gateway"}),
        ("events", CONSUMER | {"events"}),
        ("introspection", CONSUMER | {"introspection"}),
    ],
)
def test_an_image_holds_what_its_service_depends_on(service: str, packages: set[str], tmp_path: Path) -> None:
    """The workspace's packages are followed through each other; the rest are pinned third-party requirements."""
    output = tmp_path / "selection"
    done = select(service, output)

    assert done.returncode == 0, done.stderr
    assert {folder.name for folder in (output / "packages").iterdir()} == packages
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in (output / "requirements.txt").read_text().splitlines()}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names <= locked
    assert ("faust-streaming" in names) == (service in {"events", "introspection"})


def test_consumers_share_one_layer_of_third_party_packages(tmp_path: Path) -> None:
    """Their lists are the same to the byte, which is what the build cache goes by."""
    texts = []
    for service in ("events", "introspection"):
        assert select(service, tmp_path / service).returncode == 0
        texts.append((tmp_path / service / "requirements.txt").read_text())
    assert texts[0] == texts[1]


def test_an_unknown_service_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """A typing error in the build argument ends the build with a message that lists what it may be."""
    done = select("intropsection", tmp_path / "selection")
    assert done.returncode == 1
    assert "SERVICE must be one of" in done.stderr
    assert "'intropsection'" in done.stderr
    assert all(service in done.stderr for service in ("ingest", "events", "introspection", "gateway"))
