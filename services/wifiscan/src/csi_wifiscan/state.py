"""What the agent remembers from start to start: the host's random number, and its newest session."""

from __future__ import annotations

import os
import secrets
import sys
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec

from csi_wifiscan.errors import SettingError

_HEX_DIGITS = 16


class Identity(NamedTuple):
    """Who the agent is in this run."""

    host: str
    """16 hexadecimal digits, the node id."""
    session: int
    """Higher than that of every earlier start; ms since the Unix epoch, unless the clock went back."""


class _File(msgspec.Struct):
    host: str
    session: int = 0


def default_path() -> Path:
    """``wifiscan.json`` in the user's folder for state; CSIFLOW_STATE_DIR names another folder."""
    if folder := os.environ.get("CSIFLOW_STATE_DIR"):
        return Path(folder) / "wifiscan.json"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "csiflow" / "wifiscan.json"
    return Path.home() / ".local" / "state" / "csiflow" / "wifiscan.json"


def begin_session(path: Path, node: str | None, now_ms: int) -> Identity:
    """Read who this host is, or make it up, and begin a session.

    Args:
        path: the state file; made when it is not there.
        node: the user's own choice, see :func:`host_of`.
        now_ms: ms since the Unix epoch.

    Raises:
        SettingError: the file cannot be read or written, or is damaged.
    """
    try:
        known = msgspec.json.decode(path.read_bytes(), type=_File) if path.exists() else None
    except (OSError, msgspec.DecodeError) as error:
        raise SettingError(f"cannot read {path}: {_said(error)}; remove it for a new identity") from None
    host = host_of(node) if node else known.host if known else secrets.token_hex(8)
    session = max(now_ms, known.session + 1 if known else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(_File(known.host if known else host, session)))
        fresh.replace(path)
    except OSError as error:
        raise SettingError(f"cannot write {path}: {_said(error)}; CSIFLOW_STATE_DIR names another folder") from None
    return Identity(host, session)


def host_of(node: str) -> str:
    """Node id of the user's choice: 16 hexadecimal digits as they are, any other name as 16 digits of its BLAKE2b."""
    digits = node.lower()
    if len(digits) == _HEX_DIGITS and all(digit in "0123456789abcdef" for digit in digits):
        return digits
    return blake2b(node.encode(), digest_size=_HEX_DIGITS // 2).hexdigest()


def _said(error: Exception) -> str:
    return (error.strerror or "input/output error") if isinstance(error, OSError) else "it is damaged"
