"""The token file and what a token may look like."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from csi_gateway.settings import GatewaySettings
from csi_gateway.tokens import TokenError, checked, configured_token, load_or_create, read_token

if TYPE_CHECKING:
    from pathlib import Path


def test_made_once_and_private(tmp_path: Path) -> None:
    """The first call makes a long random token only the owner may read; later calls return it; no draft remains."""
    path = tmp_path / "deep" / "token"
    token = load_or_create(path)
    assert len(token) >= 32
    assert checked(token, "it") == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create(path) == token == read_token(path)
    assert [found.name for found in path.parent.iterdir()] == ["token"]
    assert load_or_create(tmp_path / "another") != token


def test_racing_callers_agree(tmp_path: Path) -> None:
    """However many start at once, there is one token."""
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: load_or_create(tmp_path / "token"), range(64)))
    assert len(tokens) == 1


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    """A token the operator wrote is used, without its line end; an empty file is an error, not a new token."""
    path = tmp_path / "token"
    path.write_text("mine\n")
    assert load_or_create(path) == "mine"
    path.write_text("")
    with pytest.raises(TokenError, match="holds no token"):
        load_or_create(path)


@pytest.mark.parametrize("token", ["two words", "a/b", "a=b", "a,b", 'a"b', "ä", "a\tb", "a;b"])
def test_tokens_a_browser_cannot_carry(token: str) -> None:
    """What a websocket subprotocol cannot hold is refused at the start, not at the first browser."""
    with pytest.raises(TokenError, match="use only letters"):
        checked(token, "CSIFLOW_GATEWAY_TOKEN")


def test_which_one_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable before the file; an empty variable counts as not set; neither is an error that names both."""
    path = tmp_path / "token"
    path.write_text("from-file")
    with pytest.raises(TokenError, match=r"CSIFLOW_GATEWAY_TOKEN.*CSIFLOW_GATEWAY_TOKEN_FILE"):
        configured_token(GatewaySettings())
    monkeypatch.setenv("CSIFLOW_GATEWAY_TOKEN_FILE", str(path))
    assert configured_token(GatewaySettings()) == "from-file"
    monkeypatch.setenv("CSIFLOW_GATEWAY_TOKEN", "")
    assert configured_token(GatewaySettings()) == "from-file"
    monkeypatch.setenv("CSIFLOW_GATEWAY_TOKEN", "from-variable")
    assert configured_token(GatewaySettings()) == "from-variable"
    assert "from-variable" not in repr(GatewaySettings()), "settings may be printed"


def test_unreadable_files(tmp_path: Path) -> None:
    """A folder or bytes that are no text are errors that name the file."""
    with pytest.raises(TokenError, match="cannot be read"):
        read_token(tmp_path)
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TokenError, match="cannot be read"):
        read_token(path)


def test_origins_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comma separated list; spaces, case and trailing slashes do not matter."""
    monkeypatch.setenv("CSIFLOW_GATEWAY_ALLOWED_ORIGINS", "https://A.example/ , http://b:81,")
    assert GatewaySettings().allowed_origins == ("https://a.example", "http://b:81")
