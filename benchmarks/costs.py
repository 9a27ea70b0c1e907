"""Fits the cost models to a sweep of syntheses: `python -m benchmarks.costs`. It takes long.

The sweep has every kind of engine, from random networks with random foldings. Engines of other random networks are held
out, and so are whole networks of the zoo. The errors of the estimates on those are kept beside the coefficients, in
`tbn_hw/costs/<family>.json`. `--networks` measures the whole networks alone, with the coefficients there are. All
results of Yosys are kept, so a run that was interrupted continues where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import ceil
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.costs_fit import error, fit
from benchmarks.costs_networks import kinds
from tbn_hw.costs.model import CostModel, Error, cost_model
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.registry import FAMILIES
from tbn_hw.families.xc7 import XC7
from tbn_hw.netlists import synthesis
from tbn_hw.shared.progress import progress
from tbn_hw.stages.keys import content_key, sources
from tbn_hw.stages.load import load
from tbn_hw.streaming import generate
from tbn_hw.streaming.accelerator import Engine
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan
from tbn_hw.tools.versions import versions

PLAIN = {"conv": 32, "dense": 13, "threshold": 14, "requantize": 12, "add": 4, "queue": 8, "fork": 3, "max_pool": 6,
          "avg_pool": 6, "pad_channels": 4, "top_k": 5, "axi_input": 3, "axi_output": 4}
DEEP = {"threshold": 6, "requantize": 6, "max_pool": 3, "avg_pool": 3}
WIDE = {"threshold": 5}
UNROLLED = {"conv": 9}
STEM = {"conv": 6}
NARROW = {"threshold": 4}
"""How many engines of each kind the sweep has, for each style of network."""
STYLES = {"plain": PLAIN, "deep": DEEP, "unrolled": UNROLLED, "stem": STEM, "wide": WIDE, "unrolled binary": UNROLLED,
          "narrow": NARROW}
FIRST = {"fitted": 0, "held out": 1_000_000}
"""The seed of the first network of the first style. The next style begins STEP later."""
STEP = 2_000_000
HELD_OUT = 0.25
"""The number of held-out engines, divided by the number in the sweep."""
SHARE, USUAL_SHARE = {ECP5.name: 1.0, XC7.name: 1.0, ICE40.name: 0.25}, 0.4
"""The share of the engines with a matrix that a family's sweep has; families that are not named have USUAL_SHARE."""
PRIOR = ECP5.name
"""The family with the full sweep. Other families' coefficients stay near its own where their engines do not decide."""
NETWORKS = ("tbn_digits", "tbn_cnv")
"""Networks of the zoo whose LUTs, in the folding of their model files, the estimates are held to."""
COSTS = Path("tbn_hw/costs")
BATCH = 8
"""The number of engines that are synthesised together; results are kept after each batch."""


def share(family: str, kind: str) -> float:
    """The share of a kind's engines that a family's sweep has. Kinds without a matrix are quick, so it has all."""
    return SHARE.get(family, USUAL_SHARE) if kind in ("conv", "dense") else 1


def sweep(family: str, name: str) -> list[Engine]:
    """The engines of the sweep (`name` "fitted"), or those that are held out ("held out")."""
    part = 1 if name == "fitted" else HELD_OUT
    found = []
    for number, (style, wanted) in enumerate(STYLES.items()):
        counts = {kind: ceil(part * share(family, kind) * count) for kind, count in wanted.items()}
        found += kinds(counts, family, FIRST[name] + number * STEP, style)
    return found


def key(engine: Engine, family: str) -> str:
    """A hash of all that an engine's figures depend on."""
    return content_key("cost", versions("yosys"), sources(generate.__name__), family, repr(engine))


def measured(engines: Sequence[Engine], family: str, store: Path,
             report: Callable[[str, int, int], None] | None = None) -> list[Mapping[str, Any]]:
    """The figures of `tbn_hw.netlists.synthesis` for some engines. They are made in batches and kept in `store`.

    Before each batch `report` is called with the next engine's name, the number of finished engines, and their total.
    """
    files = [store / f"{key(engine, family)}.json" for engine in engines]
    missing = [number for number, file in enumerate(files) if not file.exists()]
    for first in range(0, len(missing), BATCH):
        if report is not None:
            report(engines[missing[first]].name, len(engines) - len(missing) + first, len(engines))
        texts = {f"engine{number}": generate.module(f"engine{number}", engines[number])
                 for number in missing[first:first + BATCH]}
        netlists = store / "netlists"
        netlists.mkdir(exist_ok=True)
        found = synthesis.synthesise(texts, family, netlists, 1)["modules"]
        for number in missing[first:first + BATCH]:
            scratch = files[number].with_suffix(".tmp")
            scratch.write_text(json.dumps(found[f"engine{number}"]))
            scratch.rename(files[number])
    return [json.loads(file.read_text()) for file in files]


def whole(name: str, family: str) -> list[Engine]:
    """The engines of a network of NETWORKS."""
    loaded = load(name, None)
    return list(plan(loaded.network, fold(loaded.network, loaded.foldings), family).engines)


def missed(model: CostModel, engines: Sequence[Engine], figures: Sequence[Mapping[str, Any]]) -> float:
    """By how many percent the estimates of all `engines` together are above their LUTs; below them if negative."""
    lut = sum(found["lut"] for found in figures)
    return round(float(100 * (sum(model.engine(engine)["lut"] for engine in engines) / lut - 1)), 2)


def refit(family: str, store: Path, step: Callable[[str, int, int], None]) -> dict[str, Any]:
    """The content of a family's JSON, without its whole networks."""
    engines = {name: sweep(family, name) for name in FIRST}
    every = [engine for found in engines.values() for engine in found]
    pairs = list(zip(every, measured(every, family, store, step), strict=True))
    fitted, held_out = pairs[:len(engines["fitted"])], pairs[len(engines["fitted"]):]
    prior = cost_model(PRIOR).forms if family != PRIOR else None
    model = CostModel(family, fit(fitted, family, prior), Error(0, 0, 0, 0))
    return {"yosys": versions("yosys")["yosys"], "engines": len(fitted), "error": asdict(error(model, held_out)),
            "kinds": {kind: asdict(error(model, [pair for pair in held_out if pair[0].kind == kind]))
                      for kind in sorted({engine.kind for engine, _ in held_out if engine.node is not None})},
            "forms": model.forms}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=tuple(FAMILIES))
    parser.add_argument("--folder", type=Path, default=Path("build/costs"), help="where results of Yosys are kept")
    parser.add_argument("--networks", action="store_true", help="measure the whole networks alone, and fit nothing")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    options.folder.mkdir(parents=True, exist_ok=True)
    for family in options.families:
        file = COSTS / f"{family}.json"
        with progress(f"{family}: synthesise", console) as step:
            content = json.loads(file.read_text()) if options.networks else refit(family, options.folder, step)
            model = CostModel(family, content["forms"], Error(0, 0, 0, 0))
            found = {name: whole(name, family) for name in NETWORKS}
            networks = {name: missed(model, engines, measured(engines, family, options.folder, step))
                        for name, engines in found.items()}
        content = {**content, "networks": networks, "forms": content.pop("forms")}
        file.write_text(json.dumps(content, indent=1) + "\n")
        console.print(f"{family}: {content['engines']} engines fitted; {content['error']}; {networks}")


if __name__ == "__main__":
    main()
