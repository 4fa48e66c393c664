"""What can keep a service from running; each message says what was wrong, where, and what to do."""

from __future__ import annotations


class ConfigurationError(RuntimeError):
    """A service cannot run as it is configured; starting it again would not help."""


class KafkaSetupError(RuntimeError):
    """Kafka cannot be used as asked; the message is meant for the operator."""


class ClusterUnreachableError(KafkaSetupError):
    """No broker of a cluster answers."""


class TopicCreationError(KafkaSetupError):
    """The cluster refused a topic, or did not bring it up."""
