"""The guard: a pure decision about what a request carries."""

from __future__ import annotations

import pytest
from csi_gateway.auth import Credentials, Guard
from csi_gateway.errors import Refusal
from hypothesis import given
from hypothesis import strategies as st

TOKEN = "right-token"  # noqa: S105  # opens nothing
guard = Guard(TOKEN, frozenset({"https://ops.example"}))


def credentials(
    authorization: str | None = None,
    subprotocols: tuple[str, ...] = (),
    origin: str | None = None,
    host: str | None = "gateway:8080",
    query: str = "",
) -> Credentials:
    """Credentials of a request."""
    return Credentials(authorization, subprotocols, origin, host, query)


def refused(given: Credentials) -> Refusal:
    """The refusal the guard answers with."""
    with pytest.raises(Refusal) as refusal:
        guard.check(given)
    return refusal.value


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_header(authorization: str) -> None:
    """The scheme's case does not matter (RFC 9110)."""
    guard.check(credentials(authorization))


def test_subprotocol() -> None:
    """Offered beside the protocol's own name, in any place."""
    guard.check(credentials(subprotocols=("csiflow", f"bearer.{TOKEN}")))
    guard.check(credentials(subprotocols=(f"bearer.{TOKEN}", "csiflow")))


@given(st.text())
def test_no_other_token_opens(token: str) -> None:
    """Whatever else is presented, even text no header can carry, is refused as wrong."""
    if token.strip() != TOKEN:
        assert refused(credentials(f"Bearer {token}")).status == 401
        assert refused(credentials(subprotocols=("csiflow", f"bearer.{token}"))).reason == "wrong"


@pytest.mark.parametrize("authorization", [None, "", TOKEN, f"Basic {TOKEN}", f"Token {TOKEN}"])
def test_no_bearer_token_is_missing(authorization: str | None) -> None:
    """Another scheme is the same as no token."""
    refusal = refused(credentials(authorization))
    assert (refusal.status, refusal.reason) == (401, "missing")


@pytest.mark.parametrize(
    "query", [f"token={TOKEN}", "token=", "TOKEN=x", "a=b&access_token=x", f"q={TOKEN}", f"{TOKEN}", f"{TOKEN}=1"]
)
def test_never_in_the_query(query: str) -> None:
    """Refused even beside a right header, so that nobody gets used to it; the token is not repeated."""
    refusal = refused(credentials(f"Bearer {TOKEN}", query=query))
    assert (refusal.status, refusal.reason) == (401, "query")
    assert TOKEN not in refusal.detail + refusal.action


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://gateway:8080", True),
        ("https://GATEWAY:8080", True),
        ("https://ops.example", True),
        ("http://ops.example", False),
        ("http://gateway", False),
        ("http://gateway:8081", False),
        ("http://evil.example", False),
        ("http://gateway:8080.evil.example", False),
        ("http://user@gateway:8080", False),
        ("ftp://gateway:8080", False),
        ("null", False),
        ("", False),
    ],
)
def test_origins(origin: str | None, allowed: bool) -> None:  # noqa: FBT001  # a table of cases
    """No Origin is no browser; a browser's page must be ours (same host and port) or listed."""
    given = credentials(f"Bearer {TOKEN}", origin=origin)
    if allowed:
        guard.check(given)
    else:
        assert (refused(given).status, refused(given).reason) == (403, "origin")


def test_no_host_is_nobodys_origin() -> None:
    """A request without a Host header has no own origin."""
    assert refused(credentials(f"Bearer {TOKEN}", origin="http://", host=None)).status == 403


def test_refusals_say_what_to_do() -> None:
    """Status line, body and challenge of a 401."""
    response = refused(credentials()).response()
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert b"CSIFLOW_GATEWAY_TOKEN" in response.body
