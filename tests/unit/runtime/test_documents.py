"""Folders that services watch, and files that are written whole."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from csi_runtime.documents import Documents, looking, write_whole


def read(path: Path) -> tuple[str | None, list[str]]:
    """A document is text that begins with a letter."""
    text = path.read_text()
    return (text, []) if text[:1].isalpha() else (None, [f"{path.name}: {text!r}"])


def good(documents: Documents[str, str]) -> dict[str, str | None]:
    """Return what is in use."""
    return {name: file.good for name, file in documents.files.items()}


def test_only_what_matches_and_changed_is_read(tmp_path: Path) -> None:
    """Files of another pattern are nobody's; a look at an unchanged folder reads nothing."""
    seen: list[str] = []

    def noted(path: Path) -> tuple[str | None, list[str]]:
        seen.append(path.name)
        return read(path)

    documents = Documents(tmp_path, "*.txt", noted)
    for name in ("b.txt", "a.txt", ".a.txt.1.part", "c.md"):
        (tmp_path / name).write_text(name.strip("."))
    assert documents.look()
    assert not documents.look()
    assert good(documents) == {"a.txt": "a.txt", "b.txt": "b.txt"}
    (tmp_path / "b.txt").write_text("other")
    assert documents.look()
    assert seen == ["a.txt", "b.txt", "b.txt"]


def test_a_folder_that_is_gone_raises_and_loses_nothing(tmp_path: Path) -> None:
    """What was known is known still; the first look at an empty folder says that it looked."""
    folder = tmp_path / "documents"
    documents = Documents(folder, "*", read)
    with pytest.raises(FileNotFoundError):
        documents.look()
    folder.mkdir()
    assert documents.look()
    assert not documents.look()
    (folder / "a").write_text("a")
    assert documents.look()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        documents.look()
    assert good(documents) == {"a": "a"}


def test_looking_ends_with_its_context() -> None:
    """It looks again and again, and never after the context is closed."""
    looks: list[int] = []
    ready = threading.Event()

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            ready.set()

    with looking(look, 0.001, "test"):
        assert ready.wait(30)
    after = len(looks)
    assert looks == list(range(after))


def test_a_file_has_the_mode_asked_for_from_its_first_byte(tmp_path: Path) -> None:
    """What holds a secret is never readable by others; a part left by a process that was killed is no obstacle."""
    path = tmp_path / "run.json"
    (tmp_path / f".run.json.{os.getpid()}.part").write_text("half")
    write_whole(path, b"secret", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]
    with pytest.raises(FileExistsError, match="exists"):
        write_whole(path, b"other")
    assert path.read_bytes() == b"secret"
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]
