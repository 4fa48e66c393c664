"""Validates CSI datagrams and publishes them to Kafka."""
