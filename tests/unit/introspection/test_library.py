"""The signature library: strict, and precise about what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from csi_introspection.library import Problem, check, file_text, is_identity, write
from csi_introspection.reference import references
from csi_introspection.threshold import confused_pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the three reference signatures."""
    for signature in references():
        (tmp_path / f"{signature.id}.sig.json").write_bytes(file_text(signature))
    return tmp_path


def spoil(folder: Path, change: Callable[[dict[str, Any]], object]) -> list[Problem]:
    """Change the door's file and check the folder; the two others must still load."""
    path = folder / "door_open.sig.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    report = check(folder)
    assert [signature.id for signature in report.signatures] == ["idle_room", "walking_slow"]
    return report.problems


def test_good_files_load_in_name_order(folder: Path) -> None:
    """All of a good folder loads, other files are ignored."""
    (folder / "README.md").write_text("not a signature")
    report = check(folder)
    assert [signature.id for signature in report.signatures] == ["door_open", "idle_room", "walking_slow"]
    assert report.problems == []


def test_the_forms_of_the_adr_is_accepted(folder: Path) -> None:
    """A file with only the fields of ADR-099 D7 loads; what it leaves out has its default."""
    path = folder / "door_open.sig.json"
    content = json.loads(path.read_text())
    for field in ("provenance", "feature_version", "rest"):
        del content[field]
    path.write_text(json.dumps(content))
    signature = check(folder).signatures[0]
    assert (signature.provenance, signature.feature_version, signature.rest) == ("live", 1, False)


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        (lambda c: c.pop("label"), "label", "is missing"),
        (lambda c: c.update(length=63), "vectors", "64 rows; length says 63"),
        (lambda c: c.update(length=1, vectors=c["vectors"][:1]), "length", "not within 2-"),
        (lambda c: c["vectors"][5].pop(), "vectors[5]", "15 numbers; the first row has 16"),
        (lambda c: c["vectors"][2].__setitem__(3, "loud"), "vectors[2][3]", "str"),
        (lambda c: c["vectors"][2].__setitem__(3, 1e7), "vectors[2][3]", "finite"),
        (lambda c: c.update(promotion_threshold=1.2), "promotion_threshold", "at most 1"),
        (lambda c: c.update(promotion_threshold=0), "promotion_threshold", "above 0"),
        (lambda c: c.update(feature_kind="spectrum"), "feature_kind", "spectrum"),
        (lambda c: c.update(feature_kind="vec128"), "vectors[0]", "a vec128 has 128"),
        (lambda c: c.update(feature_version=0), "feature_version", "at least 1"),
        (lambda c: c.update(rate_hz=0), "rate_hz", "not above 0"),
        (lambda c: c.update(rate_hz=-30.0), "rate_hz", "not above 0"),
        (lambda c: c["dtw"].update(window=-1), "dtw.window", "not within"),
        (lambda c: c["dtw"].update(step_pattern="symmetric1"), "dtw.step_pattern", "symmetric1"),
        (lambda c: c["dtw"].update(slope=2), "dtw", "slope"),
        (lambda c: c.update(id="../door"), "id", "letters"),
        (lambda c: c.update(vectors=[[0.0] * 16] * 64), "vectors", "rest: true"),
        (lambda c: c.update(vectors=[[]] * 64), "vectors[0]", "0 numbers"),
    ],
)
def test_a_bad_file_is_named_with_its_field(
    folder: Path, change: Callable[[dict[str, Any]], object], field: str, said: str
) -> None:
    """Each fault is one problem that names file and field and says what is wrong; the others load."""
    problems = spoil(folder, change)
    assert len(problems) == 1
    assert problems[0].file == "door_open.sig.json"
    assert problems[0].field == field
    assert said in problems[0].message
    assert str(problems[0]).startswith("door_open.sig.json")
    assert "docs/signatures.md" in str(problems[0])


def test_every_fault_of_a_file_is_named(folder: Path) -> None:
    """Whoever mends a file by hand is told of all its faults at once, whether of type or of value."""
    wrong_types = spoil(folder, lambda c: c.update(length="64", rate_hz=[], label=None) or c.pop("captured_at"))
    assert {problem.field for problem in wrong_types} == {"length", "rate_hz", "label", "captured_at"}


