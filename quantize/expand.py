"""Expands a model file's layers to a list of named steps with shapes, and checks that they follow each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quantize import layer_spec as kinds
from quantize.folding_spec import indivisible
from quantize.limits import MOST_ELEMENTS, MOST_LAYERS, MOST_WEIGHTS
from quantize.nodes.pool import NOTHING_INSIDE
from quantize.nodes.window import Window, always_inside, both, objection
from quantize.yaml_source import Path, path_text

if TYPE_CHECKING:
    from quantize.yaml_source import YamlSource

Shape = tuple[int, int, int]

_DOT = ("input", "int8", "ternary", "binary", "sum")
_AFFINE = ("dot", "real", "fixed", "rectified")
_REAL = (*_AFFINE, "bent")
_DOMAINS = {
    "dot": "a dot product", "real": "an unquantised value", "fixed": "a fixed-point value", "input": "the picture",
    "sum": "the sum of an average pool", "rectified": "an unquantised value", "bent": "an unquantised value",
}


@dataclass(frozen=True)
class Step:
    """One layer at its place in the network.

    ``name`` is the node name, ``path`` the place in the file. ``input`` and ``output`` are (height, width, channels).
    A residual block is one step a repetition, with the layers of that repetition in ``body``.
    ``domain`` says what values come out::

        input                          the picture
        ternary, binary, int8, fixed   what that quantiser makes
        dot                            a dot product
        sum                            the sum of an average pool
        real                           a batch norm's result: a multiple and offset of a dot product or fixed value
        rectified                      a relu's result
        bent                           a batch norm's or relu's result, made from a relu's. Only comparisons (ternary,
                                       binary) can read it, because it is not a multiple and offset any more.
    """

    name: str
    path: Path
    layer: kinds.AnyLayer
    input: Shape
    output: Shape
    domain: str
    body: tuple[Step, ...] = ()

    @property
    def kind(self) -> str:
        return self.layer.kind

    @property
    def window(self) -> Window:
        """The windows of a convolution or pool."""
        assert isinstance(self.layer, kinds.Windowed)
        return self.layer.window(*self.input[:2])


def expand(
    shape: Shape, layers: Sequence[kinds.AnyLayer], classes: int, source: YamlSource
) -> tuple[Step, ...]:
    """Name every layer and check that each can follow the one before it.

    Raises
    ------
    SpecError
        On the first layer that does not fit or exceeds one of `quantize.limits`. The sentence names the layer and its
        line.
    """
    _limit_layers(layers, source)
    if math.prod(shape) > MOST_ELEMENTS:
        raise source.error(("input", "shape"), f"{_text(shape)} must be at most {MOST_ELEMENTS} elements")
    walk = _Walk(source)
    steps: list[Step] = []
    domain = "input"
    for index, layer in enumerate(layers):
        path: Path = ("layers", index, layer.kind)
        if isinstance(layer, kinds.Residual):
            for repetition in range(layer.repeat):
                step = walk.residual(layer, shape, domain, path, repetition)
                steps.append(step)
                shape, domain = step.output, step.domain
        else:
            step = walk.step(layer, shape, domain, path, path_text(path))
            steps.append(step)
            shape, domain = step.output, step.domain
    last = steps[-1]
    if last.kind != "dense":
        raise source.error(last.path, "the last layer must be dense")
    if last.output[2] != classes:
        raise source.error(last.path, f"units {last.output[2]} must equal the number of classes {classes}")
    return tuple(steps)


def _limit_layers(layers: Sequence[kinds.AnyLayer], source: YamlSource) -> None:
    """Raise SpecError where there are more layers than `MOST_LAYERS`, before any is repeated."""
    count = 0
    for index, layer in enumerate(layers):
        count += layer.repeat * (len(layer.body) + 1) if isinstance(layer, kinds.Residual) else 1
        if count > MOST_LAYERS:
            sentence = f"a network must have at most {MOST_LAYERS} layers, and here it has {count}"
            raise source.error(("layers", index, layer.kind), sentence)


class _Walk:
    def __init__(self, source: YamlSource) -> None:
        self._source = source
        self._weights = 0

    def step(self, layer: kinds.AnyLayer, shape: Shape, domain: str, path: Path, name: str) -> Step:
        output, after = self._follow(layer, shape, domain, path)
        self._limit(layer, shape, output, path)
        return Step(name, path, layer, shape, output, after)

    def _limit(self, layer: kinds.AnyLayer, shape: Shape, output: Shape, path: Path) -> None:
        """Raise SpecError for more elements than `MOST_ELEMENTS`, or weights, up to this layer, than `MOST_WEIGHTS`."""
        if math.prod(output) > MOST_ELEMENTS:
            raise self._source.error(path, f"the output {_text(output)} must be at most {MOST_ELEMENTS} elements")
        if isinstance(layer, kinds.Conv | kinds.Dense):
            area = layer.bare.area if isinstance(layer, kinds.Conv) else 1
            self._weights += area * shape[2] * output[2]
        if self._weights > MOST_WEIGHTS:
            sentence = f"a network must have at most {MOST_WEIGHTS} weights, and here it has {self._weights}"
            raise self._source.error(path, sentence)

    def residual(self, layer: kinds.Residual, shape: Shape, domain: str, path: Path, repetition: int) -> Step:
        source, name = self._source, f"{path_text(path)}[{repetition}]"
        if domain != "fixed":
            raise source.error(path, "must follow a fixed layer or another residual; put 'fixed' before it")
        stride = layer.stride if repetition == 0 else 1
        h, w, c = shape
        if layer.channels < c:
            raise source.error(path, f"channels {layer.channels} must not be fewer than the shortcut's {c}")
        if stride == 2 and (h % 2 or w % 2):
            raise source.error(path, f"a stride of 2 needs an even height and width, not {h}x{w}")
        output = (h // stride, w // stride, layer.channels)
        body: list[Step] = []
        first_conv = True
        inner, inner_domain = shape, "fixed"
        for index, item in enumerate(layer.body):
            item_path: Path = (*path, "body", index, item.kind)
            if isinstance(item, kinds.Conv):
                if item.channels not in (None, layer.channels) and index == len(layer.body) - 1:
                    raise source.error(item_path, f"channels {item.channels} must equal the block's {layer.channels}")
                changed = {"channels": item.channels or layer.channels}
                if first_conv:
                    if "stride" in item.model_fields_set and both(item.stride) != both(layer.stride):
                        raise source.error(item_path, f"stride {item.stride} must equal the block's {layer.stride}")
                    changed["stride"] = stride
                item, first_conv = item.model_copy(update=changed), False
            step = self.step(item, inner, inner_domain, item_path, f"{name}.body[{index}].{item.kind}")
            body.append(step)
            inner, inner_domain = step.output, step.domain
        if inner_domain == "bent":
            raise source.error(body[-1].path, f"the body must not end in {body[-1].kind} behind a relu")
        if inner_domain not in ("dot", "real", "rectified"):
            raise source.error(path, f"the body must end in a convolution or batch norm, not {body[-1].kind}")
        if inner != output:
            raise source.error(path, f"the body's output {_text(inner)} must have the shortcut's shape {_text(output)}")
        return Step(name, path, _one_repetition(layer, stride), shape, output, "fixed", tuple(body))

    def _follow(self, layer: kinds.AnyLayer, shape: Shape, domain: str, path: Path) -> tuple[Shape, str]:
        h, w, c = shape
        if isinstance(layer, kinds.Conv):
            self._need(domain in _DOT, path, "conv", domain)
            if layer.channels is None:
                raise self._source.error(path, "channels is missing")
            self._fold(layer, layer.channels, layer.bare.area * c, path)
            return (*self._windows(layer, shape, path), layer.channels), "dot"
        if isinstance(layer, kinds.Dense):
            self._need(domain in _DOT, path, "dense", domain)
            if (h, w) != (1, 1):
                sentence = f"the input must be 1x1 pixels, not {_text(shape)}; put 'flatten' before it"
                raise self._source.error(path, sentence)
            self._fold(layer, layer.units, c, path)
            return (1, 1, layer.units), "dot"
        if isinstance(layer, kinds.MaxPool | kinds.AvgPool):
            output = (*self._windows(layer, shape, path), c)
            if not always_inside(layer.window(h, w), h, w):
                raise self._source.error(path, NOTHING_INSIDE.format(h, w))
            if isinstance(layer, kinds.AvgPool):
                self._need(domain in ("input", "int8", "ternary"), path, "avg_pool", domain)
                return output, "sum"
            self._need(domain in ("dot", "input", "int8", "ternary", "binary"), path, "max_pool", domain)
            return output, domain
        if isinstance(layer, kinds.Flatten):
            self._need(domain in _DOT, path, "flatten", domain)
            return (1, 1, h * w * c), domain
        self._need(domain in _REAL, path, layer.kind, domain)
        if isinstance(layer, kinds.Fixed):
            self._need(domain != "fixed", path, "fixed", domain)
        if isinstance(layer, kinds.Fixed | kinds.Int8) and domain == "bent":
            sentence = f"{layer.kind} cannot read a batch norm behind a relu; put the relu behind it"
            raise self._source.error(path, sentence)
        if isinstance(layer, kinds.BatchNorm | kinds.Relu):
            straight = "rectified" if isinstance(layer, kinds.Relu) else "real"
            return shape, "bent" if domain in ("rectified", "bent") else straight
        return shape, layer.kind

    def _windows(self, layer: kinds.Windowed, shape: Shape, path: Path) -> tuple[int, int]:
        """Height and width of the output."""
        window = layer.window(*shape[:2])
        wrong = objection(window, shape)
        if wrong is not None:
            raise self._source.error(path, wrong)
        return window.count(*shape[:2])

    def _need(self, fits: bool, path: Path, kind: str, domain: str) -> None:
        if fits:
            return
        advice = "it must follow a convolution or dense layer"
        if domain in _REAL:
            advice = "put 'ternary', 'binary' or 'int8' between"
        what = _DOMAINS.get(domain, f"a {domain} value")
        raise self._source.error(path, f"{kind} cannot read {what}; {advice}")

    def _fold(self, layer: kinds.Conv | kinds.Dense, rows: int, columns: int, path: Path) -> None:
        if layer.folding is None:
            return
        for key, value, noun, total in (
            ("pe", layer.folding.pe, "matrix height", rows),
            ("simd", layer.folding.simd, "matrix width", columns),
        ):
            wrong = indivisible(key.upper(), value, noun, total)
            if wrong is not None:
                raise self._source.error((*path, "folding", key), wrong)


def _one_repetition(layer: kinds.Residual, stride: int) -> kinds.Residual:
    """Return a block that is one repetition of ``layer``, with that repetition's stride."""
    return layer.model_copy(update={"stride": stride, "repeat": 1})


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


__all__ = ["Shape", "Step", "expand"]
