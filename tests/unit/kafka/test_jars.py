"""Kafka's jars: pinned, fetched whole or not at all, and then never asked for again."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from csiflow.kafka.errors import JarsUnavailableError
from csiflow.kafka.jars import KAFKA_VERSION, Jar, default_cache_dir, kafka_jars, pinned_jars
from support.waiting import free_port

from .conftest import MavenRepository


def _left_over(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "partial" in str(path))


def test_every_artifact_is_pinned_once_and_the_broker_is_of_our_version() -> None:
    """jars.lock names each artifact once, the broker in KAFKA_VERSION and slf4j's binding among them."""
    jars = pinned_jars()

    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars)
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl"} <= {jar.artifact for jar in jars}


def test_an_empty_cache_is_filled_from_the_repository(repository: MavenRepository, tmp_path: Path) -> None:
    """Every jar arrives with the pinned hash, each was asked for once, and nothing half done is left."""
    cache = tmp_path / "cache"

    paths = kafka_jars(cache, repository.url)

    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] == [jar.sha256 for jar in pinned_jars()]
    assert dict(repository.requests) == {jar.file_name: 1 for jar in pinned_jars()}
    assert _left_over(cache) == []


def test_a_full_cache_needs_neither_jgo_nor_a_network() -> None:
    """With every jar in place the class path comes without importing jgo or opening a connection."""
    kafka_jars()
    program = (
        "import sys, socket\n"
        "def refuse(*_): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "from csiflow.kafka.jars import kafka_jars\n"
        "print(len(kafka_jars()), 'jgo' in sys.modules, 'requests' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(len(pinned_jars())), "False", "False"]
    assert done.stderr == ""


def test_a_local_maven_cache_is_used_before_the_network(
    repository: MavenRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, a_jar: Jar
) -> None:
    """A jar of the right hash in the local Maven cache is taken from there; one of a wrong hash is not."""
    wrong = next(jar for jar in pinned_jars() if jar != a_jar)
    for jar, content in ((a_jar, _content(a_jar)), (wrong, b"x" * wrong.size)):
        folder = tmp_path / "m2" / jar.group.replace(".", "/") / jar.artifact / jar.version
        folder.mkdir(parents=True)
        (folder / jar.file_name).write_bytes(content)
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))

    kafka_jars(tmp_path / "cache", repository.url)

    assert a_jar.file_name not in repository.requests
    assert repository.requests[wrong.file_name] == 1


def test_an_unreachable_repository_is_reported_readably(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names a jar, the repository and each way out; the cache holds no jar afterwards."""
    monkeypatch.setenv("M2_REPO", str(tmp_path / "empty-m2"))
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(JarsUnavailableError) as caught:
        kafka_jars(tmp_path / "cache", url)

    message = str(caught.value)
    assert url in message
    assert ".jar" in message
    for way_out in ("network", "CSIFLOW_MAVEN_REPOSITORY", "CSIFLOW_KAFKA=HOST:PORT"):
        assert way_out in message
    assert list((tmp_path / "cache").rglob("*.jar")) == []
    assert "fetching Apache Kafka" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["missing", "corrupt", "cut"])
def test_a_fetch_that_failed_goes_on_where_it_stopped(
    repository: MavenRepository, tmp_path: Path, a_jar: Jar, fault: str
) -> None:
    """A missing, wrong or cut off jar fails the fetch and is not kept; the next fetch asks only for what lacks."""
    cache = tmp_path / "cache"
    faulty: set[str] = getattr(repository, fault)
    faulty.add(a_jar.file_name)

    with pytest.raises(JarsUnavailableError, match=a_jar.file_name):
        kafka_jars(cache, repository.url)
    kept = {path.name for path in (cache / "jars").iterdir()}
    assert a_jar.file_name not in kept
    assert _left_over(cache) == []

    faulty.clear()
    repository.requests.clear()
    kafka_jars(cache, repository.url)
    assert set(repository.requests) == {jar.file_name for jar in pinned_jars()} - kept


def test_a_damaged_cache_is_mended(repository: MavenRepository, tmp_path: Path, a_jar: Jar) -> None:
    """A jar that was truncated, or deleted, is fetched anew and the others are not."""
    cache = tmp_path / "cache"
    paths = {path.name: path for path in kafka_jars(cache, repository.url)}
    repository.requests.clear()
    other = next(jar for jar in pinned_jars() if jar != a_jar)
    paths[a_jar.file_name].write_bytes(b"short")
    paths[other.file_name].unlink()

    kafka_jars(cache, repository.url)

    assert dict(repository.requests) == {a_jar.file_name: 1, other.file_name: 1}
    assert hashlib.sha256(paths[a_jar.file_name].read_bytes()).hexdigest() == a_jar.sha256


def test_two_processes_fetch_every_jar_once(repository: MavenRepository, tmp_path: Path) -> None:
    """Two processes that start with an empty cache both succeed, and together ask for each jar once."""
    program = (
        "import sys; from pathlib import Path; from csiflow.kafka.jars import kafka_jars\n"
        "print(len(kafka_jars(Path(sys.argv[1]), sys.argv[2])))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache"), repository.url]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], outputs
    assert [out.strip() for out, _ in outputs] == [str(len(pinned_jars()))] * 2
    assert dict(repository.requests) == {jar.file_name: 1 for jar in pinned_jars()}


def test_the_cache_follows_xdg_cache_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The jars live under XDG_CACHE_HOME where that is set, else under ~/.cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "csiflow" / f"kafka-{KAFKA_VERSION}"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "csiflow" / f"kafka-{KAFKA_VERSION}"


def test_a_cache_that_cannot_be_written_is_reported_readably(repository: MavenRepository, tmp_path: Path) -> None:
    """The error names the folder, the system's reason and XDG_CACHE_HOME."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(JarsUnavailableError, match=r"cannot be kept in .*file.*XDG_CACHE_HOME"):
        kafka_jars(tmp_path / "file" / "cache", repository.url)


def _content(jar: Jar) -> bytes:
    paths = {path.name: path for path in kafka_jars()}
    return paths[jar.file_name].read_bytes()
