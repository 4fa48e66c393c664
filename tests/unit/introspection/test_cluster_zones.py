"""The table of zones: what it means, and what is said when it is wrong."""

from __future__ import annotations

import pytest
from csi_introspection.cluster.settings import ClusterSettings
from csi_introspection.cluster.zones import Zones
from csi_introspection.settings import IntrospectionSettings
from pydantic import ValidationError

VARIABLE = "CSIFLOW_INTROSPECTION_ZONES"


@pytest.mark.parametrize("settings", [ClusterSettings, IntrospectionSettings])
@pytest.mark.parametrize("text", [None, "", "  "])
def test_by_default_there_is_one_zone_of_every_node(
    settings: type[ClusterSettings | IntrospectionSettings], text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unset and empty are the same: a demo shows a zone without configuration."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    zones = Zones(settings().zones)
    assert zones.of("anything") == ["all"]
    assert zones.named("all") == frozenset()


@pytest.mark.parametrize("settings", [ClusterSettings, IntrospectionSettings])
def test_both_services_read_the_same_variable(
    settings: type[ClusterSettings | IntrospectionSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node may be in several zones or in none; the star is every node, and names none."""
    monkeypatch.setenv(VARIABLE, '{"living-room": ["1", "2"], "hall": ["2"], "house": ["*", "7"]}')
    zones = Zones(settings().zones)
    assert zones.of("1") == ["living-room", "house"]
    assert zones.of("2") == ["living-room", "hall", "house"]
    assert zones.of("9") == ["house"]
    assert zones.named("house") == {"7"}
    assert zones.holds("hall", "2")
    assert not zones.holds("hall", "1")
    assert not zones.holds("attic", "1")
    monkeypatch.setenv(VARIABLE, "{}")
    assert Zones(settings().zones).of("1") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON: Expecting property name"),
        ("living-room=1,2", "not JSON"),
        ('["1"]', "is not a JSON object"),
        ('{"a": "1"}', "zone 'a': '1' is not a list of node ids"),
        ('{"a": [1]}', "zone 'a': [1] is not a list of node ids, which are texts"),
        ('{"a": []}', "zone 'a' has no nodes"),
        ('{"a": ["1", "1"]}', "zone 'a': node '1' is named 2 times"),
        ('{"a": ["1"], "a": ["2"]}', "the zone 'a' is given 2 times"),
        ('{"": ["1"]}', "zone '' cannot be used"),
        ('{"a,b": ["1"]}', "no comma"),
        ('{"a": [" 1"]}', "zone 'a': node ' 1' cannot be used"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the zone, the value and what is wanted."""
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValidationError) as refused:
        ClusterSettings()
    assert said in str(refused.value)
