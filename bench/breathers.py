"""Simulated people at rest: how often a rate is answered, and how often a wrong one, by what breathes and how.

    csiflow bench breathers [--json] [-- --people 8] [-- --seed 1] [-- --jobs 2]

Fourteen rates from 3 to 30 a minute, each breathed by so many people of every manner: even; pausing for 12 s; sighing;
turning over; of a rate that wanders. The second and third harmonic are up to as strong as the fundamental, the chest's
path from a fifth of the noise of a sub-carrier to five times as much, antennas one to four, frames 10 or 20 a second;
all drawn by a seeded generator. They are played to the windowed path as the service runs it. Seconds are counted from
the thirtieth on. An answer is wrong when it is off by more than a breath a minute from the mean rate of the last half
minute. One more of every rate stops breathing for good: how long an answer outlives that. Tables on stderr, one JSON
object on stdout.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from csiflow.commands.evaluate_breathing_left_out import confidence_table
from csiflow.evaluation.breath_confidence import counted
from csiflow.evaluation.breath_trace import BreathTrace, Shown, shown, trace
from csiflow.evaluation.breathers import Breather, breather
from csiflow.evaluation.breaths import WAIT_S, Streamed
from csiflow.evaluation.pool import LOST, parallel
from csiflow.evaluation.statistics import rounded, wilson
from csiflow.output import console, emit_json, fail
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

RATES = (3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 18.0, 22.0, 26.0, 30.0)
MANNERS: dict[str, dict[str, Any]] = {
    "even": {},
    "pauses of 12 s": {"pause_s": 12.0},
    "sighs": {"sighs": True},
    "turns over": {"turns": True},
    "wanders": {"wander": 0.02},
}
STOPS, STOPS_S = "stops", 70.0
"""One of every rate stops breathing after so many seconds, nobody moving: counted apart, by what is answered after."""
WRONG = 1.0
"""Breaths per minute beyond which an answer is wrong."""
MULTIPLES = (1 / 3, 1 / 2, 2.0, 3.0)
"""A wrong answer within a tenth of so many times the rate is a harmonic of it."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the simulated."""

    number: int
    seed: int
    seconds: int
    antennas: int
    rate_hz: int
    manner: str
    about: Breather

    def streamed(self) -> Streamed:
        """Simulate."""
        rng = np.random.default_rng([self.seed, self.number])
        recording, truth = breather(self.antennas, self.about, rng, self.seconds, self.rate_hz)
        return Streamed(f"person {self.number}", self.manner, recording, truth, "", null=False)


def people(each: int, seconds: int, seed: int) -> list[Person]:
    """Draw everybody: ``each`` of every rate and manner."""
    rng = np.random.default_rng(seed)
    found: list[Person] = []
    for bpm in RATES:
        for manner, how in MANNERS.items():
            for _ in range(each):
                own = {"wander": 0.0, **how}
                about = Breather(
                    bpm=bpm * float(np.exp(rng.uniform(-0.05, 0.05))),
                    swing=float(np.exp(rng.uniform(np.log(0.2), np.log(5.0)))),
                    second=float(rng.uniform(0.0, 1.0)),
                    third=float(rng.uniform(0.0, 1.0)) * float(rng.random() < 0.5),
                    lag=(float(rng.uniform(0.0, 2 * np.pi)), float(rng.uniform(0.0, 2 * np.pi))),
                    **own,
                )
                antennas, rate_hz = int(rng.integers(1, 5)), int(rng.choice((10, 20)))
                found.append(Person(len(found), seed, seconds, antennas, rate_hz, manner, about))
    for about in [person.about for person in found if person.manner == "wanders"] if seconds > STOPS_S else []:
        stops = about._replace(stops_s=STOPS_S, wander=float(rng.choice((0.0, 0.02))))
        antennas, rate_hz = int(rng.integers(1, 5)), int(rng.choice((10, 20)))
        found.append(Person(len(found), seed, seconds, antennas, rate_hz, STOPS, stops))
    return found


@dataclass(frozen=True, slots=True)
class Heard:
    """What one of them was told."""

    person: Person
    said: Shown
    truth: NDArray[np.float64]


def heard(person: Person) -> Heard:
    """Play one to the windowed path."""
    found: BreathTrace = trace(person.streamed())
    assert found.truth is not None  # noqa: S101 - a person has a rate, for the type checker
    return Heard(person, shown(found), found.truth)


def figures(found: list[Heard]) -> dict[str, Any]:
    """Count answers, wrong ones and harmonics among these."""
    rate = np.concatenate([each.said.rate for each in found])
    truth = np.concatenate([each.truth for each in found])
    own = np.isfinite(rate)
    rate, truth = rate[own], truth[own]
    wrong = ~(np.abs(rate - truth) <= WRONG)
    harmonic = np.zeros(len(rate), bool)
    for times in MULTIPLES:
        harmonic |= np.abs(rate / (times * truth) - 1.0) < 0.1
    stood = np.concatenate([each.said.stood for each in found])[own]
    return {
        "people": len(found),
        "seconds": len(own),
        "answered": rounded(float(own.mean())),
        "wrong": int(wrong.sum()),
        "wrong_of_answers": rounded(float(wrong.mean())) if len(wrong) else None,
        "wrong_interval": wilson(int(wrong.sum()), len(wrong)),
        "harmonics": int((wrong & harmonic).sum()),
        "wrong_lines": int((wrong & stood).sum()),
        "wrong_people": sum(bool((np.abs(e.said.rate - e.truth) > WRONG).any()) for e in found),
        "error": rounded(float(np.abs(rate - truth).mean()), 3) if len(rate) else None,
    }


