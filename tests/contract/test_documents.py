"""What third parties read: JSON Schema files, the AsyncAPI document, and the promise of v1."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from csi_schemas import examples
from csi_schemas.generate import files, json_schema
from csi_schemas.topics import BY_NAME, TOPICS

SCHEMAS = Path(__file__).parents[2] / "schemas"
JSON_TOPICS = [topic for topic in TOPICS if topic.value is not bytes]
MESSAGES = [
    pytest.param(name, message, id=f"{name}-{type(message).__name__}-{index}")
    for name, messages in {**examples.BY_TOPIC, json_schema.SIGNATURE_NAME: (examples.SIGNATURE,)}.items()
    for index, message in enumerate(messages)
]


def schema(name: str) -> dict[str, Any]:
    """A committed schema file."""
    content: dict[str, Any] = json.loads((SCHEMAS / "json" / json_schema.file_name(name)).read_text())
    return content


def asyncapi() -> dict[str, Any]:
    """The committed AsyncAPI document."""
    content: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())
    return content


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command that writes and checks."""
    command = [sys.executable, "-m", "csi_schemas.generate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_committed_files_are_not_stale() -> None:
    """Every generated file is what the messages and the topic registry say now."""
    assert files.stale(SCHEMAS) == [], "run: python -m csi_schemas.generate"


def test_messages_keep_the_promise_of_v1() -> None:
    """Against the released baseline the messages have only gained optional fields."""
    assert [str(breakage) for breakage in files.incompatible(SCHEMAS)] == []


def test_every_topic_has_a_released_baseline() -> None:
    """No topic of the registry escapes the compatibility check."""
    released = {path.name for path in (SCHEMAS / files.RELEASED).iterdir()}
    assert released >= {json_schema.file_name(topic.name) for topic in JSON_TOPICS}


def test_the_check_notices_what_is_stale_missing_or_left_over(tmp_path: Path) -> None:
    """``--check`` fails and names the file for a changed, an absent and an orphaned one; writing mends all three."""
    root = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, root, ignore=shutil.ignore_patterns("src", "*.toml"))
    assert generate("--check", "--root", str(root)).returncode == 0
    (root / "json" / "csi.frames.v1.schema.json").write_text("{}")
    (root / "asyncapi.yaml").unlink()
    (root / "json" / "csi.gone.v1.schema.json").write_text("{}")
    check = generate("--check", "--root", str(root))
    assert check.returncode == 1
    assert "json/csi.frames.v1.schema.json is stale; run: python -m csi_schemas.generate" in check.stderr
    assert "asyncapi.yaml is missing" in check.stderr
    assert "json/csi.gone.v1.schema.json is no longer generated" in check.stderr
    assert generate("--root", str(root)).returncode == 0
    assert generate("--check", "--root", str(root)).returncode == 0


def test_an_incompatible_change_cannot_be_released(tmp_path: Path) -> None:
    """With a baseline that has a property the messages lack, the check and the release fail and name the property."""
    root = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, root, ignore=shutil.ignore_patterns("src", "*.toml"))
    path = root / files.RELEASED / "csi.frames.v1.schema.json"
    baseline = json.loads(path.read_text())
    baseline["$defs"]["CsiFrame"]["properties"]["phase"] = {"type": "number"}
    path.write_text(json.dumps(baseline))
    (root / files.RELEASED / "csi.gone.v1.schema.json").write_text("{}")
    for option in ("--check", "--release"):
        run = generate(option, "--root", str(root))
        assert run.returncode == 1
        assert "csi.frames.v1.phase: the property is gone" in run.stderr
        assert "csi.gone.v1: the schema is gone" in run.stderr
    assert json.loads(path.read_text()) == baseline


def test_a_compatible_release_moves_the_baseline(tmp_path: Path) -> None:
    """From nothing, a release writes the baseline of every schema, and the check then passes."""
    assert generate("--release", "--root", str(tmp_path)).returncode == 0
    assert len(list((tmp_path / files.RELEASED).iterdir())) == len(JSON_TOPICS) + 1
    assert generate("--check", "--root", str(tmp_path)).returncode == 0


@pytest.mark.parametrize("name", [*(topic.name for topic in JSON_TOPICS), json_schema.SIGNATURE_NAME])
def test_schema_files_are_json_schema_2020_12(name: str) -> None:
    """Each file is a valid schema of the dialect it names, with its own identity."""
    document = schema(name)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"urn:csiflow:schema:{name}"
    jsonschema.Draft202012Validator.check_schema(document)


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_real_messages_fit_their_schema(name: str, message: msgspec.Struct) -> None:
    """The bytes a service puts on Kafka validate against the committed file and read back as the same message."""
    encoded = msgspec.json.encode(message)
    jsonschema.Draft202012Validator(schema(name)).validate(json.loads(encoded))
    value = BY_NAME[name].value if name in BY_NAME else type(message)
    assert msgspec.json.decode(encoded, type=value) == message


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_damaged_messages_do_not(name: str, message: msgspec.Struct) -> None:
    """Without any one of its required fields, or with a number where text belongs, a message fails its schema."""
    validator = jsonschema.Draft202012Validator(schema(name))
    data = json.loads(msgspec.json.encode(message))
    required = [f.name for f in msgspec.structs.fields(message) if f.required]
    for field in required:
        assert not validator.is_valid({key: value for key, value in data.items() if key != field}), field
        if isinstance(data[field], str):
            assert not validator.is_valid(data | {field: 1}), field
    assert required


