"""Threshold: integers to trits or to two values, channel by channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hdl.threshold import Threshold
from tbn_hw.costs.features import pieces_of
from tbn_hw.costs.memory import blocks as memory_blocks
from tbn_hw.costs.memory import stored_columns
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.families.registry import find_family
from tbn_hw.streaming.kinds.kind import Group, Job, Kind


class ThresholdKind(Kind):
    """`pe` elements at once."""

    group: Group = "scale"

    def parts(self, job: Job) -> list[Any]:
        arrays = job.node.arrays
        return [Threshold(i_shape=job.link.shape, hi=arrays["hi"], lo=arrays.get("lo"), par=job.folding.pe,
                          pixels=job.pixels)]


@pieces_of.register
def _pieces(threshold: Threshold, family: str) -> Iterator[Piece]:
    folds, par, width = threshold.folds, threshold.par, threshold.threshold_width
    cuts = len(threshold.table[0])
    blocks = memory_blocks(folds, par * cuts * width, family)[0] if threshold.in_block_ram else 0
    i_width = threshold.i_shape.width
    columns = 0 if blocks or folds == 1 else stored_columns(np.asarray(threshold.table), width, par)
    form = "threshold constants" if folds == 1 else "threshold blocks" if blocks else "threshold"
    in_tables = folds == 1 and i_width <= find_family(family).estimates.table_bits
    yield Piece(form, {
        "one": 1,
        "compared bit": 0 if in_tables else par * cuts * i_width,
        "table": par * cuts if in_tables else 0,
        "stored bit": par * cuts * width if folds > 1 else 0,
        "rom column": columns if folds <= 16 else 0,
        "deep column": columns * folds / 16 if folds > 16 else 0,
        "counter bit": bits_of(folds),
    }, bram=blocks)
