"""A stream's calibration as a record on csi.calibration.v1, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import orjson
from csi_schemas.calibration import StreamCalibration

from csi_events.gain_states import GainStates
from csi_events.quiet import Quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from csi_schemas.common import Origin
    from numpy.typing import NDArray

    from csi_events.decision import MotionDecision
    from csi_events.messages import Source
    from csi_events.stretch import Stretch

_encode = msgspec.json.Encoder().encode


class StoredCalibrationError(ValueError):
    """A stored calibration does not fit its stream, or itself; the message says what differs."""


class Stored(NamedTuple):
    """A calibration that was read."""

    record: StreamCalibration
    """Without its arrays: as lists of numbers they are eight times as large."""
    quiet: Quiet
    """The arrays."""


def _numbers(row: NDArray[Any]) -> msgspec.Raw:
    """Return the JSON of numbers: single precision has the digits it needs, not those of its double."""
    return msgspec.Raw(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY))


_ARRAYS: dict[str, Callable[[Quiet], Any]] = {
    "live": lambda quiet: [_numbers(np.flatnonzero(antenna)) for antenna in quiet.live],
    "gain_read": lambda quiet: [_numbers(row) for row in quiet.gain.read],
    "gain_write": lambda quiet: [_numbers(row) for row in quiet.gain.write],
    "inverse_noise": lambda quiet: _numbers(quiet.inverse_noise),
    "profile": lambda quiet: _numbers(quiet.profile),
    "spread": lambda quiet: _numbers(quiet.spread),
}
"""The fields over sub-carriers, which a record kept in memory does without, and what is written of them."""


def _left_out() -> dict[str, Any]:
    return {name: [] for name in _ARRAYS}


def record_of(
    about: Source, quiet: Quiet, learnt: Stretch, decision: MotionDecision, origin: Origin
) -> StreamCalibration:
    """Describe a calibration by what it was learnt from; the arrays over sub-carriers are empty, see :func:`written`.

    Args:
        about: whose it is.
        quiet: the calibration.
        learnt: the stretch it was learnt from.
        decision: what was learnt of the quiet since.
        origin: the last frame of the stretch.
    """
    return StreamCalibration(
        node_id=about.stream.node_id,
        stream=about.stream.label,
        provenance=about.provenance,
        cause=learnt.cause,
        origin=origin,
        first_ns=learnt.first_ns,
        last_ns=learnt.last_ns,
        frames=quiet.frames,
        rate_hz=round(quiet.rate_hz, 3),
        subcarriers=quiet.live.shape[1],
        widths=quiet.widths.tolist(),
        level=quiet.level.tolist(),
        quiet_level=round(decision.level, 4),
        quiet_tail=round(decision.tail, 4),
        request=learnt.request,
        **_left_out(),
    )


def written(record: StreamCalibration, quiet: Quiet) -> bytes:
    """Return the JSON of a record with the arrays of its calibration; 0.05 ms for each array of 1,728."""
    arrays = {name: of(quiet) for name, of in _ARRAYS.items()}
    config = record.__struct_config__
    return _encode({config.tag_field: config.tag, **msgspec.structs.asdict(record), **arrays})


def read(stored: StreamCalibration) -> Stored:
    """Read a calibration.

    Raises:
        StoredCalibrationError: its arrays do not belong together.
    """
    shape = len(stored.live), stored.subcarriers
    live = np.zeros(shape, dtype=bool)
    for antenna, numbers in enumerate(stored.live):
        if numbers and not 0 <= min(numbers) <= max(numbers) < shape[1]:
            raise StoredCalibrationError(f"antenna {antenna} has sub-carriers outside 0 to {shape[1] - 1}")
        live[antenna, numbers] = True
    columns = int(live.sum())
    rows = {
        "inverse_noise": [stored.inverse_noise],
        "profile": [stored.profile],
        "spread": [stored.spread],
        "gain_read": stored.gain_read,
        "gain_write": stored.gain_write,
    }
    wrong = [name for name, lists in rows.items() if any(len(row) != columns for row in lists)]
    if not columns or wrong or len(stored.gain_read) != len(stored.gain_write):
        raise StoredCalibrationError(f"{columns} live sub-carriers, but not in {', '.join(wrong) or 'gain_read'}")
    if not stored.widths or len(stored.widths) != len(stored.level) or min(stored.widths) < 1:
        raise StoredCalibrationError("widths and level are not of one length")
    arrays = {name: np.array(lists, np.float32).reshape(len(lists), columns) for name, lists in rows.items()}
    quiet = Quiet(
        live=live,
        gain=GainStates(arrays["gain_read"], arrays["gain_write"]),
        inverse_noise=arrays["inverse_noise"][0],
        widths=np.array(stored.widths, np.int64),
        level=np.array(stored.level, np.float64),
        profile=arrays["profile"][0],
        spread=arrays["spread"][0],
        rate_hz=stored.rate_hz,
        seconds=max(0.0, (stored.last_ns - stored.first_ns) * 1e-9),
        frames=stored.frames,
    )
    return Stored(msgspec.structs.replace(stored, **_left_out()), quiet)


def check_shape(quiet: Quiet, shape: tuple[int, int]) -> None:
    """Ask whether a stream of ``shape`` (antennas, sub-carriers) can use a calibration.

    Raises:
        StoredCalibrationError: it is for another.
    """
    if quiet.live.shape != shape:
        antennas, subcarriers = quiet.live.shape
        raise StoredCalibrationError(f"it is for {antennas} x {subcarriers}, the stream has {shape}")
