"""Published libraries that need help to be imported."""

from __future__ import annotations

import importlib.util
import warnings
from importlib.metadata import distribution
from types import ModuleType


def nolds_measures() -> ModuleType:
    """Load nolds' algorithms without the package around them.

    nolds 0.6.3 cannot be imported on Python 3.11: it opens its data sets through importlib.resources in a way that only
    3.12 allows. Its algorithms need none of them. An invalid escape in a docstring is told once, when it is compiled.
    """
    path = str(distribution("nolds").locate_file("nolds/measures.py"))
    spec = importlib.util.spec_from_file_location("nolds_measures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module
