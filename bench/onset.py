"""Time to onset against false onsets an hour, on the labelled recordings, beside the windowed path in the same run.

    csiflow bench onset [-- --curve] [-- --leave-one-out]

What is counted is what ``csiflow eval`` counts, by the same code: this runs the detector alone, at any wanted rate and
with any priors. Every onset, every miss and every false onset is listed on stderr; the last line, on stdout, is JSON.
docs/onset.md explains the columns. The recordings are in CSIFLOW_DATA, else in ../shared/data next to the checkout.
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
from csiflow.evaluation.onsets import Alarms, Onset, count_alarms, count_onsets, false_onsets, onset_figures
from csiflow.output import console, emit_json
from onset_recordings import Flags, Labelled, Priors, data_folder

RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
WIDTHS = (1, 64, 192)
COST_FRAMES = 50_000
KINDS = ("abrupt", "gentle")
NEAR_S = 1.0
"""The windowed path agrees with a false onset when it says motion while that lasts, or this soon after."""


def p90(onsets: list[Onset]) -> int | None:
    """Return the frames by which nine of ten onsets that could be timed were answered; None where that is never."""
    frames = [np.inf if onset.frames is None else onset.frames for onset in onsets if not onset.already]
    value = float(np.quantile(frames, 0.9, method="higher")) if frames else np.inf
    return int(value) if np.isfinite(value) else None


def figures(onsets: list[Onset]) -> dict[str, Any]:
    """Return what ``csiflow eval`` says of these onsets, with their number by frame and the slow ones."""
    frames = [onset.frames for onset in onsets if not onset.already and onset.frames is not None]
    by_frame = {f"by_frame_{n}": sum(each <= n for each in frames) for n in (1, 2, 3)}
    return {**onset_figures(onsets), "frames_p90": p90(onsets), **by_frame}


def about_false(one: Labelled, flags: Flags, frame: int) -> dict[str, Any]:
    """Describe a false onset: when, on what evidence, how long it lasted, and whether the windows saw motion too."""
    t = one.recording.seconds
    still = np.flatnonzero(~flags.moving[frame:])
    end = frame + int(still[0]) if len(still) else len(t) - 1
    until = int(np.searchsorted(t, t[end] + NEAR_S))
    channel = int(np.nanargmax(flags.evidence[frame, :, 0] - flags.evidence[frame, :, 1]))
    return {
        "file": one.file,
        "at_s": round(float(t[frame]), 1),
        "before_end_s": round(float(t[-1] - t[frame]), 1),
        "lasts_s": round(float(t[end] - t[frame]), 1),
        "evidence": [round(float(value), 2) for value in flags.evidence[frame, channel]],
        "windows_too": bool(one.windows.moving[frame:until].any()),
    }


def measure(labelled: list[Labelled], rate: float, priors: dict[str, Priors]) -> dict[str, Any]:
    """Run the detector over all recordings at one wanted rate; ``priors`` by source, the shipped ones by default."""
    onsets: dict[str, list[Onset]] = defaultdict(list)
    every: dict[str, list[dict[str, Any]]] = defaultdict(list)
    alarms: dict[str, Alarms] = defaultdict(Alarms)
    false: list[dict[str, Any]] = []
    for one in labelled:
        flags = one.detect(rate, priors.get(one.source, PRIORS))
        counted = one.chosen.counted
        for onset in count_onsets(one.recording, flags, one.windows, counted).found:
            name = f"{one.source} {'abrupt' if onset.abrupt else 'gentle'}"
            onsets[name].append(onset)
            every[name].append({"file": one.file, **onset.figures()})
        alarms[one.source].add(count_alarms(one.recording, flags, one.windows, counted))
        false += [about_false(one, flags, i) for i in false_onsets(one.recording, flags, counted)]
    total = Alarms()
    for each in alarms.values():
        total.add(each)
    of_kind = {kind: [o for name, found in onsets.items() if name.endswith(kind) for o in found] for kind in KINDS}
    return {
        **{kind: figures(found) for kind, found in of_kind.items()},
        "onsets": {name: figures(found) for name, found in onsets.items()},
        "false_alarms": total.figures(),
        "false_by_source": {name: each.figures() for name, each in alarms.items() if each.quiet_s},
        "every_onset": dict(every),
        "false": false,
    }


def priors_without(labelled: list[Labelled]) -> dict[str, Priors]:
    """For every source the priors that the other sources' quiet gives: their lower quartile.

    Lower, because a quiet that is restless soon shows it, while one that is calm cannot show that it stays so.
    """
    by_source: dict[str, list[Any]] = defaultdict(list)
    for one in labelled:
        tail = one.quiet_tail(one.detect(FALSE_PER_HOUR).evidence, WARM_UP)
        if tail is not None:
            by_source[one.source].append(tail)
    own = {source: np.median(tails, axis=0) for source, tails in by_source.items()}
    result: dict[str, Priors] = {}
    for source in [*sorted({one.source for one in labelled}), "all"]:
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
            ours = "early" if row["early"] else "on" if row["already"] else row["frames"]
            console.print(f"   {row['file']:44s} {row['at_s']:8.2f} s  onset {ours}  window {row['window_frames']}")
    for name in KINDS:
        console.print(f"[bold]{name}[/] {json.dumps(result[name])}")
    for row in result["false"]:
        console.print(f"false onset: {json.dumps(row)}")
    console.print(f"false onsets: {json.dumps(result['false_alarms'])}")


def point(result: dict[str, Any], rate: float) -> dict[str, Any]:
    """Return a point of the curve: false onsets by source, and how soon onsets were answered."""
    counts = {name: each["onset"]["count"] for name, each in result["false_by_source"].items()}
    keys = ("frames_median", "frames_p90", "missed", "already", "early")
    return {
        "false_per_hour": rate,
        "counted": result["false_alarms"]["onset"],
        "by_source": {name: count for name, count in counts.items() if count},
        **{name: {key: each[key] for key in keys} for name, each in result["onsets"].items()},
        **{kind: {key: result[kind][key] for key in ("ratio_vs_window", "ratio_of_ms")} for kind in KINDS},
    }


def main() -> None:
    """Measure and print."""
    parser = arguments.parser("onset", __doc__)
    parser.add_argument("--rate", type=float, default=FALSE_PER_HOUR, help="wanted false onsets an hour")
    parser.add_argument("--curve", action="store_true", help="the whole curve over wanted rates")
    parser.add_argument("--leave-one-out", action="store_true", help="priors for a source from the other sources")
    options = parser.parse_args()
    folder = data_folder()
    every = [Labelled.load(folder, path) for path in sorted(folder.rglob("*.npz"))]
    labelled = [one for one in every if one.has_quiet]
    priors = priors_without(labelled) if options.leave_one_out else {}
    result = measure(labelled, options.rate, priors)
    show(result)
    line: dict[str, Any] = {"false_per_hour": options.rate, **result, "us_per_frame": cost()}
    if options.curve:
        line["curve"] = []
        for rate in RATES:
            line["curve"].append(point(measure(labelled, rate, priors), rate))
            console.print(json.dumps(line["curve"][-1]))
    emit_json(line)


if __name__ == "__main__":
    main()
