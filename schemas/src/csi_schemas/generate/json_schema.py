"""JSON Schema 2020-12 of every message, with the units that stand in the source."""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec

from csi_schemas import calibration, common, events, frame, introspection, sensing, signature, telemetry
from csi_schemas.generate.descriptions import field_descriptions, plain
from csi_schemas.topics import TOPICS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SIGNATURE_NAME = "signature.v1"


def structs() -> dict[str, type[msgspec.Struct]]:
    """Every message type by name."""
    modules = (calibration, common, events, frame, introspection, sensing, signature, telemetry)
    return {
        name: member
        for module in modules
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, msgspec.Struct)
    }


def schema_of(name: str, value: Any, description: str) -> dict[str, Any]:
    """Schema document of one topic's values, or of a file kind."""
    body = msgspec.json.schema(value)
    known = structs()
    for title, definition in body["$defs"].items():
        if "description" in definition:
            definition["description"] = plain(definition["description"])
        for field, text in field_descriptions(known[title]).items():
            if field in definition["properties"]:
                definition["properties"][field]["description"] = text
    return {
        "$schema": DIALECT,
        "$id": f"urn:csiflow:schema:{name}",
        "title": name,
        "description": description,
        **body,
    }


def documents() -> dict[str, dict[str, Any]]:
    """Every schema document by its name: the topic's, or ``signature.v1``."""
    found = {
        topic.name: schema_of(topic.name, topic.value, topic.description)
        for topic in TOPICS
        if topic.value is not bytes
    }
    text = "A signature file, signatures/<id>.sig.json."
    found[SIGNATURE_NAME] = schema_of(SIGNATURE_NAME, signature.Signature, text)
    return found


def file_name(name: str) -> str:
    """File a document is written to."""
    return f"{name}.schema.json"


def rendered(document: dict[str, Any]) -> str:
    """The document as its file holds it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
