"""ADR-099's D8 again: frames until its ramp is promoted in every variant, and what is never, with the original's."""

from __future__ import annotations

import arguments
from csi_introspection.d8 import measure
from csiflow.output import emit_json

parser = arguments.parser("d8", __doc__)
parser.add_argument("--false-frames", type=int, default=100_000, help="quiet frames in which to count promotions")
emit_json(measure(false_frames=parser.parse_args().false_frames))
