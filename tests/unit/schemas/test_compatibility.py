"""The comparer that guards v1: it fails on each kind of breakage and passes what v1 allows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import msgspec
import pytest
from csi_schemas.compatibility import breakages
from csi_schemas.generate.json_schema import documents


class Place(msgspec.Struct):
    """A nested object."""

    room: str
    floor: int = 0


class Reading(msgspec.Struct, tag_field="kind", tag="reading"):
    """A message with one of everything."""

    node: str
    level: Literal["low", "high"]
    place: Place
    values: list[float]
    pair: tuple[int, float]
    extra: dict[str, int]
    note: str | None = None
    count: int = 1


class Gone(msgspec.Struct, tag_field="kind", tag="gone"):
    """Another member of the union."""

    node: str


def schema(kind: Any = Reading | Gone) -> dict[str, Any]:
    """Schema as the generator makes it."""
    return msgspec.json.schema(kind)


def changed(path: str, *, put: Any = None, append: Any = None) -> dict[str, Any]:
    """The schema with what is at ``path`` put anew, appended to, or, when neither is given, removed."""
    document = schema()
    *way, last = path.split("/")
    parent: Any = document
    for step in way:
        parent = parent[int(step) if isinstance(parent, list) else step]
    key = int(last) if isinstance(parent, list) else last
    if append is not None:
        parent[key].append(append)
    elif put is not None:
        parent[key] = put
    else:
        del parent[key]
    return document


READING = "$defs/Reading"
PROPERTIES = f"{READING}/properties"
NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("current", "complaint"),
    [
        (changed(f"{PROPERTIES}/note"), ".note: the property is gone"),
        (changed("$defs/Place/properties/floor"), ".place.floor: the property is gone"),
        (changed(f"{READING}/required", append="count"), ".count: an optional property became required"),
        (changed(f"{READING}/required/1"), ".node: a required property became optional"),
        (changed(f"{PROPERTIES}/node", put={"type": "integer"}), ".node: string became integer"),
        (changed(f"{PROPERTIES}/node", put=NULLABLE), ".node: null is new; released: string"),
        (changed(f"{PROPERTIES}/note", put={"type": "string"}), ".note: null is gone; allowed now: string"),
        (changed(f"{PROPERTIES}/values/items/type", put="integer"), ".values[]: number became integer"),
        (changed(f"{PROPERTIES}/values/items"), ".values: items changed from {'type': 'number'} to nothing"),
        (changed(f"{PROPERTIES}/pair/prefixItems/1/type", put="null"), ".pair[1]: number became null"),
        (changed(f"{PROPERTIES}/pair/prefixItems", append={}), ".pair: 2 places became 3"),
        (
            changed(f"{PROPERTIES}/extra/additionalProperties/type", put="string"),
            ".extra.*: integer became string",
        ),
        (changed(f"{PROPERTIES}/level/enum/0"), ".level: the value 'high' is gone"),
        (
            changed(f"{PROPERTIES}/level/enum", append="middle"),
            ".level: the value 'middle' is new, and released consumers refuse it",
        ),
        (changed(f"{PROPERTIES}/count/default", put=2), ".count: the default changed from 1 to 2"),
        (changed(f"{PROPERTIES}/node/maxLength", put=3), ".node: maxLength changed from nothing to 3"),
        (
            changed(f"{READING}/additionalProperties", put=False),
            ": additionalProperties changed from nothing to False",
        ),
    ],
)
def test_each_breakage_is_found(current: dict[str, Any], complaint: str) -> None:
    """A change that v1 forbids is reported, with the path to it and what it was."""
    found = [str(breakage) for breakage in breakages("message", schema(), current)]
    assert found == [f"message(kind=reading){complaint}"]


def test_a_document_that_only_we_read_may_allow_more() -> None:
    """Nobody released refuses a new value in a file that only csiflow reads; a value that is gone still breaks it."""
    more = changed(f"{PROPERTIES}/level/enum", append="middle")
    less = changed(f"{PROPERTIES}/level/enum/0")
    assert breakages("message", schema(), more, only_we_read=True) == []
    assert breakages("message", schema(), less, only_we_read=True) != []


def test_a_new_required_property_is_found() -> None:
    """Retained records lack it, so new consumers would refuse them."""
    current = changed(f"{PROPERTIES}/colour", put={"type": "string"})
    current["$defs"]["Reading"]["required"].append("colour")
    found = [str(breakage) for breakage in breakages("message", schema(), current)]
    assert found == ["message(kind=reading).colour: a new property is required"]


@pytest.mark.parametrize(
    ("current", "complaint"),
    [
        (changed("anyOf/1"), "object tagged kind=gone is gone; allowed now: object tagged kind=reading"),
        (
            changed("anyOf", append={"type": "null"}),
            "null is new; released: object tagged kind=gone, object tagged kind=reading",
        ),
        (
            changed("$defs/Gone/properties/kind/enum", put=["lost"]),
            "object tagged kind=gone is gone; allowed now: object tagged kind=lost, object tagged kind=reading",
        ),
    ],
)
def test_each_broken_union_is_found(current: dict[str, Any], complaint: str) -> None:
    """A lost member, a member without a tag, and a renamed tag, by which consumers know a member."""
    assert [str(breakage) for breakage in breakages("message", schema(), current)] == [f"message: {complaint}"]


def test_what_v1_allows_passes() -> None:
    """The same schema, new optional properties anywhere, new tagged members and new words are compatible."""
    assert breakages("message", schema(), schema()) == []
    current = changed(f"{PROPERTIES}/colour", put={"type": "string", "default": "grey"})
    current["$defs"]["Place"]["properties"]["building"] = {"type": "string", "default": ""}
    current["$defs"]["Reading"]["properties"]["node"]["description"] = "Said better."
    current["$defs"]["Back"] = deepcopy(current["$defs"]["Gone"]) | {"title": "Back"}
    current["$defs"]["Back"]["properties"]["kind"] = {"enum": ["back"]}
    current["anyOf"].append({"$ref": "#/$defs/Back"})
    assert breakages("message", schema(), current) == []


def test_a_single_tagged_message_may_become_a_union() -> None:
    """``csi.frames.v1`` may gain kinds: one tagged message may become one of several, and never go back."""
    assert breakages("message", schema(Reading), schema(Reading | Gone)) == []
    assert breakages("message", schema(Reading | Gone), schema(Reading)) != []


def test_recursive_messages_end() -> None:
    """A schema that refers to itself is compared once."""
    tree = {
        "$ref": "#/$defs/Tree",
        "$defs": {
            "Tree": {
                "title": "Tree",
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
                "required": ["children"],
            }
        },
    }
    assert breakages("tree", tree, deepcopy(tree)) == []


@pytest.mark.parametrize("name", list(documents()))
def test_every_property_of_our_messages_is_guarded(name: str) -> None:
    """Removing any property of any message of ours is found: no part of a real schema is out of sight."""
    released = documents()[name]
    for title, definition in released["$defs"].items():
        for field in definition["properties"]:
            current = deepcopy(released)
            del current["$defs"][title]["properties"][field]
            assert breakages(name, released, current), field
