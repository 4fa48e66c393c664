"""Kafka's own way from a record key to a partition, for outputs whose key is not their source's."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that every Kafka client gives ``key`` by default, among ``partitions``."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
