"""What a command that follows a topic says while Kafka is away."""

from __future__ import annotations

import logging

import pytest
from csiflow import following


def test_a_broker_that_is_gone_is_said_once_in_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library warns many times a second; a person reads one line, and another when half a minute has passed."""
    now = 100.0
    monkeypatch.setattr("csiflow.following.time.monotonic", lambda: now)
    logger = logging.getLogger("aiokafka.client")
    with following.told_once("127.0.0.1:9092"):
        for _ in range(50):
            logger.error("Unable connect to node with id %s", 1)
        logger.info("of no interest")
        now += following.REMINDER_SECONDS
        logger.warning("Failed fetch messages from %s", 1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(";")[0] for line in lines] == [
        "Kafka at 127.0.0.1:9092: Unable connect to node with id 1",
        "Kafka at 127.0.0.1:9092: Failed fetch messages from 1",
    ]
