"""What a snapshot says of a stream's result."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from csi_introspection.frame import AGE, MOVING, ONSET, REGIME, SCORE
from csi_introspection.offline import analyse
from csi_introspection.reference import channel, record, references, sample, walk
from csi_introspection.regime import NAMES
from csi_introspection.snapshot import SnapshotWriter, encode
from csi_introspection.stream import FrameStream
from csi_schemas.common import Origin
from csi_schemas.introspection import IntrospectionSnapshot, Similarity
from unit.introspection.rooms import feed

CALM = 75 * 30


@pytest.fixture(scope="module")
def snapshots() -> list[IntrospectionSnapshot]:
    """Snapshots of a walk that turns back after two thirds of a second, 75 s after the start."""
    track = np.concatenate([np.repeat(walk(1), CALM, axis=0), walk(20), np.repeat(walk(1), 200, axis=0)])
    iq = sample(channel(track, 0.5, len(track)), np.random.default_rng(10))
    return analyse(iq.reshape(len(iq), 1, 64, 2), references())


def walks(snapshots: list[IntrospectionSnapshot]) -> list[Similarity]:
    """Return what each snapshot says of the walk, from the first that says something."""
    return [m for s in snapshots for m in s.top_k_similarity if m.signature_id == "walking_slow"]


def test_a_match_has_a_state_a_label_and_a_p_value(snapshots: list[IntrospectionSnapshot]) -> None:
    """None, emerging, retracted on one frame, none; above the threshold while emerging; null p in the first minute."""
    said = walks(snapshots)
    states = [match.state for match in said]
    first, last = states.index("emerging"), states.index("retracted")
    assert states == [None] * first + ["emerging"] * (last - first) + ["retracted"] + [None] * (len(said) - last - 1)
    assert all(match.above_threshold == (match.state == "emerging") for match in said)
    assert {match.label for match in said} == {"Walking, slow pace"}
    known = [match.p_value for match in said if match.p_value is not None]
    assert said[1000].p_value is None
    assert len(known) == sum(not snapshot.calibrating for snapshot in snapshots)
    assert all(0.0 <= p <= 1.0 for p in known)
    emerged = said[first].p_value
    assert emerged is not None
    assert emerged < 1e-5


def test_a_rest_has_no_p_value(snapshots: list[IntrospectionSnapshot]) -> None:
    """It is not promoted by evidence."""
    rests = [m for s in snapshots for m in s.top_k_similarity if m.signature_id == "idle_room"]
    assert {match.p_value for match in rests} == {None}
    assert {match.state for match in rests} == {None, "confirmed"}


def test_onset_and_motion(snapshots: list[IntrospectionSnapshot]) -> None:
    """One onset; motion until some time after the last change; its score is about 0 before, above 1 in it."""
    (onset,) = [number for number, snapshot in enumerate(snapshots) if snapshot.onset]
    moving = [number for number, snapshot in enumerate(snapshots) if snapshot.moving]
    assert moving == list(range(onset, onset + len(moving)))
    assert len(moving) < 120
    assert abs(np.mean([s.motion_score for s in snapshots[300:CALM]])) < 0.5
    assert max(s.motion_score for s in snapshots[onset : onset + 10]) > 1.0


def test_every_field_is_the_results() -> None:
    """The writer copies the newest result and names, nothing else; the answer is one object, rewritten."""
    stream = FrameStream(1, 64, references())
    writer = SnapshotWriter("n", "1x64@6", "synthetic", "test")
    first = writer.update(stream, 1, 2, Origin("t", 0, 3))
    assert (first.regime, first.calibrating, first.top_k_similarity) == ("unknown", True, [])
    for row in record(walk(64), 0.5, 3, quiet_frames=300):
        feed(stream, row[None])
        result = stream.result
        said = writer.update(stream, 5, 6, Origin("t", 1, 7))
        assert said is first
        assert (said.timestamp_ns, said.sequence, said.origin, said.frame_count) == (
            5, 6, Origin("t", 1, 7), stream.frame_count,
        )  # fmt: skip
        assert said.regime == NAMES[int(result[REGIME])]
        assert (said.onset, said.moving) == (bool(result[ONSET]), bool(result[MOVING]))
        assert (said.motion_score, said.attractor_age) == (result[SCORE], result[AGE])
    assert said.attractor_age > 0


def test_json_reads_back(snapshots: list[IntrospectionSnapshot]) -> None:
    """Every snapshot is JSON without nan, and reads back as it was."""
    for snapshot in snapshots[::50] + snapshots[CALM : CALM + 100]:
        text = encode(snapshot)
        assert b"NaN" not in text
        assert msgspec.json.decode(text, type=IntrospectionSnapshot) == snapshot
