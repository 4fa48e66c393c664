"""A stream's whole state as one object that kernels take: unpacking many arrays a call costs more than some stages.

A numba structref: one reference to a record whose fields are the arrays, and named tuples of arrays, of every stage.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.experimental import structref

from csi_introspection._compile import kernel

_StructRef: Any = types.StructRef  # type: ignore[attr-defined]  # numba exports it without saying so
_unliteral: Any = types.unliteral  # type: ignore[attr-defined]

FIELDS = (
    "layout",
    "values",
    "vector",
    "latest",
    "axis",
    "tail",
    "rest",
    "moments",
    "inverse_scale",
    "attractor",
    "onset",
    "clock",
    "changes",
    "row",
    "mean",
    "unit",
    "ends",
    "matcher",
    "past",
    "amplitude",
    "out",
)
"""What ``stream.advance_frame`` documents."""


@structref.register
class StateType(_StructRef):  # type: ignore[misc]
    """numba's view of ``State``."""

    def preprocess_fields(self, fields: Any) -> Any:
        """Literal integers would make a type of every value."""
        return tuple((name, _unliteral(kind)) for name, kind in fields)


class State(structref.StructRefProxy):  # type: ignore[misc]
    """Python's handle on a stream's state; made by ``bundle``."""


structref.define_proxy(State, StateType, list(FIELDS))


@kernel
def bundle(*fields: Any) -> Any:
    """Make the state from its ``FIELDS``, in their order."""
    return State(*fields)
