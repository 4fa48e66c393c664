"""Breathing: slow, regular, small changes of the channel, told from noise, drift and movement.

Frames become products of antenna pairs (``products``), bins of steps (``swings``), spectra over their own background
(``plane``, ``lines``), and evidence: a line that stands, or a rate that wanders (``ridge``), judged by ``decision``.
"""

from csi_events.breathing.decision import BreathingDecision, BreathingEstimate
from csi_events.breathing.estimate import Breathing
from csi_events.breathing.products import GROUPS, MAX_PAIRS, antenna_products, product_columns, product_count

__all__ = [
    "GROUPS",
    "MAX_PAIRS",
    "Breathing",
    "BreathingDecision",
    "BreathingEstimate",
    "antenna_products",
    "product_columns",
    "product_count",
]
