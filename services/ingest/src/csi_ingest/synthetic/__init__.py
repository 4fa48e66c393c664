"""A simulated room, always labelled synthetic: one moving body, nodes that send CSI, laptops that scan."""

from csi_ingest.synthetic.channel import Link, Room
from csi_ingest.synthetic.laptop import SimulatedLaptop, simulated_laptop
from csi_ingest.synthetic.neighbourhood import Building, Drift, SimulatedAccessPoint, neighbourhood
from csi_ingest.synthetic.radio import RadioParameters, Receiver
from csi_ingest.synthetic.reception import Readings, ScanParameters
from csi_ingest.synthetic.runner import run_synthetic
from csi_ingest.synthetic.scans import COMMAND, COMMAND_HZ, NATIVE, NATIVE_HZ, Scans, ScanSimulator
from csi_ingest.synthetic.scene import DEFAULT_SCENE, Scene, Segment, Truth
from csi_ingest.synthetic.simulator import MAX_NODES, SimulatedNode, default_links, simulated_node

__all__ = [
    "COMMAND",
    "COMMAND_HZ",
    "DEFAULT_SCENE",
    "MAX_NODES",
    "NATIVE",
    "NATIVE_HZ",
    "Building",
    "Drift",
    "Link",
    "RadioParameters",
    "Readings",
    "Receiver",
    "Room",
    "ScanParameters",
    "ScanSimulator",
    "Scans",
    "Scene",
    "Segment",
    "SimulatedAccessPoint",
    "SimulatedLaptop",
    "SimulatedNode",
    "Truth",
    "default_links",
    "neighbourhood",
    "run_synthetic",
    "simulated_laptop",
    "simulated_node",
]
