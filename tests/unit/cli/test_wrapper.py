"""The ``./csiflow`` wrapper: what it hands to uv and to the command line, with a uv that only writes that down."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = r"""#!/bin/sh
if [ "$1" = venv ]; then
    for last; do :; done
    mkdir -p "$last/bin"
    cat > "$last/bin/python" <<'END'
#!/bin/sh
printf '%s\n' "$@"
END
    chmod +x "$last/bin/python"
fi
printf '%s\n' "$@" >> "$ASKED"
"""


@pytest.mark.parametrize("folder", ["plain", "with two spaces", "quote's"])
@pytest.mark.parametrize(("command", "more"), [("doctor", 0), ("eval", 1), ("lint", 4)])
def test_a_checkout_may_lie_anywhere(folder: str, command: str, more: int, tmp_path: Path) -> None:
    """Every member's folder is one word to uv whatever the path; what was typed reaches the command line as typed."""
    root = tmp_path / folder
    for pyproject in ROOT.glob("**/pyproject.toml"):
        if ".venv" not in pyproject.parts:
            copy = root / pyproject.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.touch()
    shutil.copy(ROOT / "csiflow", root / "csiflow")
    (root / "requirements.lock").touch()
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(UV)
    (tools / "uv").chmod(0o755)
    (tools / "python3").symlink_to(sys.executable)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked")}
    done = subprocess.run(
        [root / "csiflow", command, "a b", "c"], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["-m", "csiflow", command, "a b", "c"]
    asked = (tmp_path / "asked").read_text().splitlines()
    members = [word for before, word in pairwise(asked) if before in {"-e", "--group"}]
    assert len(members) == 9 + more
    assert all(Path(word.split("[")[0].split(":")[0]).exists() for word in members), members
