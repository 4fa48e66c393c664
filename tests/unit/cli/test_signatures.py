"""``csiflow signatures check`` and ``capture-signature`` from recordings, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from csi_introspection import reference
from csi_introspection.library import check, file_text
from csi_schemas.codec import encode_csi
from csiflow.main import app
from csiflow.output import console
from typer.testing import CliRunner, Result
from unit.ingest import pcaps

RATE_HZ = 30.0


def run(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "300"})


def said(result: Result) -> dict[str, Any]:
    """Return the JSON object that ends stdout."""
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """6 s at rest, a door for 2 s, 6 s open and at rest, back and the door again: takes begin at 6 and 14 s."""
    door = reference.door(60)
    rest = np.repeat(door[:1], 180, axis=0)
    path = np.concatenate(
        [rest, door, np.repeat(door[-1:], 90, axis=0), rest[:90], door, np.repeat(door[-1:], 60, axis=0)]
    )
    iq = reference.sample(reference.channel(path, 0.6, len(path)), np.random.default_rng(1)).reshape(
        len(path), 1, 64, 2
    )
    t_ns = np.rint(np.arange(len(iq)) * 1e9 / RATE_HZ).astype(np.int64)
    file = tmp_path / "door.npz"
    np.savez(file, t_ns=t_ns, iq=iq)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty signature folder."""
    made = tmp_path / "signatures"
    made.mkdir()
    return made


def capture(recording: Path, out: Path, *arguments: object) -> Result:
    """Capture with a label and two seconds."""
    return run(
        "capture-signature", "--label", "Door", "--duration", "2s", "--out", out, "--recording", recording, *arguments
    )


def test_a_take_becomes_a_checked_file(recording: Path, folder: Path) -> None:
    """The file is in the folder, alone, valid, and the JSON describes it."""
    answer = said(capture(recording, folder / "door.sig.json", "--from", "6s", "--json"))
    report = check(folder)
    assert report.problems == []
    assert report.files == ["door.sig.json"]
    (signature,) = report.signatures
    assert (signature.id, signature.label, signature.provenance) == ("door", "Door", "replay")
    assert (signature.length, signature.rate_hz, len(signature.vectors[0])) == (64, 32.0, 16)
    assert answer["signatures"][0]["id"] == "door"
    assert answer["signatures"][0]["departure"] > 2
    assert answer["signatures"][0]["threshold"]["measured"] is False
    assert (answer["node"], answer["stream"], answer["provenance"]) == ("1", "1x64@6", "replay")


def test_two_takes_are_two_files_with_measured_thresholds(recording: Path, folder: Path) -> None:
    """The second has the id with -take2 and the same label; each is scored against the other."""
    answer = said(capture(recording, folder / "door.sig.json", "--from", "6s", "--from", "14s", "--json"))
    assert [s.id for s in check(folder).signatures] == ["door-take2", "door"]
    assert {s.label for s in check(folder).signatures} == {"Door"}
    for made in answer["signatures"]:
        assert made["threshold"]["measured"]
        assert len(made["threshold"]["same_label"]) == 1
        assert made["threshold"]["same_label"][0] > 0.9


@pytest.mark.parametrize(("kind", "width"), [("lag", 5), ("vec128", 128)])
def test_other_kinds_are_captured_as_well(recording: Path, folder: Path, kind: str, width: int) -> None:
    """Features of change: the file says which kind it is, has its width and passes the check."""
    answer = said(capture(recording, folder / "door.sig.json", "--from", "6s", "--kind", kind, "--json"))
    assert (answer["kind"], answer["signatures"][0]["width"]) == (kind, width)
    report = check(folder)
    assert report.problems == []
    assert report.signatures[0].feature_kind == kind


def test_without_from_the_take_begins_after_the_countdown(recording: Path, folder: Path) -> None:
    """As it would live: with 6 s of countdown, the first take is the one at 6 s."""
    first, second = folder / "a.sig.json", folder / "b.sig.json"
    said(capture(recording, first, "--countdown", "6s", "--json"))
    said(capture(recording, second, "--countdown", "6s", "--from", "6s", "--json"))
    vectors = [signature.vectors for signature in check(folder).signatures]
    assert vectors[0] == vectors[1]


