"""The signature folder while the service runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
import pytest
from csi_introspection.library import Report, check, file_text, write
from csi_introspection.processor import IntrospectionProcessor
from csi_introspection.reference import record, references, walk
from csi_introspection.reload import Folder, LibraryWatcher
from csi_introspection.settings import IntrospectionSettings
from csi_introspection.stream import FrameStream
from csi_schemas.introspection import IntrospectionSnapshot
from csi_schemas.signature import Signature
from csi_schemas.topics import INTROSPECTION
from csi_streaming.testing import Harness, Published
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from unit.introspection.rooms import frames_of

IDLE, WALK, DOOR = references()


def put(folder: Path, signature: Signature) -> Path:
    """Write a signature under its id, over what is there."""
    path = folder / f"{signature.id}.sig.json"
    write(path, signature, replace=True)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the idle room and the walk."""
    put(tmp_path, IDLE)
    put(tmp_path, WALK)
    return tmp_path


def ids(report: Report | None) -> list[str] | None:
    """Ids of a report's signatures."""
    return None if report is None else [signature.id for signature in report.signatures]


def test_the_first_look_is_the_check(folder: Path) -> None:
    """It holds what ``library.check`` finds, problems included; a second look has nothing new."""
    (folder / "x.sig.json").write_text("{")
    watched = Folder(folder)
    assert watched.look() == check(folder)
    assert watched.look() is None


def test_added_changed_and_removed_files(folder: Path) -> None:
    """Each is seen at the next look, and only then."""
    watched = Folder(folder)
    watched.look()
    path = put(folder, DOOR)
    assert ids(watched.look()) == ["door_open", "idle_room", "walking_slow"]
    put(folder, msgspec.structs.replace(DOOR, promotion_threshold=0.5))
    report = watched.look()
    assert report is not None
    assert report.signatures[0].promotion_threshold == 0.5
    path.unlink()
    assert ids(watched.look()) == ["idle_room", "walking_slow"]
    assert watched.look() is None


