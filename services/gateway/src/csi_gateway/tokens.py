"""The bearer token: where it comes from and what it may look like."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from typing import TYPE_CHECKING

from csi_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from csi_gateway.settings import GatewaySettings

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110 ``token``: what may stand in a websocket subprotocol, where browsers carry it."""


class TokenError(ConfigurationError):
    """There is no usable bearer token; the message says what to do."""


def load_or_create(path: Path) -> str:
    """Return the token in ``path``; if there is no such file, make one that only its owner may read.

    Two processes that call this at once get the same token.

    Raises:
        TokenError: the file holds no usable token.
        OSError: the file cannot be read or written.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123  # the mode must be set at creation
                file.write(secrets.token_urlsafe(32) + "\n")
            with contextlib.suppress(FileExistsError):  # another process was first: its token stands
                os.link(draft, path)
        finally:
            draft.unlink()
    return read_token(path)


def read_token(path: Path) -> str:
    """Return the token in ``path``.

    Raises:
        TokenError: there is no such file, or it holds no usable token.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise TokenError(
            f"the token file {path} does not exist; create it with one line of 32 or more random characters, or "
            "unset CSIFLOW_GATEWAY_TOKEN_FILE and set CSIFLOW_GATEWAY_TOKEN"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"the token file {path} cannot be read: {error}; mend it or name another file") from error
    return checked(text, f"the token file {path}")


def checked(token: str, where: str) -> str:
    """Return ``token`` if it can be carried in a header and in a websocket subprotocol.

    Raises:
        TokenError: it cannot.
    """
    if not token:
        raise TokenError(f"{where} holds no token; write 32 or more random characters into it")
    if not _TOKEN.fullmatch(token):
        raise TokenError(
            f"{where} holds a token with characters that a websocket subprotocol cannot carry; use only letters, "
            "digits and !#$%&'*+-.^_`|~ (no spaces, slashes or equals signs; URL-safe base64 without padding is fine)"
        )
    return token


def configured_token(settings: GatewaySettings) -> str:
    """Return the token the settings name; CSIFLOW_GATEWAY_TOKEN, unless empty, wins over CSIFLOW_GATEWAY_TOKEN_FILE.

    Raises:
        TokenError: neither is set, or what is set is unusable.
    """
    given = "" if settings.token is None else settings.token.get_secret_value().strip()
    if given:
        return checked(given, "CSIFLOW_GATEWAY_TOKEN")
    if settings.token_file is not None:
        return read_token(settings.token_file)
    raise TokenError(
        "the gateway has no bearer token and does not start without one; set CSIFLOW_GATEWAY_TOKEN to 32 or more "
        "random characters, or CSIFLOW_GATEWAY_TOKEN_FILE to a file that holds them (csiflow up makes such a file "
        "by itself)"
    )