def test_quiet_is_refused_unless_it_is_what_is_wanted(recording: Path, folder: Path) -> None:
    """At 3 s nothing moves: refused with the figures, exit code 1; with --rest it is captured, and a motion is not."""
    refused = capture(recording, folder / "x.sig.json", "--from", "3s")
    assert refused.exit_code == 1
    assert "does not differ from quiet" in refused.output
    assert "--rest" in refused.output
    assert list(folder.iterdir()) == []
    assert said(capture(recording, folder / "x.sig.json", "--from", "3s", "--rest", "--json"))["rest"] is True
    moved = capture(recording, folder / "y.sig.json", "--from", "6s", "--rest")
    assert moved.exit_code == 1
    assert "is no room at rest" in moved.output


def test_the_stream_is_named_and_can_be_chosen(folder: Path, tmp_path: Path) -> None:
    """A capture of two nodes: the busiest stream is taken and the other named; --node takes the other.

    --from counts from the recording's first datagram, whichever node sent it.
    """
    door = reference.door(90)
    path = np.concatenate([np.repeat(door[:1], 150, axis=0), door])
    iq = reference.sample(reference.channel(path, 0.6, len(path)), np.random.default_rng(3))
    datagrams = []
    for number, row in enumerate(iq):
        t_s = 1.0 + number / RATE_HZ
        datagrams.append((t_s, encode_csi(7, row.tobytes(), sequence=number, n_subcarriers=64, frequency_mhz=2437)))
        if number % 3 == 0:
            other = encode_csi(9, row.tobytes(), sequence=number, n_subcarriers=64, frequency_mhz=2437)
            datagrams.append((t_s - 0.5, other))
    file = tmp_path / "two.pcap"
    file.write_bytes(
        pcaps.capture([(round(t * 1e9), pcaps.ethernet(pcaps.ipv4(pcaps.udp(d)))) for t, d in sorted(datagrams)])
    )
    result = capture(file, folder / "a.sig.json", "--from", "5.5s", "--json")
    assert said(result)["node"] == "7"
    assert "1x64@6 of node 9" in result.output
    answer = said(capture(file, folder / "b.sig.json", "--from", "5s", "--node", "9", "--json"))
    assert answer["node"] == "9"
    assert answer["indistinguishable"] == []
    assert answer["signatures"][0]["threshold"]["same_label"][0] > 0.5  # at a third of the rate


def test_an_existing_file_is_kept_unless_forced(recording: Path, folder: Path) -> None:
    """Refused with exit code 2 before anything is done; --force replaces."""
    out = folder / "door.sig.json"
    out.write_text("mine")
    refused = capture(recording, out, "--from", "6s")
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert out.read_text() == "mine"
    said(capture(recording, out, "--from", "6s", "--force", "--json"))
    assert check(folder).problems == []


