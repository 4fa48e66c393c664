"""Stream identity and channels."""

from __future__ import annotations

import pytest
from csi_schemas.common import channel_of
from csi_schemas.frame import CsiFrame


@pytest.mark.parametrize(
    ("frequency_mhz", "channel"),
    [
        (0, None),
        (2412, 1),
        (2437, 6),
        (2472, 13),
        (2484, 14),
        (2413, None),
        (5180, 36),
        (5825, 165),
        (5955, 1),
        (7115, 233),
        (5900, None),
        (75_000, None),
    ],
)
def test_channels(frequency_mhz: int, channel: int | None) -> None:
    """IEEE 802.11 channel numbers of the three bands; what is on no raster has none."""
    assert channel_of(frequency_mhz) == channel


def test_frames_of_different_shapes_are_different_streams() -> None:
    """Node, antennas, sub-carriers and channel make a stream; its label says so without the node."""
    frame = CsiFrame("1", 0, 0, "live", "esp32", 1, 64, 2437, -50, -95, bytes(128))
    wide = CsiFrame("1", 0, 0, "live", "esp32", 1, 128, 2437, -50, -95, bytes(256))
    unknown = CsiFrame("1", 0, 0, "live", "esp32", 1, 64, 0, -50, -95, bytes(128))
    assert frame.stream.label == "1x64@6"
    assert unknown.stream.label == "1x64@?"
    assert len({frame.stream, wide.stream, unknown.stream}) == 3
