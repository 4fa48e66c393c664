"""Does a schema keep the promise of ``v1``, that a message only ever gains optional fields?

Compares two JSON Schema documents as ``csi_schemas.generate`` writes them. A change is a breakage when a consumer built
on the released schema could misread new records, or a new consumer could refuse records that are still retained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

_CONSTRAINTS = (
    "additionalProperties",
    "contentEncoding",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
)
_ABSENT = object()


class Breakage(NamedTuple):
    """One incompatible change."""

    where: str
    """Path to the property, from the document's name."""
    what: str
    """What changed, in words."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def breakages(
    name: str, released: dict[str, Any], current: dict[str, Any], *, only_we_read: bool = False
) -> list[Breakage]:
    """Every way in which ``current`` breaks the promise of ``released``; empty when it keeps it.

    Allowed are new optional properties, new members of tagged unions, and any change of titles and descriptions. A
    document that ``only_we_read`` may also allow values that it did not: no released consumer meets them.
    """
    comparison = _Comparison(released, current, only_we_read)
    comparison.compare(name, released, current)
    return comparison.found


@dataclass(slots=True)
class _Comparison:
    released_root: dict[str, Any]
    current_root: dict[str, Any]
    only_we_read: bool
    found: list[Breakage] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def compare(self, where: str, released: dict[str, Any], current: dict[str, Any]) -> None:
        """Compare two schemas of one place."""
        before = _alternatives(released, self.released_root)
        after = _alternatives(current, self.current_root)
        if len(before) == len(after) == 1 and before.keys() != after.keys():
            self._report(where, f"{next(iter(before))} became {next(iter(after))}")
            return
        for label in before.keys() - after.keys():
            self._report(where, f"{label} is gone; allowed now: {', '.join(sorted(after))}")
        tagged = all(label.startswith("object tagged ") for label in before)
        for label in after.keys() - before.keys():
            if not (tagged and label.startswith("object tagged ")):
                self._report(where, f"{label} is new; released: {', '.join(sorted(before))}")
        for label in before.keys() & after.keys():
            inner = f"{where}({label.removeprefix('object tagged ')})" if len(before) > 1 and tagged else where
            self._compare_alternative(inner, before[label], after[label])
        old_default, new_default = released.get("default", _ABSENT), current.get("default", _ABSENT)
        if old_default is not _ABSENT and new_default is not _ABSENT and old_default != new_default:
            self._report(where, f"the default changed from {old_default!r} to {new_default!r}")

    def _compare_alternative(self, where: str, released: dict[str, Any], current: dict[str, Any]) -> None:
        for keyword in _CONSTRAINTS:
            old, new = released.get(keyword, _ABSENT), current.get(keyword, _ABSENT)
            if isinstance(old, dict) and isinstance(new, dict):
                self.compare(f"{where}.*", old, new)
            elif old is not new and old != new:
                self._report(where, f"{keyword} changed from {_shown(old)} to {_shown(new)}")
        if "enum" in released:
            self._compare_values(where, released["enum"], current["enum"])
        self._compare_items(where, released, current)
        if "properties" in released or "properties" in current:
            self._compare_properties(where, released, current)

    def _compare_values(self, where: str, released: list[Any], current: list[Any]) -> None:
        for value in released:
            if value not in current:
                self._report(where, f"the value {value!r} is gone")
        for value in current:
            if value not in released and not self.only_we_read:
                self._report(where, f"the value {value!r} is new, and released consumers refuse it")

    def _compare_items(self, where: str, released: dict[str, Any], current: dict[str, Any]) -> None:
        old, new = released.get("items", _ABSENT), current.get("items", _ABSENT)
        if isinstance(old, dict) and isinstance(new, dict):
            self.compare(f"{where}[]", old, new)
        elif old is not new:
            self._report(where, f"items changed from {_shown(old)} to {_shown(new)}")
        old_places, new_places = released.get("prefixItems", []), current.get("prefixItems", [])
        if len(old_places) != len(new_places):
            self._report(where, f"{len(old_places)} places became {len(new_places)}")
        for index, (before, after) in enumerate(zip(old_places, new_places, strict=False)):
            self.compare(f"{where}[{index}]", before, after)

    def _compare_properties(self, where: str, released: dict[str, Any], current: dict[str, Any]) -> None:
        pair = (str(released.get("title")), str(current.get("title")))
        if pair != ("None", "None"):
            if pair in self.seen:
                return
            self.seen.add(pair)
        before, after = released.get("properties", {}), current.get("properties", {})
        must_before, must_after = set(released.get("required", ())), set(current.get("required", ()))
        for name in before:
            if name not in after:
                self._report(f"{where}.{name}", "the property is gone")
                continue
            if name in must_after - must_before:
                self._report(f"{where}.{name}", "an optional property became required")
            if name in must_before - must_after:
                self._report(f"{where}.{name}", "a required property became optional")
            self.compare(f"{where}.{name}", before[name], after[name])
        for name in after:
            if name not in before and name in must_after:
                self._report(f"{where}.{name}", "a new property is required")

    def _report(self, where: str, what: str) -> None:
        self.found.append(Breakage(where, what))


def _alternatives(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The members of a union by a label that identifies them on the wire; one member when it is no union."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        tag = schema.get("discriminator", {}).get("propertyName")
        members = [_resolved(member, root) for member in schema["anyOf"]]
        return {_label(member, tag): member for member in members}
    return {_label(schema, None): schema}


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def _label(schema: dict[str, Any], tag: str | None) -> str:
    """``object tagged csi``, ``object``, ``enum``, or the JSON type."""
    if schema.get("type") == "object":
        names = (tag,) if tag else tuple(schema.get("required", ()))[:1]
        for name in names:
            values = schema.get("properties", {}).get(name, {}).get("enum", ())
            if len(values) == 1:
                return f"object tagged {name}={values[0]}"
    if "enum" in schema:
        return "enum"
    return str(schema.get("type", "anything"))


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else repr(value)
