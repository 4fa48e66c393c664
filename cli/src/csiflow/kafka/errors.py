"""What can keep Kafka from being used; each message says what was wrong, where, and what to do."""

from __future__ import annotations


class KafkaSetupError(RuntimeError):
    """Kafka cannot be used as asked; the message is meant for the operator."""


class JarsUnavailableError(KafkaSetupError):
    """The embedded broker's jars are neither cached nor to be had from a Maven repository."""


class BrokerStartError(KafkaSetupError):
    """An embedded broker did not come up, or could not be formatted."""


class StateFolderError(KafkaSetupError):
    """The state folder is in use by another broker, or holds another kind of cluster."""


class ClusterUnreachableError(KafkaSetupError):
    """No broker of a cluster answers."""


class TopicCreationError(KafkaSetupError):
    """The cluster refused a topic, or did not bring it up."""