def test_every_kind_of_message_has_an_example() -> None:
    """No event, packet kind or optional part is left out of the validation above."""
    shown = {type(m) for messages in examples.BY_TOPIC.values() for m in messages}
    shown |= {type(body) for body in examples.TELEMETRY_BODIES}
    for topic in JSON_TOPICS:
        members = getattr(topic.value, "__args__", (topic.value,))
        assert set(members) <= shown
    filled: set[str] = set()
    for update in (examples.SENSING, examples.MULTI_BSSID_SENSING):
        filled |= json.loads(msgspec.json.encode(update)).keys()
    assert filled >= set(examples.SENSING.__struct_fields__) | {"type"}


def test_units_reach_third_parties() -> None:
    """The docstrings of fields, inherited and aliased ones too, are the descriptions in the files."""
    frame = schema("csi.frames.v1")["$defs"]["CsiFrame"]["properties"]
    assert "ns since the Unix epoch" in frame["timestamp_ns"]["description"]
    assert "Where the radio samples came from" in frame["provenance"]["description"]
    started = schema("csi.events.v1")["$defs"]["PresenceEnded"]["properties"]
    assert "ns since the Unix epoch" in started["timestamp_ns"]["description"]
    assert "``" not in json.dumps(schema("csi.telemetry.v1"))


def test_asyncapi_describes_the_registry() -> None:
    """Every topic is a channel with its address, partitions, retention, key and headers as the registry has them."""
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    channels = {channel["address"]: (name, channel) for name, channel in document["channels"].items()}
    assert channels.keys() == BY_NAME.keys()
    for topic in TOPICS:
        name, channel = channels[topic.name]
        binding = channel["bindings"]["kafka"]
        assert binding["partitions"] == topic.partitions
        assert binding["topicConfiguration"]["cleanup.policy"] == [topic.cleanup_policy]
        assert binding["topicConfiguration"].get("retention.ms") == topic.retention_ms
        message = document["components"]["messages"][name]
        assert message["bindings"]["kafka"]["key"]["description"] == topic.key
        assert tuple(message.get("headers", {}).get("properties", ())) == topic.headers


def test_asyncapi_operations_say_who_reads_and_writes() -> None:
    """Each channel has a sender among our services, our receivers, and one operation for third parties."""
    document = asyncapi()
    operations = document["operations"]
    for topic in TOPICS:
        channel = topic.name.split(".")[1]
        assert topic.producers
        for service in topic.producers:
            assert operations[f"{service}.send.{channel}"]["action"] == "send"
        for service in (*topic.consumers, "anybody"):
            assert operations[f"{service}.receive.{channel}"]["action"] == "receive"
    for operation in operations.values():
        channel_name = operation["channel"]["$ref"].removeprefix("#/channels/")
        assert operation["messages"] == [{"$ref": f"#/channels/{channel_name}/messages/{channel_name}"}]


def test_asyncapi_references_resolve() -> None:
    """Every ``$ref`` leads somewhere: inside the document, or to a committed schema file."""
    document = asyncapi()
    references = list(_references(document))
    assert len(references) > len(TOPICS)
    for reference in references:
        if reference.startswith("#/"):
            target: Any = document
            for step in reference.removeprefix("#/").split("/"):
                target = target[step]
        else:
            assert (SCHEMAS / reference).is_file(), reference


def test_asyncapi_has_the_structure_of_version_3() -> None:
    """Required fields, no unknown ones, and references where the specification wants references."""
    document = asyncapi()
    known = {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"}
    assert document.keys() <= known
    assert document["info"].keys() >= {"title", "version"}
    for server in document["servers"].values():
        assert server.keys() >= {"host", "protocol"}
        assert server.keys() <= {"host", "protocol", "description", "variables"}
        assert all(f"{{{variable}}}" in server["host"] for variable in server["variables"])
    for channel in document["channels"].values():
        assert channel.keys() <= {"address", "description", "messages", "bindings"}
        assert all(message.keys() == {"$ref"} for message in channel["messages"].values())
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"].keys() == {"$ref"}
        assert operation.keys() <= {"action", "channel", "summary", "tags", "messages"}
    for message in document["components"]["messages"].values():
        assert message.keys() <= {
            "name",
            "title",
            "contentType",
            "payload",
            "headers",
            "bindings",
            "examples",
        }
        payload = message["payload"]
        assert payload.keys() == {"schemaFormat", "schema"} or payload["type"] == "string"


def test_asyncapi_examples_fit_the_schemas_they_stand_by() -> None:
    """What the document shows validates against what it references."""
    shown = 0
    for message in asyncapi()["components"]["messages"].values():
        for example in message.get("examples", ()):
            jsonschema.Draft202012Validator(schema(message["name"])).validate(example["payload"])
            shown += 1
    assert shown == sum(map(len, examples.BY_TOPIC.values()))


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for value in node.values() for reference in _references(value)]
    if isinstance(node, list):
        return [reference for value in node for reference in _references(value)]
    return []
