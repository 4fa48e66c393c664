"""Before the application starts: wait until the cluster answers and has the topics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

log = structlog.get_logger(__name__)

RETRY_S = 0.5
COMPLAINT_INTERVAL = 20
"""Retries between two log lines about the same trouble."""


class PartitionCountError(RuntimeError):
    """An output topic has fewer partitions than the source, so an output's default partition may not exist."""


class Preflight:
    """Waits for a cluster with the topics a service needs; says in ``trouble`` what is missing meanwhile."""

    def __init__(self, bootstrap: str, source: str, outputs: Sequence[str]) -> None:
        """Look for these topics at ``HOST:PORT[,HOST:PORT...]``."""
        self._bootstrap = bootstrap
        self._source = source
        self._outputs = tuple(outputs)
        self.trouble: str | None = f"asking {bootstrap} for its topics"

    async def wait(self) -> None:
        """Return when all is there.

        Raises:
            PartitionCountError: see there.
        """
        attempts = 0
        while (trouble := await self._look()) is not None:
            self.trouble = trouble
            if attempts % COMPLAINT_INTERVAL == 0:
                log.warning("waiting for Kafka", reason=trouble)
            attempts += 1
            await asyncio.sleep(RETRY_S)
        self.trouble = None

    async def _look(self) -> str | None:
        client: Any = AIOKafkaClient(bootstrap_servers=self._bootstrap)
        try:
            await client.bootstrap()
            cluster = await client.fetch_all_metadata()
            counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in (self._source, *self._outputs)}
        except KafkaError as error:
            return f"{self._bootstrap} does not answer: {error}"
        finally:
            await client.close()
        missing = sorted(topic for topic, count in counts.items() if not count)
        if missing:
            return f"topics missing on {self._bootstrap}: {', '.join(missing)}; run: csiflow topics create"
        for topic in self._outputs:
            if counts[topic] < counts[self._source]:
                raise PartitionCountError(
                    f"{topic} has {counts[topic]} partitions, {self._source} has {counts[self._source]}; topics keyed "
                    "by node need the same number, delete the topic and run: csiflow topics create"
                )
        return None
