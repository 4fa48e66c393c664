"""All stages on one scan of one node."""

from __future__ import annotations

from dataclasses import dataclass, field

from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.result import Result
from csi_events.multi_bssid.scan import Identity, Scan
from csi_events.multi_bssid.slots import SLOTS, SlotState


@dataclass(slots=True)
class Pipeline:
    """State of one node, and what one more scan makes of it."""

    parameters: Parameters
    identity: Identity = field(default_factory=Identity)
    stages: tuple[SlotState, ...] = ()
    """Everything that remembers slots."""

    @property
    def nbytes(self) -> int:
        """Memory of the node's state, bytes."""
        return self.identity.nbytes + sum(stage.nbytes for stage in self.stages)

    def scan(self, scan: Scan) -> Result:
        """Take one scan, later than those before."""
        changed = self.identity.observe(scan)
        for stage in self.stages:
            if changed.everything:
                stage.clear()
            else:
                for slot in changed.slots:
                    stage.forget(slot)
        return Result(
            present=False,
            motion_level="None",
            motion_score=0.0,
            confidence=0.0,
            breathing=None,
            breathing_p=None,
            posture=None,
            signal_quality=0.0,
            verdict="Defer",
            reason="the stages that judge a scan are not there yet",
            bssid_count=scan.count,
            contributing_bssids=0,
            drift=(None,) * SLOTS,
            mode="multi" if scan.count >= self.parameters.min_bssids else "single",
        )
