"""Writes docs/settings.md from the settings classes: ``python -m csiflow.settings_reference [--check]``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from csi_events.settings import EventsSettings
from csi_gateway.settings import GatewaySettings
from csi_ingest.settings import IngestSettings
from csi_introspection.cluster.settings import ClusterSettings
from csi_introspection.settings import IntrospectionSettings
from csi_runtime.settings import RuntimeSettings, variable
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from csiflow.settings import CliSettings

PAGE = Path("docs") / "settings.md"
SECTIONS: tuple[tuple[str, type[RuntimeSettings]], ...] = (
    ("ingest", IngestSettings),
    ("events", EventsSettings),
    ("introspection", IntrospectionSettings),
    ("cluster: the fusion of zones", ClusterSettings),
    ("gateway", GatewaySettings),
    ("the command line", CliSettings),
)
_HEAD = """# Settings

Every setting is an environment variable. This page is made from the settings classes by
`python -m csiflow.settings_reference`; a test fails when it is stale.
"""
_ELSEWHERE = """
## Not of a service

| variable | read by | what |
| --- | --- | --- |
| `CSIFLOW_DATA` | tests, benchmarks | Folder of the recordings; by default `../shared/data` beside the checkout. |
| `CSIFLOW_TEST_KAFKA` | tests | `embedded` or `testcontainers`: insist on one. |
| `CSIFLOW_MAVEN_REPOSITORY` | `./csiflow` | Maven repository of the embedded Kafka; by default Maven Central. |
| `CSIFLOW_TOKEN` | `docker-compose.yml` | The gateway's token, in a file `.env` beside it. |
"""


def rows(settings: type[RuntimeSettings], seen: set[str]) -> Iterator[str]:
    """Table rows of the fields whose variables were not listed before."""
    for name, field in settings.model_fields.items():
        own = not isinstance(field.validation_alias, AliasChoices)
        if (known := variable(settings, name)) in seen or (own and settings is RuntimeSettings):
            continue
        seen.add(known)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from nested_rows(known, field.annotation)
            continue
        yield row(known, field)


def nested_rows(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    """Table rows of the fields of a model that is one field of the settings."""
    for name, field in model.model_fields.items():
        yield row(f"{prefix}__{name.upper()}", field)


def row(name: str, field: FieldInfo) -> str:
    """Table row of one environment variable."""
    if field.default_factory is not None:
        default = "see text"
    else:
        default = "required" if field.default is PydanticUndefined else f"`{field.default}`"
    said = " ".join((field.description or "").split()).replace("``", "`").replace("|", "\\|")
    return f"| `{name}` | {default} | {said} |"


def render() -> str:
    """Return the page."""
    seen: set[str] = set()
    parts = [_HEAD]
    sections: list[tuple[str, type[RuntimeSettings]]] = [("every service", RuntimeSettings), *SECTIONS]
    for title, settings in sections:
        head = f"\n## {title[0].upper()}{title[1:]}\n\n| variable | default | what |\n| --- | --- | --- |\n"
        parts.append(head + "\n".join(rows(settings, seen)) + "\n")
    return "".join([*parts, _ELSEWHERE])


def main() -> int:
    """Write the page, or with ``--check`` say whether it is current."""
    if "--check" in sys.argv[1:]:
        current = PAGE.is_file() and PAGE.read_text() == render()
        if not current:
            sys.stderr.write(f"{PAGE} is stale; python -m csiflow.settings_reference writes it\n")
        return 0 if current else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
