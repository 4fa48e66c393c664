"""The signature library as ``/api/v1/signatures`` lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from csi_schemas.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path


def list_signatures(folder: Path) -> dict[str, Any]:
    """Describe the ``*.sig.json`` files that ``folder`` holds now; ``broken`` lists what is wrong with the others.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    signatures: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for path in sorted(folder.glob("*.sig.json")):
        try:
            signature = msgspec.json.decode(path.read_bytes(), type=Signature)
        except (OSError, msgspec.MsgspecError) as error:
            broken.append({"file": path.name, "error": str(error)})
            continue
        signatures.append(
            {
                "id": signature.id,
                "label": signature.label,
                "kind": signature.feature_kind,
                "length": signature.length,
                "width": len(signature.vectors[0]) if signature.vectors else 0,
                "threshold": signature.promotion_threshold,
                "captured_at": signature.captured_at,
                "provenance": signature.provenance,
                "feature_version": signature.feature_version,
                "rate_hz": signature.rate_hz,
                "rest": signature.rest,
            }
        )
    return {"signatures": signatures, "broken": broken}
