"""Arrays over slots for the tests of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from csi_events.multi_bssid.scan import Scan
from csi_events.multi_bssid.slots import SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def slots(values: NDArray[np.float64], fill: float = np.nan) -> NDArray[np.float64]:
    """Pad the last axis to 32 slots."""
    return np.concatenate([values, np.full((*values.shape[:-1], SLOTS - values.shape[-1]), fill)], axis=-1)


def scans(
    rssi_dbm: NDArray[np.float64], rate_hz: float, *, native: bool = True, start_s: float = 100.0
) -> Iterator[Scan]:
    """Yield scans whose every reading is new, from (T, N) signal strengths; NaN is absent."""
    rows = slots(rssi_dbm)
    channel = np.where(np.arange(SLOTS) < rssi_dbm.shape[1], 1 + np.arange(SLOTS), 0)
    for k, row in enumerate(rows):
        here = ~np.isnan(row)
        yield Scan(
            t_s=start_s + k / rate_hz,
            native=native,
            epoch=3,
            restarted=False,
            present=here,
            rssi_dbm=row,
            amplitude=10 ** ((row + 100) / 20),
            age_s=np.where(here, 0.0, np.nan),
            channel=np.where(here, channel, 0),
            band=here.astype(np.int64),
            radio=np.where(here, 6, 0),
            generation=np.where(here, 0, -1),
        )
