"""A folder of fingerprints: files that were added, changed or removed count without a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import structlog

from csi_events.multi_bssid.fingerprint.document import SUFFIX, Fingerprints, Problem, read

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(__name__)

POLL_NS = 1_000_000_000


class Stamp(NamedTuple):
    """What changes when a file does."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int


@dataclass(slots=True)
class _File:
    stamp: Stamp | None
    good: Fingerprints | None
    """Its last good version, which stays in use while the file is broken."""
    problems: list[Problem]


@dataclass(slots=True)
class Library:
    """The documents of a folder; a folder that is not there, or not yet, is an empty one."""

    folder: Path
    files: dict[str, _File] = field(default_factory=dict)
    _by_node: dict[str, tuple[Fingerprints, ...]] = field(default_factory=dict)
    _looked_ns: int | None = None

    @property
    def documents(self) -> list[Fingerprints]:
        """Everything in use, in order of file names."""
        return [file.good for file in self.files.values() if file.good is not None]

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with files, in order of their names."""
        return [problem for file in self.files.values() for problem in file.problems]

    def of(self, node_id: str) -> tuple[Fingerprints, ...]:
        """Return the documents of a node: the same tuple until one of them changed."""
        return self._by_node.get(node_id, ())

    def poll(self, now_ns: int) -> None:
        """Look at the folder if the last look is a second ago; now_ns is any clock that goes on."""
        if self._looked_ns is None or not 0 <= now_ns - self._looked_ns < POLL_NS:
            self._looked_ns = now_ns
            self.look()

    def look(self) -> bool:
        """Look at the folder now, and read what changed; returns whether anything did."""
        try:
            paths = {path.name: path for path in sorted(self.folder.glob("*" + SUFFIX))}
        except OSError as error:
            log.warning("the folder of fingerprints cannot be read", folder=str(self.folder), reason=str(error))
            return False
        files: dict[str, _File] = {}
        changed = self.files.keys() != paths.keys()
        for name, path in paths.items():
            known, stamp = self.files.get(name), _stamp(path)
            if known is not None and known.stamp == stamp:
                files[name] = known
                continue
            changed = True
            files[name] = self._read(path, stamp, known)
        self.files = files
        if changed:
            self._group()
        return changed

    @staticmethod
    def _read(path: Path, stamp: Stamp | None, known: _File | None) -> _File:
        document, problems = read(path)
        for problem in problems:
            log.warning("fingerprints are broken", file=problem.file, reason=problem.message, remedy=problem.remedy)
        if document is None and known is not None:
            return _File(stamp, known.good, problems)
        return _File(stamp, document, problems)

    def _group(self) -> None:
        grouped: dict[str, list[Fingerprints]] = {}
        for document in self.documents:
            grouped.setdefault(document.node_id, []).append(document)
        # an unchanged node keeps its tuple: matchers take another one for new documents
        self._by_node = {
            node: self._by_node[node]
            if node in self._by_node and _same(self._by_node[node], documents)
            else tuple(documents)
            for node, documents in grouped.items()
        }
        log.info("fingerprints loaded", folder=str(self.folder), ids=[document.id for document in self.documents])


def _same(before: tuple[Fingerprints, ...], now: list[Fingerprints]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
