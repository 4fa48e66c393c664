"""Labelled recordings with what calibrates each, for benches that fit or compare on them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from csiflow.evaluation.files import expand
from csiflow.evaluation.outcome import Chosen, Settings, choose
from csiflow.evaluation.pool import shared_calibration, units
from csiflow.evaluation.recording import LabelledRecording, load
from csiflow.parameters import parse_duration


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser that takes recordings and what may calibrate them, as ``csiflow eval`` does."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("recordings", nargs="+", metavar="F", help="recordings (.npz), folders of them, or patterns")
    found.add_argument("--share", type=re.compile, help="recordings of which it catches the same share a calibration")
    found.add_argument("--skip", type=parse_duration, default=0.0, help="never calibrate on the start of a recording")
    found.add_argument("--skip-in", type=re.compile, help="--skip holds only for paths in which this is found")
    found.add_argument("--calibrate-from", type=Path, help="calibrates recordings without a quiet of their own")
    return found


def runs(options: argparse.Namespace) -> Iterator[tuple[LabelledRecording, Chosen]]:
    """Yield every recording whose labels hold for its frames, with the calibration ``csiflow eval`` would choose.

    Raises:
        EvaluationError: a recording cannot be used.
    """
    settings = Settings(skip_s=options.skip, skip_in=options.skip_in, calibrate_from=options.calibrate_from)
    for unit in units(expand(options.recordings), options.share):
        loaded = [load(path, str(path), settings.labelling) for path in unit]
        shared = shared_calibration(loaded, settings) if len(unit) > 1 else None
        for labelled in loaded:
            chosen = choose(labelled, settings, shared)
            if chosen.calibration is not None and labelled.scope != "clip":
                yield labelled, chosen
