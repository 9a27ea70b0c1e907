"""`python -m benchmarks.eight_bit`: what layers with 8-bit numbers cost, with multipliers and with LUTs only.

The layers are the zoo's first convolutions and a classifier as MVUs, with random weights, and a requantize. The figures
are those of Yosys's netlists for ECP5, iCE40 and Xilinx 7. Each layer is mapped twice, with multiplier blocks and
without. iCE40 with multipliers is a UP5K.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import signed

from benchmarks.mapping import commands
from benchmarks.tables import bars, write_csv
from hdl.mvu import MVU
from hdl.requantize import Requantize
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.registry import FAMILIES
from tbn_hw.families.xc7 import XC7
from tbn_hw.netlists.synthesis import synthesise

WITH, WITHOUT = {ICE40.name: " -dsp"}, {ECP5.name: " -nodsp", XC7.name: " -nodsp"}
"""Options that change a family's mapping: WITH adds multipliers where it has none, WITHOUT takes them away."""
MEASURED = (ECP5.name, ICE40.name, XC7.name)


def first(channels: int, weights: str, pe: int, simd: int, family: str) -> MVU:
    """An MVU for a first convolution: 3x3 pixels of 3 colours."""
    return _mvu(channels, 27, weights, pe, simd, family)


def _mvu(rows: int, columns: int, kind: str, pe: int, simd: int, family: str) -> MVU:
    rng = np.random.default_rng(1)
    weights = rng.choice([-1, 1], (rows, columns)) if kind == "binary" else rng.integers(-128, 128, (rows, columns))
    return MVU(weights=weights, weight_kind=kind, activation=signed(8), pe=pe, simd=simd, family=family)


def _requantize(par: int) -> Requantize:
    rng = np.random.default_rng(1)
    return Requantize(i_shape=signed(12), mult=rng.integers(100, 30_000, 16), bias=rng.integers(-1 << 20, 1 << 20, 16),
                      shift=10, lo=-1 << 17, hi=(1 << 17) - 1, par=par)


LAYERS = {  # name -> (products at once, a function from the family to the component)
    "tbn_cnv first 16x3": (48, lambda family: first(64, "binary", 16, 3, family)),
    "tbn_cnv first 8x27": (216, lambda family: first(64, "binary", 8, 27, family)),
    "tbn_resnet first 16x1": (16, lambda family: first(16, "int8", 16, 1, family)),
    "tbn_resnet classifier 1x1": (1, lambda family: _mvu(10, 64, "int8", 1, 1, family)),
    "requantize 8 of 16": (8, lambda family: _requantize(8)),
    "requantize 16 of 16": (16, lambda family: _requantize(16)),
}


def other_way(family: str) -> AbstractContextManager[None]:
    """A context in which a family is mapped the other way: with multipliers if it usually has none, else without."""
    return commands({family: FAMILIES[family].cells.command + (WITH | WITHOUT)[family]})


def measure(layer: str, family: str, multipliers: bool, cache: Path) -> dict[str, Any]:
    """The figures of a layer. An iCE40 with multipliers gets the portable component, which leaves products to Yosys."""
    products, make = LAYERS[layer]
    text = rtlil.convert(make("portable" if family == ICE40.name and multipliers else family), name="layer",
                         emit_src=False)
    usual = multipliers == (family in WITHOUT)
    with tempfile.TemporaryDirectory() as folder, nullcontext() if usual else other_way(family):
        found = synthesise({"layer": text}, family, Path(folder), cache=cache)["total"]
    figures = {figure: found[figure] for figure in ("lut", "ff", "bram", "dsp")}
    return {"layer": layer, "family": family, "multipliers": "yes" if multipliers else "no", **figures,
            "LUT/product": found["lut"] / products}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.eight_bit", description=__doc__.split("\n\n")[0])
    parser.add_argument("--families", nargs="+", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--layers", nargs="+", choices=tuple(LAYERS), default=list(LAYERS))
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for layer in options.layers:
        for family in options.families:
            for multipliers in (False, True):
                rows.append(measure(layer, family, multipliers, options.output / ".synthesis"))
                print(", ".join(f"{key} {value:.1f}" if isinstance(value, float) else f"{key} {value}"
                                for key, value in rows[-1].items()), flush=True)
    write_csv(options.output / "eight_bit.csv", rows)
    bars(options.output / "eight_bit.png", "8-bit layers", "LUTs a product", rows,
         ("layer", "family", "dsp"), "LUT/product")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
