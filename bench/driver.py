"""Sends CSI packets of simulated nodes at a steady rate, prints how many as JSON: the process flow.py measures with."""

from __future__ import annotations

import argparse
import json
import socket
import struct
import time

import numpy as np
from csi_schemas.codec import encode_csi

SUBCARRIERS = 64
PATTERNS = 512


def patterns(node: int, seed: int) -> list[bytearray]:
    """Packets of one node with a slowly turning reflection in noise, int8 I/Q; the sequence number is set when sent."""
    rng = np.random.default_rng([seed, node])
    k = np.arange(SUBCARRIERS)
    static = 40 * np.exp(2j * np.pi * (k / 40 + rng.random()))
    time_index = np.arange(PATTERNS)[:, None]
    moving = 8 * np.exp(2j * np.pi * (time_index * 3 / PATTERNS + k / 23))
    noise = rng.normal(size=(PATTERNS, SUBCARRIERS, 2))
    csi = static + moving
    iq = np.clip(np.rint(np.stack([csi.real, csi.imag], -1) + noise), -127, 127).astype(np.int8)
    return [
        bytearray(
            encode_csi(
                node=node,
                n_antennas=1,
                n_subcarriers=SUBCARRIERS,
                frequency_mhz=2437,
                sequence=0,
                rssi_dbm=-50,
                noise_floor_dbm=-95,
                iq=frame.tobytes(),
            )
        )
        for frame in iq
    ]


def main() -> None:
    """Send for the asked time; never more than the asked rate, catching up when the scheduler was late."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--rate", type=float, required=True, help="frames a second over all nodes")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first-sequence", type=int, default=0)
    options = parser.parse_args()
    host, port = options.to.rsplit(":", 1)
    packets = [patterns(node, 7) for node in range(1, options.nodes + 1)]
    total = int(options.rate * options.seconds)
    sequence = struct.Struct("<I")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((host, int(port)))
        began = time.perf_counter()
        sent = 0
        while sent < total:
            due = min(total, int((time.perf_counter() - began) * options.rate) + 1)
            while sent < due:
                number, node = divmod(sent, options.nodes)
                packet = packets[node][number % PATTERNS]
                sequence.pack_into(packet, 12, options.first_sequence + number)
                sender.send(packet)
                sent += 1
            wait = began + sent / options.rate - time.perf_counter()
            if wait > 0:
                time.sleep(max(wait, 0.0005))
        elapsed = time.perf_counter() - began
    print(
        json.dumps(
            {"sent": sent, "seconds": elapsed, "next_sequence": options.first_sequence + -(-total // options.nodes)}
        )
    )


main()
