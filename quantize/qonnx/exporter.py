"""Writes a `Network` as a QONNX file. The `qonnx` package computes the network's own integers from it.

The graph's input is (1, channels, height, width) in float32: the picture's bytes, or the bytes - 128. Integers that
float32 might round are computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quantize.files import write_atomically
from quantize.network import INPUT, Network, Node
from quantize.nodes.window import Window
from quantize.qonnx.graph import QonnxError
from quantize.qonnx.writer import EXACT_FLOAT, Tensor, Writer
from quantize.rom import weight_bits
from quantize.tensor import TensorType, signed_width

MOST_FLOAT = 1 << 24


def write_network(network: Network, path: Path, pixels: str = "uint8", indices: bool = True) -> None:
    """Write `network` to `path`. The file appears whole or not at all.

    `pixels` says what the graph's input holds: "uint8" for bytes, or "int8" for byte - 128, which needs no Add in front
    of the first layer. Without `indices` the logits are the only output, for hls4ml has no layer for a TopK.

    Raises
    ------
    QonnxError
        If a node has no exact QONNX form.
    """
    write_atomically(path, _Export(network).model(pixels, indices).SerializeToString())


class _Export:
    def __init__(self, network: Network) -> None:
        self._network, self._writer = network, Writer()
        h, w, c = network.input.shape
        self._source = Tensor(INPUT, (1, c, h, w))
        self._tensors: dict[str, Tensor] = {}
        self._indices: str | None = None

    def model(self, pixels: str, indices: bool) -> Any:
        """The ONNX model."""
        if pixels == "uint8":
            self._tensors[INPUT] = self._writer.arithmetic("Add", "input.offset", self._source, -128.0)
        else:
            self._tensors[INPUT] = self._source
        for node in self._network.nodes:
            if node.kind == "top_k":
                if not indices:
                    continue
                self._indices = self._writer.top_k(node.name, self._tensors[node.inputs[0]], node.integer("k"))
            elif node.kind in KINDS:
                self._tensors[node.name] = KINDS[node.kind](self, node)
            else:
                raise QonnxError(f"{self._network.name}: {node.name}: QONNX has no form for the kind {node.kind!r}; "
                                 f"the kinds with one are {', '.join(sorted((*KINDS, 'top_k')))}")
        logits = self._tensors[self._network.outputs[0]].name
        outputs = [logits] if self._indices is None else [logits, self._indices]
        return self._writer.model(self._network.name, self._source, outputs, self._network.classes,
                                  pixels.upper())

    def _input(self, node: Node, index: int = 0) -> tuple[Tensor, TensorType]:
        return self._tensors[node.inputs[index]], self._network.types[node.inputs[index]]

    def _exact(self, node: Node, x: Tensor, kind: TensorType) -> Tensor:
        """`x`, in float64 if float32 might round it."""
        wide = max(-kind.lo, kind.hi) >= EXACT_FLOAT
        return self._writer.as_double(f"{node.name}.double", x) if wide else x

    def _shape(self, node: Node) -> tuple[int, ...]:
        h, w, c = self._network.types[node.name].shape
        return 1, c, h, w

    def _weights(self, node: Node, array: np.ndarray) -> Tensor:
        source = Tensor(self._writer.array(f"{node.name}.weight", array.astype(np.float32)), array.shape)
        name = f"{node.name}.weight.quant"
        if node.attrs["weights"] == "binary":
            return self._writer.bipolar(name, source)
        return self._writer.quant(name, source, weight_bits(node))

    def _whole(self, name: str, array: np.ndarray) -> None:
        """Say that the initializer holds the integers of `array`."""
        self._writer.annotate(name, f"INT{max(2, signed_width(int(array.min()), int(array.max())))}")

    def conv(self, node: Node) -> Tensor:
        x, kind = self._input(node)
        result, writer = self._network.types[node.name], self._writer
        if max(-result.lo, result.hi) >= MOST_FLOAT:
            raise QonnxError(f"{self._network.name}: {node.name}: sums up to {result.hi} must be below {MOST_FLOAT}, "
                             "from where a Conv of QONNX rounds them")
        weights, window = node.arrays["weights"].astype(np.int64), Window.of(node)
        if any(window.padding) and kind.kind == "binary":
            pad = node.arrays.get("pad", np.ones(kind.channels, np.int8)).astype(np.int64)
            if (pad < 0).any():
                x, weights = writer.arithmetic("Mul", f"{node.name}.sign", x, pad), weights * pad
            top, left, bottom, right = window.padding
            pads = writer.array(f"{node.name}.pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
            value = writer.array(f"{node.name}.border", np.ones((), np.float32))
            shape = (*x.shape[:2], *window.padded(kind.height, kind.width))
            x = writer.node("Pad", f"{node.name}.pad", [x, pads, value], shape)
            window = window.with_padding((0, 0, 0, 0))
        inputs: list[Tensor | str] = [x, self._weights(node, weights.transpose(0, 3, 1, 2))]
        if "bias" in node.arrays:
            inputs.append(writer.array(f"{node.name}.bias", node.arrays["bias"].astype(np.float32)))
            self._whole(f"{node.name}.bias", node.arrays["bias"])
        return writer.node("Conv", node.name, inputs, self._shape(node), **_attributes(window),
                           dilations=list(window.dilation), group=1)

    def dense(self, node: Node) -> Tensor:
        x, kind = self._input(node)
        writer, result = self._writer, self._network.types[node.name]
        if len(x.shape) == 4:
            x = writer.node("Flatten", f"{node.name}.flatten", [x], (1, kind.channels), double=x.double, axis=1)
        quantised = self._weights(node, node.arrays["weights"])
        weights = writer.node("Transpose", f"{node.name}.weight.transpose", [quantised], quantised.shape[::-1],
                              perm=[1, 0])
        if max(-result.lo, result.hi) >= MOST_FLOAT:
            x = writer.as_double(f"{node.name}.double", x)
            weights = writer.as_double(f"{node.name}.weight.double", weights)
        bias = node.arrays.get("bias")
        product = writer.node("MatMul", node.name, [x, weights], (1, result.channels), double=x.double)
        if bias is None:
            return product
        total = writer.arithmetic("Add", f"{node.name}.bias", product, bias)
        self._whole(f"{total.name}.constant", bias)
        return total

    def threshold(self, node: Node) -> Tensor:
        """A quantiser that crosses between integers, so that rounding errors do not matter.

        For binary levels it crosses a half below hi, for ternary ones a quarter below hi and a quarter above lo.
        """
        x, kind = self._input(node)
        x, writer = self._exact(node, x, kind), self._writer
        hi = node.arrays["hi"].astype(np.int64).clip(kind.lo, kind.hi + 1)
        if node.attrs["levels"] == "binary":
            return writer.bipolar(node.name, writer.normalise(node.name, x, np.ones(len(hi)), hi - 0.5))
        lo = node.arrays["lo"].astype(np.int64).clip(kind.lo - 1, kind.hi)
        scaled = writer.normalise(node.name, x, 1 / (hi - lo - 0.5), (hi + lo) / 2)
        return writer.quant(node.name, scaled, 2, narrow=True)

    def requantize(self, node: Node) -> Tensor:
        x, kind = self._input(node)
        writer, fraction = self._writer, 2.0 ** -node.integer("shift")
        mult, bias = (node.arrays[key].astype(np.float64) for key in ("mult", "bias"))
        lo, hi = node.integer("lo"), node.integer("hi")
        ends = np.floor(np.stack([kind.lo * mult + bias, kind.hi * mult + bias]) * fraction)
        form = _form(lo, hi, int(ends.min()), int(ends.max()))
        x = writer.as_double(f"{node.name}.double", x)
        x = writer.arithmetic("Mul", f"{node.name}.factor", x, mult * fraction)
        x = writer.arithmetic("Add", f"{node.name}.offset", x, bias * fraction)
        if form is None:
            limits = [writer.array(f"{node.name}.{key}", np.array(value, np.float64))
                      for key, value in (("least", lo), ("most", hi))]
            x = writer.node("Clip", f"{node.name}.clip", [x, *limits], x.shape, double=True)
            form = max(2, signed_width(lo, hi)), True, False
        bits, signed, narrow = form
        if not signed:
            x = writer.node("Relu", f"{node.name}.relu", [x], x.shape, double=True)
        return writer.quant(node.name, x, bits, signed=signed, narrow=narrow, mode="FLOOR")

    def max_pool(self, node: Node) -> Tensor:
        return self._pool("MaxPool", node)

    def _pool(self, kind: str, node: Node) -> Tensor:
        (x, _), window, more = self._input(node), Window.of(node), dict[str, Any]()
        if x.double:
            raise QonnxError(f"{self._network.name}: {node.name}: its input must fit float32")
        if any(pad >= kernel for pad, kernel in zip(window.padding, window.kernel * 2, strict=True)):
            raise QonnxError(f"{self._network.name}: {node.name}: padding {window.padding} of a pool must be less than "
                             f"its kernel {window.kernel} in QONNX")
        if kind == "MaxPool" and window.dilation != (1, 1):
            more["dilations"] = list(window.dilation)
        elif window.dilation != (1, 1):
            raise QonnxError(f"{self._network.name}: {node.name}: QONNX has no dilated average pool")
        if kind == "AveragePool" and any(window.padding):
            more["count_include_pad"] = 1
        return self._writer.node(kind, node.name, [x], self._shape(node), **_attributes(window), ceil_mode=0, **more)

    def avg_pool(self, node: Node) -> Tensor:
        """The window's mean times its size is its sum. A quantiser removes the rounding error, if there can be one."""
        _, kind = self._input(node)
        writer, shift, size = self._writer, node.integer("shift", 0), Window.of(node).area
        bits = max(8, signed_width(min(kind.lo * size, 0), max(kind.hi * size, 0)))
        x = writer.arithmetic("Mul", f"{node.name}.sum", self._pool("AveragePool", node), float(size))
        if size & (size - 1):
            x = writer.quant(f"{node.name}.round", x, bits)
        if shift:
            x = writer.arithmetic("Mul", f"{node.name}.fraction", x, 2.0**-shift)
            x = writer.quant(f"{node.name}.floor", x, bits, mode="FLOOR")
        return x

    def add(self, node: Node) -> Tensor:
        (a, _), (b, _) = self._input(node), self._input(node, 1)
        total = self._writer.node("Add", node.name, [a, b], a.shape)
        return self._writer.quant(f"{node.name}.saturate", total, node.integer("width"))

    def pad_channels(self, node: Node) -> Tensor:
        x, _ = self._input(node)
        pads = np.array([0, node.integer("before"), 0, 0, 0, node.integer("after"), 0, 0], np.int64)
        return self._writer.node("Pad", node.name, [x, self._writer.array(f"{node.name}.pads", pads)],
                                 self._shape(node))

    def flatten(self, node: Node) -> Tensor:
        x, kind = self._input(node)
        if len(x.shape) == 2:
            return x
        shape = (1, kind.height, kind.width, kind.channels)
        x = self._writer.node("Transpose", f"{node.name}.transpose", [x], shape, double=x.double, perm=[0, 2, 3, 1])
        return self._writer.node("Flatten", node.name, [x], (1, kind.size), double=x.double, axis=1)