def test_every_value_of_a_file_is_checked(folder: Path) -> None:
    """The same of values that have the right type."""
    wrong_values = spoil(folder, lambda c: c.update(length=63, rate_hz=0, feature_version=0))
    assert {problem.field for problem in wrong_values} == {"vectors", "rate_hz", "feature_version"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": NaN}', "\x00\xff"])
def test_what_is_no_signature_at_all_is_reported(folder: Path, text: str) -> None:
    """Broken JSON and other JSON are problems of the file, not crashes."""
    (folder / "door_open.sig.json").write_text(text, encoding="latin-1")
    report = check(folder)
    assert [problem.file for problem in report.problems] == ["door_open.sig.json"]
    assert len(report.signatures) == 2


def test_infinity_cannot_hide_in_a_large_exponent(folder: Path) -> None:
    """1e999, which many parsers read as infinity, is refused."""
    path = folder / "door_open.sig.json"
    path.write_text(path.read_text().replace("[0.0", "[1e999", 1).replace("[-0.0", "[1e999", 1))
    report = check(folder)
    assert len(report.problems) == 1
    assert len(report.signatures) == 2


def test_an_id_is_used_once(folder: Path) -> None:
    """The second file with an id is a problem that names the first."""
    (folder / "z.sig.json").write_bytes((folder / "door_open.sig.json").read_bytes())
    report = check(folder)
    (problem,) = report.problems
    assert (problem.file, problem.field) == ("z.sig.json", "id")
    assert problem.message == "'door_open' is already the id of door_open.sig.json"
    assert "another id" in problem.remedy
    assert len(report.signatures) == 3


def test_a_file_that_cannot_be_read_is_reported(folder: Path) -> None:
    """A folder of a signature's name is a problem, not a crash."""
    (folder / "trap.sig.json").mkdir()
    report = check(folder)
    assert [problem.file for problem in report.problems] == ["trap.sig.json"]
    assert "cannot be read" in report.problems[0].message


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """A folder that does not exist is an error, not an empty library."""
    with pytest.raises(NotADirectoryError, match="missing"):
        check(tmp_path / "missing")


def test_files_are_named_beside_their_signatures(folder: Path) -> None:
    """``files`` goes with ``signatures``, also where a file between them is broken."""
    (folder / "idle_room.sig.json").write_text("{")
    report = check(folder)
    assert list(zip(report.files, (s.id for s in report.signatures), strict=True)) == [
        ("door_open.sig.json", "door_open"),
        ("walking_slow.sig.json", "walking_slow"),
    ]


def test_a_written_file_reads_back(tmp_path: Path) -> None:
    """What is written is the signature, alone in the folder."""
    made = references()[1]
    write(tmp_path / "walk.sig.json", made)
    assert check(tmp_path).signatures == [made]
    assert [path.name for path in tmp_path.iterdir()] == ["walk.sig.json"]


def test_an_existing_file_is_only_replaced_when_asked(tmp_path: Path) -> None:
    """Without ``replace`` the old file stays as it was; with it the new one is there."""
    first, second = references()[:2]
    path = tmp_path / "a.sig.json"
    write(path, first)
    with pytest.raises(FileExistsError):
        write(path, second)
    assert check(tmp_path).signatures == [first]
    write(path, second, replace=True)
    assert check(tmp_path).signatures == [second]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted before the end (Ctrl-C, a full disk): neither a half file nor a temporary one."""

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("csi_runtime.documents.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.sig.json", references()[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "good"), [("door-2.v1_a", True), ("", False), (".hidden", False), ("a b", False)])
def test_what_an_id_may_be(*, text: str, good: bool) -> None:
    """Letters, digits and three marks, beginning with a letter or digit."""
    assert is_identity(text) is good


def test_the_references_are_told_apart() -> None:
    """No two of the three reference signatures promote each other."""
    assert confused_pairs(references()) == []


def test_a_copy_under_another_label_cannot_be_told_apart() -> None:
    """The same vectors score 1; under the same label, another version or another width they are not compared."""
    idle, walk, _ = references()
    copy = msgspec.structs.replace(walk, id="copy", label="Something else")
    (pair,) = confused_pairs([idle, walk, copy])
    assert (pair.first, pair.second, pair.score) == ("walking_slow", "copy", 1.0)
    assert str(pair) == "walking_slow cannot be told apart from copy: score 1.00"
    assert confused_pairs([walk, msgspec.structs.replace(copy, label=walk.label)]) == []
    assert confused_pairs([walk, msgspec.structs.replace(copy, feature_version=1)]) == []
    narrow = [row[:8] for row in walk.vectors]
    assert confused_pairs([walk, msgspec.structs.replace(copy, vectors=narrow)]) == []


def test_the_same_motion_at_another_row_rate_cannot_be_told_apart() -> None:
    """Rates are bridged before shapes are compared: every second row at half the rate is the same motion."""
    walk = references()[1]
    slow = msgspec.structs.replace(walk, id="half", label="Other", length=32, rate_hz=15.0, vectors=walk.vectors[::2])
    (pair,) = confused_pairs([walk, slow])
    assert pair.score > 0.9


def test_two_rests_look_the_same() -> None:
    """Two rooms at rest of different labels are a pair; a rest and a motion are not compared."""
    idle, walk, _ = references()
    other = msgspec.structs.replace(idle, id="idle2", label="Empty")
    assert [(p.first, p.second) for p in confused_pairs([idle, other, walk])] == [("idle_room", "idle2")]
