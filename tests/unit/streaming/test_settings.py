"""Settings that cannot work are refused with the reason."""

from __future__ import annotations

import pytest
from csi_streaming import StreamingSettings
from pydantic import ValidationError


def test_heartbeats_must_fit_the_session() -> None:
    """With fewer than three heartbeats a session, one late heartbeat would cost the partitions."""
    with pytest.raises(ValidationError, match="at most a third"):
        StreamingSettings(session_timeout_s=2, heartbeat_interval_s=1)
    assert StreamingSettings(session_timeout_s=3, heartbeat_interval_s=1).session_timeout_s == 3


@pytest.mark.parametrize(("field", "value"), [("max_poll_records", 0), ("warm_up_s", -1), ("start_from", "middle")])
def test_values_out_of_range_are_refused(field: str, value: object) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match=field):
        StreamingSettings.model_validate({field: value})
