"""``csiflow fingerprint``: learn the states of a room that a host's access points tell apart, list and check them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from csi_ingest.recordings import RecordingError
from rich.markup import escape
from rich.table import Table

from csiflow.commands.options import Json
from csiflow.heard import HeardError, LiveFrames
from csiflow.output import console, emit_json, fail
from csiflow.parameters import parse_duration
from csiflow.runfile import bootstrap_servers
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings

if TYPE_CHECKING:
    from csi_events.multi_bssid.fingerprint.document import Fingerprints

    from csiflow.fingerprinting import Cut

fingerprint = typer.Typer(no_args_is_help=True, help="Fingerprints of a room, for multi-BSSID nodes.")
Folder = Annotated[
    Path | None, typer.Option(help="Folder of the files; by default CSIFLOW_FINGERPRINTS, else in the state folder.")
]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOLD_APART = 0.8
"""Share of a state's windows that must be recognised; below it the user is warned."""


@fingerprint.command()
def learn(
    name: Annotated[str, typer.Argument(help="What the file is called, for example living-room.")],
    *,
    node: Annotated[str | None, typer.Option(help="Node to learn from; without it the busiest.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="A state, once for each. Default: empty, standing, sitting, walking.")
    ] = None,
    duration: Annotated[str, typer.Option(help="How long a state is held; its first 3 s are not learnt.")] = "20s",
    rounds: Annotated[int, typer.Option(help="How often each is held.", min=1, max=8)] = 2,
    countdown: Annotated[str, typer.Option(help="Time to get ready before each take.")] = "10s",
    recording: Annotated[Path | None, typer.Option(help="Learn from this .pcap recording instead.")] = None,
    take: Annotated[
        list[str] | None, typer.Option(help="STATE@BEGIN in the recording, for example empty@5s; once for each take.")
    ] = None,
    folder: Folder = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a first scan.")] = "10s",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    as_json: Json = False,
) -> None:
    """Learn what a room sounds like empty, and with somebody standing, sitting and walking in it.

    The events service takes the file up at once. What can be told apart is measured with takes that were left out.

    Examples:

      csiflow fingerprint learn living-room

      csiflow fingerprint learn desk --recording day.pcap --take empty@0s --take sitting@60s --duration 30s
    """
    # numba takes half a second to load, which the other commands need not wait for
    from csi_events.multi_bssid.fingerprint.document import STATES, SUFFIX, write  # noqa: PLC0415
    from csi_events.multi_bssid.fingerprint.learn import LearnError  # noqa: PLC0415
    from csi_events.multi_bssid.fingerprint.learn import learn as make  # noqa: PLC0415

    from csiflow import fingerprinting  # noqa: PLC0415

    app_settings = cli_settings()
    target = _target(name, folder or app_settings.fingerprint_folder, SUFFIX, force=force)
    if (recording is None) != (take is None):
        fail("--recording and --take go together: the takes say where in the recording each state is", 2)
    plan = fingerprinting.Plan(tuple(state or STATES), rounds, parse_duration(countdown), parse_duration(duration))
    try:
        if recording is not None:
            host, takes = fingerprinting.cut(recording, _cuts(take or []), plan.duration_s, node)
        else:
            source = LiveFrames.running(bootstrap_servers(app_settings))
            heard = run_until_signal(fingerprinting.record(source, plan, node, parse_duration(wait)))
            if heard is None:
                console.print("nothing was written")
                raise typer.Exit(130)
            host, takes = heard
        learnt_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        document = make(takes, identity=name, node_id=host.node_id, learnt_at=learnt_at, provenance=host.provenance)
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, document, replace=force)
    except RecordingError as error:
        fail(escape(str(error)), 2)
    except (LearnError, HeardError, OSError) as error:
        fail(escape(str(error)))
    console.print(f"[green]written[/] {escape(str(target))}: {len(document.slots)} access points", soft_wrap=True)
    said = _report(document)
    if as_json:
        emit_json({"file": str(target), **said})


def _target(name: str, folder: Path, suffix: str, *, force: bool) -> Path:
    if _ID.fullmatch(name) is None:
        fail(f"{escape(name)} is no name: use letters, digits, '.', '_' and '-', at most 64", 2)
    target = folder / f"{name}{suffix}"
    if target.exists() and not force:
        fail(f"{escape(str(target))} exists; choose another name, or replace it with --force", 2)
    return target