def test_a_change_of_equal_size_and_time_is_seen(folder: Path) -> None:
    """A file replaced by one of the same length with the same modification time is another file."""
    watched = Folder(folder)
    watched.look()
    path = folder / "walking_slow.sig.json"
    times = path.stat()
    put(folder, msgspec.structs.replace(WALK, label=WALK.label.swapcase()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    report = watched.look()
    assert report is not None
    assert report.signatures[1].label == WALK.label.swapcase()


def test_a_file_being_written_is_waited_for(folder: Path) -> None:
    """Half a file is no problem while it grows; whole, it is taken up; nothing is said in between."""
    watched = Folder(folder)
    watched.look()
    text = file_text(DOOR)
    path = folder / "door_open.sig.json"
    for share in (0.25, 0.5, 0.75):
        path.write_bytes(text[: int(share * len(text))])
        assert watched.look() is None
    path.write_bytes(text)
    assert ids(watched.look()) == ["door_open", "idle_room", "walking_slow"]


def test_a_broken_file_keeps_its_last_good_version(folder: Path) -> None:
    """Unchanged at the second look it is a problem, once; mended it is taken up and the problem is gone."""
    watched = Folder(folder)
    watched.look()
    path = folder / "walking_slow.sig.json"
    path.write_text("{")
    assert watched.look() is None
    report = watched.look()
    assert ids(report) == ["idle_room", "walking_slow"]
    assert report is not None
    assert [problem.file for problem in report.problems] == ["walking_slow.sig.json"]
    assert watched.look() is None
    put(folder, msgspec.structs.replace(WALK, label="Mended"))
    mended = watched.look()
    assert mended is not None
    assert (mended.problems, mended.signatures[1].label) == ([], "Mended")


def test_a_file_that_comes_broken_is_left_out(folder: Path) -> None:
    """It has no good version: the others stay, the problem is told."""
    watched = Folder(folder)
    watched.look()
    (folder / "new.sig.json").write_text("[]")
    assert watched.look() is None
    report = watched.look()
    assert ids(report) == ["idle_room", "walking_slow"]
    assert report is not None
    assert [problem.file for problem in report.problems] == ["new.sig.json"]


def test_an_id_that_comes_twice_is_a_problem(folder: Path) -> None:
    """The file that is first by name has it; without it the other takes its place."""
    watched = Folder(folder)
    watched.look()
    copy = folder / "a.sig.json"
    write(copy, WALK)
    report = watched.look()
    assert report is not None
    assert [(p.file, p.field) for p in report.problems] == [("walking_slow.sig.json", "id")]
    copy.unlink()
    again = watched.look()
    assert again is not None
    assert (again.problems, ids(again)) == ([], ["idle_room", "walking_slow"])


def watcher(folder: Path) -> LibraryWatcher:
    """Return a loaded watcher."""
    made = LibraryWatcher(folder, 0.05)
    made.load()
    return made


def sample(name: str) -> float:
    """Return a metric's value."""
    return REGISTRY.get_sample_value(name) or 0.0


def test_a_reload_is_logged_and_counted(folder: Path) -> None:
    """What was added, changed and removed is one record; nothing new, no record and no count."""
    watched = watcher(folder)
    before = sample("csiflow_introspection_library_reloads_total")
    put(folder, DOOR)
    put(folder, msgspec.structs.replace(WALK, label="New"))
    (folder / "idle_room.sig.json").unlink()
    with capture_logs() as logs:
        watched.look()
        watched.look()
    assert [(r["event"], r["added"], r["changed"], r["removed"]) for r in logs] == [
        ("signatures reloaded", ["door_open"], ["walking_slow"], ["idle_room"])
    ]
    assert sample("csiflow_introspection_library_reloads_total") == before + 1
    assert sample("csiflow_introspection_signatures") == 2


def test_a_problem_is_logged_once_and_counted_while_it_lasts(folder: Path) -> None:
    """With file, field, reason and what to do; also when something else changes meanwhile."""
    watched = watcher(folder)
    bad = folder / "walking_slow.sig.json"
    bad.write_text("{")
    with capture_logs() as logs:
        watched.look()
        watched.look()
        put(folder, DOOR)
        watched.look()
    said = [r for r in logs if r["log_level"] == "warning"]
    assert len(said) == 1
    assert said[0]["event"] == "a signature file is broken; its last good version stays in use"
    assert said[0]["file"] == "walking_slow.sig.json"
    assert said[0]["remedy"]
    assert sample("csiflow_introspection_signature_problems") == 1
    bad.unlink()
    watched.look()
    assert sample("csiflow_introspection_signature_problems") == 0


def test_a_folder_that_goes_away_leaves_the_library(folder: Path, tmp_path: Path) -> None:
    """An unmounted folder empties nothing and is told once; back again, its changes count."""
    watched = watcher(folder)
    aside = tmp_path.with_name(f"{tmp_path.name}-aside")
    folder.rename(aside)
    with capture_logs() as logs:
        watched.look()
        watched.look()
    assert [r["log_level"] for r in logs] == ["error"]
    assert len(watched.signatures) == 2
    aside.rename(folder)
    put(folder, DOOR)
    watched.look()
    assert len(watched.signatures) == 3


def test_no_folder_at_the_start_is_an_error(tmp_path: Path) -> None:
    """The service cannot run as configured."""
    with pytest.raises(NotADirectoryError):
        watcher(tmp_path / "gone")


def test_the_thread_takes_up_a_change_and_ends(folder: Path) -> None:
    """A file that appears is in the library without anybody asking; after the context no thread is left."""
    watched = watcher(folder)
    with watched.watching():
        put(folder, DOOR)
        seen = threading.Event()
        for _ in range(400):
            if len(watched.signatures) == 3 or seen.wait(0.05):
                break
        assert len(watched.signatures) == 3
    assert not [thread for thread in threading.enumerate() if thread.name == "signature-library"]


def snapshots(published: list[Published]) -> list[IntrospectionSnapshot]:
    """Decode the snapshots among what was published."""
    return [
        msgspec.json.decode(p.value, type=IntrospectionSnapshot) for p in published if p.topic == INTROSPECTION.name
    ]


def listed(snapshot: IntrospectionSnapshot) -> set[str]:
    """Ids a snapshot scores or lists as not applicable."""
    return {s.signature_id for s in snapshot.top_k_similarity} | {n.signature_id for n in snapshot.not_applicable}


def test_a_changed_library_is_matched_without_calibrating_anew() -> None:
    """The stream goes on counting, stays calibrated, and recognises the walk once it knows its quiet under it."""
    library: list[tuple[Signature, ...]] = [(IDLE, DOOR)]
    harness = Harness(
        lambda partition: IntrospectionProcessor(partition, IntrospectionSettings(), library[0], lambda: library[0])
    )
    frames = frames_of(record(walk(64), 0.5, 31, quiet_frames=4800))
    before = snapshots(harness.send_frames(frames[:2300], batch_size=100))[-1]
    assert listed(before) == {"idle_room", "door_open"}
    assert not before.calibrating
    wide = msgspec.structs.replace(DOOR, id="wide", vectors=[[*row, *row] for row in DOOR.vectors])
    library[0] = (IDLE, WALK, wide)
    harness.tick(0)
    after = snapshots(harness.send_frames(frames[2300:], batch_size=100))
    assert all(listed(s) == {"idle_room", "walking_slow", "wide"} for s in after)
    assert [n.signature_id for n in after[0].not_applicable] == ["wide"]
    assert after[0].frame_count == 2301
    assert not any(s.calibrating for s in after)
    assert any(m.signature_id == "walking_slow" and m.above_threshold for s in after for m in s.top_k_similarity)
    library[0] = ()
    harness.tick(0)
    assert all(not listed(s) for s in snapshots(harness.send_frames(frames[:50])))


def test_a_stream_that_begins_after_the_change_has_the_new_library() -> None:
    """Not the one of the start."""
    library: list[tuple[Signature, ...]] = [(IDLE,)]
    harness = Harness(
        lambda partition: IntrospectionProcessor(partition, IntrospectionSettings(), library[0], lambda: library[0])
    )
    frames = frames_of(record(None, 0.0, 1, quiet_frames=2400))
    harness.send_frames(frames[:1])
    library[0] = (WALK,)
    harness.tick(0)
    other = [msgspec.structs.replace(frame, node_id="2") for frame in frames]
    assert listed(snapshots(harness.send_frames(other, batch_size=200))[-1]) == {"walking_slow"}


def test_an_unchanged_library_costs_no_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick without a change leaves every stream alone; one with a change reaches each once."""
    replaced: list[int] = []
    monkeypatch.setattr(FrameStream, "replace_library", lambda _, signatures: replaced.append(len(signatures)))
    library: list[tuple[Signature, ...]] = [(WALK,)]
    harness = Harness(
        lambda partition: IntrospectionProcessor(partition, IntrospectionSettings(), library[0], lambda: library[0])
    )
    harness.send_frames(frames_of(record(None, 0.0, 1, quiet_frames=20)), batch_size=100)
    harness.tick(0)
    assert replaced == []
    library[0] = (WALK, DOOR)
    harness.tick(0)
    harness.tick(0)
    assert replaced == [2]
