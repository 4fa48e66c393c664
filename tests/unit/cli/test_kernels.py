"""The kernels are compiled before services start: once, only what is missing, and stopped with whoever asked."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest
from csiflow.kernels import PACKAGES, compile_kernels, compiled, note_compiled
from csiflow.supervisor import ServiceFailedError
from support.waiting import wait_for


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and in place of the compiler a shell script that writes down what it was asked for."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\necho $$ "$3" >> {tmp_path}/asked\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


@pytest.mark.usefixtures("compiler")
async def test_only_what_is_missing_is_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was compiled is left alone without a word; the others are named, and said to be ready."""
    for service in PACKAGES:
        note_compiled(service)
    await compile_kernels(PACKAGES)
    assert capsys.readouterr().err == ""
    assert not (tmp_path / "asked").exists()
    for file in (tmp_path / "cache").iterdir():
        if "events" in file.name:
            file.unlink()
    await compile_kernels(PACKAGES)
    assert [line.split()[1] for line in (tmp_path / "asked").read_text().splitlines()] == ["events"]
    said = capsys.readouterr().err
    assert "compiling the kernels of events, once" in said
    assert "the kernels of events are ready after" in said


def test_an_edit_of_the_package_asks_for_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it voids the cache; so does another release of the compiler."""
    package = tmp_path / "csi_example"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(PACKAGES, "example", package.name)
    assert not compiled("example")
    note_compiled("example")
    assert compiled("example")
    (package / "kernel.py").write_text("")
    assert not compiled("example")
    note_compiled("example")
    monkeypatch.setattr("csiflow.kernels.version", lambda _: "0.0")
    assert not compiled("example")


async def test_what_cannot_be_compiled_is_told_with_its_last_words(compiler: Path) -> None:
    """Nothing else is started then."""
    compiler.write_text("#!/bin/sh\necho no such instruction >&2\nexit 3\n")
    with pytest.raises(ServiceFailedError, match=r"kernels of \w+ cannot be compiled \(code 3\):\nno such instruction"):
        await compile_kernels(PACKAGES)


async def test_whoever_stops_waiting_stops_the_compiler(compiler: Path, tmp_path: Path) -> None:
    """Ctrl-C while it compiles leaves no process behind."""
    compiler.write_text(compiler.read_text() + "exec sleep 600\n")
    waiting = asyncio.create_task(compile_kernels(PACKAGES))
    asked = tmp_path / "asked"
    await wait_for(lambda: asked.exists() and len(asked.read_text().splitlines()) == len(PACKAGES))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert [line for line in asked.read_text().splitlines() if psutil.pid_exists(int(line.split()[0]))] == []


def test_a_folder_nobody_may_write_to_is_left_to_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """They look for their kernels themselves; nothing is compiled anew at every start."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/proc/self/nobody-writes-here")
    monkeypatch.setattr(os, "access", lambda *_: False)
    note_compiled("events")
    assert not compiled("events")
    asyncio.run(compile_kernels(PACKAGES))
