"""Counts of what an engine is made of. They give an estimate of its cost without making it.

A *form* is a kind of component, or a part of one that synthesis accounts for by itself. Each form has features, such as
the bits that a component adds. The cost of one unit of a feature, in LUTs and flip-flops, is fitted
(`benchmarks/costs.py`). Block RAMs and multipliers are not fitted: they follow from widths and depths.

The components here are those that engines share. A component of one node kind alone is registered beside that kind, in
`tbn_hw.streaming.kinds`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np
from amaranth.hdl import Shape

from hdl.axi_stream import AxiInput, AxiOutput
from hdl.constant.mvu import ConstantMVU
from hdl.fork import Fork
from hdl.mvu import MVU
from hdl.sliding_window import SlidingWindow
from hdl.stream import payload_shape
from hdl.stream_queue import PAIR_DEPTH, Queue
from hdl.width_converter import WidthConverter
from tbn_hw.costs.matrix import Matrix, constant_piece, matrix_pieces
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.costs.streams import converter_piece, queue_piece
from tbn_hw.costs.window import window_pieces


def pieces(component: Any, family: str) -> Iterator[Piece]:
    """The pieces of an engine or of one of its components."""
    for stage in getattr(component, "stages", [component]):
        yield from pieces_of(stage, family)


@singledispatch
def pieces_of(component: Any, family: str) -> Iterator[Piece]:
    """The pieces of a component; each class of components registers its own function.

    Raises TypeError for a class without one.
    """
    raise TypeError(f"there is no cost model of {type(component).__name__}")


@pieces_of.register
def _mvu(mvu: MVU, family: str) -> Iterator[Piece]:
    yield from matrix_pieces(Matrix.of(mvu), mvu.pe, mvu.simd, mvu.o_par, mvu.rom_style, family)
    yield queue_piece(mvu.o_par * mvu.acc_width, PAIR_DEPTH, family)


@pieces_of.register
def _constant(mvu: ConstantMVU, family: str) -> Iterator[Piece]:
    yield constant_piece(mvu.mh, mvu.mw, mvu.acc_width, mvu.activation)


@pieces_of.register
def _window(window: SlidingWindow, family: str) -> Iterator[Piece]:
    yield from window_pieces(window.schedule, window.simd, window.repeat, window.element_shape.width,
                             len(np.unique(window.pad)) > 1, family)


@pieces_of.register
def _queue(queue: Queue, family: str) -> Iterator[Piece]:
    yield queue_piece(payload_bits(queue.i), queue.depth, family)


@pieces_of.register
def _converter(converter: WidthConverter, family: str) -> Iterator[Piece]:
    yield converter_piece(converter.shape.width, converter.i_par, converter.o_par)


@pieces_of.register
def _fork(fork: Fork, family: str) -> Iterator[Piece]:
    yield Piece("fork", {"one": 1, "output": len(fork.outputs)})


@pieces_of.register
def _axi_input(axi: AxiInput, family: str) -> Iterator[Piece]:
    yield Piece("axi_input", {"one": 1, "bit": payload_bits(axi.o), "counter bit": bits_of(axi.pixels)})


@pieces_of.register
def _axi_output(axi: AxiOutput, family: str) -> Iterator[Piece]:
    yield Piece("axi_output", {"one": 1, "logit bit": axi.channels * axi.shape.width,
                               "class bit": axi.k * bits_of(axi.channels)})


def payload_bits(port: Any) -> int:
    """Bits of a beat of a stream port."""
    return int(Shape.cast(payload_shape(port)).width)
