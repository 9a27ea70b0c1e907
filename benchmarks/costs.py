"""Fits the cost models to a sweep of syntheses: `python -m benchmarks.costs`; needs nothing but time.

The sweep is every kind of engine in random networks with random foldings. Engines of other random networks are held
out, and what the estimates miss by there is kept beside the coefficients in `tbn_hw/costs/<family>.json`. What is done
is kept, so that a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.costs_fit import error, fit
from benchmarks.costs_networks import kinds
from tbn_hw import generate, synthesis
from tbn_hw.accelerator import Engine
from tbn_hw.cost import CostModel, Error
from tbn_hw.progress import progress
from tbn_hw.tools import versions
from tbn_hw.workspace import content_key

PLAIN = {"conv": 32, "dense": 13, "threshold": 14, "requantize": 12, "add": 4, "queue": 8, "fork": 3, "max_pool": 6,
          "avg_pool": 6, "pad_channels": 4, "top_k": 5, "axi_input": 3, "axi_output": 4}
DEEP = {"threshold": 6, "requantize": 6, "max_pool": 3, "avg_pool": 3}
WIDE = {"threshold": 5}
UNROLLED = {"conv": 9}
STEM = {"conv": 6}
"""Engines of each kind in the sweep, by the style of the network; a third as many are held out."""
STYLES = {"plain": PLAIN, "deep": DEEP, "unrolled": UNROLLED, "stem": STEM, "wide": WIDE}
FIRST = {"fitted": 0, "held out": 1_000_000}
"""The seed of the first network of a style, which is more by STEP for the next."""
STEP = 2_000_000
SHARE = {"ecp5": 1.0, "ice40": 0.4, "xc7": 0.4}
"""Part of these engines that a family's sweep has: engines differ less there, for there are fewer ways to make them."""
COSTS = Path("tbn_hw/costs")


def sweep(family: str, name: str) -> list[Engine]:
    """The engines of the sweep, `fitted`, or those outside it, `held out`."""
    share = SHARE[family] * (1 if name == "fitted" else 1 / 3)
    found = []
    for number, (style, wanted) in enumerate(STYLES.items()):
        counts = {kind: ceil(share * count) for kind, count in wanted.items()}
        found += kinds(counts, family, FIRST[name] + number * STEP, style)
    return found


def measured(engine: Engine, family: str, store: Path) -> Mapping[str, Any]:
    """What Yosys made of an engine: its figures as `tbn_hw.synthesis` gives them; kept in `store`."""
    key = content_key("cost", versions("yosys"), family, repr(engine))
    file = store / f"{key}.json"
    if not file.exists():
        text = generate.module("engine", engine)
        netlists = store / "netlists"
        netlists.mkdir(exist_ok=True)
        found = synthesis.synthesise({"engine": text}, family, netlists, 1)["modules"]["engine"]
        file.with_suffix(".tmp").write_text(json.dumps(found))
        file.with_suffix(".tmp").rename(file)
    figures: dict[str, Any] = json.loads(file.read_text())
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--families", nargs="+", default=list(SHARE), choices=SHARE)
    parser.add_argument("--folder", type=Path, default=Path("build/costs"), help="where results of Yosys are kept")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    options.folder.mkdir(parents=True, exist_ok=True)
    for family in options.families:
        engines = {name: sweep(family, name) for name in FIRST}
        every, figures = [engine for found in engines.values() for engine in found], []
        with progress(f"{family}: synthesise", console) as step:
            for number, engine in enumerate(every, 1):
                figures.append(measured(engine, family, options.folder))
                step(engine.name, number, len(every))
        pairs = list(zip(every, figures, strict=True))
        fitted, held_out = pairs[:len(engines["fitted"])], pairs[len(engines["fitted"]):]
        model = CostModel(family, fit(fitted, family), Error(0, 0, 0, 0))
        missed = error(model, held_out)
        content = {"yosys": versions("yosys")["yosys"], "engines": len(fitted), "error": asdict(missed),
                   "kinds": {kind: asdict(error(model, [pair for pair in held_out if pair[0].kind == kind]))
                             for kind in sorted({engine.kind for engine, _ in held_out})},
                   "forms": model.forms}
        (COSTS / f"{family}.json").write_text(json.dumps(content, indent=1) + "\n")
        console.print(f"{family}: {len(fitted)} engines fitted; {missed}")


if __name__ == "__main__":
    main()
