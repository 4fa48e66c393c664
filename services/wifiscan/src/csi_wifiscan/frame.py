"""What leaves the host: numbers of slots and what was measured of them. The only module that makes packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csi_schemas.codec import BssidSlot, MultiBssid

if TYPE_CHECKING:
    from csi_wifiscan.registry import Registry

_U32 = 1 << 32
_MAX_AGE_MS = 0xFFFF
_MIN_DBM, _MAX_DBM = -128.0, 20.0


def multi_bssid(
    registry: Registry, *, host: str, sequence: int, epoch: int, uptime_s: float, now: float, native: bool
) -> MultiBssid:
    """Packet of the registry's active slots.

    Args:
        registry: the slots.
        host: 16 hexadecimal digits.
        sequence: the agent's counter of frames; taken modulo 2^32.
        epoch: 0-255, drawn when the agent started.
        uptime_s: seconds since the agent started.
        now: monotonic seconds, the clock of the registry.
        native: the scanner's.
    """
    slots = tuple(
        BssidSlot(
            slot=slot.number,
            rssi_dbm=round(min(max(slot.reading.rssi_dbm, _MIN_DBM), _MAX_DBM), 2),
            age_ms=min(max(round((now - slot.last_seen) * 1000), 0), _MAX_AGE_MS),
            channel=slot.reading.channel,
            band=int(slot.reading.band),
            radio=int(slot.reading.radio),
            rssi_variance_db2=slot.statistics.variance,
            generation=slot.generation,
        )
        for slot in registry.active()
    )
    return MultiBssid(
        host=host,
        sequence=sequence % _U32,
        uptime_ms=round(uptime_s * 1000) % _U32,
        slots=slots,
        epoch=epoch,
        native=native,
    )
