"""Time to onset against false onsets an hour, on the labelled recordings, beside the windowed path in the same run.

    csiflow bench onset [-- --curve] [-- --leave-one-out]

Every onset, every miss and every false onset is listed on stderr; the last line, on stdout, is JSON. docs/onset.md
explains the columns. The recordings are in CSIFLOW_DATA, else in ../shared/data next to the checkout.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from typing import Any

import arguments
import numpy as np
from csi_introspection.onset import FALSE_PER_HOUR, WARM_UP, new_onset
from csi_introspection.onset_offline import follow_onsets
from csi_introspection.onset_tail import PRIORS
from csiflow.output import console, emit_json
from onset_recordings import Labelled, Priors, data_folder, quiet_tail

RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
WIDTHS = (1, 64, 192)
COST_FRAMES = 50_000
RESTLESS = "qiang"
"""Source whose quiet is of people told to sit or lie, who fidget: reported apart."""


def has_onsets(file: str) -> bool:
    """Recordings in which motion follows quiet."""
    source, name = file.split("/")
    return source == "GeoTec" or name.endswith(("_sequence.npz", "_session.npz")) or name.startswith("test_")


def only_quiet(file: str) -> bool:
    """Recordings in which nothing should move. IALR's are in its sessions."""
    source, name = file.split("/")
    if source == RESTLESS:
        return name.startswith(("0510_sitting", "0510_lying"))
    starts = {"espectre": "baseline_", "vasilis": "none_", "tharium": "control_", "BreathSense": ""}
    return source in starts and name.startswith(starts[source])


def group(labelled: Labelled) -> str:
    """The row of the table a recording's onsets are in."""
    return f"{labelled.source} {labelled.kind}" if labelled.onsets else labelled.source


def frames_of(answer: int | str | None) -> float:
    """An answer as frames from the label; an early one counts as given on the first frame, a missing one never."""
    return 1.0 if answer == "early" else np.inf if answer is None else float(answer)


