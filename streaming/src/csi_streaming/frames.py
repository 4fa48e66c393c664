"""Decoding the frames of a batch, so that one bad record costs one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from csi_schemas.frame import AnyFrame, CsiFrame, MultiBssidFrame

from csi_streaming.skipped import SkippedRecords

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from csi_streaming.processor import Batch


class _Kind(msgspec.Struct):
    kind: str


_decoder = msgspec.json.Decoder(CsiFrame)
_scan_decoder = msgspec.json.Decoder(MultiBssidFrame)
_kind_decoder = msgspec.json.Decoder(_Kind)


class FrameDecoder:
    """Decodes batches for one application; skips and counts what is not a CSI frame."""

    def __init__(self, app: str) -> None:
        """Count skipped records under this application's name."""
        self._skipped = SkippedRecords(app, "record is not a frame and was skipped")

    def decode(self, batch: Batch) -> Iterator[tuple[ConsumerRecord[Any, Any], CsiFrame]]:
        """Yield the records that hold CSI frames, with their frames, in order.

        Records of a kind this version does not know are passed over in silence, as the contract asks. Records that
        are no frame at all are counted in ``csiflow_stream_skipped`` and named in a warning, at most one in
        5 s. Replayed records are counted again.
        """
        for record in batch.records:
            try:
                frame = _decoder.decode(record.value)
                _check(frame)
            except (msgspec.DecodeError, TypeError) as error:
                self._skip(record, error)
            else:
                yield record, frame

    def decode_all(self, batch: Batch) -> Iterator[tuple[ConsumerRecord[Any, Any], AnyFrame]]:
        """Yield the records that hold frames of any kind this version knows; otherwise as :meth:`decode`."""
        for record in batch.records:
            frame: AnyFrame
            try:
                frame = _decoder.decode(record.value)
                _check(frame)
            except (msgspec.DecodeError, TypeError) as error:
                if _kind_of(record.value) != "multi_bssid":
                    self._skip(record, error)
                    continue
                try:
                    frame = _scan_decoder.decode(record.value)
                    _check_time(frame)
                except msgspec.DecodeError as not_a_scan:
                    self._skipped.report(record, not_a_scan)
                    continue
            yield record, frame

    def _skip(self, record: ConsumerRecord[Any, Any], error: Exception) -> None:
        if _kind_of(record.value) in {None, "csi"}:
            self._skipped.report(record, error)


def _check(frame: CsiFrame) -> None:
    """Refuse what has the form of a frame and would break the arrays made from it.

    Raises:
        msgspec.ValidationError: The I/Q bytes do not fit the counts, or the time does not fit 64 bits.
    """
    if len(frame.iq) != 2 * frame.n_antennas * frame.n_subcarriers or frame.n_antennas < 1 or not frame.iq:
        raise msgspec.ValidationError(
            f"{len(frame.iq)} bytes of I/Q for {frame.n_antennas} antennas x {frame.n_subcarriers} sub-carriers"
        )
    _check_time(frame)


def _check_time(frame: AnyFrame) -> None:
    """Refuse a time that does not fit 64 bits.

    Raises:
        msgspec.ValidationError: It does not.
    """
    if not 0 <= frame.timestamp_ns < 1 << 63:
        raise msgspec.ValidationError(f"timestamp_ns = {frame.timestamp_ns} is no time in ns since the Unix epoch")


def _kind_of(value: bytes | None) -> str | None:
    """The ``kind`` of a well-formed value that has one."""
    try:
        return _kind_decoder.decode(value or b"").kind
    except msgspec.DecodeError:
        return None
