"""What can keep Kafka from being used; each message says what was wrong, where, and what to do."""

from __future__ import annotations


class KafkaSetupError(RuntimeError):
    """Kafka cannot be used as asked; the message is meant for the operator."""


class ClusterUnreachableError(KafkaSetupError):
    """No broker of a cluster answers."""


class TopicCreationError(KafkaSetupError):
    """The cluster refused a topic, or did not bring it up."""
