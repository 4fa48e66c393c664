"""``csiflow capture-signature``: a labelled motion, from a live stream or a recording, as a signature file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from csi_ingest.recordings import RecordingError
from csi_introspection.library import write
from rich.markup import escape

from csiflow.commands.options import Json
from csiflow.heard import HeardError, Wanted
from csiflow.output import console, emit_json, fail
from csiflow.parameters import parse_duration
from csiflow.runfile import bootstrap_servers
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings

Kind = Annotated[str, typer.Option(help="Feature kind: amplitude_l2_per_subcarrier, lag or vec128.")]


def capture_signature(
    *,
    label: Annotated[str, typer.Option(help="What it is, for people; several signatures may share one.")],
    out: Annotated[Path, typer.Option(help="File to write, DIR/ID.sig.json; later takes get ID-take2 and so on.")],
    duration: Annotated[str, typer.Option(help="How long the motion takes.")] = "2s",
    takes: Annotated[int, typer.Option(help="How often it is recorded; each take is a signature.", min=1, max=32)] = 1,
    countdown: Annotated[str, typer.Option(help="Quiet before each take: recorded and subtracted.")] = "3s",
    node: Annotated[str | None, typer.Option(help="Node to capture from; without it the busiest.")] = None,
    stream: Annotated[str | None, typer.Option(help="Stream of the node, for example 1x64@6.")] = None,
    kind: Kind = "amplitude_l2_per_subcarrier",
    rest: Annotated[bool, typer.Option("--rest", help="A room at rest: nobody moves in the take either.")] = False,
    recording: Annotated[Path | None, typer.Option(help="Capture from this .pcap or .npz recording instead.")] = None,
    begin: Annotated[
        list[str] | None,
        typer.Option("--from", help="Where in the recording a take begins; once for each take. Default: --countdown."),
    ] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a first frame.")] = "5s",
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    as_json: Json = False,
) -> None:
    """Capture a motion as a signature, with a threshold suggested from the takes, and check it.

    A take that does not differ from the quiet before it is refused; live it is recorded again until it does, or Ctrl-C.

    A signature of another label that it cannot be told apart from is named.

    Nothing is written before every take was good.

    Examples:

      csiflow capture-signature --label "Door opens" --duration 2s --takes 4 --out signatures/door.sig.json

      csiflow capture-signature --label Wave --out wave.sig.json --recording room.npz --from 3.2s --from 9s
    """
    # numba takes half a second to load, which the other commands need not wait for
    from csi_introspection.clip import CaptureError  # noqa: PLC0415

    from csiflow import capture_target, captured, capturing  # noqa: PLC0415

    schedule = capture_target.schedule_of(
        takes=takes, countdown=countdown, duration=duration, rest=rest, begins=begin, recorded=recording is not None
    )
    target = capture_target.target_of(label, out, kind, schedule.takes, rest=rest, force=force)
    wanted, wait_s = Wanted(node, stream), parse_duration(wait)
    try:
        known = capture_target.others_in_folder(target)
        if recording is not None:
            begins_s = [parse_duration(text) for text in begin or [countdown]]
            recorded = capturing.cut_recording(recording, begins_s, schedule, wanted, target)
        else:
            capturing.prepare(target)
            bootstrap = bootstrap_servers(cli_settings())
            heard = run_until_signal(capturing.record_live(bootstrap, schedule, wanted, wait_s, target))
            if heard is None:
                console.print("nothing was written")
                raise typer.Exit(130)
            recorded = heard
        name, good = recorded
        made, alike = captured.make(good, target, name.provenance, known)
        for m in made:
            try:
                write(m.path, m.signature, replace=force)
            except OSError as error:
                fail(
                    f"{escape(str(m.path))} could not be written: {error.strerror or error}; see to the folder, "
                    "or name another --out, and capture again"
                )
    except RecordingError as error:
        fail(escape(str(error)), 2)
    except (CaptureError, HeardError, OSError) as error:
        fail(escape(str(error)))
    said = captured.report(made, alike, name)
    if as_json:
        emit_json(said)
