"""`python -m benchmarks.constants`: what layers with weights in the logic cost, by family and layer.

It measures three forms of each layer, with random weights or weights from the zoo:

- naive: a popcount for each row in plain logic, and one count of the nonzero elements for all rows
- da4ml: the adder graph of da4ml 0.6. `--da4ml` must name an interpreter that has it, such as V/bin/python after
  `python -m venv V; V/bin/pip install da4ml==0.6.0`
- ours: `hdl.constant.mvu.ConstantMVU` in the family's cells

With 0 levels a layer is combinational. Otherwise `--levels` sets how many levels of logic lie between registers in
ours, and `--cutoff` the delay of a stage in da4ml's own units. LUTs are counted in Yosys's netlist. Cells are what
nextpnr placed, on iCE40 without those of the shift register; there are none if the device is too small. Every netlist
is compared with NumPy on random vectors. Results are kept in the output folder.

For the plain logic of 256x64 Yosys's ABC9 takes half an hour, and for 576x64 several times that. `--quick` takes a
third of the time or less. It leaves out ABC9's `&mfs`, which saves 0 to 5 % of the LUTs, and ABC9's check of itself. It
maps all forms so, and uses ABC9 instead of ABC on iCE40.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import UnusedElaboratable
from rich.console import Console

from benchmarks import constants_da4ml
from benchmarks.constants_layer import LAYER, ConstantLayer, Foreign
from benchmarks.constants_netlist import differences
from benchmarks.docs_table import POPCOUNT, constants, outdated
from benchmarks.harness import DEVICES, Harness
from benchmarks.mapping import commands
from benchmarks.tables import Row, bars, show, write_csv
from quantize import network
from quantize.network import Network
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.registry import FAMILIES
from tbn_hw.routing.nextpnr import place_and_route, placer_options
from tbn_hw.shared.errors import BuildError, DoesNotFit, Mismatch
from tbn_hw.stages.keys import content_key, file_hash

FORMS = ("naive", "da4ml", "ours")
VECTORS = 300
DIFFERS = 1
"""The exit code of `--check` where a table of the docs is wrong."""
QUICK = "scratchpad -set abc9.nomfs 1\nscratchpad -set abc9.verify 0\n"
ZOO = ("tbn_digits:layers[3].conv", "tbn_digits:layers[9].dense", "tbn_resnet:layers[3].residual[1].body[2].conv",
       "tbn_resnet:layers[4].residual[1].body[2].conv", "tbn_resnet:layers[5].residual[1].body[2].conv",
       "tbn_cnv:layers[3].conv")


def random_layer(inputs: int, outputs: int) -> np.ndarray:
    """Random weights (outputs, inputs) of -1 and +1, always the same."""
    return np.random.default_rng(0).integers(0, 2, (outputs, inputs)) * 2 - 1


def zoo_layer(name: str) -> np.ndarray:
    """The weights (outputs, inputs) of a node in the zoo, named as MODEL:NODE."""
    model, _, node = name.partition(":")
    found = Network.load(Path(network.__file__).parent / "zoo" / f"{model}.safetensors").by_name[node]
    weights = found.arrays["weights"].astype(np.int64)
    return weights.reshape(len(weights), -1)


def foreign(weights: np.ndarray, python: str, cutoff: float, store: Path) -> Foreign:
    """The layer as da4ml makes it. The interpreter `python` has da4ml. Results are kept in `store`."""
    folder = store / f"da4ml-{content_key(weights.tolist(), cutoff, file_hash(Path(constants_da4ml.__file__)))}"
    if not (folder / "layer.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "weights.npy", weights)
        subprocess.run([python, constants_da4ml.__file__, folder / "weights.npy", folder, str(cutoff)], check=True)
    found = json.loads((folder / "layer.json").read_text())
    return Foreign((folder / "layer.v").read_text(), found["stages"], found["widths"])


class Netlists(Harness):
    """A harness that gives access to its netlists."""

    def netlist(self, name: str, layer: ConstantLayer, family: str) -> tuple[dict[str, Any], Path]:
        """The figures of a synthesis, and the path of its netlist as JSON."""
        return self._netlist(name, layer, family)


def measure(harness: Netlists, name: str, layer: ConstantLayer, family: str, place: bool) -> dict[str, Any]:
    """The figures of a layer. Raises Mismatch when its netlist differs from NumPy."""
    found, netlist = harness.netlist(name, layer, family)
    figures = found["modules"][LAYER]
    inputs = layer.weights.shape[1]
    x = np.random.default_rng(1).integers(-1, 2, (VECTORS, inputs))
    x[0], x[1], x[2] = layer.weights[0], -layer.weights[0], 0
    wrong = differences(json.loads(netlist.read_text()), ("elements", _bits(x, 2)),
                        ("layer.results", _bits(x @ layer.weights.T, layer.width)))
    if wrong:
        raise Mismatch(f"{name}: {wrong} of {VECTORS} vectors give another result than NumPy")
    placed = None
    if place and family in DEVICES:
        options = ["--no-route", *placer_options(family, figures["lut"])]
        with tempfile.TemporaryDirectory() as folder, suppress(DoesNotFit):
            run, = place_and_route(netlist, DEVICES[family], Path(folder), options=options)
            placed = run.cells - (2 * inputs if family == ICE40.name else 0)
    size = layer.weights.size
    return {"LUT": figures["lut"], "LUT/weight": figures["lut"] / size, "FF": figures["ff"], "cells": placed,
            "cells/weight": None if placed is None else placed / size}


def quick_mapping() -> AbstractContextManager[None]:
    """A context in which families are mapped by ABC9 without its slowest steps."""
    abc9 = {ICE40.name: " -abc9"}  # the others have it anyway
    return commands({name: f"{QUICK}{family.cells.command}{abc9.get(name, '')}" for name, family in FAMILIES.items()})


def _bits(values: np.ndarray, width: int) -> np.ndarray:
    """Numbers (vectors, n) as bits: (vectors, n * width)."""
    return (values[:, :, None] >> np.arange(width) & 1).reshape(len(values), -1).astype(bool)


def rows(harness: Netlists, options: argparse.Namespace, store: Path) -> Iterator[Row]:
    layers = {f"random {inputs}x{outputs}": random_layer(inputs, outputs) for inputs, outputs in options.random}
    layers |= {name: zoo_layer(name) for name in options.zoo}
    for (name, weights), levels, family, form in product(layers.items(), options.levels, options.families, FORMS):
        if form not in options.forms or (form == "da4ml" and not options.da4ml) or (form == "naive" and levels):
            continue
        made = foreign(weights, options.da4ml, options.cutoff if levels else 0, store) if form == "da4ml" else None
        layer = ConstantLayer(weights, {"family": family if form == "ours" else "portable",
                                        "stage_levels": 0 if made else levels}, made)
        what = f"{name}, {family}, {form}, {levels} levels"
        yield {"layer": name, "inputs": weights.shape[1], "outputs": len(weights), "family": family, "form": form,
               "mapping": "quick" if options.quick else "usual", "stages": layer.stages if levels else 0,
               **measure(harness, what, layer, family, weights.size <= options.place)}


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="python -m benchmarks.constants",
                                     description=(__doc__ or "").partition("\n")[0])
    result.add_argument("--output", type=Path, default=Path("build/benchmarks"), help="folder (%(default)s)")
    result.add_argument("--families", nargs="+", choices=tuple(FAMILIES), default=list(FAMILIES))
    result.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    result.add_argument("--random", nargs="*", type=_size, default=[(64, 64), (256, 64), (576, 64)],
                        metavar="INPUTSxOUTPUTS", help="layers of random weights")
    result.add_argument("--zoo", nargs="*", default=list(ZOO), metavar="MODEL:NODE", help="trained layers")
    result.add_argument("--levels", nargs="+", type=int, default=[0, 3], help="between registers; 0 for none")
    result.add_argument("--cutoff", type=float, default=3.0, help="delay of a stage of da4ml's (%(default)s)")
    result.add_argument("--da4ml", metavar="PYTHON", help="an interpreter that has da4ml; without it, no such rows")
    result.add_argument("--place", type=int, default=64 * 64, metavar="WEIGHTS", help="largest layers to place")
    result.add_argument("--quick", action="store_true", help="a mapping of a third of the time and a few more LUTs")
    result.add_argument("--check", action="store_true",
                        help=f"hold the tables in {POPCOUNT.name} to what is measured; "
                        f"exit {DIFFERS} where they differ")
    result.add_argument("--workers", type=int, help="processes at once, by default one a core")
    return result


def _size(text: str) -> tuple[int, int]:
    inputs, _, outputs = text.partition("x")
    return int(inputs), int(outputs)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    warnings.filterwarnings("ignore", category=UnusedElaboratable)  # components made for their numbers
    progress, console = Console(stderr=True), Console()
    store = options.output / ".cache"
    harness = Netlists(store, options.workers, progress.print)
    if not options.da4ml and "da4ml" in options.forms:
        progress.print("no rows of da4ml: --da4ml must name an interpreter that has it")
    found: list[Row] = []
    quick = "_quick" if options.quick else ""
    try:
        with quick_mapping() if options.quick else nullcontext():
            for row in rows(harness, options, store):
                found.append(row)
                write_csv(options.output / f"constants{quick}.csv", found)
    except BuildError as error:
        progress.print(f"error: {error}", markup=False, highlight=False)
        return error.exit_code
    show(console, "layers with their weights in the logic", found)
    for levels, name in ((False, "combinational"), (True, "pipelined")):
        part = [row for row in found if bool(row["stages"]) == levels]
        if part:
            title = f"Constant layers, {name}{', quick mapping' if quick else ''}"
            bars(options.output / f"constants_{name}{quick}.png", title, "LUT/weight", part,
                 ("layer", "family", "form"), "LUT/weight")
    wrong = list(outdated(constants(found), POPCOUNT.read_text())) if options.check else []
    for line in wrong:
        print(line)
    return DIFFERS if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
