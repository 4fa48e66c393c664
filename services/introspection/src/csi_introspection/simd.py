"""A few single-precision numbers at once, where the compiler cannot be brought to do so by itself.

The warping reads five arrays at shifted places and writes two; numba proves of none of them that they do not overlap,
and so makes scalar code of it. These say what is meant. They are LLVM's vectors: on a processor with narrower registers
each operation becomes several, with the same results.

Addresses count along all axes of a contiguous array. Nothing is checked: what is read and written must be in the array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

LANES = 16
"""Numbers taken at once: four, two or one operation with 128, 256 or 512-bit registers."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_ALIGNED = 4
"""Bytes; a vector may begin at any number."""
_Type: Any = types.Type
_Primitive: Any = models.PrimitiveModel


class LanesType(_Type):  # type: ignore[misc]
    """numba's view of ``LANES`` numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


@register_model(LanesType)
class LanesModel(_Primitive):  # type: ignore[misc]
    """They are an LLVM vector."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


lanes = LanesType()


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _is_float32(array: Any) -> bool:
    return isinstance(array, types.Array) and array.dtype == types.float32 and array.layout == "C"


def _load(_: Any, array: Any, index: Any) -> Any:
    """Return the ``LANES`` numbers from place ``index`` of a contiguous float32 array on."""
    if not (_is_float32(array) and isinstance(index, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(address, ir.PointerType(_VECTOR)), align=_ALIGNED)

    return lanes(array, types.int64), generate


def _store(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write ``LANES`` numbers to place ``index`` of a contiguous float32 array and those after it."""
    if not (_is_float32(array) and isinstance(index, types.Integer) and isinstance(value, LanesType)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store(arguments[2], builder.bitcast(address, ir.PointerType(_VECTOR)), align=_ALIGNED)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), generate


def _load_one(_: Any, array: Any, index: Any) -> Any:
    """Return the number at place ``index`` of a contiguous float32 array."""
    if not (_is_float32(array) and isinstance(index, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature.args[0], *arguments))

    return types.float32(array, types.int64), generate


def _store_one(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write one number to place ``index`` of a contiguous float32 array."""
    if not (_is_float32(array) and isinstance(index, types.Integer) and isinstance(value, types.Float)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(context, builder, signature.args[0], arguments[0], arguments[1]))
        return context.get_dummy_value()

    return types.void(array, types.int64, types.float32), generate


def _of_two(combine: Callable[[Any, Any, Any], Any]) -> Any:
    """Make the operation that combines two vectors number by number."""

    def operation(_: Any, first: Any, second: Any) -> Any:
        if not (isinstance(first, LanesType) and isinstance(second, LanesType)):
            return None
        return lanes(lanes, lanes), lambda _context, builder, _signature, arguments: combine(builder, *arguments)

    return intrinsic(operation)


load, store = intrinsic(_load), intrinsic(_store)
load_one, store_one = intrinsic(_load_one), intrinsic(_store_one)
add = _of_two(lambda builder, a, b: builder.fadd(a, b))
"""a + b."""
times = _of_two(lambda builder, a, b: builder.fmul(a, b, flags=("contract",)))
"""a * b, which may become one with the ``less`` that takes it."""
less = _of_two(lambda builder, a, b: builder.fsub(a, b, flags=("contract",)))
"""a - b."""
smaller = _of_two(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", b, a), b, a))
"""The smaller of each two, the first of equal ones."""
larger = _of_two(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", b, a), b, a))
"""The larger of each two, the first of equal ones."""
