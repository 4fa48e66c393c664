"""What is thought of a stream's calibration, for those who read its updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csi_schemas.sensing import Calibration

if TYPE_CHECKING:
    from csi_events.baseline import Baseline
    from csi_events.health import Health

REMEDY = "run csiflow calibrate when nobody moves"


def calibration_state(baseline: Baseline, health: Health, begins: float | None, learnt_ns: int | None) -> Calibration:
    """Say whether a stream calibrates, is calibrated, or is not what it was when it was.

    Args:
        baseline: its quiet.
        health: the state of its radio.
        begins: excess over the quiet's level from which motion began in the newest window that was judged.
        learnt_ns: receive time of the last frame that the calibration was learnt from.
    """
    stretch = baseline.stretch
    asked = stretch is not None and stretch.request is not None
    if stretch is not None and (baseline.quiet is None or asked):
        progress = round(stretch.progress, 3)
        return Calibration("calibrating", since_ns=learnt_ns, progress=progress, request=stretch.request)
    threshold = None if begins is None else round(begins, 3)
    reason = None
    if baseline.suspect:
        reason = f"nothing was as quiet as the calibration for {len(baseline.low)} minutes"
    elif health.announced and health.announced & {"rate", "dead"}:
        reason = "the radio is not what it was when it was calibrated"
    if reason is not None:
        return Calibration("suspect", f"{reason}; {REMEDY}", learnt_ns, threshold=threshold)
    return Calibration("ok", None, learnt_ns, threshold=threshold)
