"""What every stage has in common: 32 slots, and how what was learnt of one is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOTS = 32
"""Access points a host tells apart; every array of a stage has one element, row or column a slot."""


class SlotState(Protocol):
    """State of one stage of one node: arrays over slots, changed by the stage's kernels, owned by the pipeline."""

    def forget(self, slot: int) -> None:
        """Forget everything learnt of one slot: it has another access point from now on."""

    def clear(self) -> None:
        """Forget everything: the agent was started anew, and every slot may have another access point."""

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""


def array_bytes(*arrays: NDArray[Any]) -> int:
    """Memory of some arrays, bytes."""
    return sum(array.nbytes for array in arrays)
