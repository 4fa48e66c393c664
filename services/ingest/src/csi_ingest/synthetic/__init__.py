"""A simulated room: static paths, one moving body, a cheap receiver. Always labelled synthetic."""

from csi_ingest.synthetic.channel import Link, Room
from csi_ingest.synthetic.radio import RadioParameters, Receiver
from csi_ingest.synthetic.runner import run_synthetic
from csi_ingest.synthetic.scene import DEFAULT_SCENE, Scene, Segment, Truth
from csi_ingest.synthetic.simulator import MAX_NODES, SimulatedNode, default_links, simulated_node

__all__ = [
    "DEFAULT_SCENE",
    "MAX_NODES",
    "Link",
    "RadioParameters",
    "Receiver",
    "Room",
    "Scene",
    "Segment",
    "SimulatedNode",
    "Truth",
    "default_links",
    "run_synthetic",
    "simulated_node",
]
