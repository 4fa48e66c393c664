"""Which files are generated, whether they are stale, and the released baseline they must stay compatible with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from csi_schemas.compatibility import breakages
from csi_schemas.generate import asyncapi, json_schema

if TYPE_CHECKING:
    from csi_schemas.compatibility import Breakage

DISTRIBUTION = Path(__file__).parents[3]
"""``schemas/`` of the checkout."""
RELEASED = Path("released", "v1")
ONLY_WE_READ = frozenset({"signature.v1"})
"""Documents that others write and csiflow reads: they may come to allow more."""


def expected() -> dict[Path, str]:
    """Content of every generated file, by its path below ``schemas/``."""
    files = {
        Path("json", json_schema.file_name(name)): json_schema.rendered(document)
        for name, document in json_schema.documents().items()
    }
    files[Path("asyncapi.yaml")] = asyncapi.rendered()
    return files


def stale(root: Path) -> list[str]:
    """What differs between the files below ``root`` and what would be generated now; empty when nothing does."""
    files = expected()
    complaints = []
    for path, content in files.items():
        target = root / path
        if not target.is_file():
            complaints.append(f"{path} is missing")
        elif target.read_text(encoding="utf-8") != content:
            complaints.append(f"{path} is stale")
    present = {path.relative_to(root) for path in (root / "json").glob("*")}
    complaints += [f"{path} is no longer generated" for path in sorted(present - files.keys())]
    return complaints


def write(root: Path) -> list[Path]:
    """Write every generated file below ``root``, remove those no longer generated, and return what was written."""
    files = expected()
    for path in (root / "json").glob("*"):
        if path.relative_to(root) not in files:
            path.unlink()
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    return list(files)


def incompatible(root: Path) -> list[Breakage | str]:
    """How the schemas of now break the released baseline below ``root``; empty when they do not."""
    current = json_schema.documents()
    found: list[Breakage | str] = []
    for path in sorted((root / RELEASED).glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        if name in current:
            released = json.loads(path.read_text(encoding="utf-8"))
            found += breakages(name, released, current[name], only_we_read=name in ONLY_WE_READ)
        else:
            found.append(f"{name}: the schema is gone")
    return found


def release(root: Path) -> list[Path]:
    """Make the schemas of now the baseline; the caller has checked that they are compatible with the last one."""
    written = []
    for name, document in json_schema.documents().items():
        path = RELEASED / json_schema.file_name(name)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json_schema.rendered(document), encoding="utf-8")
        written.append(path)
    return written
