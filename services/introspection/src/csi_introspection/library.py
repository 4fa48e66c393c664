"""The signature library: a folder of ``*.sig.json`` files, each checked strictly, the good ones loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import msgspec
from csi_runtime.documents import write_whole
from csi_schemas.signature import Signature

SUFFIX = ".sig.json"
PATTERN = f"*{SUFFIX}"
MOST_ROWS = 1024
MOST_COLUMNS = 1024
MOST_HZ = 10_000
MOST_BYTES = 32 * 1024 * 1024
_VEC128_WIDTH = 128
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_AT = re.compile(r" - at `\$(.*)`$")

_decoder = msgspec.json.Decoder(Signature)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one file."""

    file: str
    field: str
    """Path of the field inside the file, e.g. ``vectors[3][0]``; empty for the file as a whole."""
    message: str
    remedy: str = "mend it as docs/signatures.md says, or capture the signature again"
    """What to do."""

    def __str__(self) -> str:
        where = f"{self.file}: {self.field}" if self.field else self.file
        return f"{where}: {self.message}; {self.remedy}"


@dataclass(slots=True)
class Report:
    """What a folder holds."""

    signatures: list[Signature] = field(default_factory=list)
    """The valid ones, in file name order."""
    files: list[str] = field(default_factory=list)
    """The name of each one's file."""
    problems: list[Problem] = field(default_factory=list)
    """Everything wrong with the others; empty when the library is good."""

    def add(self, file: str, signature: Signature) -> None:
        """Take in a valid signature, unless an earlier file has its id: then that is a problem."""
        for owner, known in zip(self.files, self.signatures, strict=True):
            if known.id == signature.id:
                taken = f"{signature.id!r} is already the id of {owner}"
                self.problems.append(Problem(file, "id", taken, "give one of the two another id, or remove it"))
                return
        self.files.append(file)
        self.signatures.append(signature)


def check(directory: Path) -> Report:
    """Load every signature file of ``directory``; a file with a problem is reported and the others load.

    Raises:
        NotADirectoryError: there is no such folder.
    """
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a folder of signature files")
    report = Report()
    for path in sorted(directory.glob(PATTERN)):
        signature, problems = read(path)
        report.problems += problems
        if signature is not None:
            report.add(path.name, signature)
    return report


def read(path: Path) -> tuple[Signature | None, list[Problem]]:
    """Decode and check one file; without a signature there is at least one problem."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            too_large = f"{size} bytes; a signature has at most {MOST_BYTES}"
            return None, [Problem(path.name, "", too_large, "this is no signature: move it elsewhere")]
        text = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        return None, [Problem(path.name, "", reason, "make it a file that csiflow may read, or remove it")]
    try:
        signature = _decoder.decode(text)
    except msgspec.ValidationError:
        return None, [Problem(path.name, where, message) for where, message in _type_faults(text)]
    except msgspec.DecodeError as error:
        return None, [Problem(path.name, "", str(error))]
    problems = [Problem(path.name, where, message) for where, message in _faults(signature)]
    return (None if problems else signature), problems


def is_identity(text: str) -> bool:
    """Whether a signature may have this id: at most 128 letters, digits, ``.``, ``_`` and ``-``."""
    return _ID.fullmatch(text) is not None


def _type_faults(text: bytes) -> Iterator[tuple[str, str]]:
    """Everything that is missing or of the wrong type, as (field, what is wrong); decoding stops at the first."""
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        yield "", str(error)
        return
    for each in msgspec.structs.fields(Signature):
        if each.encode_name in found:
            try:
                msgspec.json.decode(found[each.encode_name], type=each.type)
            except msgspec.ValidationError as error:
                at = _AT.search(str(error))
                yield each.encode_name + (at.group(1) if at else ""), _AT.sub("", str(error))
        elif each.required:
            yield each.encode_name, "is missing"


def _faults(signature: Signature) -> Iterator[tuple[str, str]]:
    """Everything about a decoded signature that a type cannot say, as (field, what is wrong)."""
    if not is_identity(signature.id):
        yield "id", f"{signature.id!r} is not letters, digits, '.', '_' and '-' (at most 128)"
    if not 2 <= signature.length <= MOST_ROWS:
        yield "length", f"{signature.length} is not within 2-{MOST_ROWS}"
    if len(signature.vectors) != signature.length:
        yield "vectors", f"{len(signature.vectors)} rows; length says {signature.length}"
    yield from _vector_faults(signature)
    if not 0 <= signature.dtw.window <= MOST_ROWS:
        yield "dtw.window", f"{signature.dtw.window} is not within 0-{MOST_ROWS}"
    if not 0 < signature.promotion_threshold <= 1:
        yield "promotion_threshold", f"{signature.promotion_threshold} is not above 0 and at most 1"
    if signature.rate_hz is not None and not 0 < signature.rate_hz <= MOST_HZ:
        yield "rate_hz", f"{signature.rate_hz} is not above 0 and at most {MOST_HZ}; null means one row a frame"
    if signature.feature_version < 1:
        yield "feature_version", f"{signature.feature_version} is not at least 1"


def _vector_faults(signature: Signature) -> Iterator[tuple[str, str]]:
    if not signature.vectors:
        return
    width = len(signature.vectors[0])
    if not 1 <= width <= MOST_COLUMNS:
        yield "vectors[0]", f"{width} numbers; a vector has 1-{MOST_COLUMNS}"
    elif signature.feature_kind == "vec128" and width != _VEC128_WIDTH:
        yield "vectors[0]", f"{width} numbers; a vec128 has {_VEC128_WIDTH}"
    for number, row in enumerate(signature.vectors):
        if len(row) != width:
            yield f"vectors[{number}]", f"{len(row)} numbers; the first row has {width}"
        for column, value in enumerate(row):
            if not isfinite(value) or abs(value) > 1e6:
                yield f"vectors[{number}][{column}]", f"{value} is not a finite number within +-1e6"
    if width and not signature.rest and not any(value for row in signature.vectors for value in row):
        yield "vectors", "all zero: a signature that is no different from quiet must say rest: true"


def file_text(made: Signature) -> bytes:
    """Return the text of a signature file: one row of numbers a line."""
    whole = msgspec.json.format(msgspec.json.encode(made), indent=1).decode()
    head, _, rest = whole.partition('"vectors": [')
    body, _, tail = rest.partition("]\n ],")
    rows = [",".join(row.split()) for row in ("".join(body.split())).strip("[]").split("],[")]
    lines = ",\n  ".join(f"[{row}]" for row in rows)
    return f'{head}"vectors": [\n  {lines}\n ],{tail}\n'.encode()


def write(path: Path, signature: Signature, *, replace: bool = False) -> None:
    """Write a signature file whole or not at all; readers of the folder never see a part of it.

    Raises:
        FileExistsError: the file exists and ``replace`` is false.
        OSError: it cannot be written.
    """
    write_whole(path, file_text(signature), replace=replace)
