"""Mean path loss, walls and what one body does to a link: geometry in metres in, decibels out.

The body is an upright absorbing strip. Behind it the direct path is what Fresnel diffraction around a rectangle leaves
(Babinet's principle; Jacob et al. 2013, doi:10.1109/TAP.2013.2281369, compare strips of this kind with measured
people), beside it the direct path interferes with what the body scatters (bistatic radar equation). Both therefore
follow the Fresnel zones of the link. What comes by other ways than the direct one is a constant power (Rician factor):
it bounds how deep a body can shadow. Not modelled: how the body changes those other ways, polarisation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from csi_ingest.synthetic.arrays import Complex128, Float64, Int64


_NEAREST_M = 0.3
"""Distances to the body are not let below this: the far-field formulas diverge."""


def fresnel(v: Float64) -> Complex128:
    """Return C(v) - j S(v), the integral of exp(-j pi t^2 / 2) from 0 to ``v``, to 2e-3.

    Abramowitz & Stegun 1964, 7.3.9, 7.3.10 with the auxiliary functions 7.3.32 and 7.3.33.
    """
    x = np.abs(v)
    f = (1 + 0.926 * x) / (2 + 1.792 * x + 3.104 * x**2)
    g = 1 / (2 + 4.142 * x + 3.492 * x**2 + 6.670 * x**3)
    angle = np.pi / 2 * x**2
    c = 0.5 + f * np.sin(angle) - g * np.cos(angle)
    s = 0.5 - f * np.cos(angle) - g * np.sin(angle)
    return np.asarray(np.sign(v) * (c - 1j * s))


def path_loss_db(distance: Float64, wavelength: Float64, exponent: float) -> Float64:
    """Log-distance path loss in dB at ``distance`` >= 0.1 m: Friis at 1 m, then 10 ``exponent`` a decade."""
    return np.asarray(
        20 * np.log10(4 * np.pi / wavelength) + 10 * exponent * np.log10(np.maximum(distance, 0.1)), np.float64
    )


def walls_between(a: Float64, b: Float64, spacing: tuple[float, float, float]) -> Int64:
    """Count planes between points (..., 3): every multiple of ``spacing`` in x, y and z is one. Returns (..., 3)."""
    pitch = np.array(spacing)
    return np.asarray(np.abs(np.floor(a / pitch) - np.floor(b / pitch)), dtype=np.int64)


def shadowed(
    transmitter: Float64, receiver: Float64, body: Float64, wavelength: Float64, *, top: Float64, width: float
) -> Complex128:
    """Field of the direct path behind a body, relative to the field without it.

    Args:
        transmitter: (..., 3) metres; all arguments broadcast against each other.
        receiver: (..., 3).
        body: (..., 3); its height does not matter.
        wavelength: (...) metres.
        top: (...) height of the head over the floor, metres.
        width: of the strip that the body is, metres.
    """
    line = receiver[..., :2] - transmitter[..., :2]
    length = np.maximum(np.linalg.norm(line, axis=-1), 1e-6)
    offset = body[..., :2] - transmitter[..., :2]
    along = (offset * line).sum(axis=-1) / length
    beside = (line[..., 0] * offset[..., 1] - line[..., 1] * offset[..., 0]) / length
    between = (along > 0) & (along < length)
    before = np.clip(along, 1e-3, np.maximum(length - 1e-3, 1e-3))
    after = np.maximum(length - before, 1e-3)
    scale = np.sqrt(2 / wavelength * (before + after) / (before * after))
    height = transmitter[..., 2] + (receiver[..., 2] - transmitter[..., 2]) * before / length
    across = fresnel((beside + width / 2) * scale) - fresnel((beside - width / 2) * scale)
    upwards = fresnel((top - height) * scale) + (1 - 1j) / 2
    return np.asarray(np.where(between, 1 - across * upwards * (1 + 1j) ** 2 / 4, 1.0))


def scattered(
    transmitter: Float64, receiver: Float64, body: Float64, wavelength: Float64, *, cross_section: float
) -> Complex128:
    """Field scattered by the body, relative to the field of the direct path without it.

    Bistatic radar equation; the phase is that of the detour. What is scattered straight on is the shadow
    (:func:`shadowed`), so that the amplitude falls to nothing there. Arguments as there; ``cross_section`` of the body
    as a radar sees it, m^2.
    """
    inward = body - transmitter
    outward = receiver - body
    r_in = np.maximum(np.linalg.norm(inward, axis=-1), _NEAREST_M)
    r_out = np.maximum(np.linalg.norm(outward, axis=-1), _NEAREST_M)
    direct = np.linalg.norm(receiver - transmitter, axis=-1)
    sideways = 0.5 - 0.5 * np.clip((inward * outward).sum(axis=-1) / (r_in * r_out), -1.0, 1.0)
    amplitude = np.sqrt(cross_section / (4 * np.pi)) * direct / (r_in * r_out) * sideways
    return np.asarray(amplitude * np.exp(-2j * np.pi * (r_in + r_out - direct) / wavelength))


def body_effect_db(direct: Complex128, scatter: Complex128, deepest_db: Float64) -> Float64:
    """Change of the received power in dB, when the ways around the body carry a constant share.

    Args:
        direct: what is left of the direct path (:func:`shadowed`).
        scatter: what the body adds to it (:func:`scattered`).
        deepest_db: change when nothing is left of the direct path; the Rician factor is 10^(deepest_db / 10) - 1.
    """
    around = 10 ** (-deepest_db / 10)
    return np.asarray(10 * np.log10((1 - around) * np.abs(direct + scatter) ** 2 + around), np.float64)
