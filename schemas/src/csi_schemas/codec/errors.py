"""Why a datagram is not a packet: the closed list of reasons and the one exception the codec raises."""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a datagram was refused; the ``reason`` header of ``csi.rejected.v1`` and a metric label."""

    EMPTY = "empty"
    """No bytes at all."""
    TRUNCATED_HEADER = "truncated_header"
    """Shorter than the header of the kind its magic names, or than the magic itself."""
    UNKNOWN_MAGIC = "unknown_magic"
    """The first four bytes name no packet kind of ours."""
    NO_ANTENNAS = "no_antennas"
    """A CSI header that says 0 antennas."""
    NO_SUBCARRIERS = "no_subcarriers"
    """A CSI header that says 0 sub-carriers."""
    TOO_MANY_SUBCARRIERS = "too_many_subcarriers"
    """More sub-carriers per antenna than ADR-018 allows."""
    TOO_MANY_ANTENNAS = "too_many_antennas"
    """More antenna streams than any radio we know of."""
    TRUNCATED_BODY = "truncated_body"
    """Shorter than its own header says."""
    TRAILING_BYTES = "trailing_bytes"
    """Longer than its own header says."""
    BAD_LENGTH = "bad_length"
    """A telemetry packet whose length no layout of its magic has."""
    NON_FINITE = "non_finite"
    """A number that is NaN or infinite."""
    OUT_OF_RANGE = "out_of_range"
    """A field outside its limits, see ``csi_schemas.codec.limits``."""
    OVER_LIMIT = "over_limit"
    """More elements than the layout allows."""
    BAD_CHECKSUM = "bad_checksum"
    """The CRC-32 does not fit the bytes."""
    BAD_RUN_LENGTH = "bad_run_length"
    """Run lengths that do not expand to the number of bytes announced."""
    DUPLICATE_SLOT = "duplicate_slot"
    """Two readings of one access-point slot in one scan."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """A version or feature flag that this decoder does not know."""
    UNAUTHENTICATED = "unauthenticated"
    """No authenticator, or no key for its node, where ingest demands one."""
    BAD_AUTHENTICATOR = "bad_authenticator"
    """The authenticator does not fit the bytes and the node's key."""
    REPLAYED = "replayed"
    """Authentic, but of an earlier session or too far behind the newest datagram of its node."""


class PacketError(ValueError):
    """A datagram that is no valid packet, or a packet that no datagram can carry.

    ``reason`` is one of a closed list, for counting; ``detail`` says which value was wrong and what was expected.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
