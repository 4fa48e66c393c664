"""A folder of fingerprints: files that were added, changed or removed count without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from csi_runtime.documents import Documents, looking

from csi_events.multi_bssid.fingerprint.document import SUFFIX, Fingerprints, Problem, read

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

log = structlog.get_logger(__name__)

POLL_S = 1.0


class Library:
    """The documents of a folder; a folder that is not there, or not yet, is an empty one.

    One thread looks (see :meth:`watching`); everybody else only ever sees all of what was found, or all of what was
    found before.
    """

    def __init__(self, folder: Path) -> None:
        """Know nothing yet."""
        self.problems: list[Problem] = []
        """What is wrong with files, in order of their names."""
        self._folder = folder
        self._documents: Documents[Fingerprints, Problem] = Documents(folder, "*" + SUFFIX, read)
        self._by_node: dict[str, tuple[Fingerprints, ...]] = {}
        self._reason: str | None = None

    def of(self, node_id: str) -> tuple[Fingerprints, ...]:
        """Return the documents of a node: the same tuple until one of them changed."""
        return self._by_node.get(node_id, ())

    def watching(self) -> AbstractContextManager[None]:
        """Look at the folder again and again while the context is open."""
        return looking(self.look, POLL_S, "fingerprints")

    def look(self) -> bool:
        """Look at the folder now, and read what changed; returns whether anything did."""
        try:
            changed = self._documents.look()
        except FileNotFoundError:
            changed = bool(self._documents.files)
            self._documents.files.clear()
        except OSError as error:  # what was read stays in use
            if str(error) != self._reason:
                log.warning("the folder of fingerprints cannot be read", folder=str(self._folder), reason=str(error))
            self._reason = str(error)
            return False
        self._reason = None
        if changed:
            self._take_up()
        return changed

    def _take_up(self) -> None:
        files = self._documents.files.values()
        problems = [problem for file in files for problem in file.problems]
        for problem in problems:
            if problem not in self.problems:
                log.warning("fingerprints are broken", file=problem.file, reason=problem.message, remedy=problem.remedy)
        self.problems = problems
        documents = [file.good for file in files if file.good is not None]
        grouped: dict[str, list[Fingerprints]] = {}
        for document in documents:
            grouped.setdefault(document.node_id, []).append(document)
        # an unchanged node keeps its tuple: matchers take another one for new documents
        self._by_node = {node: _kept(self.of(node), tuple(found)) for node, found in grouped.items()}
        log.info("fingerprints loaded", folder=str(self._folder), ids=[document.id for document in documents])


def _kept(before: tuple[Fingerprints, ...], now: tuple[Fingerprints, ...]) -> tuple[Fingerprints, ...]:
    """Return ``before`` if it holds the very documents that ``now`` does."""
    same = len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))
    return before if same else now
