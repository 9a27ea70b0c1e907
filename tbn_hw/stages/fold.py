"""The fold stage: the foldings of a build, and the estimated cost of its engines before there is any RTL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tbn_hw.costs import wires
from tbn_hw.costs.model import cost_model
from tbn_hw.families.cells import FIGURES
from tbn_hw.options import Cheapest, Options, Stated
from tbn_hw.solver.search import Wish, excess, solve
from tbn_hw.stages.keys import content_key, sources
from tbn_hw.stages.load import Loaded
from tbn_hw.stages.planned import Estimates, Planned
from tbn_hw.streaming import design, folding, folding_file
from tbn_hw.streaming.accelerator import Accelerator, Engine
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import Folding
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import WORDS, Target

if TYPE_CHECKING:
    from tbn_hw.stages.site import Site

def fold(site: Site, loaded: Loaded) -> Planned:
    """Lay out the streaming design that the command line asks for, and write its foldings to `folding.yaml`.

    Raises DoesNotFit, and ModelRefused for a network that cannot be one stream of engines.
    """
    start, options, family = time.monotonic(), site.options, site.options.target.family
    foldings = choose_foldings(loaded, options, site.console)
    found = StreamingDesign.of(loaded.network, foldings, family)
    accelerator = found.accelerator
    estimates = estimate(accelerator, options, site.console)
    used = {engine.node.name: engine.folding for engine in accelerator.engines if engine.node is not None}
    site.write("folding.yaml", folding_file.text_of(used).encode())
    key = content_key(sources(design.__name__), loaded.network_key, family, sorted(foldings.items()))
    site.done("fold", time.monotonic() - start)
    return Planned(found, estimates, estimate_summary(estimates, family), required_mhz(options, accelerator), key,
                   loaded.network_key)


def choose_foldings(loaded: Loaded, options: Options, console: Console) -> dict[str, Folding]:
    """The foldings that the command line asks for: those of a file, or the solver's for a rate.

    Without either they are the model file's, with a rule for the nodes that it leaves open. If these do not fit the
    board or part, they are the fastest that do.

    Raises DoesNotFit.
    """
    network, target = loaded.network, options.target
    if options.folding is not None:
        return folding.fold(network, folding_file.read(options.folding, network))
    fps = options.rate.fps if isinstance(options.rate, Cheapest) else None
    wish = Wish(target, options.clock_mhz or target.part.clock_mhz, fps)
    if options.rate == Stated():
        stated = folding.fold(network, loaded.foldings)
        if target.name == target.family:  # no part was named, so there is none to fill
            return stated
        much = _excess(plan(network, stated, target.family), wish)
        if much is None:
            return stated
        console.print(f"fold: the model file's folding {much}; another one is looked for")
    with console.status("fold: looks for a folding"):
        found = solve(network, wish)
    return {**folding.fold(network, {}), **found.foldings}


def _excess(accelerator: Accelerator, wish: Wish) -> str | None:
    found = _estimated(accelerator, wish.target.family)
    nodes = {engine.node.name if engine.node else engine.name:
             {**found[engine.name], "wire": wire_of(engine, found[engine.name])} for engine in accelerator.engines}
    return excess(nodes, wish)


def wire_of(engine: Engine, figures: Mapping[str, float]) -> float:
    """The tiles of wire of an engine with these FIGURES."""
    wire = wires.of_cells(figures["lut"], figures["bram"], engine.family)
    if engine.has_weights:
        wire += wires.of_inputs(engine.folding.lanes, engine.folding.simd, engine.links[0].shape.width, engine.family)
    return wire


def _estimated(accelerator: Accelerator, family: str) -> Estimates:
    model = cost_model(family)
    return {engine.name: model.engine(engine) for engine in accelerator.engines}


def estimate(accelerator: Accelerator, options: Options, console: Console) -> Estimates:
    """The estimated figures of each engine. Prints their sums, and the error of such estimates."""
    target: Target = options.target
    found, error = _estimated(accelerator, target.family), cost_model(target.family).error
    sums, cycles, mhz = totals(found), accelerator.interval, options.clock_mhz or target.part.clock_mhz
    console.print(
        f"fold: {cycles:,} cycles a frame, {1e6 * mhz / cycles:,.0f} frames a second at {mhz:g} MHz; estimated "
        + ", ".join(f"{sums[name]:,.0f} {word}" for name, word in WORDS.items() if getattr(target.part, name)))
    console.print(f"fold: such estimates missed the LUTs of {error.engines} layers that they were not fitted to by "
                  f"{error.median_percent:g} % in the median and {error.worst_percent:g} % at worst, and those of "
                  f"whole networks by up to {_network_percent(target.family):g} %")
    return found


def required_mhz(options: Options, accelerator: Accelerator) -> float | None:
    """The least clock, in MHz, that gives the requested rate; None without such a rate, or if a clock was requested."""
    if not isinstance(options.rate, Cheapest) or options.clock_mhz is not None:
        return None
    return options.rate.fps * accelerator.interval / 1e6


def totals(estimates: Estimates) -> dict[str, float]:
    """The figures of all engines."""
    return {name: sum(figures[name] for figures in estimates.values()) for name in FIGURES}


def estimate_summary(estimates: Estimates, family: str) -> dict[str, Any]:
    """The report's figures of the estimates: the totals, and the error of such estimates."""
    return {**{name: round(value) for name, value in totals(estimates).items()},
            "error": {**asdict(cost_model(family).error), "network_percent": _network_percent(family)}}


def _network_percent(family: str) -> float:
    """The largest error of the estimated LUTs of a whole network, in percent."""
    return max(map(abs, cost_model(family).networks.values()))
