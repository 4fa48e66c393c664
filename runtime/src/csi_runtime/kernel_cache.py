"""What a compiled numba kernel is cached under.

numba keys a cached kernel by the text of the file it is defined in, so a kernel that calls one of another file keeps
running that other file's old code after an edit. Keyed by the texts of all files that it may need, it does not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def source_digest(folder: Path, files: str = "**/*.py") -> bytes:
    """SHA-256 over the names and texts of the files of ``folder`` that match the pattern, in name order."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob(files)):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.digest()


def cache_under(compiled: Any, digest: bytes) -> None:
    """Key what numba compiles of this dispatcher by ``digest`` in place of the text of its own file.

    numba offers no public way to do so; the tests of each package's ``_compile`` watch this seam.
    """
    compiled._cache._cache_file._source_stamp = digest  # noqa: SLF001


def cached_under(compiled: Any) -> bytes:
    """Return what this dispatcher's compiled code is keyed by."""
    return bytes(compiled._cache._cache_file._source_stamp)  # noqa: SLF001
