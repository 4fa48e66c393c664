# noqa: INP001 - a script, not a package
"""What one service is made of, for the Dockerfile: third-party requirements apart from the workspace's own packages.

    python select_packages.py WORKSPACE SERVICE OUTPUT

writes ``OUTPUT/requirements.txt`` and the packages' folders below ``OUTPUT/packages``. Both hold nothing of other
services, so a change of one service leaves the image layers of the others as they are. Standard library only.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path


def split(requirement: str) -> tuple[str, list[str]]:
    """Return the name and the extras of a requirement: ``a[b, c]>=1`` is ``a`` with ``b`` and ``c``."""
    found = re.match(r"([\w.-]+)\s*(?:\[([^]]*)\])?", requirement)
    if found is None:
        sys.exit(f"not a requirement: {requirement!r}")
    return found[1], [extra.strip() for extra in (found[2] or "").split(",") if extra.strip()]


def select(workspace: Path, service: str) -> tuple[set[str], list[Path]]:
    """Return the third-party requirements and the folders of the workspace's packages that ``csi-<service>`` needs.

    Raises:
        SystemExit: there is no such service.
    """
    projects = {}
    for file in (*workspace.glob("*/pyproject.toml"), *workspace.glob("services/*/pyproject.toml")):
        project = tomllib.loads(file.read_text())["project"]
        projects[project["name"]] = (file.parent, project)
    services = sorted(folder.name for folder, _ in projects.values() if folder.parent.name == "services")
    if service not in services:
        sys.exit(f"the build argument SERVICE must be one of {', '.join(services)}, not {service!r}")
    third_party: set[str] = set()
    needed = [f"csi-{service}"]
    for name in needed:  # grows while it is read
        for requirement in projects[name][1]["dependencies"]:
            bare, extras = split(requirement)
            if bare not in projects:
                third_party.add(requirement)
                continue
            for extra in extras:
                third_party.update(projects[bare][1]["optional-dependencies"][extra])
            if bare not in needed:
                needed.append(bare)
    return third_party, [projects[name][0] for name in needed]


def main(workspace: Path, service: str, output: Path) -> None:
    """Write what :func:`select` finds."""
    third_party, folders = select(workspace, service)
    output.mkdir(parents=True)
    (output / "requirements.txt").write_text("".join(f"{line}\n" for line in sorted(third_party)))
    for folder in folders:
        shutil.copytree(folder, output / "packages" / folder.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
