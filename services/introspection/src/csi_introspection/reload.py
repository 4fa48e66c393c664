"""The signature folder as it is now: files that were added, changed or removed count without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from csi_runtime.documents import Documents, looking
from csi_runtime.metrics import (
    INTROSPECTION_LIBRARY_RELOADS,
    INTROSPECTION_SIGNATURE_PROBLEMS,
    INTROSPECTION_SIGNATURES,
)

from csi_introspection.library import PATTERN, Problem, Report, read

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from csi_schemas.signature import Signature

log = structlog.get_logger(__name__)


class Folder:
    """A signature folder, read again only when it changed (see :class:`csi_runtime.documents.Documents`)."""

    def __init__(self, directory: Path) -> None:
        """Watch this folder; nothing is read yet."""
        self.directory = directory
        self._documents: Documents[Signature, Problem] = Documents(directory, PATTERN, read)

    def look(self) -> Report | None:
        """Look at the folder; returns what it holds when that differs from the last time, else ``None``.

        Raises:
            NotADirectoryError: there is no such folder; what was known stays known.
            OSError: it cannot be listed; the same.
        """
        if not self.directory.is_dir():
            raise NotADirectoryError(f"{self.directory} is not a folder of signature files")
        if not self._documents.look():
            return None
        report = Report()
        for name, file in self._documents.files.items():
            report.problems += file.problems
            if file.good is not None:
                report.add(name, file.good)
        return report


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

    def watching(self) -> AbstractContextManager[None]:
        """Look at the folder again and again while the context is open."""
        return looking(self.look, self._interval_s, "signature-library")

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
