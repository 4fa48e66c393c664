"""What a recording's labels mean: quiet, motion, or neither."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUIET, MOTION, NEITHER = 0, 1, 2
"""Truth of a frame."""

QUIET_WORDS = frozenset(
    {
        "absent", "background", "baseline", "breathing", "control", "empty", "empty_room", "idle", "idle_room", "lying",
        "no_activity", "no_motion", "nobody", "none", "quiet", "rest", "resting", "room", "seated", "sitting",
        "sleeping", "standing", "static", "still",
    }
)  # fmt: skip
"""Label names that mean nothing moves, where neither a manifest nor an option says so."""
NEITHER_WORDS = frozenset({"", "mixed", "mixed_activity", "other", "settling", "transition", "unknown", "unlabelled"})
"""Label names that are not judged; every other name is motion."""
_SUFFIX = re.compile(r"_(rx|tx)$")


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a user says about label names; it goes before a manifest, which goes before the words above."""

    quiet: frozenset[str] = frozenset()
    motion: frozenset[str] = frozenset()

    def meaning(self, name: str, entry: Mapping[str, Any] | None) -> int:
        """Return QUIET, MOTION or NEITHER for one label name.

        Args:
            name: as the recording has it.
            entry: the manifest's entry on the recording, if there is one.
        """
        plain = plain_label(name)
        for meaning, chosen in ((QUIET, self.quiet), (MOTION, self.motion)):
            if plain in chosen or normal(name) in chosen:
                return meaning
        if entry is not None and ("quiet_labels" in entry or "motion_labels" in entry):
            if name in _names(entry, "quiet_labels"):
                return QUIET
            return MOTION if name in _names(entry, "motion_labels") else NEITHER
        if plain in QUIET_WORDS:
            return QUIET
        return NEITHER if plain in NEITHER_WORDS else MOTION


def _names(entry: Mapping[str, Any], field: str) -> Collection[str]:
    names = entry.get(field) or ()
    return [str(name) for name in names] if isinstance(names, list | tuple) else ()


def normal(name: str) -> str:
    """Return a label in the form in which labels are compared: lower case, words joined by underscores."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def plain_label(name: str) -> str:
    """Return the normal form without the side an action was done on (``_rx``, ``_tx``)."""
    return _SUFFIX.sub("", normal(name))


def answers_to(signature_label: str, name: str) -> bool:
    """Whether a signature with this label is right about frames labelled ``name``.

    Names are compared without regard to case, spaces, hyphens and underscores; a signature that names no side (``_rx``,
    ``_tx``) fits both; one that ends in ``*`` fits every name that begins so.
    """
    wanted = normal(signature_label)
    if wanted.endswith("*"):
        return normal(name).startswith(wanted[:-1])
    return wanted in (normal(name), plain_label(name))


def runs(values: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Return (first, stop) of every stretch of equal values, in order."""
    if not len(values):
        return []
    edges = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return list(pairwise(edges))
