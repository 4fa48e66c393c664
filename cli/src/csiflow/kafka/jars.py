"""The jars of Apache Kafka: pinned by hash in ``jars.lock``, fetched with jgo, kept in the user's cache folder.

Each jar is put in place whole and verified, so an interrupted download resumes where it stopped and never leaves a
broken cache. Once all are there, a manifest makes the next start touch neither jgo nor the network.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from csiflow.kafka.errors import JarsUnavailableError
from csiflow.kafka.progress import download_bar

KAFKA_VERSION = "4.1.0"
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
_LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3")
"""Kafka's own distribution adds this binding of slf4j; without it the broker logs nothing."""
_PARALLEL_DOWNLOADS = 6
_ATTEMPTS = 3
_HTTP_TIMEOUT_S = 10
_LOCK_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of ``jars.lock``."""

    sha256: str
    size: int
    """Bytes."""
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        """Name of the jar in a Maven repository and in our cache."""
        return f"{self.artifact}-{self.version}.jar"


def default_cache_dir() -> Path:
    """Folder of this Kafka version in the user's cache: ``$XDG_CACHE_HOME/csiflow`` or ``~/.cache/csiflow``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "csiflow" / f"kafka-{KAFKA_VERSION}"


@cache
def _lock_text() -> str:
    return files("csiflow.kafka").joinpath("jars.lock").read_text(encoding="utf-8")


@cache
def pinned_jars() -> tuple[Jar, ...]:
    """Every jar of the broker's class path, in the order of ``jars.lock``."""
    jars = []
    for line in _lock_text().splitlines():
        if not line.startswith("#"):
            sha256, size, coordinate = line.split()
            jars.append(Jar(sha256, int(size), *coordinate.split(":")))
    return tuple(jars)


def kafka_jars(cache_dir: Path | None = None, repository: str | None = None) -> tuple[Path, ...]:
    """Return the broker's class path, fetching what is not cached; safe to call from several processes at once.

    Args:
        cache_dir: where the jars are kept; :func:`default_cache_dir` by default.
        repository: Maven repository to use; ``CSIFLOW_MAVEN_REPOSITORY`` by default, else Maven Central.

    Raises:
        JarsUnavailableError: a jar cannot be had, or the cache folder cannot be written.
    """
    folder = cache_dir or default_cache_dir()
    try:
        if _is_complete(folder):
            return _paths(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "fetch.lock", timeout=_LOCK_TIMEOUT_S):
            if not _is_complete(folder):
                _fetch_missing(folder, repository or os.environ.get("CSIFLOW_MAVEN_REPOSITORY"))
    except Timeout as error:
        raise JarsUnavailableError(
            f"another process has been fetching Kafka's jars into {folder} for {_LOCK_TIMEOUT_S:.0f} s; "
            "see what holds fetch.lock there, end it and run this again"
        ) from error
    except OSError as error:
        raise JarsUnavailableError(
            f"Kafka's jars cannot be kept in {folder}: {error}; make it writable or set XDG_CACHE_HOME"
        ) from error
    return _paths(folder)


def pin() -> str:
    """Resolve the class path anew with jgo and return the text of ``jars.lock`` (for a new Kafka version)."""
    import jgo  # noqa: PLC0415 - only needed where something is fetched
    from jgo.maven import MavenContext  # noqa: PLC0415

    group, artifact, version = _LOGGING
    # The binding is added by hand: as a second endpoint its BOM would pull kafka-clients back to an older version.
    artifacts = [*jgo.resolve(_ENDPOINT), MavenContext().project(group, artifact).at_version(version).artifact()]
    lines = [line for line in _lock_text().splitlines() if line.startswith("#")]
    for item in sorted(artifacts, key=lambda item: (item.groupId, item.artifactId)):
        content = item.resolve().read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{digest} {len(content)} {item.groupId}:{item.artifactId}:{item.version}")
    return "\n".join(lines) + "\n"


def _paths(folder: Path) -> tuple[Path, ...]:
    return tuple(folder / "jars" / jar.file_name for jar in pinned_jars())


