"""Folders of documents that people and programs change while services run, and files written whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

Document = TypeVar("Document")
Problem = TypeVar("Problem")


class Stamp(NamedTuple):
    """What changes when a file does."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """Return a file's stamp, or ``None`` when it cannot be looked at."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


@dataclass(slots=True)
class File(Generic[Document, Problem]):
    """One file of the folder."""

    stamp: Stamp | None
    """As it was read last; ``None`` when it could not even be looked at."""
    good: Document | None = None
    """Its last good version."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with it now, once it has stayed so."""
    doubted: bool = False
    """It was broken when it was read last, perhaps because somebody was still writing it: it is read once more."""


class Documents(Generic[Document, Problem]):
    """The documents of a folder and what is known of them; reads only what changed.

    A broken file keeps its last good version in use. It counts as broken when a second look finds it unchanged: until
    then somebody may be writing it.
    """

    def __init__(
        self, directory: Path, pattern: str, read: Callable[[Path], tuple[Document | None, list[Problem]]]
    ) -> None:
        """Look for files of this pattern; ``read`` returns a document, or at least one problem."""
        self.directory = directory
        self.files: dict[str, File[Document, Problem]] = {}
        """By name, in order of names."""
        self._pattern = pattern
        self._read = read
        self._looked = False

    def look(self) -> bool:
        """Look at the folder; returns whether anything is other than it was. The first look always finds that.

        Raises:
            OSError: the folder cannot be listed; what was known stays known.
        """
        paths = {path.name: path for path in sorted(self.directory.iterdir()) if fnmatchcase(path.name, self._pattern)}
        changed = not self._looked or not self.files.keys() <= paths.keys()
        files = {}
        for name, path in paths.items():
            files[name], differs = self._look_at(path)
            changed = changed or differs
        self.files, self._looked = files, True
        return changed

    def _look_at(self, path: Path) -> tuple[File[Document, Problem], bool]:
        """Return a file's newest state, and whether anybody but us needs to know."""
        known = self.files.get(path.name)
        stamp = Stamp.of(path)
        if known is not None and known.stamp == stamp and not known.doubted:
            return known, False
        document, problems = self._read(path)
        if document is not None:
            return File(stamp, document), True
        good = None if known is None else known.good
        settled = not self._looked or (known is not None and known.stamp == stamp)
        if settled:
            return File(stamp, good, problems), True
        standing = [] if known is None else known.problems
        return File(stamp, good, standing, doubted=True), False


@contextmanager
def looking(look: Callable[[], object], interval_s: float, name: str) -> Iterator[None]:
    """Call ``look`` every ``interval_s`` seconds in a thread of this name while the context is open.

    Files are read there, so that neither a slow disk nor a large file holds up a frame.
    """
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(interval_s):
            look()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def write_whole(path: Path, content: bytes, *, replace: bool = False, mode: int = 0o666) -> None:
    """Write a file whole or not at all; readers of its folder never see a part of it.

    Args:
        path: the file; its folder is there.
        content: what it is to hold.
        replace: write it although it exists.
        mode: permissions, less the umask.

    Raises:
        FileExistsError: the file exists and ``replace`` is false.
        OSError: it cannot be written.
    """
    # a name that no pattern of documents takes
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)  # of a process of this number that was killed while it wrote
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not replace:
            raise FileExistsError(f"{path} exists")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
