"""The states of a signature's match, which alignment, promotion and what they teach agree on."""

from __future__ import annotations

from csi_introspection._compile import kernel
from csi_introspection.arrays import Int64

NONE, EMERGING, CONFIRMED, RETRACTED, TENTATIVE = range(5)
"""``TENTATIVE`` is what would be emerging if a prefix were enough: nothing is said of it until it is confirmed."""
STATE, AGE = range(2)
"""Columns of a signature's state: one of the above; frames since it emerged."""


@kernel
def is_active(states: Int64, k: int) -> bool:
    """Whether signature ``k`` is promoted."""
    return bool(states[k, STATE] in (EMERGING, CONFIRMED))
