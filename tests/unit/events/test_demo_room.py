"""The windowed path in the room that ``csiflow demo`` simulates: what is said is what its script says."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.offline import Recording, run
from csi_ingest.synthetic import DEFAULT_SCENE
from csi_ingest.synthetic.simulator import default_links, simulated_node
from csi_schemas.codec import decode
from csi_schemas.codec.csi import CsiPacket
from csi_schemas.events import BreathingEstimated, MotionEnded, MotionStarted, PresenceEnded, PresenceStarted

RATE_HZ = 30.0


def recording(node: int, seconds: float) -> Recording:
    """What a node of the demo sends in so many seconds of the script."""
    sender = simulated_node(node, default_links(2)[node - 1], DEFAULT_SCENE)
    t_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    frames = []
    for t in t_s.tolist():
        packet = decode(sender.datagram(t))
        assert isinstance(packet, CsiPacket)
        frames.append(np.frombuffer(packet.iq, np.int8).reshape(packet.n_antennas, packet.n_subcarriers, 2))
    return Recording.from_iq(np.array(frames), (t_s * 1e9).astype(np.int64))


@pytest.mark.parametrize("node", [1, 2])
def test_every_event_is_one_of_the_script(node: int) -> None:
    """Somebody comes, sits and is heard, goes; nobody is called absent while they sit, nor heard when they are gone."""
    heard = recording(node, 2 * DEFAULT_SCENE.duration)
    told = [
        (DEFAULT_SCENE.truth(float(heard.t_ns[window.stop - 1]) / 1e9), event)
        for window in run(heard)
        for event in window.events
    ]
    turns = [(truth, event) for truth, event in told if not isinstance(event, BreathingEstimated)]
    once = [PresenceStarted, MotionStarted, MotionEnded, MotionStarted, MotionEnded, PresenceEnded]
    assert [type(event) for _, event in turns] == 2 * once
    for truth, event in turns:
        if isinstance(event, MotionStarted):
            assert truth.motion
        if isinstance(event, PresenceStarted | PresenceEnded):
            assert truth.presence == isinstance(event, PresenceStarted)
    rates = [(truth, event.breathing_rate_bpm) for truth, event in told if isinstance(event, BreathingEstimated)]
    assert len(rates) >= 4
    for truth, rate in rates:
        assert rate == pytest.approx(15.0, abs=0.5) == truth.breathing_bpm
