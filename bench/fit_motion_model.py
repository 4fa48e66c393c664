"""Fit the linear models of motion levels and presence on simulated rooms, and write their module.

    python bench/fit_motion_model.py [--seeds 32]

Seeds are 0 and up; ``csiflow bench rooms`` measures on 1000-1199. The features are those the pipeline saw with the
models it has, so that what it learnt wrongly of a room is part of them: run it twice after the features changed.
Multinomial and binary logistic regression, L2, on scans that are not within 3 s of a change and not within the first
20 s.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import csi_events.multi_bssid
import numpy as np
from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.pipeline import LEVELS, Pipeline
from csi_ingest.synthetic import ScanParameters, ScanSimulator, Scene, Segment, SimulatedAccessPoint, neighbourhood
from csiflow.output import console
from numpy.typing import NDArray
from room_runs import HOST, RATES, Rate, Run, evening, levels, scans_of, troubled
from scipy.optimize import minimize

Float64 = NDArray[np.float64]
MODULE = Path(next(iter(csi_events.multi_bssid.__path__))) / "motion_model.py"
NATIVE, COMMAND = RATES[0], RATES[2]
EMPTY = Scene((Segment("empty", 90.0),))
EVERY_S = 0.5
"""Features are taken at most this often: neighbouring scans say the same."""
CHANGE_S, BEGIN_S = 3.0, 20.0
BALANCE, NONE_COUNTS = 0.7, 1.5
"""Power of the inverse share with which a level counts; how much more None does: false alarms are worse than misses."""
BEFORE_ARRIVAL, TROUBLE = 0.15, 0.6
"""What scans of an empty room count for presence before anybody came, which are easy; and those of a troubled room."""
RIDGE = 1e-3


def drawn(rate: Rate, seed: int) -> tuple[ScanParameters, float]:
    """Return another radio and body for each room, so that the models do not lean on what one kind has in common.

    A quarter of the bodies only shadow: what they scatter may be lost where a receiver averages over a wide channel.
    """
    generator = np.random.default_rng([seed, 6])
    noise, fading = generator.uniform(0.3, 1.1), generator.uniform(0.2, 0.6)
    radio = replace(rate.parameters, noise_db=float(noise), fading_db=float(fading), quantum_db=1.0 - 0.5 * (seed % 2))
    return radio, 0.0 if seed % 4 == 3 else float(generator.uniform(0.7, 2.5))


def collect(
    access_points: tuple[SimulatedAccessPoint, ...], scene: Scene, rate: Rate, seed: int, weight: float
) -> tuple[Float64, Any, Any, Float64]:
    """Return the features (n, F) of a run's settled scans, their level, presence, and what they count."""
    radio, cross_section = drawn(rate, seed)
    simulator = ScanSimulator(access_points, scene, radio, seed, host=HOST, cross_section_m2=cross_section)
    t = np.arange(1, int(scene.duration * rate.hz)) / rate.hz
    pipeline = Pipeline(Parameters(breathing=False))
    rows = []
    for scan in scans_of(access_points, simulator.scans(t), native=rate.parameters.native):
        pipeline.scan(scan)
        rows.append(pipeline.newest.features.copy())
    run = Run(t, [], scene)
    taken = (t >= BEGIN_S) & ((run.since_change() >= CHANGE_S) | (t < scene.segments[0].duration))
    taken &= np.arange(len(t)) % max(1, round(EVERY_S * rate.hz)) == 0
    present = run.truth("presence")
    counts = np.where(np.maximum.accumulate(present), weight, weight if weight < 1 else BEFORE_ARRIVAL)
    return np.array(rows)[taken], run.truth("level")[taken], present[taken], counts[taken]


def softmax_fit(x: Float64, y: NDArray[np.int64], weights: Float64) -> Float64:
    """Multinomial logistic regression: (classes, F + 1), the constant last, of features of mean 0 and deviation 1."""
    design = np.c_[x, np.ones(len(x))]
    classes = int(y.max()) + 1
    target = np.eye(classes)[y]

    def loss(flat: Float64) -> tuple[float, Float64]:
        w = flat.reshape(classes, -1)
        z = design @ w.T
        z -= z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        gradient = ((np.exp(log_p) - target) * weights[:, np.newaxis]).T @ design / len(x)
        gradient[:, :-1] += 2 * RIDGE * w[:, :-1]
        value = -(weights * (log_p * target).sum(axis=1)).mean() + RIDGE * float((w[:, :-1] ** 2).sum())
        return float(value), gradient.ravel()

    found = minimize(loss, np.zeros(classes * design.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x).reshape(classes, -1)


def models(rate: Rate, seeds: range) -> tuple[Float64, Float64]:
    """Fit levels (4, F + 1) and presence (F + 1,) of one rate."""
    parts = []
    for seed in seeds:
        room = neighbourhood(24, seed, host=HOST)
        parts.append(collect(room, evening(seed), rate, seed, 1.0))
        parts.append(collect(room, levels(seed), rate, seed, 0.5))
        if seed % 3 == 0:
            parts.append(collect(troubled(room, seed), EMPTY, rate, seed, TROUBLE))
    x, level, present, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    y = np.array([LEVELS.index(name) for name in level])
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = (x - mean) / deviation
    weight = (np.bincount(y, minlength=len(LEVELS)) / len(y)) ** -BALANCE
    weight[0] *= NONE_COUNTS
    wide = raw(softmax_fit(z, y, weight[y] / weight[y].mean()), mean, deviation)
    mass = np.array([counts[~present].sum(), counts[present].sum()])
    both = softmax_fit(
        z, present.astype(np.int64), counts * counts.sum() / (2 * mass[present.astype(np.int64)]) / counts.mean()
    )
    likeliest = (np.c_[x, np.ones(len(x))] @ wide.T).argmax(axis=1)
    right = [round(float((likeliest[y == k] == k).mean()), 3) for k in range(len(LEVELS))]
    console.print(f"{rate.name}: {len(x)} scans; levels right in training {right}")
    odds = raw(both, mean, deviation)
    return wide - wide.mean(axis=0), odds[1] - odds[0]


def raw(w: Float64, mean: Float64, deviation: Float64) -> Float64:
    """Turn weights of scaled features into weights of the features themselves."""
    plain = w[:, :-1] / deviation
    return np.column_stack([plain, w[:, -1] - plain @ mean])


def literal(values: Float64, indent: int = 4) -> str:
    """Nested tuples, three decimals."""
    pad = " " * indent
    if values.ndim == 1:
        return pad + "(" + ", ".join(f"{value:.3f}" for value in values) + "),\n"
    return pad + "(\n" + "".join(literal(row, indent + 4) for row in values) + pad + "),\n"


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seeds", type=int, default=32)
parser.add_argument("--to", type=Path, default=MODULE)
options = parser.parse_args()
fits = [models(rate, range(options.seeds)) for rate in (NATIVE, COMMAND)]
tables = [literal(np.array([pair[index] for pair in fits])).rstrip(",\n") for index in (0, 1)]
text = MODULE.read_text()
for name, table in zip(("LEVELS", "PRESENCE"), tables, strict=True):
    head, _, rest = text.partition(f"{name}: Final = np.array(\n")
    text = f"{head}{name}: Final = np.array(\n{table}\n)\n" + rest[rest.index('"""(2,') :]
options.to.write_text(text)