def _form(lo: int, hi: int, least: int, most: int) -> tuple[int, bool, bool] | None:
    """(bits, signed, narrow) of a Quant that clips values in least..most to lo..hi, or None if there is none.

    A narrow one of 2 bits is none, for it is a threshold to an importer.
    """
    if lo <= least and most <= hi and signed_width(lo, hi) >= 8:
        return max(8, signed_width(least, most)), True, False
    for bits in range(2, 33):
        half = 1 << bits - 1
        for signed, narrow, ends in ((True, False, (-half, half - 1)), (True, True, (1 - half, half - 1)),
                                     (False, False, (0, 2 * half - 1)), (False, True, (0, 2 * half - 2))):
            if (lo, hi) == ends != (-1, 1):
                return bits, signed, narrow
    return None


def _attributes(window: Window) -> dict[str, Any]:
    return {"kernel_shape": list(window.kernel), "strides": list(window.stride), "pads": list(window.padding)}


KINDS: dict[str, Callable[[_Export, Node], Tensor]] = {
    "add": _Export.add, "avg_pool": _Export.avg_pool, "conv": _Export.conv, "dense": _Export.dense,
    "flatten": _Export.flatten, "max_pool": _Export.max_pool, "pad_channels": _Export.pad_channels,
    "requantize": _Export.requantize, "threshold": _Export.threshold,
}
