"""Array types of this package's kernels, by element."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Int8 = NDArray[np.int8]
Int16 = NDArray[np.int16]

Record = Any
"""One element of a structured array, as a kernel sees it: fields are attributes."""
