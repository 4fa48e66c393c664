"""The embedded Kafka broker and the administration of topics."""