def after_stop(found: list[Heard]) -> dict[str, Any] | None:
    """Say how long those who stopped breathing, and were answered as they did, are answered after it, s."""
    stop = int(STOPS_S) - WAIT_S
    answered = np.array([np.isfinite(each.said.rate) for each in found if each.person.manner == STOPS])
    if not len(answered):
        return None
    after = answered[answered[:, stop - 3 : stop].any(axis=1), stop:]
    if not len(after):
        return {"people": len(answered), "answered_at_stop": 0}
    last = np.array([int(each.nonzero()[0][-1]) + 1 if each.any() else 0 for each in after])
    return {
        "people": len(answered),
        "answered_at_stop": len(after),
        "seconds_after_mean": rounded(float(after.sum(axis=1).mean()), 1),
        "last_median_s": float(np.median(last)),
        "last_90_percent_s": rounded(float(np.percentile(last, 90)), 1),
        "answered_15_s_after": rounded(float(after[:, 14].mean())) if after.shape[1] > 14 else None,
        "answered_30_s_after": rounded(float(after[:, 29].mean())) if after.shape[1] > 29 else None,
    }


def _swing(person: Person) -> str:
    swing = person.about.swing
    return next(f"swing {low:g}-{high:g}" for low, high in ((0.2, 0.5), (0.5, 1.5), (1.5, 5.0)) if swing <= high)


def _shape(person: Person) -> str:
    most = max(person.about.second, person.about.third)
    return next(f"harmonics up to {high:g}" for high in (0.33, 0.67, 1.0) if most <= high)


def _rate(person: Person) -> str:
    bpm = person.about.bpm
    return f"rate {min(RATES, key=lambda rate: abs(np.log(rate / bpm))):g}"


TABLES: dict[str, Callable[[Person], str]] = {
    "rate": _rate,
    "manner": lambda person: person.manner,
    "antennas": lambda person: f"{person.antennas} antennas",
    "frames": lambda person: f"{person.rate_hz} frames/s",
    "strength": _swing,
    "shape": _shape,
}


def parts(found: list[Heard], of: Callable[[Person], str]) -> dict[str, list[Heard]]:
    """Part everybody."""
    groups: dict[str, list[Heard]] = {}
    for each in sorted(found, key=lambda each: each.person.number):
        groups.setdefault(of(each.person), []).append(each)
    return groups if of is _rate else dict(sorted(groups.items()))


def table_of(title: str, rows: dict[str, dict[str, Any]]) -> Table:
    """Return figures as a table."""
    columns = (
        "people",
        "seconds",
        "answered %",
        "error",
        "wrong s",
        "% of answers",
        "harmonics",
        "lines",
        "people wrong",
    )
    table = Table(title, *columns, title_justify="left")
    for name, row in rows.items():
        cells = (
            row["people"],
            row["seconds"],
            f"{100 * row['answered']:.1f}",
            "-" if row["error"] is None else f"{row['error']:g}",
            row["wrong"],
            "-" if row["wrong_of_answers"] is None else f"{100 * row['wrong_of_answers']:.2f}",
            row["harmonics"],
            row["wrong_lines"],
            row["wrong_people"],
        )
        table.add_row(name, *map(str, cells))
    return table


parser = argparse.ArgumentParser(
    prog="csiflow bench breathers --", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--people", type=int, default=2, help="of every rate and manner")
parser.add_argument("--seconds", type=int, default=120, help="each is watched for so long")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--jobs", type=int, default=2, help="processes")


def main() -> None:
    """Simulate, count and print."""
    options = parser.parse_args()
    everybody = people(options.people, options.seconds, options.seed)
    found: list[Heard] = []
    columns = (TextColumn("simulated people"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        step = bar.add_task("", total=len(everybody))
        for person, result in parallel(heard, everybody, options.jobs):
            if result is None:
                fail(f"person {person.number}: {LOST}", 1)
            found.append(result)
            bar.advance(step)
    stopped = after_stop(found)
    found = [each for each in found if each.person.manner != STOPS]
    told = {"all": {"all": figures(found)}}
    told |= {title: {name: figures(part) for name, part in parts(found, of).items()} for title, of in TABLES.items()}
    for title, rows in told.items():
        console.print(table_of(title, rows))
    if stopped is not None:
        console.print("who stops breathing:", ", ".join(f"{name} {value}" for name, value in stopped.items()))
    sure = counted([(each.said, each.truth) for each in found])
    console.print(confidence_table("simulated people", sure))
    emit_json({"seed": options.seed, "figures": told, "after_stop": stopped, "reliability": sure})


if __name__ == "__main__":  # processes that play import this file
    main()
