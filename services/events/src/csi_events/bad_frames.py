"""Bad frames: one that is like neither of its neighbours, and like nothing that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

ODD = 25.0
"""A frame is odd when it is farther from both its neighbours than so many times their squared distance from one
another, and than so many times that of noise ..."""
ROUGH = 0.5
"""... and neighbouring sub-carriers share less than this of how it differs: a body changes neighbours alike. Without it
people who move in jerks at 10 frames/s lose as many frames as bad ones are found. Or ..."""
STILL = 2.0
"""... its neighbours are no farther from one another than so many times the squared distance that noise gives them: a
body that was elsewhere for one frame is not back at the same place in the next."""


@kernel("void(float32[::1], float32[::1], float32[::1])")
def _leave_out(difference: NDArray[np.float32], reads: NDArray[np.float32], writes: NDArray[np.float32]) -> None:
    """Take one direction of gain out of a difference of rows (columns,), in place."""
    along = 0.0
    for c in range(len(difference)):
        along += difference[c] * reads[c]
    for c in range(len(difference)):
        difference[c] -= along * writes[c]


@kernel("boolean(float32[:,::1], int64, float32[:,::1], float32[:,::1], float32[::1])")
def mend(
    rows: NDArray[np.float32],
    number: int,
    read: NDArray[np.float32],
    write: NDArray[np.float32],
    inverse_noise: NDArray[np.float32],
) -> bool:
    """Put the mean of its neighbours in place of row ``number`` if it is like neither, and like nothing that moves.

    See ``ODD``, ``ROUGH`` and ``STILL``. A bad frame would else be in every mean over the next frames: 1.6 s of motion
    at 10 of them a second. Rows are compared without the directions of gain: neighbours of two gain states would else
    be so far apart that nothing between them is odd.

    Args:
        rows: (more than ``number + 1``, columns), earlier frames first.
        number: of the row, at least 1.
        read: (directions, columns).
        write: (directions, columns).
        inverse_noise: (columns,): in units of which rows are compared.

    Returns:
        Whether it was changed.
    """
    columns = rows.shape[1]
    early, row, late = rows[number - 1], rows[number], rows[number + 1]
    before, after = 0.0, 0.0
    for c in range(columns):
        before += np.float64((row[c] - early[c]) * inverse_noise[c]) ** 2
        after += np.float64((row[c] - late[c]) * inverse_noise[c]) ** 2
    noise = 2.0 * columns
    if min(before, after) <= ODD * noise:  # as nearly always; without gain they are no farther apart
        return False
    since, until = row - early, row - late
    for d in range(len(read)):
        _leave_out(since, read[d], write[d])
        _leave_out(until, read[d], write[d])
    before, after, apart = 0.0, 0.0, 0.0
    size, shared, last = 0.0, 0.0, 0.0
    for c in range(columns):
        left, right = since[c] * np.float64(inverse_noise[c]), until[c] * np.float64(inverse_noise[c])
        before += left**2
        after += right**2
        apart += (left - right) ** 2
        odd = 0.5 * (left + right)
        size += odd**2
        shared += odd * last
        last = odd
    if min(before, after) <= ODD * max(apart, noise) or (shared > ROUGH * size and apart > STILL * noise):
        return False
    for c in range(columns):
        row[c] = np.float32(0.5) * (early[c] + late[c])
    return True
