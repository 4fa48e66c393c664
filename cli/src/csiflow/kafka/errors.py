"""What can keep the embedded Kafka from running; each message says what was wrong, where, and what to do."""

from __future__ import annotations

from csi_runtime.errors import KafkaSetupError


class JarsUnavailableError(KafkaSetupError):
    """The embedded broker's jars are neither cached nor to be had from a Maven repository."""


class BrokerStartError(KafkaSetupError):
    """An embedded broker did not come up, or could not be formatted."""


class StateFolderError(KafkaSetupError):
    """The state folder is in use by another broker, or holds another kind of cluster."""