def at_quantile(values: list[float], quantile: float, digits: int = 0) -> float | None:
    """A quantile, of which at least that share is no greater; None where that is a miss or there is nothing."""
    value = float(np.quantile(values, quantile, method="higher")) if values else np.inf
    return round(value, digits) if np.isfinite(value) else None


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the onsets at which a path was not in motion already.

    ``ratio`` is of frames, in which the first moving frame is 1; ``ratio_of_seconds`` of the time after the label,
    for which that frame's is 0 and is taken as one interval.
    """
    free = [r for r in rows if "on" not in {r["onset"], r["window"]}]
    pairs = [(frames_of(r["onset"]), frames_of(r["window"])) for r in free]
    ratios = [window / ours for ours, window in pairs if np.isfinite([ours, window]).all()]
    seconds = [max(window - 1, 1) / max(ours - 1, 1) for ours, window in pairs if np.isfinite([ours, window]).all()]
    ours = [frames_of(r["onset"]) for r in rows if r["onset"] != "on"]
    window = [frames_of(r["window"]) for r in rows if r["window"] != "on"]
    return {
        "onsets": len(rows),
        "median_frames": at_quantile(ours, 0.5),
        "p90_frames": at_quantile(ours, 0.9),
        "missed": sum(r["onset"] is None for r in rows),
        "already_on": sum(r["onset"] == "on" for r in rows),
        "early": sum(r["onset"] == "early" for r in rows),
        "window_median_frames": at_quantile(window, 0.5),
        "window_missed": sum(r["window"] is None for r in rows),
        "window_already_on": sum(r["window"] in {"on", "early"} for r in rows),
        "ratio": at_quantile(ratios, 0.5, 1),
        "ratio_of_seconds": at_quantile(seconds, 0.5, 1),
    }


def measure(labelled: list[Labelled], rate: float, priors: dict[str, Priors], *, window: bool) -> dict[str, Any]:
    """Run the detector over all recordings at one wanted rate; ``priors`` by source, the shipped ones by default."""
    onsets: dict[str, list[dict[str, Any]]] = defaultdict(list)
    false: list[dict[str, Any]] = []
    seconds: dict[str, float] = defaultdict(float)
    for one in labelled:
        answers, evidence = one.detect(rate, priors.get(one.source, PRIORS))
        onset, moving = answers[:, 0] > 0, answers[:, 1] > 0
        for begin, end in one.onsets:
            row = {"file": one.file, "at_s": round(float(one.t_s[begin]), 2)}
            row["onset"] = one.answer(onset, moving, begin, end)
            row["window"] = one.answer(*one.window_starts, begin, end) if window else None
            onsets[group(one)].append(row)
        seconds[one.source] += one.quiet_s
        for i in one.false_onsets(onset):
            channel = int(np.argmax(evidence[i, :, 0] - evidence[i, :, 1]))
            evidence_at = [round(float(v), 2) for v in evidence[i, channel]]
            false.append({"file": one.file, "at_s": round(float(one.t_s[i]), 2), "evidence": evidence_at})
    return {
        "onsets": {name: summary(rows) for name, rows in onsets.items()},
        "abrupt": summary([row for name, rows in onsets.items() if name.endswith("spliced") for row in rows]),
        "gentle": summary([row for name, rows in onsets.items() if name.endswith("gentle") for row in rows]),
        "every_onset": dict(onsets),
        "false": false,
        "quiet_s": {name: round(value) for name, value in seconds.items()},
    }


def priors_without(labelled: list[Labelled]) -> dict[str, Priors]:
    """For every source the priors that the other sources' quiet gives: their lower quartile.

    Lower, because a quiet that is restless soon shows it, while one that is calm cannot show that it stays so.
    """
    by_source: dict[str, list[Any]] = defaultdict(list)
    for one in labelled:
        _, evidence = one.detect(FALSE_PER_HOUR)
        tail = quiet_tail(one, evidence, WARM_UP)
        if tail is not None:
            by_source[one.source].append(tail)
    own = {source: np.median(tails, axis=0) for source, tails in by_source.items()}
    sources = {one.source for one in labelled}
    result: dict[str, Priors] = {}
    for source in [*sorted(sources), "all"]:
        quartile = np.quantile([value for name, value in own.items() if name != source], 0.25, axis=0)
        result[source] = tuple((round(float(f), 3), round(float(e), 3)) for f, e in quartile)
        console.print(f"priors without {source}: {result[source]}")
    return result


def cost() -> dict[str, float]:
    """Microseconds a frame by width, best of three, in noise."""
    result = {}
    for width in WIDTHS:
        values = np.random.default_rng(0).normal(1.0, 0.02, (COST_FRAMES, width)).astype(np.float32)
        t_s = np.linspace(0.0, 0.01 * COST_FRAMES, COST_FRAMES)
        taken = []
        for _ in range(3):
            detector = new_onset(width)
            begin = time.perf_counter()
            follow_onsets(values, t_s, detector)
            taken.append((time.perf_counter() - begin) / COST_FRAMES * 1e6)
        result[str(width)] = round(min(taken), 2)
    return result


def show(result: dict[str, Any]) -> None:
    """List every onset and every false one."""
    for name, rows in result["every_onset"].items():
        console.print(f"[bold]{name}[/] {json.dumps(result['onsets'][name])}")
        for row in rows:
            console.print(f"   {row['file']:44s} {row['at_s']:8.2f} s  onset {row['onset']}  window {row['window']}")
    for name in ("abrupt", "gentle"):
        console.print(f"[bold]{name}[/] {json.dumps(result[name])}")
    for row in result["false"]:
        console.print(f"false onset: {row['file']:44s} {row['at_s']:8.2f} s  evidence, threshold {row['evidence']}")


def rates(result: dict[str, Any]) -> dict[str, Any]:
    """False onsets an hour, with and without the restless source."""
    counted = [row["file"].split("/")[0] for row in result["false"]]
    calm_s = sum(value for name, value in result["quiet_s"].items() if name != RESTLESS)
    calm = sum(source != RESTLESS for source in counted)
    restless_s = result["quiet_s"].get(RESTLESS, 0)
    return {
        "false_onsets": calm,
        "calm_s": calm_s,
        "false_per_quiet_hour": round(3600 * calm / max(calm_s, 1), 1),
        "restless_false_onsets": len(counted) - calm,
        "restless_s": restless_s,
    }


def main() -> None:
    """Measure and print."""
    parser = arguments.parser("onset", __doc__)
    parser.add_argument("--rate", type=float, default=FALSE_PER_HOUR, help="wanted false onsets an hour")
    parser.add_argument("--curve", action="store_true", help="the whole curve over wanted rates")
    parser.add_argument("--leave-one-out", action="store_true", help="priors for a source from the other sources")
    options = parser.parse_args()
    folder = data_folder()
    manifest = json.loads((folder / "manifest.json").read_text())
    labelled = [Labelled.load(folder, m) for m in manifest if has_onsets(m["file"]) or only_quiet(m["file"])]
    priors = priors_without(labelled) if options.leave_one_out else {}
    result = measure(labelled, options.rate, priors, window=True)
    show(result)
    line: dict[str, Any] = {"false_per_hour": options.rate, **result, **rates(result), "us_per_frame": cost()}
    if options.curve:
        line["curve"] = []
        for rate in RATES:
            at = measure(labelled, rate, priors, window=False)
            point = {"false_per_hour": rate, **rates(at)}
            for name, value in at["onsets"].items():
                point[name] = [value["median_frames"], value["p90_frames"], value["missed"], value["early"]]
            line["curve"].append(point)
            console.print(json.dumps(point))
    emit_json(line)


if __name__ == "__main__":
    main()
