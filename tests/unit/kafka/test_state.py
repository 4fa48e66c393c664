"""The state folder: one cluster at a time, and nothing left behind by a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from csiflow.kafka import state
from csiflow.kafka.errors import StateFolderError
from csiflow.kafka.state import StateFolder

_HOLD = (
    "import sys; from pathlib import Path; from csiflow.kafka.state import StateFolder\n"
    "with StateFolder(Path(sys.argv[1]), 1) as folder:\n"
    "    folder.save('127.0.0.1:1234', [int(pid) for pid in sys.argv[2:]])\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@contextmanager
def _holder(folder: Path, *pids: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the folder."""
    command = [sys.executable, "-c", _HOLD, str(folder), *map(str, pids)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_user_of_a_folder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    """The error names the folder, the process and address that use it, and what to do; later the folder is free."""
    with _holder(tmp_path) as other:
        with pytest.raises(StateFolderError) as caught, StateFolder(tmp_path, 1):
            pass
        message = str(caught.value)
        for part in (str(tmp_path), f"process {other.pid}", "127.0.0.1:1234", "CSIFLOW_STATE_DIR"):
            assert part in message
        other.communicate("")

    with StateFolder(tmp_path, 1) as folder:
        assert folder.record.brokers == 1


def test_a_second_user_in_the_same_process_is_refused(tmp_path: Path) -> None:
    """Two clusters of one process cannot share a folder either."""
    with StateFolder(tmp_path, 1), pytest.raises(StateFolderError, match="in use"), StateFolder(tmp_path, 1):
        pass


def test_the_lock_of_a_killed_process_is_recovered(tmp_path: Path) -> None:
    """After kill -9 of the user the folder can be had at once, with its cluster identity."""
    with _holder(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

        with StateFolder(tmp_path, 1) as folder:
            assert folder.record.owner == other.pid
            assert folder.record.cluster_id


def test_a_killed_owners_broker_is_waited_for(tmp_path: Path) -> None:
    """While a broker of the last owner still runs, the folder is not handed out; once it has ended, it is."""
    with subprocess.Popen(["sleep", "0.3"]) as orphan:
        with _holder(tmp_path, orphan.pid):
            pass
        with StateFolder(tmp_path, 1) as folder:
            assert not any(process.running for process in folder.record.processes)


def test_a_broker_that_does_not_end_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the process to end and how; afterwards the folder is free again."""
    monkeypatch.setattr(state, "_ORPHAN_PATIENCE_S", 0.1)
    with subprocess.Popen(["sleep", "60"]) as orphan:
        with _holder(tmp_path, orphan.pid):
            pass
        with pytest.raises(StateFolderError, match=rf"kill {orphan.pid}"), StateFolder(tmp_path, 1):
            pass
        orphan.kill()
        orphan.wait()

    with StateFolder(tmp_path, 1):
        pass


def test_a_later_process_with_a_brokers_number_is_not_taken_for_it() -> None:
    """A process number that was given away again does not keep the folder from being used."""
    reused = state.Process(os.getpid(), 1.0)

    assert not reused.running
    assert state.Process.of(os.getpid()) is not None


def test_a_cluster_of_another_size_is_refused(tmp_path: Path) -> None:
    """Data of one broker cannot be opened as three; the error says both numbers."""
    with StateFolder(tmp_path, 1) as folder:
        folder.save("127.0.0.1:1234", [])

    with pytest.raises(StateFolderError, match=r"cluster of 1 broker\(s\), not 3"), StateFolder(tmp_path, 3):
        pass


def test_a_damaged_record_is_reported(tmp_path: Path) -> None:
    """A kafka.json that cannot be read is named, with what to do, and never overwritten."""
    (tmp_path / "kafka.json").write_text("{")

    with pytest.raises(StateFolderError, match=r"kafka\.json is damaged"), StateFolder(tmp_path, 1):
        pass
    assert (tmp_path / "kafka.json").read_text() == "{"


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """A state folder in the place of a file is refused with the system's reason."""
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(StateFolderError, match=r"cannot be used: .*CSIFLOW_STATE_DIR"),
        StateFolder(tmp_path / "file", 1),
    ):
        pass
