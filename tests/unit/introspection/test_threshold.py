"""Thresholds suggested from takes, and what cannot be told apart."""

from __future__ import annotations

import pytest
from csi_introspection.capture import Take, make_signature
from csi_introspection.threshold import DEFAULT_THRESHOLD, confusions, fewest_mistakes, suggest
from csi_schemas.signature import Signature
from hypothesis import given
from hypothesis import strategies as st
from unit.introspection.takes import take

SCORES = st.lists(st.floats(0, 1).map(lambda x: round(x, 3)), min_size=1, max_size=8)


def signature(made: Take, identity: str, label: str, *, threshold: float = 0.78, rest: bool = False) -> Signature:
    """Return a take's signature."""
    return make_signature(
        made,
        identity=identity,
        label=label,
        captured_at="2026-01-01T00:00:00Z",
        provenance="synthetic",
        threshold=threshold,
        rest=rest,
    )


@given(SCORES, SCORES)
def test_no_threshold_makes_fewer_mistakes(right: list[float], wrong: list[float]) -> None:
    """Against every threshold on a fine grid, by counting; and it parts what can be parted."""

    def mistakes(threshold: float) -> float:
        missed = sum(score < threshold for score in right) / len(right)
        return missed + sum(score >= threshold for score in wrong) / len(wrong)

    best = fewest_mistakes(right, wrong)
    assert mistakes(best) <= min(mistakes(k / 2000) for k in range(1, 2001)) + 1e-9
    if min(right) > max(wrong):
        assert max(wrong) < best <= min(right)


def test_the_middle_of_the_gap() -> None:
    """Where takes and the rest part, half-way between the lowest and the highest."""
    assert fewest_mistakes([0.8, 0.9], [0.1, 0.4]) == pytest.approx(0.6)


def test_several_takes_and_another_label() -> None:
    """Between the other takes' scores and the other label's; a held-out take of each falls on its side."""
    walks = [take("walk", seed) for seed in range(3)]
    door = signature(take("door", 10), "door", "Door")
    said = suggest(walks[0], walks[1:], [door], "Walk", rest=False)
    assert said.measured
    assert not said.overlap
    assert len(said.same) == 2
    assert set(said.others) == {"door"}
    assert max(said.others["door"], *said.quiet) < said.threshold < min(said.same)
    assert "2 other takes of this label" in said.basis
    assert "1 signature of other labels" in said.basis
    unseen = suggest(walks[0], [take("walk", 30)], [signature(take("door", 31), "d", "Door")], "Walk", rest=False)
    assert unseen.same[0] > said.threshold > unseen.others["d"]


def test_takes_alone_give_the_lowest_of_their_scores() -> None:
    """Without another label quiet is no measure of a wrong motion."""
    walks = [take("walk", seed) for seed in range(3)]
    said = suggest(walks[0], walks[1:], [], "Walk", rest=False)
    assert said.threshold <= min(said.same) < said.threshold + 0.02
    assert "no signature of another label" in said.basis


def test_earlier_captures_of_the_label_count_as_takes() -> None:
    """A signature of the same label in the folder is another take; one of another version is not compared."""
    first = take("walk", 1)
    earlier = signature(take("walk", 2), "earlier", "Walk")
    said = suggest(first, [], [earlier], "Walk", rest=False)
    assert len(said.same) == 1
    assert said.measured
    earlier.feature_version = 99
    assert not suggest(first, [], [earlier], "Walk", rest=False).measured


def test_one_take_alone_gets_the_default_and_says_so() -> None:
    """Nothing to compare with: ADR-099's figure, and what to do about it."""
    said = suggest(take("walk", 3), [], [], "Walk", rest=False)
    assert (said.threshold, said.measured) == (DEFAULT_THRESHOLD, False)
    assert "default" in said.basis
    assert "--takes" in said.basis


def test_one_take_that_looks_like_another_label_is_kept_above_it() -> None:
    """The default would promote the other label's motion: the threshold goes above its score."""
    other = signature(take("walk", 4), "other", "Other")
    said = suggest(take("walk", 5), [], [other], "Walk", rest=False)
    assert said.others["other"] > DEFAULT_THRESHOLD
    assert said.threshold > said.others["other"]


def test_a_rest_has_the_default() -> None:
    """A room at rest is scored by another measure: no comparison is made up."""
    said = suggest(take("nothing", 6), [take("nothing", 7)], [], "Idle", rest=True)
    assert (said.threshold, said.measured, said.same) == (DEFAULT_THRESHOLD, False, [])
    assert "a room at rest" in said.basis


def test_a_motion_captured_twice_under_two_labels_is_named() -> None:
    """The same walk as "Walk" and "Intruder": the pair, with its score; the door is not named."""
    known = [signature(take("walk", 8), "walk", "Walk"), signature(take("door", 9), "door", "Door")]
    made = take("walk", 10)
    (pair,) = confusions([(signature(made, "intruder", "Intruder"), made)], known)
    assert (pair.first, pair.second) == ("intruder", "walk")
    assert pair.score > 0.78
    assert confusions([(signature(made, "again", "Walk"), made)], known) == []


def test_takes_that_are_not_alike_are_said_to_overlap() -> None:
    """A "label" whose takes are a walk and a door, beside another walk: no threshold parts them."""
    said = suggest(take("walk", 11), [take("door", 12)], [signature(take("walk", 13), "w", "W")], "Mixed", rest=False)
    assert said.overlap
    assert "no threshold parts them all" in said.basis
