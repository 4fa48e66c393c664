"""Vocabulary shared by every message: provenance, stream identity and origin."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

Provenance = Literal["live", "replay", "synthetic"]
"""Where the radio samples came from. Decided by the listener that received them, never guessed later."""
REALITY: tuple[Provenance, ...] = ("live", "replay", "synthetic")
"""From most to least real: of several that say something about now, the first is believed."""


class Origin(msgspec.Struct, frozen=True):
    """The frame record a derived message was made from; consumers drop a second message of one origin."""

    topic: str
    """Kafka topic of the frame."""
    partition: int
    """Partition of that topic."""
    offset: int
    """Offset in that partition."""


class StreamKey(NamedTuple):
    """Identity of one homogeneous CSI stream; all state (window, tail, baseline, matcher) belongs to one of these.

    One ESP32 interleaves frames of several sub-carrier counts; they are different streams.
    """

    node_id: str
    n_antennas: int
    n_subcarriers: int
    channel: int | None

    @property
    def label(self) -> str:
        """The part after the node, as messages carry it: antennas x sub-carriers @ channel, e.g. ``1x64@6``."""
        return f"{self.n_antennas}x{self.n_subcarriers}@{'?' if self.channel is None else self.channel}"


def channel_of(frequency_mhz: int) -> int | None:
    """IEEE 802.11 channel number of a centre frequency in MHz; ``None`` when it is on no channel raster.

    2.4 GHz: 2412-2472 step 5 are 1-13, 2484 is 14. 5 GHz: 5160-5885 are (f - 5000) / 5.
    6 GHz: 5955-7115 are (f - 5950) / 5.
    """
    if frequency_mhz == 2484:
        return 14
    for low, high, base in ((2412, 2472, 2407), (5160, 5885, 5000), (5955, 7115, 5950)):
        if low <= frequency_mhz <= high:
            number, remainder = divmod(frequency_mhz - base, 5)
            return number if remainder == 0 else None
    return None
