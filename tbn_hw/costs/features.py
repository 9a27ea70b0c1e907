"""What an engine is made of, counted: the numbers from which its cost is estimated, without making it.

A *form* is a kind of component, or a part of one that synthesis accounts for by itself; of each form a component has
some features, such as the bits that it adds. What a unit of a feature costs in LUTs and flip-flops is fitted
(`benchmarks/costs.py`). Block RAMs and multipliers are not fitted: they follow from widths and depths.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np
from amaranth.hdl import Shape

from hdl.add import Add
from hdl.axi_stream import AxiInput, AxiOutput
from hdl.constant.mvu import ConstantMVU
from hdl.element import range_shape
from hdl.families import has_multipliers
from hdl.fork import Fork
from hdl.mvu import MVU
from hdl.pad_channels import PadChannels
from hdl.pool import BLOCK_ROWS, Pool
from hdl.requantize import Requantize
from hdl.sliding_window import SlidingWindow
from hdl.stream import payload_shape
from hdl.stream_queue import Queue
from hdl.threshold import Threshold
from hdl.top_k import TopK
from hdl.width_converter import WidthConverter
from tbn_hw.costs.matrix import Matrix, constant_piece, matrix_pieces, multiplier_size
from tbn_hw.costs.memory import blocks as memory_blocks
from tbn_hw.costs.memory import ram
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.costs.streams import converter_piece, queue_piece
from tbn_hw.costs.window import window_pieces
from tbn_hw.families.registry import find_family
from tbn_hw.streaming.engine import OUTPUT_QUEUE_DEPTH


def pieces(component: Any, family: str) -> Iterator[Piece]:
    """The pieces of an engine or of one of its components."""
    stages = getattr(component, "_stages", None)
    if stages is None and hasattr(component, "_core"):
        stages = [*component._a, *component._b, component._core, component._queue]
    for stage in [component] if stages is None else stages:
        yield from _pieces(stage, family)


@singledispatch
def _pieces(component: Any, family: str) -> Iterator[Piece]:
    raise TypeError(f"there is no cost model of {type(component).__name__}")


@_pieces.register
def _mvu(mvu: MVU, family: str) -> Iterator[Piece]:
    yield from matrix_pieces(Matrix.of(mvu), mvu._pe, mvu._simd, mvu._o_par, mvu._rom_style, family)
    yield queue_piece(mvu._o_par * mvu.acc_width, OUTPUT_QUEUE_DEPTH, family)


@_pieces.register
def _constant(mvu: ConstantMVU, family: str) -> Iterator[Piece]:
    mh, mw = mvu._weights.shape
    yield constant_piece(mh, mw, mvu.acc_width, mvu._activation)


@_pieces.register
def _window(window: SlidingWindow, family: str) -> Iterator[Piece]:
    yield from window_pieces(window._schedule, window._simd, window._repeat, window._shape.width,
                             len(np.unique(window._pad)) > 1, family)


@_pieces.register
def _threshold(threshold: Threshold, family: str) -> Iterator[Piece]:
    folds, par, width = threshold._folds, threshold._par, threshold.threshold_width
    cuts = len(threshold._table[0])
    blocks = memory_blocks(folds, par * cuts * width, family)[0] if threshold.in_block_ram else 0
    i_width = threshold._i_shape.width
    columns = 0 if blocks or folds == 1 else _columns(np.asarray(threshold._table), width, par)
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


def _columns(table: np.ndarray, width: int, par: int) -> int:
    """Distinct columns, constant ones aside, of a ROM of `par` channels a row; `table` has a row a channel."""
    values = table.astype(np.int64).reshape(len(table) // par, -1)  # (folds, par * cuts)
    bits = (values[:, :, None] >> np.arange(width)) & 1
    columns = np.unique(bits.reshape(len(values), -1), axis=1)
    return int((columns.any(axis=0) & ~columns.all(axis=0)).sum())


@_pieces.register
def _requantize(requantize: Requantize, family: str) -> Iterator[Piece]:
    folds, par, a = requantize._folds, requantize._par, requantize._i_shape.width
    product, total = (range_shape(*found).width for found in requantize._ranges())
    mult, bias = np.asarray(requantize._mult), np.asarray(requantize._bias)
    widths = [int(max(abs(values.min()), abs(values.max()))).bit_length() + 1 for values in (mult, bias)]
    columns = 0 if folds == 1 else sum(_columns(values[:, None], width, par)
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
        "shifted sum bit": par * max(0, total - requantize._shift),
        "output bit": par * out,
        "clipped bit": par * max(0, total - requantize._shift - out),
        "rom column": columns if folds <= 16 else 0,
        "deep column": columns * folds / 16 if folds > 16 else 0,
        "multiplied bit": a * (sum(map(_ones, requantize._mult)) if folds == 1 else par * widths[0]) if (
            multiplies and not dsp) else 0,
        "product bit": par * product if multiplies and not dsp else 0,
        "changing bit": par * a * bits_of(folds) if multiplies and not dsp else 0,  # the other factor changes
        "wide product bit": par * product if dsp and wide else 0,
        "far register": par * (a + (widths[0] if folds > 1 else 0) + product) if dsp else 0,
        "counter bit": bits_of(folds),
    }, dsp=dsp)


def _ones(number: int) -> int:
    """Binary ones of a constant factor: Yosys adds up as many shifted copies of the other one."""
    return abs(int(number)).bit_count()


@_pieces.register
def _pool(pool: Pool, family: str) -> Iterator[Piece]:
    i_width, line, window = (shape.width if hasattr(shape, "width") else 1 for shape in pool._shapes)
    par, kernel, stride = pool._par, pool._kernel, pool._stride
    folds = pool._channels // par
    overlap = -(-kernel // stride)
    luts = ff = blocks = moved = 0.0
    for depth, taken, width in ((folds, i_width, line), (pool.out_width * folds, line, window)):
        if kernel > 1 and depth > 1:
            found = ram(depth, par * overlap * width, family)
            luts, ff, blocks = luts + found[0], ff + found[1], blocks + found[2]
        if kernel > 1 and depth >= BLOCK_ROWS:
            moved += par * (taken + (0 if find_family(family).estimates.reads_into_block else overlap * width))
    yield Piece("max_pool" if type(pool).__name__ == "MaxPool" else "avg_pool", {
        "one": 1,
        "input bit": par * (i_width + line),
        "combined bit": par * overlap * (line + window) if kernel > 1 else 0,
        "overlap bit": par * (overlap - 1) * (line + window),
        "counter bit": bits_of(pool._width) + bits_of(pool._height) + bits_of(folds) + bits_of(pool.out_width * folds),
        "phase": 2 * overlap * bits_of(overlap * stride),
        "ram lut": luts,
        "ram bit": ff,
        "moved bit": moved,
    }, bram=blocks)


@_pieces.register
def _add(add: Add, family: str) -> Iterator[Piece]:
    yield Piece("add", {"one": 1, "bit": add._par * add._width, "lane": add._par})


@_pieces.register
def _pad(pad: PadChannels, family: str) -> Iterator[Piece]:
    yield Piece("pad_channels", {"one": 1, "bit": payload_bits(pad.i), "counter bit": bits_of(sum(pad._folds))})


@_pieces.register
def _top_k(top: TopK, family: str) -> Iterator[Piece]:
    value, index = top._shape.width, bits_of(top._channels)
    entry = value + index + 1
    yield Piece("top_k", {"one": 1, "compared bit": top._k * value, "entry bit": top._k * entry,
                          "passed bit": (top._k - 1) * entry, "beat bit": payload_bits(top.i) if top._par > 1 else 0,
                          "index bit": index})


@_pieces.register
def _queue(queue: Queue, family: str) -> Iterator[Piece]:
    yield queue_piece(payload_bits(queue.i), queue.depth, family)


@_pieces.register
def _converter(converter: WidthConverter, family: str) -> Iterator[Piece]:
    yield converter_piece(converter._shape.width, converter._i_par, converter._o_par)


@_pieces.register
def _fork(fork: Fork, family: str) -> Iterator[Piece]:
    yield Piece("fork", {"one": 1, "output": fork._n})


@_pieces.register
def _axi_input(axi: AxiInput, family: str) -> Iterator[Piece]:
    yield Piece("axi_input", {"one": 1, "bit": payload_bits(axi.o), "counter bit": bits_of(axi._pixels)})


@_pieces.register
def _axi_output(axi: AxiOutput, family: str) -> Iterator[Piece]:
    yield Piece("axi_output", {"one": 1, "logit bit": axi._channels * axi._shape.width,
                               "class bit": axi._k * bits_of(axi._channels)})


def payload_bits(port: Any) -> int:
    """Bits of a beat of a stream port."""
    return int(Shape.cast(payload_shape(port)).width)
