"""What a frame contributes to breathing where there are several antennas: products of antenna pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 8
MAX_PAIRS = 15

_MEAN_PRODUCT = "complex128({0}[:,::1], {0}[:,::1], int64[::1])"


@kernel(_MEAN_PRODUCT.format("int8"), _MEAN_PRODUCT.format("int16"))
def _mean_product(a: NDArray[np.integer], b: NDArray[np.integer], columns: NDArray[np.int64]) -> complex:
    """Mean of a * conj(b) over some sub-carriers of I/Q (sub-carriers, 2)."""
    real, imaginary = 0.0, 0.0
    for s in columns:
        ai, aq, bi, bq = float(a[s, 0]), float(a[s, 1]), float(b[s, 0]), float(b[s, 1])
        real += ai * bi + aq * bq
        imaginary += aq * bi - ai * bq
    return complex(real, imaginary) / len(columns)


@kernel(
    "complex64[:,::1](int8[:,:,:,::1], boolean[:,::1])",
    "complex64[:,::1](int16[:,:,:,::1], boolean[:,::1])",
)
def antenna_products(iq: NDArray[np.integer], live: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """Conjugate products of antenna pairs: phase differences that the radios' clocks cannot disturb.

    Every antenna is divided by its root mean square over the sub-carriers live on all antennas. The first ``MAX_PAIRS``
    pairs in the order (0, 1), (0, 2) ... (1, 2) ...; each averaged in at most ``GROUPS`` neighbouring groups.

    Args:
        iq: (frames, antennas, sub-carriers, 2), int8 or int16.
        live: (antennas, sub-carriers).

    Returns:
        (frames, pairs * groups); no columns when no sub-carrier is live on all antennas.
    """
    frames, antennas, subcarriers, _ = iq.shape
    shared = np.array([s for s in range(subcarriers) if live[:, s].all()], dtype=np.int64)
    width = len(shared)
    pairs = min(MAX_PAIRS, antennas * (antennas - 1) // 2)
    groups = min(GROUPS, width)
    products = np.zeros((frames, pairs * groups), np.complex64)
    if width == 0:
        return products
    inverse_rms = np.empty(antennas)
    for f in range(frames):
        for a in range(antennas):
            power = 0.0
            for k in range(width):
                power += float(iq[f, a, shared[k], 0]) ** 2 + float(iq[f, a, shared[k], 1]) ** 2
            inverse_rms[a] = 1.0 / (np.sqrt(power / width) + 1e-9)
        pair = 0
        for a in range(antennas):
            for b in range(a + 1, antennas):
                if pair == pairs:
                    break
                scale = inverse_rms[a] * inverse_rms[b]
                for g in range(groups):
                    columns = shared[g * width // groups : (g + 1) * width // groups]
                    products[f, pair * groups + g] = scale * _mean_product(iq[f, a], iq[f, b], columns)
                pair += 1
    return products
