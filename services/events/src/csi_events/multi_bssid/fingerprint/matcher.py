"""The stage: which learnt state of the room a node's levels resemble now, or why none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.multi_bssid.fingerprint.alignment import Alignment, align
from csi_events.multi_bssid.fingerprint.levels import LevelState, follow, vector
from csi_events.multi_bssid.fingerprint.model import Model, prepare
from csi_events.multi_bssid.slots import SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.fingerprint.document import Fingerprints
    from csi_events.multi_bssid.scan import Scan

MATCH_S = 0.25
"""Time between two matches, s."""
ALIGN_S = 5.0
"""Time between two looks for the documents' access points, s."""
SETTLE_S = 3.0
"""Levels of a node that was just heard are not matched before this, s."""
AGREEING = 2
"""Matches in a row that must agree."""
NOTHING_LEARNT = "no fingerprints of this node: csiflow fingerprint learn"


class Match(NamedTuple):
    """What the room resembles."""

    posture: str | None
    """Name of the state; ``None`` is "don't know"."""
    document: str | None
    """Id of its fingerprints."""
    credibility: float
    """0-1: conformal p-value of the state."""
    reason: str | None
    """Why there is no state."""


UNKNOWN = Match(None, None, 0.0, NOTHING_LEARNT)


@dataclass(slots=True)
class _Known:
    """A document and what it is on the node's slots now."""

    document: Fingerprints
    alignment: Alignment | None = None
    model: Model | None = None
    columns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """(2 k,): places of the model's numbers in a vector."""

    def align(self, scan: Scan, levels: LevelState) -> None:
        found = align(self.document, scan, np.where(levels.readings > 0, levels.level_dbm, np.inf))
        if self.alignment is not None and np.array_equal(found.columns, self.alignment.columns):
            self.alignment = found
            return
        self.alignment = found
        here = found.columns >= 0
        slots = found.columns[here]
        self.columns = np.concatenate([slots, slots + SLOTS])
        self.model = None if found.reason else prepare(self.document, here)


@dataclass(slots=True)
class Matcher:
    """State of one node's stage."""

    expiry_s: float = 30.0
    levels: LevelState = field(default_factory=LevelState)
    match: Match = UNKNOWN
    """What holds."""
    _known: list[_Known] = field(default_factory=list)
    _documents: tuple[Fingerprints, ...] = ()
    _first_s: float | None = None
    _matched_s: float = -np.inf
    _aligned_s: float = -np.inf
    _candidate: str | None = None
    _agreeing: int = 0

    def forget(self, slot: int) -> None:
        """Forget the level of a slot, and look for the access points anew."""
        self.levels.forget(slot)
        self._aligned_s = -np.inf

    def clear(self) -> None:
        """Forget all levels; documents are found again by what leaves the host, as far as they can be."""
        self.levels.clear()
        self._first_s, self._matched_s, self._aligned_s = None, -np.inf, -np.inf
        self._candidate, self._agreeing = None, 0
        self.match = UNKNOWN
        for known in self._known:
            known.alignment = known.model = None

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes: 1 KiB, and of documents 0.5 KiB a window with 32 access points."""
        models = sum(known.model.nbytes for known in self._known if known.model is not None)
        return self.levels.nbytes + models + sum(known.columns.nbytes for known in self._known)

    @property
    def found(self) -> int:
        """Access points of the documents that are compared with now."""
        return sum(len(known.columns) // 2 for known in self._known if known.model is not None)

    def observe(self, scan: Scan, fresh: NDArray[np.bool_], documents: tuple[Fingerprints, ...]) -> Match:
        """Take one scan; returns what :meth:`recognise` does of it.

        Args:
            scan: the scan.
            fresh: (32,), the readings in it that are new.
            documents: what was learnt of this node; another tuple when it changed.
        """
        follow(scan.t_s, scan.rssi_dbm, fresh, self.levels.record)
        return self.recognise(scan, documents)

    def recognise(self, scan: Scan, documents: tuple[Fingerprints, ...]) -> Match:
        """Compare levels that follow the scan already.

        0.2 us without documents; a match, four times a second, 40 us with four states of 60 windows; 20 ms a document
        when the access points are found otherwise than before, which is tried every ``ALIGN_S`` and after ``forget``.

        Args:
            scan: the scan.
            documents: as of :meth:`observe`.
        """
        levels = self.levels
        if documents is not self._documents:
            self._documents, self._known = documents, [_Known(document) for document in documents]
            self._aligned_s = self._matched_s = -np.inf
        if not documents:
            self.match = UNKNOWN
            return self.match
        if self._first_s is None or scan.t_s < self._first_s:
            self._first_s = scan.t_s
        if scan.t_s - self._first_s < SETTLE_S:
            self.match = Match(None, None, 0.0, "the levels have not settled")
            return self.match
        if not 0.0 <= scan.t_s - self._aligned_s < ALIGN_S:
            self._aligned_s = scan.t_s
            for known in self._known:
                known.align(scan, levels)
        if not 0.0 <= scan.t_s - self._matched_s < MATCH_S:
            self._matched_s = scan.t_s
            self._settle(self._judge(vector(levels, scan.t_s, self.expiry_s)))
        return self.match

    def _judge(self, now: NDArray[np.float32]) -> Match:
        """Return the most credible match of all documents."""
        said: list[Match] = []
        for known in self._known:
            name, alignment = known.document.id, known.alignment
            if known.model is None:
                reason = alignment.reason if alignment is not None else "not looked at yet"
                said.append(Match(None, name, 0.0, f"fingerprints {name} do not apply: {reason}"))
                continue
            verdict = known.model.judge(now[known.columns])
            said.append(Match(verdict.state, name, verdict.credibility, verdict.reason))
        return max(said, key=lambda match: (match.posture is not None, match.credibility))

    def _settle(self, match: Match) -> None:
        """Adopt a match that was made ``AGREEING`` times in a row."""
        self._agreeing = self._agreeing + 1 if match.posture == self._candidate else 1
        self._candidate = match.posture
        if self._agreeing >= AGREEING or (match.posture is None and self.match.posture is None):
            self.match = match