def test_a_signature_that_looks_the_same_is_named(recording: Path, folder: Path) -> None:
    """The same motion under another label: a warning with the score, in words and in JSON."""
    said(capture(recording, folder / "door.sig.json", "--from", "6s", "--json"))
    again = run(
        "capture-signature", "--label", "Window", "--duration", "2s", "--out", folder / "window.sig.json",
        "--recording", recording, "--from", "14s", "--json",
    )  # fmt: skip
    assert "window cannot be told apart from door: score" in again.output
    assert said(again)["indistinguishable"][0]["other"] == "door"
    assert said(run("signatures", "check", folder, "--json"))["indistinguishable"][0]["score"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--from", "40s"), 2, "does not lie in the recording"),
        (("--from", "1s"), 2, "--countdown 1s"),
        (("--from", "6s", "--node", "9"), 1, "heard: 1x64@6 of node 1"),
        (("--from", "6s", "--stream", "1x128@6"), 1, "no stream 1x128@6"),
        (("--from", "6s", "--kind", "spectrum"), 2, "amplitude_l2_per_subcarrier, lag, vec128"),
        (("--from", "6s", "--takes", "3"), 2, "--from 3 times"),
        (("--from", "soon"), 2, "is not a duration"),
        (("--from", "6s", "--duration", "0.2s"), 1, "--duration longer"),
        (("--from", "6s", "--label", " "), 2, "--label is empty"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_no_file(
    recording: Path, folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """Exit code and message of each mistake."""
    result = capture(recording, folder / "x.sig.json", *arguments)
    assert result.exit_code == code
    assert words in " ".join(result.output.split())
    assert list(folder.iterdir()) == []


def test_places_that_cannot_be_written_are_refused_first(recording: Path, folder: Path) -> None:
    """A missing folder, a folder as file, and a name that gives no id: exit code 2, each with what to write."""
    for out, words in (
        (folder / "gone" / "x.sig.json", "there is no folder"),
        (folder, "is a folder"),
        (folder / "a b.sig.json", "gives no id"),
        (folder / "x.json", "the service reads *.sig.json files only, not x.json"),
    ):
        result = capture(recording, out, "--from", "6s")
        assert result.exit_code == 2
        assert words in " ".join(result.output.split())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can make a file: /proc")
def test_a_folder_that_takes_no_file_is_refused_before_the_recording_is_read(tmp_path: Path) -> None:
    """Not even root can write there: exit code 2 and what to do, without the name of a temporary file."""
    result = capture(tmp_path / "gone.npz", Path("/proc/x.sig.json"), "--from", "6s")
    words = " ".join(result.output.split())
    assert result.exit_code == 2
    assert "nothing can be written in the folder /proc" in words
    assert "make it writable for you, or name another --out" in words
    assert "Errno" not in words


def test_an_id_of_another_file_is_refused(recording: Path, folder: Path) -> None:
    """A folder holds an id once."""
    walk = msgspec.structs.replace(reference.references()[1], id="door")
    (folder / "other.sig.json").write_bytes(file_text(walk))
    result = capture(recording, folder / "door.sig.json", "--from", "6s")
    assert result.exit_code == 2
    assert "other.sig.json has the id door already" in " ".join(result.output.split())


def test_what_is_no_recording_is_refused(folder: Path, tmp_path: Path) -> None:
    """Exit code 2 and the reason."""
    (tmp_path / "x.npz").write_bytes(b"nothing")
    result = capture(tmp_path / "x.npz", folder / "x.sig.json")
    assert result.exit_code == 2
    assert "neither a pcap nor an npz" in " ".join(result.output.split())


def test_from_needs_a_recording(folder: Path) -> None:
    """A live take begins when the countdown ends."""
    result = run("capture-signature", "--label", "x", "--out", folder / "x.sig.json", "--from", "3s")
    assert result.exit_code == 2
    assert "--from goes with --recording" in result.output


def test_check_describes_a_good_folder() -> None:
    """The committed library: a row for each file, no problem, no pair, exit code 0."""
    answer = said(run("signatures", "check", Path(__file__).parents[3] / "signatures", "--json"))
    assert [row["file"] for row in answer["signatures"]] == [
        "door_open.sig.json",
        "idle_room.sig.json",
        "walking_slow.sig.json",
    ]
    assert {row["rate_hz"] for row in answer["signatures"]} == {30.0}
    assert {row["outdated"] for row in answer["signatures"]} == {None}
    assert answer["problems"] == answer["indistinguishable"] == []


def test_check_fits_a_terminal_of_80_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for each kind of features, in which no word is broken; a file of another name than its id says both."""
    monkeypatch.setattr(console, "width", 80)
    door, walk, _ = reference.references()
    (folder / f"{door.id}.sig.json").write_bytes(file_text(door))
    (folder / "w.sig.json").write_bytes(file_text(msgspec.structs.replace(walk, feature_version=99)))
    lines = run("signatures", "check", folder).output.splitlines()
    assert [line.strip() for line in lines if ", version " in line] == [
        f"{door.feature_kind}, version {version}" for version in (door.feature_version, 99)
    ]
    table = [line for line in lines if line.startswith("│")]
    assert max(map(len, table)) <= 80
    words = {word for line in table for word in line.replace("│", " ").split()}
    assert words >= {door.id, *door.label.split(), "w.sig.json:", walk.id, *walk.label.split(), "synthetic"}


def test_check_names_what_is_wrong(folder: Path) -> None:
    """File, field, message and remedy; the good file is still described; exit code 1."""
    idle, walk, _ = reference.references()
    (folder / "idle.sig.json").write_bytes(file_text(idle))
    (folder / "walk.sig.json").write_bytes(file_text(msgspec.structs.replace(walk, promotion_threshold=7)))
    result = run("signatures", "check", folder, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout.splitlines()[-1])
    assert [row["id"] for row in answer["signatures"]] == ["idle_room"]
    (problem,) = answer["problems"]
    assert (problem["file"], problem["field"]) == ("walk.sig.json", "promotion_threshold")
    assert problem["remedy"]


def test_check_says_what_no_stream_has(folder: Path) -> None:
    """A signature of an older feature version loads, and the check says why it is never scored."""
    walk = reference.references()[1]
    (folder / "walk.sig.json").write_bytes(file_text(msgspec.structs.replace(walk, feature_version=99)))
    result = run("signatures", "check", folder, "--json")
    assert "feature version 99" in said(result)["signatures"][0]["outdated"]
    assert "no stream has this" in result.output
