"""Which nodes make up which zone: ``CSIFLOW_INTROSPECTION_ZONES``, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

EVERY_NODE = "*"
MAX_NAME = 64
"""Characters of a zone's name or a node's id."""
_EXAMPLE = 'for example {"living-room": ["1", "2"], "house": ["*"]}'


def everything() -> dict[str, tuple[str, ...]]:
    """One zone ``all`` of every node: what a user sees who has configured nothing."""
    return {"all": (EVERY_NODE,)}


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the zone {name!r} is given {names.count(name)} times; give it once, with all its nodes")
    return dict(pairs)


def parse(value: object) -> object:
    """Return what the JSON text says; the empty text, and what is no text, stand for the default and for themselves.

    Raises:
        ValueError: It is not a JSON object of zones with lists of node ids; the message says where.
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        return everything()
    try:
        zones = json.loads(value, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}; give an object of zones, {_EXAMPLE}") from None
    if not isinstance(zones, dict):
        raise ValueError(f"{value} is not a JSON object; give one of zones, {_EXAMPLE}")  # noqa: TRY004 - pydantic's way
    for name, nodes in zones.items():
        if not isinstance(nodes, list) or not all(isinstance(node, str) for node in nodes):
            raise ValueError(f"zone {name!r}: {nodes!r} is not a list of node ids, which are texts; {_EXAMPLE}")
    return zones


def check(zones: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return ``zones`` when all names can be used.

    Raises:
        ValueError: A name is empty, too long or unprintable, a zone has no node, or one twice.
    """
    for zone, nodes in zones.items():
        _check_name("zone", zone)
        if not nodes:
            raise ValueError(f'zone {zone!r} has no nodes; name some, or ["*"] for every node, or leave the zone out')
        for node in nodes:
            _check_name(f"zone {zone!r}: node", node)
            if nodes.count(node) > 1:
                raise ValueError(f"zone {zone!r}: node {node!r} is named {nodes.count(node)} times; name it once")
    return zones


def _check_name(what: str, name: str) -> None:
    if not name or name != name.strip() or not name.isprintable() or "," in name or len(name) > MAX_NAME:
        raise ValueError(
            f"{what} {name!r} cannot be used: give 1 to {MAX_NAME} printable characters, no comma, no space at an end"
        )


ZoneTable = Annotated[dict[str, tuple[str, ...]], NoDecode, BeforeValidator(parse), AfterValidator(check)]
"""Type of the setting: zone to the ids of its nodes."""


class Zones:
    """The table, asked from both sides. A node may be in several zones, or in none."""

    def __init__(self, table: Mapping[str, tuple[str, ...]]) -> None:
        self._table = {zone: frozenset(nodes) for zone, nodes in table.items()}

    def __contains__(self, zone: str) -> bool:
        return zone in self._table

    def of(self, node_id: str) -> list[str]:
        """Zones the node belongs to, in the table's order."""
        return [zone for zone in self._table if self.holds(zone, node_id)]

    def holds(self, zone: str, node_id: str) -> bool:
        """Whether the zone exists and the node belongs to it."""
        nodes = self._table.get(zone, frozenset())
        return node_id in nodes or EVERY_NODE in nodes

    def named(self, zone: str) -> frozenset[str]:
        """Nodes that the zone names one by one: those whose absence is worth a word."""
        return self._table.get(zone, frozenset()) - {EVERY_NODE}
