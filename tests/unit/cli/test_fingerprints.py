"""``csiflow fingerprint`` from recordings, as an operator types it."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest
from csi_events.multi_bssid.fingerprint.document import STATES, read
from csi_events.multi_bssid.fingerprint.learn import Take
from csi_events.multi_bssid.fingerprint.learn import learn as make
from csi_events.multi_bssid.fingerprint.model import cross_validate
from csi_schemas.codec import MultiBssid, encode
from csiflow.fingerprinting import Host, Plan, record
from csiflow.heard import HeardError
from csiflow.main import app
from typer.testing import CliRunner, Result
from unit.events.multi_bssid.fingerprints import NODE, Room
from unit.ingest import pcaps


def run(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "300"})


def said(result: Result) -> dict[str, Any]:
    """Return the JSON object that ends stdout."""
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Each of the four states for 20 s, twice, as an agent's datagrams."""
    room, packets = Room(), []
    for state in (*STATES, *STATES):
        for _ in range(200):
            frame = room.frame(state)
            packet = MultiBssid(
                host=NODE, sequence=0, uptime_ms=frame.uptime_ms, slots=frame.slots, epoch=frame.epoch, native=True
            )
            packets.append((frame.timestamp_ns // 1000 * 1000, pcaps.ethernet(pcaps.ipv4(pcaps.udp(encode(packet))))))
    path = tmp_path / "room.pcap"
    path.write_bytes(pcaps.capture(packets))
    return path


def learn(recording: Path, folder: Path, *arguments: object) -> Result:
    """Learn the eight takes of the recording."""
    takes = [f"--take={state}@{20 * number}s" for number, state in enumerate((*STATES, *STATES))]
    return run("fingerprint", "learn", "lab", "--recording", recording, *takes, "--folder", folder, *arguments)


def test_a_room_is_learnt_listed_and_checked(recording: Path, tmp_path: Path) -> None:
    """The file holds four states of two takes each, of that node; list names it, check recognises every state."""
    folder = tmp_path / "made" / "fingerprints"
    result = learn(recording, folder, "--duration", "18s", "--json")
    assert result.exit_code == 0, result.output
    made = said(result)
    assert made["takes"] == dict.fromkeys(STATES, 2)
    assert made["weak"] == []
    document, problems = read(Path(made["file"]))
    assert problems == []
    assert document is not None
    assert (document.node_id, document.provenance, len(document.slots)) == (NODE, "replay", 12)
    listed = said(run("fingerprint", "list", "--folder", folder, "--json"))["fingerprints"]
    assert [(row["id"], row["node"], row["states"]) for row in listed] == [("lab", NODE, list(STATES))]
    checked = said(run("fingerprint", "check", "--folder", folder, "--json"))
    assert checked["problems"] == []
    counts = checked["fingerprints"][0]["left_out"]
    assert all(counts[state][state] >= 0.8 * sum(counts[state].values()) for state in STATES)


class Stack:
    """What a running stack gives: a room that follows the plan, and records of other kinds in between."""

    def __init__(self, room: Room, plan: Plan) -> None:
        self._room = room
        begin_s = room.t_s + 0.1
        self.spans: list[tuple[float, str]] = []
        for state in plan.takes:
            begin_s += plan.countdown_s + plan.duration_s
            self.spans.append((begin_s, state))

    async def values(self, seconds: float) -> list[bytes | None]:  # noqa: ARG002 - nobody waits for a simulation
        """Scan three times; the state is the one the plan has reached."""
        await asyncio.sleep(0)
        now = [next((state for end_s, state in self.spans if self._room.t_s < end_s), "empty") for _ in range(3)]
        return [None, b"{}", *(msgspec.json.encode(self._room.frame(state)) for state in now)]


def test_a_room_is_learnt_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes are those of the plan, each as long as it says by the scans' own times, and make a good fingerprint."""
    monkeypatch.setattr("csiflow.fingerprinting.LISTEN_S", 0.0)
    plan = Plan(STATES, 2, 5.0, 15.0)

    async def run_plan() -> tuple[Host, list[Take]]:
        return await record(nullcontext(Stack(Room(), plan)), plan, None, 5.0)

    host, takes = asyncio.run(run_plan())
    assert host == Host(NODE, "synthetic")
    assert [take.state for take in takes] == [*STATES, *STATES]
    assert all(take.scans[-1].t_s - take.scans[0].t_s == pytest.approx(15.0, abs=0.25) for take in takes)
    counts = cross_validate(make(takes, identity="x", node_id=NODE, learnt_at="", provenance="synthetic"))
    assert all(counts[state][state] >= 0.8 * sum(counts[state].values()) for state in STATES)


def test_a_node_that_is_not_there_or_falls_silent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is heard instead is said; a node that stops during a take ends the command."""
    plan = Plan(STATES, 1, 1.0, 2.0)

    class Silent(Stack):
        async def values(self, seconds: float) -> list[bytes | None]:
            self.calls = getattr(self, "calls", 0) + 1
            return await super().values(seconds) if self.calls < 10 else []

    monkeypatch.setattr("csiflow.fingerprinting.LISTEN_S", 0.0)
    monkeypatch.setattr("csiflow.fingerprinting.SILENCE_S", 0.0)

    async def run_plan(node: str | None) -> None:
        await record(nullcontext(Silent(Room(), plan)), plan, node, 0.05)

    with pytest.raises(HeardError, match=f"no scan of node 7 .*heard: node {NODE}"):
        asyncio.run(run_plan("7"))
    with pytest.raises(HeardError, match="fell silent"):
        asyncio.run(run_plan(None))


def test_what_is_there_is_not_replaced_unasked(recording: Path, tmp_path: Path) -> None:
    """A second time is refused before anything is read, with --force it is not."""
    assert learn(recording, tmp_path).exit_code == 0
    again = learn(recording, tmp_path)
    assert again.exit_code == 2
    assert "--force" in again.output
    assert learn(recording, tmp_path, "--force").exit_code == 0


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """Check and list say which file and why; check exits with 1."""
    (tmp_path / "bad.fingerprint.json").write_text('{"kind": "csiflow-fingerprints"}')
    checked = run("fingerprint", "check", "--folder", tmp_path, "--json")
    assert checked.exit_code == 1
    assert said(checked)["problems"][0]["file"] == "bad.fingerprint.json"
    assert "bad.fingerprint.json" in run("fingerprint", "list", "--folder", tmp_path).output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("a/b", "--recording", "R", "--take", "empty@0s"), 2, "is no name"),
        (("lab", "--recording", "R"), 2, "go together"),
        (("lab", "--recording", "R", "--take", "empty"), 2, "not STATE@BEGIN"),
        (
            ("lab", "--recording", "R", "--take", "empty@0s", "--take", "walking@500s"),
            1,
            "does not lie in the recording",
        ),
        (("lab", "--recording", "R", "--take", "empty@0s"), 1, "1 state is not enough"),
        (("lab", "--recording", "R", "--take", "empty@0s", "--node", "7"), 1, f"heard: node {NODE}"),
        (("lab", "--recording", "missing.pcap", "--take", "empty@0s"), 2, "cannot read"),
    ],
)
def test_what_cannot_be_learnt_is_explained(
    recording: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    """Every mistake has its message, and nothing is written."""
    typed = [str(recording) if argument == "R" else argument for argument in arguments]
    result = run("fingerprint", "learn", *typed, "--folder", tmp_path / "out")
    assert result.exit_code == code
    assert words in result.output
    assert not (tmp_path / "out").exists()
