"""Breathing: slow, regular, small changes of the channel, told from noise, drift and movement.

Frames become products of antenna pairs (``products``), bins of steps (``swings``), spectra over their own background
(``plane``, ``lines``), and evidence: a line that stands (``estimate``), or a rate that wanders (``ridge``).
"""

from csi_events.breathing.estimate import Breathing, BreathingEstimate
from csi_events.breathing.products import GROUPS, MAX_PAIRS, antenna_products

__all__ = ["GROUPS", "MAX_PAIRS", "Breathing", "BreathingEstimate", "antenna_products"]
