"""Who may send: the keys of the nodes, and the window that lets every authentic datagram in once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csi_runtime.errors import ConfigurationError
from csi_schemas.codec import PacketError, RejectReason
from csi_schemas.codec.authentication import KeyFormatError, parse_key, verify

if TYPE_CHECKING:
    from pathlib import Path

    from csi_schemas.codec.authentication import Authenticator

WINDOW = 1024
"""Datagrams behind the newest one of a session that may still come; as far as sequence accounting looks back."""
MAX_WINDOWS = 2048
"""Nodes whose window is remembered: all that ingest remembers anyway."""
EVERY_NODE = "*"
_OPEN = "open"
_SEEN = (1 << WINDOW) - 1


@dataclass(slots=True)
class ReplayWindow:
    """Which datagrams of a node's newest session were let in."""

    session: int = -1
    highest: int = -1
    """Highest counter so far."""
    seen: int = 0
    """Bit n: the counter ``highest - n`` was let in."""

    def admit(self, session: int, counter: int) -> bool:
        """Note an authentic datagram; ``False`` when it was let in before.

        Raises:
            PacketError: ``replayed``: it is of an earlier session, or further behind than the window reaches.
        """
        if session < self.session:
            detail = f"session {session} ended: the node is in session {self.session}"
            raise PacketError(RejectReason.REPLAYED, detail)
        if session > self.session:
            self.session, self.highest, self.seen = session, counter, 1
            return True
        ahead = counter - self.highest
        if ahead > 0:
            self.seen = (self.seen << ahead | 1) & _SEEN if ahead < WINDOW else 1
            self.highest = counter
            return True
        if ahead <= -WINDOW:
            detail = f"counter {counter} is {-ahead} behind the newest; at most {WINDOW - 1} are waited for"
            raise PacketError(RejectReason.REPLAYED, detail)
        bit = 1 << -ahead
        if self.seen & bit:
            return False
        self.seen |= bit
        return True


@dataclass(slots=True)
class Gate:
    """Decides on each datagram of the live port when keys are set."""

    keys: dict[str, bytes | None] = field(repr=False)
    """Key by node id, ``None`` for a node that may send without; ``*`` stands for every node not named."""
    windows: dict[str, ReplayWindow] = field(default_factory=dict)
    """By node id, the node heard last at the end. Only holders of a key get one."""

    def admit(self, node_id: str, packet: bytes, authenticator: Authenticator | None) -> bool:
        """Let a datagram in; ``False`` when exactly this one was let in before.

        Raises:
            PacketError: ``unauthenticated``, ``bad_authenticator`` or ``replayed``.
        """
        if node_id not in self.keys and EVERY_NODE not in self.keys:
            raise PacketError(RejectReason.UNAUTHENTICATED, f"node {node_id} has no key here")
        key = self.keys.get(node_id, self.keys.get(EVERY_NODE))
        if key is None:
            return True
        if authenticator is None:
            raise PacketError(RejectReason.UNAUTHENTICATED, f"node {node_id} has a key, the datagram no authenticator")
        if not verify(key, packet, authenticator):
            detail = f"the authenticator does not fit the bytes and the key of node {node_id}"
            raise PacketError(RejectReason.BAD_AUTHENTICATOR, detail)
        window = self.windows.pop(node_id, None)
        if window is None:
            window = ReplayWindow()
            if len(self.windows) >= MAX_WINDOWS:
                del self.windows[next(iter(self.windows))]
        self.windows[node_id] = window
        return window.admit(authenticator.session, authenticator.counter)


def read_keys(key: str | None, file: Path | None) -> dict[str, bytes | None]:
    """Keys of the settings: ``key`` for every node, and the lines ``NODE KEY`` or ``NODE open`` of ``file``.

    Raises:
        ConfigurationError: the file cannot be read, or a line is not of that form; no message contains a key.
    """
    keys: dict[str, bytes | None] = {}
    if key is not None:
        try:
            keys[EVERY_NODE] = parse_key(key)
        except KeyFormatError as error:
            raise ConfigurationError(f"CSIFLOW_INGEST_AUTH_KEY: {error}") from None
    if file is None:
        return keys
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise ConfigurationError(f"CSIFLOW_INGEST_AUTH_KEY_FILE: cannot read {file}: {reason}") from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"CSIFLOW_INGEST_AUTH_KEY_FILE: line {number} of {file}"
        if len(words) != 2:
            raise ConfigurationError(f"{where} has {len(words)} words; write NODE KEY or NODE open, NODE may be *")
        if words[0] in keys:
            raise ConfigurationError(f"{where} gives a node a second key")
        try:
            keys[words[0]] = None if words[1] == _OPEN else parse_key(words[1])
        except KeyFormatError as error:
            raise ConfigurationError(f"{where}: {error}") from None
    return keys
