"""The signature folder as it is now: files that were added, changed or removed count without a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog
from csi_runtime.metrics import (
    INTROSPECTION_LIBRARY_RELOADS,
    INTROSPECTION_SIGNATURE_PROBLEMS,
    INTROSPECTION_SIGNATURES,
)

from csi_introspection.library import PATTERN, Problem, Report, read

if TYPE_CHECKING:
    from csi_schemas.signature import Signature

log = structlog.get_logger(__name__)


class Stamp(NamedTuple):
    """What changes when a file does."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int


@dataclass(slots=True)
class File:
    """One file of the folder."""

    stamp: Stamp | None
    """As it was read last; ``None`` when it could not even be looked at."""
    good: Signature | None = None
    """Its last good version."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with it now, once it has stayed so."""
    doubted: bool = False
    """It was broken when it was read last, perhaps because somebody was still writing it: it is read once more."""


class Folder:
    """The files of a signature folder and what is known of them; reads only what changed.

    A broken file keeps its last good version in use. It counts as broken when a second look finds it unchanged: until
    then somebody may be writing it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[str, File] = {}
        self._looked = False

    def look(self) -> Report | None:
        """Look at the folder; returns what it holds when that differs from the last time, else ``None``.

        Raises:
            NotADirectoryError: there is no such folder; what was known stays known.
        """
        if not self.directory.is_dir():
            raise NotADirectoryError(f"{self.directory} is not a folder of signature files")
        paths = {path.name: path for path in sorted(self.directory.glob(PATTERN))}
        changed = not self._looked or not self._files.keys() <= paths.keys()
        files = {}
        for name, path in paths.items():
            files[name], differs = self._look_at(path)
            changed = changed or differs
        self._files, self._looked = files, True
        return self._report() if changed else None

    def _look_at(self, path: Path) -> tuple[File, bool]:
        """Return a file's newest state, and whether anybody but us needs to know."""
        known = self._files.get(path.name)
        stamp = _stamp(path)
        if known is not None and known.stamp == stamp and not known.doubted:
            return known, False
        signature, problems = read(path)
        if signature is not None:
            return File(stamp, signature), True
        good = None if known is None else known.good
        settled = not self._looked or (known is not None and known.stamp == stamp)
        if settled:
            return File(stamp, good, problems), True
        standing = [] if known is None else known.problems
        return File(stamp, good, standing, doubted=True), False

    def _report(self) -> Report:
        report = Report()
        for name, file in self._files.items():
            report.problems += file.problems
            if file.good is not None:
                report.add(name, file.good)
        return report


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


class LibraryWatcher:
    """Keeps ``signatures`` what the folder holds: a thread looks every ``interval_s`` seconds.

    The thread reads files, so that neither a slow disk nor a large file holds up a frame; everybody else only ever
    sees one whole library or the next.
    """

    def __init__(self, folder: Path, interval_s: float) -> None:
        self.signatures: tuple[Signature, ...] = ()
        """The library; another tuple whenever it changed."""
        self._folder = Folder(folder)
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._lost = False
        self._told: list[Problem] = []

    def load(self) -> None:
        """Read the folder for the first time.

        Raises:
            NotADirectoryError: there is no such folder.
        """
        report = self._folder.look()
        self._adopt(report or Report())
        log.info("signatures loaded", folder=str(self._folder.directory), ids=[s.id for s in self.signatures])

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at the folder again and again while the context is open."""
        thread = threading.Thread(target=self._run, name="signature-library", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def look(self) -> None:
        """Look once, and take up what changed."""
        try:
            report = self._folder.look()
        except OSError as error:  # the folder is gone, or its disk: the library stays as it was
            if not self._lost:
                log.error(  # noqa: TRY400 - the trace says nothing
                    "the signature folder cannot be read; the signatures in use stay until it can", reason=str(error)
                )
            self._lost = True
            return
        if self._lost:
            log.info("the signature folder can be read again", folder=str(self._folder.directory))
        self._lost = False
        if report is not None:
            before = {signature.id: signature for signature in self.signatures}
            self._adopt(report)
            INTROSPECTION_LIBRARY_RELOADS.inc()
            after = {signature.id: signature for signature in self.signatures}
            log.info(
                "signatures reloaded",
                added=sorted(after.keys() - before.keys()),
                changed=sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
                removed=sorted(before.keys() - after.keys()),
            )

    def _adopt(self, report: Report) -> None:
        kept = {problem.file for problem in report.problems} & set(report.files)
        for problem in report.problems:
            if problem in self._told:
                continue
            log.warning(
                "a signature file is broken; its last good version stays in use"
                if problem.file in kept
                else "a signature is left out",
                file=problem.file,
                field=problem.field,
                reason=problem.message,
                remedy=problem.remedy,
            )
        self._told = report.problems
        self.signatures = tuple(report.signatures)
        INTROSPECTION_SIGNATURES.set(len(report.signatures))
        INTROSPECTION_SIGNATURE_PROBLEMS.set(len({problem.file for problem in report.problems}))

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.look()
