"""Convolutions and fully connected layers: a sliding window, and a matrix-vector unit behind it."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any

from hdl.constant.mvu import ConstantMVU
from hdl.mvu import MVU
from hdl.sliding_window import SlidingWindow
from quantize.network import Node, TensorType
from quantize.nodes.window import Window
from quantize.rom import matrix
from tbn_hw.streaming.kinds.kind import Group, Job, Kind
from tbn_hw.streaming.terms import Folding


class MatrixKind(Kind):
    """`pe` rows of the matrix and `simd` columns at once."""

    has_weights = True
    group: Group = "matrix"

    def parts(self, job: Job) -> list[Any]:
        node, folding, x = job.node, job.folding, job.link.tensor
        mh, _ = matrix(node).shape
        window = SlidingWindow(shape=job.link.shape, height=x.height, width=x.width, channels=x.channels,
                               simd=folding.simd, repeat=mh // folding.pe,
                               pad=node.arrays.get("pad", 1 if x.kind == "binary" else 0), **vars(Window.of(node)))
        return [window, ConstantMVU(**_numbers(job)) if in_logic(node, x, folding) else mvu(job)]

    def sizes(self, node: Node, x: TensorType) -> Mapping[str, int]:
        mh, mw = matrix(node).shape
        return {"matrix height": mh, "matrix width": mw}

    def word(self, node: Node, channels: int, folding: Folding) -> int:
        """The elements of one word of the window buffer."""
        return gcd(folding.simd, channels)

    def ideal_cycles(self, node: Node, x: TensorType, y: TensorType, folding: Folding, i_par: int) -> int:
        return max(super().ideal_cycles(node, x, y, folding, i_par), _matrix_cycles(node, y, folding))

    def spread(self, node: Node, y: TensorType, folding: Folding, ideal: int) -> int:
        """With a stride some rows of the input give no results; the others give them as fast as the matrix allows."""
        return ideal if Window.of(node).overlaps else _matrix_cycles(node, y, folding)


def _matrix_cycles(node: Node, y: TensorType, folding: Folding) -> int:
    """Cycles a frame that the products take."""
    return y.height * y.width * node.arrays["weights"].size // folding.lanes


def _numbers(job: Job) -> dict[str, Any]:
    """The arguments of every unit that multiplies a node's matrix."""
    x = job.link.tensor
    return {"weights": matrix(job.node), "activation": job.link.shape if x.kind == "int" else x.kind,
            "bias": job.node.arrays.get("bias"), "family": job.family}


def mvu(job: Job) -> MVU:
    """The matrix-vector unit of a node whose weights lie in a memory."""
    folding = job.folding
    return MVU(**_numbers(job), weight_kind=job.node.attrs["weights"], pe=folding.pe, simd=folding.simd,
               rom_style=folding.weights, o_par=job.o_par or folding.pe)


def in_logic(node: Node, x: TensorType, folding: Folding) -> bool:
    """Whether the weights become constants in the logic.

    They do if they are binary, all of them are used at once, and the inputs are binary or ternary.
    """
    return folding.lanes == node.arrays["weights"].size and node.attrs["weights"] == "binary" and x.kind != "int"
