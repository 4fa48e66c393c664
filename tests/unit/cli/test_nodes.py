"""The table of ``csiflow nodes``."""

from __future__ import annotations

import io

from csiflow.commands.nodes import table_of
from rich.console import Console


def test_the_table_fits_80_columns_with_what_is_known_whole() -> None:
    """A host's long name, two streams and a stale synthetic node: no word is lost, the state is one piece."""
    common = {"stale": True, "age_s": 12345.0, "presence": True, "motion_level": "present_moving"}
    nodes = [
        {"node_id": "00000000c0ffee42", "source": "wifi-enhanced:windows", "provenance": "measured", **common},
        {"node_id": "7", "source": "esp32", "provenance": "synthetic", **common, "motion_level": None},
    ]
    for node in nodes:
        node["streams"] = [{"stream": "1x64@6"}, {"stream": "3x128@149"}]
    written = io.StringIO()
    Console(file=written, width=80).print(table_of(nodes))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "\u2026" not in written.getvalue()
    rows = [[cell.strip() for cell in line.strip("\u2502").split("\u2502")] for line in lines if line[0] == "\u2502"]
    columns = ["".join(parts) for parts in zip(*rows, strict=True)]
    assert columns[0] == "00000000c0ffee427"
    assert columns[1].replace(" ", "") == "wifi-enhanced:windows,measuredesp32,synthetic"
    assert columns[2].replace(" ", "") == 2 * "1x64@6,3x128@149"
    assert [row[5] for row in rows if row[5]] == ["present_moving", "unknown"]
