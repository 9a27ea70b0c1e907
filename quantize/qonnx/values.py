"""What a tensor of an ONNX graph can be: a constant, quantised weights, a stream of integers, or unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from quantize.chain import Chain
from quantize.nodes.window import Sides
from quantize.qonnx.graph import Operation


class Refused(Exception):
    """The node cannot be imported. The message says what to change; `node` names another node if it is to blame."""

    def __init__(self, reason: str, node: str | None = None) -> None:
        super().__init__(reason)
        self.node = node


class UnknownInputError(Exception):
    """The node's input comes from a refused node, so nothing more can be said about the node."""


@dataclass(frozen=True)
class Unknown:
    """The output of a refused node."""


@dataclass(frozen=True)
class Constant:
    """A known array. Floating-point numbers are float32 or float64, as in the graph."""

    value: np.ndarray


@dataclass(frozen=True)
class Weights:
    """A quantised constant, `integers * scale`. An integer has `bits` bits; `source` names the node that quantised it.

    `scale` has as many dimensions as `integers` and broadcasts to them.
    """

    integers: np.ndarray
    scale: np.ndarray
    bits: int
    source: str

    @property
    def real(self) -> np.ndarray:
        return (self.integers * self.scale).astype(self.scale.dtype)

    def map(self, change: Callable[[np.ndarray], np.ndarray]) -> Weights:
        """The same weights in another shape or order of axes."""
        scale = np.broadcast_to(self.scale, self.integers.shape)
        return replace(self, integers=change(self.integers), scale=change(scale))


@dataclass(frozen=True)
class Stream:
    """An activation: the integers of the plan's node `tensor`. An integer stands for the real value `chain(integer)`.

    `shape` and `axes` ("nchw", "nhwc" or "nc") are those of the ONNX tensor, with its batch of 1. A tensor with axes
    "nc" may still be unflattened in the plan. Its feature j is element `order[j]` of the flat HWC tensor, or element j
    if `order` is None. `pad` is (pixels at the top, left, bottom and right, their real value), which the next
    convolution must add. `alone` means that nothing else reads the integers. `flatten` names the ONNX node that
    flattened the tensor.
    """

    tensor: str
    shape: tuple[int, ...]
    axes: str
    chain: Chain = Chain()
    order: np.ndarray | None = None
    pad: tuple[Sides, float] = ((0, 0, 0, 0), 0.0)
    alone: bool = True
    flatten: str = ""

    @property
    def padded(self) -> bool:
        """Whether padding is pending."""
        return any(self.pad[0])

    def channelwise(self, value: np.ndarray) -> np.ndarray:
        """A constant as one number, or as one for each channel in the order of the plan's tensor.

        Raises Refused when it would change the tensor's shape, or differs from pixel to pixel.
        """
        if value.size == 1 and value.ndim <= len(self.shape):
            return value.reshape(())
        try:
            full = np.broadcast_to(value, self.shape)
        except ValueError:
            raise Refused(f"the constant's shape {value.shape} must broadcast to the tensor's {self.shape}") from None
        rows = np.moveaxis(full, self.axes.index("c"), -1).reshape(-1, self.shape[self.axes.index("c")])
        if not (rows == rows[0]).all():
            raise Refused("the constant must be one number, or one for each channel, not one for each pixel")
        if self.order is None:
            return rows[0]
        ordered = np.empty_like(rows[0])
        ordered[self.order] = rows[0]
        return ordered


@dataclass(frozen=True)
class Integers:
    """The output of a QuantizeLinear node, `operation`, behind which a DequantizeLinear is still to come.

    Its integers stand for (integer - `zero`) * `scale`. `limits` are the least and the largest of them. `alone` means
    that nothing else reads them.
    """

    operation: Operation
    scale: np.ndarray
    zero: int
    limits: tuple[int, int]
    alone: bool


@dataclass(frozen=True)
class Condition:
    """The output of a comparison: true where the value of `stream` is at least 0."""

    stream: Stream


Value = Unknown | Constant | Weights | Stream | Integers | Condition
