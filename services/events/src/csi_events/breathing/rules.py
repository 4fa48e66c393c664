"""The constants by which spectra are judged."""

from __future__ import annotations

from typing import NamedTuple


class Rules(NamedTuple):
    """What the ridge and the line are held to; docs/breathing.md says where each is from and what leaving out says."""

    min_odds: float = 5.5
    """Log odds of the ridge from which it is answered."""
    weight: float = 0.1
    """Share of a second's evidence that is new: windows of 24 s under a Hann window overlap from second to second."""
    most: float = 6.0
    """Bound of a second's log likelihood ratio above: no single second decides."""
    least: float = -0.75
    """Its bound below: breathing that fades is not given up."""
    strong: float = 20.0
    """A second's z are scaled down until the highest is no more: beside a strong line its flanks are no evidence."""
    wander: float = 0.02
    """Relative change of a rate in a second, standard deviation."""
    turnover_s: float = 60.0
    """Mean time, s, after which somebody begins to breathe in view of the antennas, or ends."""
    max_odds: float = 10.0
    """Bound of the log odds, so that breathing which ends is not believed in for long: about a minute."""
    min_z: float = 21.0
    """Power of a steady line over background from which it is answered."""
    min_coherence: float = 0.8
    """Coherence of such a line's phase in the thirds of its window."""
    min_weakest: float = 0.4
    """Its amplitude in the weakest third over the mean."""
    min_z_slow: float = 22.0
    """The same under 6.5 breaths/min, where drift makes lines too: of the power times how alike the thirds are."""
    ease: float = 0.7
    """A line that was answered is held to this share of the thresholds in the next attempt, unless it is slow."""
    min_lasting: float = 0.3
    """Amplitude of the last ten seconds over that before, below which breathing is taken to have stopped."""


RULES = Rules()