def _cuts(takes: list[str]) -> list[Cut]:
    from csiflow.fingerprinting import Cut  # noqa: PLC0415 - as in ``learn``

    cuts = []
    for text in takes:
        state, at, begin = text.partition("@")
        if not state or not at:
            fail(f"--take {escape(text)} is not STATE@BEGIN, as in empty@5s", 2)
        cuts.append(Cut(state, 0.0 if begin in {"0", "0s"} else parse_duration(begin)))
    return cuts


def _report(document: Fingerprints) -> dict[str, Any]:
    """Say what can be told apart; returns the same as one JSON object."""
    from csi_events.multi_bssid.fingerprint.model import cross_validate  # noqa: PLC0415 - as in ``learn``

    counts = cross_validate(document)
    names = [state.name for state in document.states]
    table = Table("held, when it was left out", *(f"recognised as {name}" for name in names), "unknown")
    for name in names:
        table.add_row(escape(name), *(str(counts[name][other]) for other in [*names, "unknown"]))
    console.print(table)
    weak = [name for name in names if counts[name][name] < _TOLD_APART * sum(counts[name].values())]
    for name in weak:
        console.print(
            f"[yellow]warning:[/] {escape(name)} is recognised in {counts[name][name]} of {sum(counts[name].values())} "
            "moments: hold it longer, in more rounds, or move the host so that it changes the paths",
            soft_wrap=True,
        )
    return {
        "id": document.id,
        "node": document.node_id,
        "provenance": document.provenance,
        "learnt_at": document.learnt_at,
        "access_points": len(document.slots),
        "windows": {state.name: len(state.windows) for state in document.states},
        "takes": {state.name: len({window.take for window in state.windows}) for state in document.states},
        "left_out": counts,
        "weak": weak,
    }


@fingerprint.command("list")
def list_documents(*, folder: Folder = None, as_json: Json = False) -> None:
    """List the fingerprints of a folder.

    Example:

      csiflow fingerprint list --folder fingerprints/
    """
    from csi_events.multi_bssid.fingerprint.document import SUFFIX, read  # noqa: PLC0415 - as in ``learn``

    where = folder or cli_settings().fingerprint_folder
    rows: list[dict[str, Any]] = []
    table = Table("id", "node", "learnt at", "access points", "states", "provenance")
    for path in sorted(where.glob("*" + SUFFIX)):
        document, problems = read(path)
        for problem in problems:
            console.print(f"[red]wrong[/]  {escape(str(problem))}", soft_wrap=True)
        if document is None:
            rows.append({"file": path.name, "problems": [problem.message for problem in problems]})
            continue
        states = [state.name for state in document.states]
        row = (document.id, document.node_id, document.learnt_at, str(len(document.slots)), ", ".join(states))
        table.add_row(*map(escape, row), document.provenance)
        rows.append({
            "file": path.name,
            "id": document.id,
            "node": document.node_id,
            "learnt_at": document.learnt_at,
            "access_points": len(document.slots),
            "states": states,
            "provenance": document.provenance,
        })  # fmt: skip
    if rows:
        console.print(table)
    else:
        console.print(f"no fingerprints in {escape(str(where))}; learn some with csiflow fingerprint learn NAME")
    if as_json:
        emit_json({"folder": str(where), "fingerprints": rows})


@fingerprint.command()
def check(*, folder: Folder = None, as_json: Json = False) -> None:
    """Read every file of a folder, name what is wrong, and measure which states can be told apart.

    Exit code 1 when a file has a problem. States that are not told apart are a warning: the file loads.

    Example:

      csiflow fingerprint check --json | jq '.fingerprints[] | {file, weak}'
    """
    from csi_events.multi_bssid.fingerprint.document import SUFFIX, read  # noqa: PLC0415 - as in ``learn``

    where = folder or cli_settings().fingerprint_folder
    good, wrong = [], []
    for path in sorted(where.glob("*" + SUFFIX)):
        document, problems = read(path)
        wrong += problems
        if document is not None:
            console.print(f"[bold]{escape(path.name)}[/]: {len(document.slots)} access points of {document.node_id}")
            good.append({"file": path.name, **_report(document)})
    for problem in wrong:
        console.print(f"[red]wrong[/]  {escape(str(problem))}", soft_wrap=True)
    if not good and not wrong:
        console.print(f"[yellow]warning:[/] {escape(str(where))} has no *{SUFFIX} file")
    if as_json:
        emit_json({"fingerprints": good, "problems": [{"file": p.file, "message": p.message} for p in wrong]})
    if wrong:
        raise typer.Exit(1)
