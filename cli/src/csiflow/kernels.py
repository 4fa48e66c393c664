"""The kernels of both consumers, compiled before the services start: once, each in a process that ends with it.

A service compiles what it does not find in the cache, but several workers would do so side by side, nothing would say
how far they are, and a process that has compiled keeps some 400 MB that the compiler took.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from csi_runtime.kernel_cache import source_digest

from csiflow.output import console
from csiflow.supervisor import ServiceFailedError

PACKAGES = {"events": "csi_events", "introspection": "csi_introspection"}
"""Services whose kernels are compiled, and the packages that have them."""
REMINDER_SECONDS = 20.0
"""Time between two words about a compilation that goes on."""
STAMP = "kernels-compiled"


def stamp(service: str) -> tuple[Path, bytes]:
    """Where it is written down that the kernels of ``service`` are in the cache, and what is written there if they are.

    The file is in ``NUMBA_CACHE_DIR`` where that is set, else beside the sources, as the cache is; its content changes
    with the package's sources and whatever else numba keys its cache by, but for the processor.
    """
    spec = find_spec(PACKAGES[service])
    assert spec is not None  # noqa: S101 - the package is a dependency
    assert spec.submodule_search_locations  # noqa: S101 - and no namespace
    package = Path(spec.submodule_search_locations[0])
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(named) if named else package / "__pycache__"
    made_of = f"{version('numba')} {platform.python_version()} {platform.machine()}".encode()
    return folder / f"{STAMP}-{service}", hashlib.sha256(source_digest(package) + made_of).hexdigest().encode()


def compiled(service: str) -> bool:
    """Whether the kernels of ``service``, as they are now, were compiled before."""
    file, content = stamp(service)
    try:
        return file.read_bytes() == content
    except OSError:
        return False


def note_compiled(service: str) -> None:
    """Write down that they are.

    Where that cannot be written nothing is, and services look for their kernels themselves: ``compile_kernels`` does
    nothing there.
    """
    file, content = stamp(service)
    if _may_hold(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _may_hold(file: Path) -> bool:
    """Whether ``file`` can be written, in a folder that need not be there yet."""
    folder = next(folder for folder in file.parents if folder.exists())
    return os.access(folder, os.W_OK)


async def compile_kernels(services: Iterable[str]) -> None:
    """Compile those of ``services`` that were not, side by side, and say how far it is.

    Raises:
        ServiceFailedError: kernels cannot be compiled; the message has the last lines of what was said.
    """
    missing = [service for service in services if not compiled(service) and _may_hold(stamp(service)[0])]
    if not missing:
        return
    named = " and ".join(missing)
    console.print(f"compiling the kernels of {named}, once: a minute or two on two cores, longer on a busy machine")
    clock = asyncio.get_running_loop().time
    began = clock()
    waiting = set(missing)

    async def remind() -> None:
        while True:
            await asyncio.sleep(REMINDER_SECONDS)
            console.print(f"  still compiling {' and '.join(sorted(waiting))} after {clock() - began:.0f} s")

    async def one(service: str) -> None:
        await _compile(service)
        waiting.discard(service)
        console.print(f"  the kernels of {service} are ready after {clock() - began:.1f} s")

    reminder = asyncio.create_task(remind())
    try:
        async with asyncio.TaskGroup() as group:
            for service in missing:
                group.create_task(one(service))
    except* ServiceFailedError as failures:
        raise failures.exceptions[0] from None
    finally:
        reminder.cancel()


async def _compile(service: str) -> None:
    # A session of its own: Ctrl-C reaches this process, which ends the other.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "csiflow.precompile", service),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = "\n".join(said.decode(errors="replace").splitlines()[-5:])
        raise ServiceFailedError(f"the kernels of {service} cannot be compiled (code {process.returncode}):\n{last}")
