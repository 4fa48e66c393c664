"""server.properties of one broker and of three."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from csiflow.kafka.ports import are_free, free_nodes
from csiflow.kafka.properties import Node, server_properties


def _parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("count", "in_sync"), [(1, "1"), (3, "2")])
def test_copies_and_acknowledgements_follow_the_number_of_brokers(count: int, in_sync: str) -> None:
    """One broker keeps one copy; three keep three, of which two must have a record before it is acknowledged."""
    nodes = tuple(Node(i + 1, 1000 + i, 2000 + i) for i in range(count))

    for node in nodes:
        settings = _parsed(server_properties(node, nodes, Path("data")))
        for name in ("default", "offsets.topic", "transaction.state.log"):
            assert settings[f"{name}.replication.factor"] == str(count)
        assert settings["min.insync.replicas"] == settings["transaction.state.log.min.isr"] == in_sync
        assert settings["controller.quorum.voters"].split(",") == [
            f"{n.node_id}@127.0.0.1:{2000 + n.node_id - 1}" for n in nodes
        ]
        assert settings["auto.create.topics.enable"] == "false"


def test_a_windows_path_survives_the_properties_file() -> None:
    """Backslashes, which a properties file reads as escapes, are not written."""
    node = Node(1, 1000, 2000)

    settings = _parsed(server_properties(node, (node,), PureWindowsPath("C:\\new\\data")))  # type: ignore[arg-type]

    assert settings["log.dirs"] == "C:/new/data"


def test_free_nodes_have_ports_of_their_own() -> None:
    """No two listeners of a cluster share a port, and all of them are free."""
    nodes = free_nodes(3)

    assert [node.node_id for node in nodes] == [1, 2, 3]
    assert len({port for node in nodes for port in (node.port, node.controller_port)}) == 6
    assert are_free(nodes)
