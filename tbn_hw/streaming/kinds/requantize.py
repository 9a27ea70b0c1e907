"""Requantize: a fixed-point scale and offset of each channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hdl.families import has_multipliers
from hdl.requantize import Requantize
from tbn_hw.costs.features import pieces_of
from tbn_hw.costs.matrix import multiplier_size
from tbn_hw.costs.memory import stored_columns
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.families.registry import find_family
from tbn_hw.streaming.kinds.kind import Group, Job, Kind


class RequantizeKind(Kind):
    """`pe` elements at once."""

    group: Group = "scale"

    def parts(self, job: Job) -> list[Any]:
        node, arrays = job.node, job.node.arrays
        return [Requantize(i_shape=job.link.shape, mult=arrays["mult"], bias=arrays["bias"],
                           shift=node.integer("shift"), lo=node.integer("lo"), hi=node.integer("hi"),
                           par=job.folding.pe, pixels=job.pixels, family=job.family)]


@pieces_of.register
def _pieces(requantize: Requantize, family: str) -> Iterator[Piece]:
    folds, par, a = requantize.folds, requantize.par, requantize.i_shape.width
    product, total = requantize.product_shape.width, requantize.sum_shape.width
    mult, bias = np.asarray(requantize.mult), np.asarray(requantize.bias)
    widths = [int(max(abs(values.min()), abs(values.max()))).bit_length() + 1 for values in (mult, bias)]
    columns = 0 if folds == 1 else sum(stored_columns(values[:, None], width, par)
                                       for values, width in zip((mult, bias), widths, strict=True))
    multiplies = requantize.multiplies
    out = requantize.o_shape.width
    dsp = par * multiplier_size(max(a, widths[0]), family) if multiplies and has_multipliers(family) else 0
    wide = a > find_family(family).estimates.multiplier_bits  # what is over the multiplier's width becomes logic
    yield Piece("requantize", {
        "one": 1,
        "input register": par * a,
        "sum bit": par * total if folds > 1 else 0,
        "constant sum bit": par * total if folds == 1 else 0,
        "shifted sum bit": par * max(0, total - requantize.shift),
        "output bit": par * out,
        "clipped bit": par * max(0, total - requantize.shift - out),
        "rom column": columns if folds <= 16 else 0,
        "deep column": columns * folds / 16 if folds > 16 else 0,
        "multiplied bit": a * (sum(map(_ones, requantize.mult)) if folds == 1 else par * widths[0]) if (
            multiplies and not dsp) else 0,
        "product bit": par * product if multiplies and not dsp else 0,
        "changing bit": par * a * bits_of(folds) if multiplies and not dsp else 0,  # the other factor changes
        "wide product bit": par * product if dsp and wide else 0,
        "far register": par * (a + (widths[0] if folds > 1 else 0) + product) if dsp else 0,
        "counter bit": bits_of(folds),
    }, dsp=dsp)


def _ones(number: int) -> int:
    """Binary ones of a constant factor. Yosys adds one shifted copy of the other factor for each."""
    return abs(int(number)).bit_count()
