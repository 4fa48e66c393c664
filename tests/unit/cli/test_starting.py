"""A stack that is being started is told from one that runs and from none, and cannot be started misconfigured."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import typer
from csi_runtime.errors import ConfigurationError
from csiflow.commands.doctor import examine
from csiflow.runfile import RunFile, announced, bootstrap_servers, published, require, starting
from csiflow.settings import CliSettings
from csiflow.stack import StackOptions, running_stack

ZONES = "CSIFLOW_INTROSPECTION_ZONES"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliSettings:
    """Settings with a state folder of their own and no cluster."""
    monkeypatch.delenv("CSIFLOW_KAFKA", raising=False)
    return CliSettings(state_dir=tmp_path)


def test_a_starting_stack_is_named(settings: CliSettings, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands that need a stack say that it starts, and end with 2; doctor waits instead of blaming a program."""
    with announced(settings):
        for wants in (require, bootstrap_servers):
            with pytest.raises(typer.Exit) as ended:
                wants(settings)
            assert ended.value.exit_code == 2
            said = capsys.readouterr().err
            assert "csiflow is starting (since " in said
            assert "wait until it is ready" in said
        findings = {each.check: each for each in asyncio.run(examine(settings))}
        for check in ("udp port", "kafka", "services"):
            assert findings[check].status == "warning"
            assert "starting" in findings[check].said
    assert starting(settings) is None
    assert list(settings.state_dir.iterdir()) == []


def test_a_running_stack_is_not_starting(settings: CliSettings) -> None:
    """Where one runs, another that starts beside it hides nothing."""
    run = RunFile(os.getpid(), "127.0.0.1:1", "http://127.0.0.1:1", "token", "a", "b", "c", {})
    with announced(settings), published(settings, run):
        assert starting(settings) is None
        assert require(settings) == run


def test_what_a_killed_start_left_is_ignored(settings: CliSettings) -> None:
    """Its process is gone, so nothing starts."""
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    (settings.state_dir / "starting.json").write_text(f'{{"pid": {child}, "since": 1.0}}')
    assert starting(settings) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (ZONES, "living=1", f"{ZONES}: not JSON: .*for example"),
        ("CSIFLOW_CLUSTER_INTERVAL_S", "0", "CSIFLOW_CLUSTER_INTERVAL_S=0: Input should be greater"),
        ("CSIFLOW_EVENTS_SESSION_TIMEOUT_S", "soon", "CSIFLOW_EVENTS_SESSION_TIMEOUT_S=soon: Input should be"),
    ],
)
def test_settings_are_checked_before_anything_starts(
    name: str, value: str, said: str, settings: CliSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named once, whichever services read it, and Kafka is never begun."""
    monkeypatch.setenv(name, value)
    options = StackOptions(settings.state_dir / "kafka", live_port=0, gateway_port=0, introspection=True)

    async def start() -> None:
        async with running_stack(settings, options, show_logs=False):
            pytest.fail("it started")

    with pytest.raises(ConfigurationError, match=said) as refused:
        asyncio.run(start())
    assert str(refused.value).count(name) == 1
    assert "pydantic" not in str(refused.value)
    assert list(settings.state_dir.iterdir()) == []