def _manifest(folder: Path) -> Path:
    return folder / "manifest.json"


def _pins_digest() -> str:
    return hashlib.sha256(_lock_text().encode()).hexdigest()


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _is_complete(folder: Path) -> bool:
    """Whether the manifest is of these pins and every jar still has its size (hashes were checked when it came)."""
    try:
        manifest = json.loads(_manifest(folder).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    same_pins = manifest.get("pins") == _pins_digest()
    return same_pins and all(_has_size(folder / "jars" / jar.file_name, jar.size) for jar in pinned_jars())


def _fetch_missing(folder: Path, repository: str | None) -> None:
    jars = folder / "jars"
    jars.mkdir(exist_ok=True)
    missing = [jar for jar in pinned_jars() if not _is_valid(jars / jar.file_name, jar)]
    total = sum(jar.size for jar in missing)
    title = f"fetching Apache Kafka {KAFKA_VERSION}, once: {len(missing)} jars, {total / 1e6:.0f} MB, into {folder}"
    # jgo writes in place, so it works in a folder of its own; a jar is moved to the cache once its hash is right.
    with TemporaryDirectory(prefix=".partial-", dir=folder) as staging, download_bar(title, total) as advance:
        fetcher = _Fetcher(Path(staging), jars, repository)
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            try:
                for done in as_completed([pool.submit(fetcher.fetch, jar) for jar in missing]):
                    advance(done.result().size)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # one that fails is enough to know
                raise
    for stale in folder.glob("*.aot*"):  # made for the jars that were there before
        stale.unlink()
    manifest = {"kafka": KAFKA_VERSION, "pins": _pins_digest(), "jars": [jar.file_name for jar in pinned_jars()]}
    partial = folder / "manifest.json.partial"
    partial.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    partial.replace(_manifest(folder))


def _is_valid(path: Path, jar: Jar) -> bool:
    return _has_size(path, jar.size) and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


class _Fetcher:
    """Fetches single jars from the local Maven cache where it has the right one, else from the repository."""

    def __init__(self, staging: Path, jars: Path, repository: str | None) -> None:
        from jgo.constants import MAVEN_CENTRAL_URL, default_maven_repo  # noqa: PLC0415 - costs 0.3 s, only when needed
        from jgo.maven import MavenContext  # noqa: PLC0415

        self._repository = (repository or MAVEN_CENTRAL_URL).rstrip("/")
        self._local = MavenContext(repo_cache=default_maven_repo(), remote_repos={}, offline=True)
        self._remote = MavenContext(
            repo_cache=staging, local_repos=[], remote_repos={"maven": self._repository}, timeout=_HTTP_TIMEOUT_S
        )
        self._staging = staging
        self._jars = jars

    def fetch(self, jar: Jar) -> Jar:
        local = self._local.project(jar.group, jar.artifact).at_version(jar.version).artifact().cached_path
        if local is not None and _is_valid(local, jar):
            source = self._staging / jar.file_name
            shutil.copyfile(local, source)
        else:
            source = self._download(jar)
        source.replace(self._jars / jar.file_name)
        return jar

    def _download(self, jar: Jar) -> Path:
        import requests  # noqa: PLC0415 - jgo's own

        artifact = self._remote.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        reason = ""
        for _ in range(_ATTEMPTS):
            cached = artifact.cached_path
            if cached is not None:  # what a broken attempt left
                cached.unlink(missing_ok=True)
            try:
                path = Path(artifact.resolve())
            except (requests.RequestException, RuntimeError) as error:
                reason = str(error)
                continue
            if _is_valid(path, jar):
                return path
            reason = f"what came does not have the sha256 {jar.sha256} of csiflow's jars.lock"
        raise JarsUnavailableError(
            f"the embedded Kafka needs {jar.file_name}, and {self._repository} did not give it in {_ATTEMPTS} "
            f"attempts: {reason}. Check the network (or proxy), set CSIFLOW_MAVEN_REPOSITORY to a Maven mirror that "
            "can be reached, or set CSIFLOW_KAFKA=HOST:PORT to use a Kafka that runs already"
        )
