"""Other people's detectors, run on the same recordings, and what another project says of itself.

A peer is an optional library that takes amplitudes and answers for itself; its own defaults hold. It is never a
dependency of anything that runs in service.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from csiflow.evaluation.errors import EvaluationError

if TYPE_CHECKING:
    import numpy as np
    from csi_events.offline import Recording
    from numpy.typing import NDArray

    from csiflow.evaluation.answers import WindowAnswers


class PeerRefusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """The peer cannot judge a recording; the message says why, in its words."""


class Peer(Protocol):
    """What is asked of another detector."""

    @property
    def title(self) -> str:
        """Name and version."""

    def motion(self, recording: Recording, quiet: Recording) -> WindowAnswers:
        """Say for every frame whether somebody moves.

        Args:
            recording: what is judged.
            quiet: the frames that calibrate it, the same that calibrate ours.

        Raises:
            PeerRefusal: it cannot, for example because the quiet is too short for it.
        """

    def breathing(self, recording: Recording) -> NDArray[np.float64]:
        """Say for every second that the recording lasts how fast somebody breathes, per minute; nan: no answer."""


PEERS = {"wisense": "csiflow.evaluation.wisense"}
"""Library of each peer, and the module that asks it."""


def peer(name: str) -> Peer:
    """Return a peer by its library's name.

    Raises:
        EvaluationError: nobody knows it, or its library is not installed.
    """
    if name not in PEERS:
        raise EvaluationError(f"--beside knows {', '.join(PEERS)}, not {name!r}")
    if find_spec(name) is None:
        raise EvaluationError(
            f"--beside {name} needs the library {name}, which is installed for benchmarks only: run ./csiflow eval "
            f"--beside {name} ... in a checkout, or pip install {name} beside csiflow"
        )
    found: Peer = import_module(PEERS[name]).PEER
    return found


@dataclass(frozen=True, slots=True)
class Published:
    """What a project says of itself, in per cent, lowest and highest over its radios."""

    title: str
    about: str
    """Regular expression for the paths of the recordings that are the project's own."""
    recall: tuple[float, float]
    false_positives: tuple[float, float]
    f1: tuple[float, float]
    basis: str
    """What was counted, and where it is written."""


PUBLISHED = (
    Published(
        title="ESPectre, published",
        about="/espectre/(baseline|movement)_",
        recall=(96.1, 100.0),
        false_positives=(0.0, 2.8),
        f1=(98.0, 100.0),
        basis="github.com/francescopace/espectre, PERFORMANCE.md: five ESP32 chips at 100 packets/s, windows of 75 "
        "packets, counted by the packet on its own pairs of baseline and movement, which are also its training data",
    ),
)
"""Not measured here."""
