"""Writes and checks what third parties read: JSON Schema files and the AsyncAPI document.

Works on a source checkout; ``python -m csi_schemas.generate --help``. Needs PyYAML (the extra ``generate``).
"""
