"""Real series of signal strengths as an agent would have sent them, through the pipeline. They have no truth."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.pipeline import Pipeline
from csi_events.multi_bssid.result import Result
from csi_events.multi_bssid.scan import from_frame
from csi_schemas.access_points import Band
from csi_schemas.frame import MultiBssidFrame
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.frame import multi_bssid
from csi_wifiscan.registry import Registry
from csiflow.output import console
from rich.table import Table

HOST = "00c0ffee00c0ffee"
NOT_HEARD = (-100.0, 100.0)
"""What stands for an access point that was not heard: -100 in WiFine, 100 in NCEPU."""
WIFINE_COLUMNS = 436

Heard = tuple[float, list[AccessPoint]]


def data_folder() -> Path:
    """Return the folder of scans: in CSIFLOW_DATA, else in ``../shared/data`` next to the checkout.

    Raises:
        FileNotFoundError: it has none.
    """
    folder = Path(os.environ.get("CSIFLOW_DATA") or Path(__file__).parents[2] / "shared" / "data") / "scan"
    if not (folder / "manifest.json").is_file():
        raise FileNotFoundError(f"no scans in {folder}; set CSIFLOW_DATA to the folder above")
    return folder


def readings(values: list[str]) -> list[AccessPoint]:
    """Access points of one row; a column is one. Band and channel were not recorded."""
    levels = ((number, float(value)) for number, value in enumerate(values))
    return [AccessPoint(f"column {number}", dbm, band=Band.UNKNOWN) for number, dbm in levels if dbm not in NOT_HEARD]


def wifine(path: Path) -> Iterator[Heard]:
    """A walk through a floor, a scan about every 6 s."""
    with path.open() as lines:
        rows = csv.reader(lines)
        time = next(rows).index("timestamp")
        for row in rows:
            yield float(row[time]), readings(row[:WIFINE_COLUMNS])


def ncepu(folder: Path) -> Iterator[tuple[str, Heard]]:
    """A phone held at 45 places, 10 scans at each, about every 5 s; with the place."""
    lines = [(folder / f"trn01{name}.csv").read_text().split() for name in ("crd", "tms", "rss")]
    for place, time, rss in zip(*lines, strict=True):
        at = datetime.strptime(time, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
        yield place, (at, readings(rss.split(",")))


def follow(series: list[Heard]) -> list[Result]:
    """Play a series through an agent's registry and its packets to a new pipeline."""
    registry, pipeline, answers = Registry(), Pipeline(Parameters()), []
    for sequence, (at, heard) in enumerate(series):
        registry.update(heard, at)
        packet = multi_bssid(
            registry, host=HOST, sequence=sequence, epoch=0, uptime_s=at - series[0][0], now=at, native=False
        )
        frame = MultiBssidFrame(
            HOST,
            round((1_700_000_000 + at - series[0][0]) * 1e9),
            sequence,
            "replay",
            f"wifi-enhanced:{len(packet.slots)}",
            packet.uptime_ms,
            packet.epoch,
            packet.native,
            packet.slots,
            "in_order" if sequence else "first",
        )
        answers.append(pipeline.scan(from_frame(frame)))
    return answers


def summary(answers: list[Result]) -> dict[str, Any]:
    """Shares of what was said, percent."""

    def shares(values: list[Any]) -> dict[str, float]:
        return {str(key): round(100 * count / len(values), 1) for key, count in sorted(Counter(values).items())}

    return {
        "scans": len(answers),
        "access_points": round(sum(answer.bssid_count for answer in answers) / len(answers), 1),
        "present_pct": round(100 * sum(answer.present for answer in answers) / len(answers), 1),
        "levels_pct": shares([answer.motion_level for answer in answers]),
        "verdicts_pct": shares([answer.verdict for answer in answers]),
        "reasons_pct": shares([answer.reason.partition(":")[0] for answer in answers if answer.reason])
        if answers
        else {},
        "breathing": sum(answer.breathing is not None for answer in answers),
        "drift_at_the_end": dict(Counter(str(profile) for profile in answers[-1].drift if profile)),
    }


def recordings() -> dict[str, Any]:
    """Summaries of every series; the standing scans also by how long the phone had been at its place."""
    folder = data_folder()
    found = {f"wifine/{path.stem}": summary(follow(list(wifine(path)))) for path in sorted(folder.glob("wifine/*.csv"))}
    placed = list(ncepu(folder / "ncepu"))
    answers = follow([heard for _, heard in placed])
    first = [number for number, (place, _) in enumerate(placed) if number and place != placed[number - 1][0]]
    later = [number for number in range(len(placed)) if not any(number - 5 < n <= number for n in (0, *first))]
    found["ncepu, all scans"] = summary(answers)
    found["ncepu, first scan at a new place"] = summary([answers[number] for number in first])
    found["ncepu, sixth scan at a place and later"] = summary([answers[number] for number in later])
    table = Table("series", "scans", "access points", "present %", "levels %", "verdicts %", "breathing")
    for name, row in found.items():
        told = (row["scans"], row["access_points"], row["present_pct"], row["levels_pct"], row["verdicts_pct"])
        table.add_row(name, *map(str, told), str(row["breathing"]))
    console.print(table)
    return found
