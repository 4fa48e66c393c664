"""What one frame costs the per-frame path, from samples to JSON on one core, beside DTW without streaming state."""

from __future__ import annotations

import arguments
from csi_introspection.measure import measure
from csiflow.output import emit_json

parser = arguments.parser("introspection", __doc__)
parser.add_argument("--frames", type=int, default=20_000)
parser.add_argument("--subcarriers", type=int, default=64)
parser.add_argument("--signatures", type=int, default=3)
parser.add_argument("--runs", type=int, default=1, help="runs over the same frames, of which the least cost counts")
options = parser.parse_args()
emit_json(measure(options.frames, options.subcarriers, options.signatures, options.runs))
