"""What ``csiflow capture-signature`` is asked for, checked before anybody has to move."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csi_introspection import library
from csi_introspection.features import KINDS
from csi_schemas.signature import FeatureKind, Signature
from rich.markup import escape

from csiflow.output import fail
from csiflow.parameters import parse_duration
from csiflow.takes import Schedule


@dataclass(frozen=True, slots=True)
class Target:
    """Where the signatures go."""

    label: str
    kind: FeatureKind
    rest: bool
    paths: list[Path]
    """One for each take."""

    @property
    def identities(self) -> list[str]:
        """The id of each take's signature: its file's name without the ending."""
        return [identity_of(path) for path in self.paths]


def identity_of(path: Path) -> str:
    """Return the id that belongs to a file name."""
    return path.name.removesuffix(".json").removesuffix(".sig")


def take_paths(out: Path, takes: int) -> list[Path]:
    """Return the file of each take: ``wave.sig.json``, ``wave-take2.sig.json``, ..."""
    identity = identity_of(out)
    ending = out.name[len(identity) :]
    return [out, *(out.with_name(f"{identity}-take{number}{ending}") for number in range(2, takes + 1))]


def schedule_of(
    *, takes: int, countdown: str, duration: str, rest: bool, begins: Sequence[str] | None, recorded: bool
) -> Schedule:
    """Check how takes are asked for.

    Raises:
        typer.Exit: with code 2, they cannot be; the message says what to write instead.
    """
    if not recorded and begins:
        fail("--from goes with --recording; a live take begins when the countdown ends", 2)
    if recorded:
        count = len(begins or [countdown])
        if takes not in {1, count}:
            fail(f"--takes {takes} of a recording needs --from {takes} times, once for each take", 2)
        takes = count
    return Schedule(takes, parse_duration(countdown), parse_duration(duration), rest)


def target_of(label: str, out: Path, kind: str, takes: int, *, rest: bool, force: bool) -> Target:
    """Check what is asked for, and that it can be written, before anybody moves.

    Raises:
        typer.Exit: with code 2, something cannot be; the message says what to write instead.
    """
    if not label.strip():
        fail("--label is empty; say in words what the motion is", 2)
    if kind not in KINDS:
        fail(f"there is no feature kind {escape(kind)}; it is one of {', '.join(KINDS)}", 2)
    if not library.is_identity(identity_of(out)):
        fail(f"{escape(str(out))} gives no id: use letters, digits, '.', '_' and '-', as in DIR/wave.sig.json", 2)
    if not out.name.endswith(library.SUFFIX) and not out.is_dir():
        better = out.with_name(identity_of(out) + library.SUFFIX)
        fail(
            f"the service reads {library.PATTERN} files only, not {escape(out.name)}; "
            f"write --out {escape(str(better))}",
            2,
        )
    if not out.parent.is_dir():
        fail(f"there is no folder {escape(str(out.parent))}; make it, or name another --out", 2)
    try:
        with tempfile.NamedTemporaryFile(prefix=".csiflow-", dir=out.parent):
            pass
    except OSError as error:
        fail(
            f"nothing can be written in the folder {escape(str(out.parent))} ({error.strerror or error}); "
            "make it writable for you, or name another --out",
            2,
        )
    paths = take_paths(out, takes)
    for path in paths:
        if path.is_dir():
            fail(f"{escape(str(path))} is a folder; name a file in it, as in {escape(str(path / 'wave.sig.json'))}", 2)
        if path.exists() and not force:
            fail(f"{escape(str(path))} exists; name another --out, or replace it with --force", 2)
    return Target(label.strip(), kind, rest, paths)


def others_in_folder(target: Target) -> list[Signature]:
    """Return the valid signatures of the target's folder, without those that will be replaced.

    Raises:
        typer.Exit: with code 2, one of them has an id that a take would get.
    """
    report = library.check(target.paths[0].parent)
    replaced = {path.name for path in target.paths}
    kept = [(file, s) for file, s in zip(report.files, report.signatures, strict=True) if file not in replaced]
    for file, signature in kept:
        if signature.id in target.identities:
            fail(f"{escape(file)} has the id {signature.id} already; name another --out file", 2)
    return [signature for _, signature in kept]
