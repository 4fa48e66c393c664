"""How much memory a stream holds, for tests."""

from __future__ import annotations

import gc
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

LEAVES = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType, CodeType)


def array_bytes(root: Any, shared: Any) -> int:
    """Bytes of all arrays that can be reached from ``root``, local variables of steps included, but not ``shared``."""
    seen: set[int] = set()
    _visit(shared, seen)
    return _visit(root, seen)


def _visit(root: Any, seen: set[int]) -> int:
    pending, total = [root], 0
    while pending:
        item = pending.pop()
        if id(item) in seen or isinstance(item, LEAVES):
            continue
        seen.add(id(item))
        if not isinstance(item, np.ndarray):
            pending += gc.get_referents(item)
        elif isinstance(item.base, (np.ndarray, bytes, bytearray)):
            pending.append(item.base)
        else:
            total += item.nbytes
    return total
