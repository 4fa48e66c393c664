"""What the source says about each field: the string below it, which Python itself throws away."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import msgspec


def field_descriptions(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Description of every described field of ``struct``, inherited ones included, by field name.

    A field without a string of its own takes that of the type alias it is annotated with (``Provenance``).
    """
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        module = inspect.getmodule(base)
        if module is not None and module.__name__.startswith("csi_schemas."):
            found |= _documented(module).get(base.__name__, {})
    return found


def plain(text: str) -> str:
    """Docstring text as one paragraph a line, literals in single backticks as JSON readers know them."""
    paragraphs = inspect.cleandoc(text).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


@cache
def _documented(module: ModuleType) -> dict[str, dict[str, str]]:
    """Field descriptions of every class of a module."""
    tree = ast.parse(inspect.getsource(module))
    aliases = _strings_below(tree.body) | _imported_aliases(module, tree)
    classes = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            fields = {
                item.target.id: aliases[item.annotation.id]
                for item in node.body
                if isinstance(item, ast.AnnAssign)
                and isinstance(item.target, ast.Name)
                and isinstance(item.annotation, ast.Name)
                and item.annotation.id in aliases
            }
            classes[node.name] = fields | _strings_below(node.body)
    return classes


def _strings_below(body: list[ast.stmt]) -> dict[str, str]:
    """Name of each assignment that is followed by a bare string, and the string."""
    found = {}
    for item, after in pairwise(body):
        if isinstance(item, ast.AnnAssign):
            target: ast.expr = item.target
        elif isinstance(item, ast.Assign) and len(item.targets) == 1:
            target = item.targets[0]
        else:
            continue
        if (
            isinstance(target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[target.id] = plain(after.value.value)
    return found


def _imported_aliases(module: ModuleType, tree: ast.Module) -> dict[str, str]:
    """Descriptions of the aliases that a module imports from ``csi_schemas.common``."""
    from csi_schemas import common  # noqa: PLC0415  # only the generator reads source

    if module is common:
        return {}
    described = _strings_below(ast.parse(inspect.getsource(common)).body)
    imported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "csi_schemas.common"
        for alias in node.names
    }
    return {name: text for name, text in described.items() if name in imported}
