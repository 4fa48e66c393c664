"""The per-frame path: signatures, attractor and regime."""
