"""A stream's whole state as one object that kernels take: unpacking many arrays a call costs more than some stages.

A numba structref: one reference to a record whose fields are the arrays, and named tuples of arrays, of every stage.

Kernels count a reference wherever they name an array, which took a third of a frame's time. So the fields they name
are borrowed: of what nobody owns there is nothing to count. ``owners`` keeps the arrays.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.experimental import structref
from numba.extending import intrinsic

from csi_introspection._compile import kernel

_StructRef: Any = types.StructRef  # type: ignore[attr-defined]  # numba exports it without saying so
_BaseTuple: Any = types.BaseTuple  # type: ignore[attr-defined]
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
    "owners",
)
"""What ``stream.advance_frame`` documents; last, all of it again, which no kernel names."""


@structref.register
class StateType(_StructRef):  # type: ignore[misc]
    """numba's view of ``State``."""

    def preprocess_fields(self, fields: Any) -> Any:
        """Literal integers would make a type of every value."""
        return tuple((name, _unliteral(kind)) for name, kind in fields)


class State(structref.StructRefProxy):  # type: ignore[misc]
    """Python's handle on a stream's state; made by ``bundle``."""


structref.define_proxy(State, StateType, list(FIELDS))


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return ``value``, an array or a tuple of arrays, tuples and numbers, with arrays that own no memory."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value=value)
        array.meminfo = array.meminfo.type(None)
        array.parent = array.parent.type(None)
        return array._getvalue()  # noqa: SLF001 - numba's name for it
    if isinstance(kind, _BaseTuple):
        for place, part in enumerate(kind):
            borrowed = _without_owner(context, builder, part, builder.extract_value(value, place))
            value = builder.insert_value(value, borrowed, place)
    return value


def _borrow(_: Any, fields: Any) -> Any:
    """Return a tuple of arrays, and of tuples of arrays, without their hold on the memory."""
    return fields(fields), lambda context, builder, signature, arguments: _without_owner(
        context, builder, signature.args[0], arguments[0]
    )


borrow = intrinsic(_borrow)


@kernel
def bundle(*fields: Any) -> Any:
    """Make the state from its ``FIELDS``, in their order, but for the owners."""
    return State(*borrow(fields), fields)
