"""Signatures of some takes tested on others: who learns and who is tested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from csi_introspection.shapes import Example, LabelledExample
from csi_schemas.signature import FeatureKind

from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.takes import LabelledTake, sources_of

Evidence: TypeAlias = Mapping[FeatureKind, Mapping[str, float]]
"""Evidence for each label, by kind of feature."""
Recogniser: TypeAlias = Callable[[Sequence[LabelledExample], Example, Sequence[int]], list[Evidence]]
"""Learns from labelled motions; returns the evidence in another, of all of it and of its first so many frames."""

ONE_TAKE, LEAVE_ONE_OUT, EVERY_PAIR = "one_take", "leave_one_out", "every_pair"
"""Names of the schemes; the folds of the first are some of the last one's."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What is learnt from, and what is tested."""

    train: tuple[LabelledTake, ...]
    test: tuple[LabelledTake, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """One take that was tested, and the evidence found in it."""

    recording: str
    number: int
    label: str
    whole: Evidence
    seen: Mapping[int, Evidence]
    """After so many frames of the action, of takes that say where it begins."""


@dataclass(frozen=True, slots=True)
class FoldEvidence:
    """All that a fold found, before kinds of features are chosen."""

    learnt: tuple[str, ...]
    """Sources learnt from."""
    tested: tuple[str, ...]
    takes: tuple[Answered, ...]

    def without(self, source: str) -> bool:
        """Whether nothing of ``source`` is in it."""
        return source not in self.learnt and source not in self.tested


def teachers(takes: Sequence[LabelledTake]) -> dict[str, list[str]]:
    """Return, for each source by name, the other ones that have every label, from the next by name round and round.

    Raises:
        EvaluationError: fewer than two sources, or none that has every label and is not the one tested.
    """
    sources = _by_source(takes)
    labels = {take.label for take in takes}
    names = list(sources)
    whole = [name for name in names if {take.label for take in sources[name]} == labels]
    found = {}
    for number, name in enumerate(names):
        following = names[number + 1 :] + names[:number]
        found[name] = [other for other in following if other in whole]
        if not found[name]:
            raise EvaluationError(
                f"no take but {name} has every label ({', '.join(sorted(labels))}); --labels chooses fewer, --take "
                "says what in a file's name is its take"
            )
    return found


def every_pair_folds(takes: Sequence[LabelledTake]) -> list[Fold]:
    """Signatures of one source that has every label, each tested on each other source.

    Every take is tested many times: their counts choose, and are not independent.

    Raises:
        EvaluationError: as ``teachers``.
    """
    sources = _by_source(takes)
    return [
        Fold(tuple(sources[teacher]), tuple(sources[name]))
        for name, others in teachers(takes).items()
        for teacher in others
    ]


def one_take_folds(takes: Sequence[LabelledTake]) -> list[Fold]:
    """Signatures of one source, each tested on one other: every take is tested once, so that counts are independent.

    Raises:
        EvaluationError: as ``teachers``.
    """
    sources = _by_source(takes)
    return [Fold(tuple(sources[others[0]]), tuple(sources[name])) for name, others in teachers(takes).items()]


def of_one_take(pairs: Sequence[FoldEvidence]) -> list[FoldEvidence]:
    """Return the folds of ``one_take_folds`` among those of ``every_pair_folds``: of each source tested the first."""
    first: dict[tuple[str, ...], FoldEvidence] = {}
    for fold in pairs:
        first.setdefault(fold.tested, fold)
    return list(first.values())


def leave_one_out_folds(takes: Sequence[LabelledTake]) -> list[Fold]:
    """Signatures of all sources but one, tested on that one.

    Raises:
        EvaluationError: fewer than two sources.
    """
    sources = _by_source(takes)
    return [
        Fold(tuple(take for other, own in sources.items() if other != name for take in own), tuple(tested))
        for name, tested in sources.items()
    ]


def _by_source(takes: Sequence[LabelledTake]) -> dict[str, list[LabelledTake]]:
    sources: dict[str, list[LabelledTake]] = {}
    for take in sorted(takes, key=lambda each: (each.source, each.recording, each.number)):
        sources.setdefault(take.source, []).append(take)
    if len(sources) < 2:
        found = ", ".join(sources) or "none"
        raise EvaluationError(
            f"shapes need two takes or more, found {found}; --take says what in a file's name is its take"
        )
    return sources


def run_fold(fold: Fold, recognise: Recogniser, seen: Sequence[int] = ()) -> FoldEvidence:
    """Test every take of a fold."""
    train = [take.labelled for take in fold.train]
    tested = []
    for take in fold.test:
        frames = list(seen) if take.example.timed else []
        whole, *early = recognise(train, take.example, frames)
        tested.append(Answered(take.recording, take.number, take.label, whole, dict(zip(frames, early, strict=True))))
    return FoldEvidence(tuple(sources_of(fold.train)), tuple(sources_of(fold.test)), tuple(tested))


def schemes(takes: Sequence[LabelledTake]) -> Iterator[tuple[str, list[Fold]]]:
    """Yield the ways to part takes into folds, by name; ``of_one_take`` has those of one take each."""
    yield EVERY_PAIR, every_pair_folds(takes)
    yield LEAVE_ONE_OUT, leave_one_out_folds(takes)
