"""What every stage has in common: 32 slots, state that is a record of arrays, and how a slot is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, cast

import numpy as np

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


class _Field(NamedTuple):
    kind: str
    shape: tuple[int, ...]


def floats(*shape: int) -> NDArray[np.float64]:
    """Declare an array of a :class:`Record`; (32,) without a shape."""
    return cast("NDArray[np.float64]", _Field("f8", shape or (SLOTS,)))


def singles(*shape: int) -> NDArray[np.float32]:
    """Declare an array in single precision."""
    return cast("NDArray[np.float32]", _Field("f4", shape))


def integers(*shape: int) -> NDArray[np.int64]:
    """Declare an array of whole numbers; (32,) without a shape."""
    return cast("NDArray[np.int64]", _Field("i8", shape or (SLOTS,)))


def flags(*shape: int) -> NDArray[np.bool_]:
    """Declare an array of truths; (32,) without a shape. To a kernel they are bytes, 0 or 1: numba nests no truths."""
    return cast("NDArray[np.bool_]", _Field("u1", shape or (SLOTS,)))


class Record:
    """Arrays that lie side by side in one record, which a kernel takes as one argument.

    To unpack an array argument costs as much as the work on 32 slots. A subclass declares its arrays by
    :func:`floats` and the like; they are attributes of its objects, and of the record in a kernel.
    """

    layout: ClassVar[np.dtype[np.void]]

    def __init_subclass__(cls) -> None:
        """Lay the arrays out, inherited ones first."""
        declared = {n: f for kind in reversed(cls.__mro__) for n, f in vars(kind).items() if isinstance(f, _Field)}
        cls.layout = np.dtype([(name, f.kind, f.shape) for name, f in declared.items()], align=True)

    def __init__(self, memory: NDArray[np.void] | None = None) -> None:
        """Take (1,) zeroed memory of this ``layout``, or own such memory."""
        memory = np.zeros(1, self.layout) if memory is None else memory
        self.record: Any = memory[0]
        """What kernels take; to the type checker the object itself would do."""
        for name in self.layout.names or ():
            array = memory[name][0]
            vars(self)[name] = array.view(np.bool_) if array.dtype == np.uint8 else array

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return self.layout.itemsize


class SlotRecord(Record):
    """State of a stage that needs nothing but a slot's number of readings to begin anew with it."""

    readings = integers()
    """Fresh readings so far; 0 for a slot that is not known, whatever the other arrays hold."""

    def forget(self, slot: int) -> None:
        """Start a slot anew."""
        self.readings[slot] = 0

    def clear(self) -> None:
        """Start all slots anew."""
        self.readings[:] = 0
