"""What kernels are cached under changes with every file that they may need, and with nothing else."""

from __future__ import annotations

from pathlib import Path

from csi_runtime.kernel_cache import source_digest


def test_the_digest_knows_names_and_texts(tmp_path: Path) -> None:
    """Renaming, editing or moving a file gives another digest."""
    (tmp_path / "a.py").write_text("x = 1")
    digests = [source_digest(tmp_path)]
    (tmp_path / "a.py").write_text("x = 2")
    digests.append(source_digest(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    digests.append(source_digest(tmp_path))
    (tmp_path / "below").mkdir()
    (tmp_path / "b.py").rename(tmp_path / "below" / "b.py")
    digests.append(source_digest(tmp_path))
    assert len(set(digests)) == 4


def test_files_outside_the_pattern_do_not_count(tmp_path: Path) -> None:
    """A folder's file changes nothing where only the files beside it are asked for; nor does what is no Python."""
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "below").mkdir()
    beside, all_of_it = source_digest(tmp_path, "*.py"), source_digest(tmp_path)
    (tmp_path / "below" / "b.py").write_text("y = 1")
    (tmp_path / "notes.txt").write_text("z")
    assert source_digest(tmp_path, "*.py") == beside
    assert source_digest(tmp_path) != all_of_it
