"""Decoding a batch: what is no frame costs one record, is counted and named."""

from __future__ import annotations

import msgspec
import pytest
import structlog
from csi_schemas.frame import CsiFrame
from csi_streaming import skipped as skipped_module
from csi_streaming.frames import FrameDecoder
from csi_streaming.processor import Batch
from csi_streaming.testing import record
from prometheus_client import REGISTRY
from unit.streaming.frames import encoded, frame

POISON = [b"", None, b"{", b"\xff\xfe", b"[]", b"null", b'{"kind":"csi"}', b'{"node_id":1,"kind":"csi"}', b"{}"]


def decode(app: str, *values: bytes | None) -> list[CsiFrame]:
    """Decode values as one batch of topic ``t``, partition 3, from offset 10."""
    records = [record(value, topic="t", partition=3, offset=10 + i) for i, value in enumerate(values)]
    return [each for _, each in FrameDecoder(app).decode(Batch("t", 3, records))]


def skipped(app: str) -> float:
    """The counter of an application."""
    return REGISTRY.get_sample_value("csiflow_stream_skipped_total", {"app": app}) or 0.0


def test_frames_come_with_their_records_in_order() -> None:
    """Every frame is paired with the record that held it."""
    records = [record(encoded("1", i), offset=i) for i in range(5)]
    pairs = list(FrameDecoder("order").decode(Batch("t", 0, records)))
    assert [(r.offset, f.sequence) for r, f in pairs] == [(i, i) for i in range(5)]
    assert skipped("order") == 0


@pytest.mark.parametrize("poison", POISON)
def test_a_record_that_is_no_frame_is_skipped_and_counted(poison: bytes | None) -> None:
    """The frames around it are decoded all the same."""
    before = skipped("poison")
    assert [f.sequence for f in decode("poison", encoded("1", 0), poison, encoded("1", 1))] == [0, 1]
    assert skipped("poison") == before + 1


def test_other_kinds_are_passed_over_in_silence() -> None:
    """A kind of a later version is neither an error nor counted, with or without the fields of a CSI frame."""
    other = msgspec.json.encode({**msgspec.to_builtins(frame("1", 0)), "kind": "radar"})
    with structlog.testing.capture_logs() as logs:
        assert decode("kinds", other, b'{"kind":"bluetooth"}') == []
    assert skipped("kinds") == 0
    assert logs == []


def test_the_warning_names_the_record_and_is_rate_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of bad records is one line with the first offset; the next line says how many there were."""
    now = 0.0
    monkeypatch.setattr("csi_streaming.skipped.time.monotonic", lambda: now)
    decoder = FrameDecoder("flood")
    flood = Batch("t", 3, [record(b"{", topic="t", partition=3, offset=10 + i) for i in range(50)])
    with structlog.testing.capture_logs() as logs:
        assert list(decoder.decode(flood)) == []
        now = skipped_module.WARNING_INTERVAL_S
        assert list(decoder.decode(flood)) == []
    assert [(log["topic"], log["partition"], log["offset"]) for log in logs] == [("t", 3, 10), ("t", 3, 10)]
    assert [log["skipped_since_last_warning"] for log in logs] == [1, 50]
    assert skipped("flood") == 100
