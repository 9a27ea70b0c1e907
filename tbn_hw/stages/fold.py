"""The fold stage: the foldings of a build, and what its engines are thought to cost before there is any RTL."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from tbn_hw.costs import wires
from tbn_hw.costs.model import cost_model
from tbn_hw.families.cells import FIGURES
from tbn_hw.solver.search import Wish, excess, solve
from tbn_hw.stages.load import Loaded
from tbn_hw.streaming import folding_file
from tbn_hw.streaming.accelerator import Accelerator, Engine
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import WORDS, Target

Estimates = Mapping[str, Mapping[str, float]]
"""The estimated FIGURES of the engines, by name."""


def choose_foldings(loaded: Loaded, options: argparse.Namespace, console: Console) -> dict[str, Folding]:
    """The foldings that the command line asks for: those of a file, or the solver's for a rate; else the model file's,
    with a rule for the nodes that it leaves open, or where they do not fit a board or part the fastest that do.

    Raises DoesNotFit.
    """
    network, target = loaded.network, options.target
    if options.folding is not None:
        return fold(network, folding_file.read(options.folding, network))
    rate = None if options.fps == math.inf else options.fps
    wish = Wish(target, options.clock or target.part.clock_mhz, rate)
    if options.fps is None:
        stated = fold(network, loaded.foldings)
        if target.name == target.family:  # nobody named a part, so there is none to fill
            return stated
        much = _excess(plan(network, stated, target.family), wish)
        if much is None:
            return stated
        console.print(f"fold: the model file's folding {much}; another one is looked for")
    with console.status("fold: looks for a folding"):
        found = solve(network, wish)
    return {**fold(network, {}), **found.foldings}


def _excess(accelerator: Accelerator, wish: Wish) -> str | None:
    found = _estimated(accelerator, wish.target.family)
    nodes = {engine.node.name if engine.node else engine.name:
             {**found[engine.name], "wire": wire_of(engine, found[engine.name])} for engine in accelerator.engines}
    return excess(nodes, wish)


def wire_of(engine: Engine, figures: Mapping[str, float]) -> float:
    """The tiles of wire of an engine of these FIGURES."""
    wire = wires.of_cells(figures["lut"], figures["bram"], engine.family)
    if engine.has_weights:
        wire += wires.of_inputs(engine.folding.lanes, engine.folding.simd, engine.links[0].shape.width, engine.family)
    return wire


def _estimated(accelerator: Accelerator, family: str) -> Estimates:
    model = cost_model(family)
    return {engine.name: model.engine(engine) for engine in accelerator.engines}


def estimate(accelerator: Accelerator, options: argparse.Namespace, console: Console) -> Estimates:
    """The estimated figures of each engine, whose sums are printed, and what such estimates miss by."""
    target: Target = options.target
    found, error = _estimated(accelerator, target.family), cost_model(target.family).error
    sums, cycles, mhz = totals(found), accelerator.interval, options.clock or target.part.clock_mhz
    console.print(
        f"fold: {cycles:,} cycles a frame, {1e6 * mhz / cycles:,.0f} frames a second at {mhz:g} MHz; estimated "
        + ", ".join(f"{sums[name]:,.0f} {word}" for name, word in WORDS.items() if getattr(target.part, name)))
    console.print(f"fold: such estimates missed the LUTs of {error.engines} layers that they were not fitted to by "
                  f"{error.median_percent:g} % in the median and {error.worst_percent:g} % at worst, and those of all "
                  f"engines together by {error.total_percent:g} %")
    return found


def required_mhz(options: argparse.Namespace, accelerator: Accelerator) -> float | None:
    """The clock without which a rate that was asked for is missed, where no clock was."""
    if options.fps in (None, math.inf) or options.clock is not None:
        return None
    return float(options.fps * accelerator.interval / 1e6)


def totals(estimates: Estimates) -> dict[str, float]:
    """The figures of all engines."""
    return {name: sum(figures[name] for figures in estimates.values()) for name in FIGURES}


def estimate_summary(estimates: Estimates, family: str) -> dict[str, Any]:
    """What the report says of the estimates: the totals, and what such estimates miss by."""
    return {**{name: round(value) for name, value in totals(estimates).items()},
            "error": asdict(cost_model(family).error)}
