"""The layers that a model file may hold: one pydantic model for each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quantize.folding_spec import Folding
from quantize.strict import Strict

Size = Annotated[int, Field(ge=1, le=65536)]
Kernel = Annotated[int, Field(ge=1, le=15)]


class Conv(Strict):
    """A square convolution. It pads ternary and integer activations with 0, binary ones with +1."""

    kind: Literal["conv"]
    channels: Size | None = None
    """Output channels. Inside a residual block they default to the block's."""
    kernel: Kernel
    stride: Literal[1, 2, 4] = 1
    padding: Annotated[int, Field(ge=0, le=7)] = 0
    weights: Literal["binary", "int8"]
    folding: Folding | None = None


class Dense(Strict):
    """A fully connected layer. Its input must be flat, which means 1x1 pixels."""

    kind: Literal["dense"]
    units: Size
    weights: Literal["binary", "int8"]
    folding: Folding | None = None


class BatchNorm(Strict):
    kind: Literal["batch_norm"]
    eps: Annotated[float, Field(gt=0)] = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1


class Relu(Strict):
    kind: Literal["relu"]


Gradient = Literal["straight_through", "saw"]
"""The estimator of the gradient through a ternary activation."""


class Ternary(Strict):
    """``t = [x >= delta] - [x <= -delta]``.

    A running delta is the running mean of ``0.5 * E|x|`` in training. It is constant at inference.
    """

    kind: Literal["ternary"]
    delta: Literal["running"] | Annotated[float, Field(gt=0)] = "running"
    gradient: Gradient = "straight_through"
    scale: Literal["one", "two_delta"] = "one"
    """The real value of the trit +1: 1, or ``2 * delta`` as in TBNv2."""
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1


class Binary(Strict):
    """``x >= 0 ? +1 : -1``."""

    kind: Literal["binary"]


class Int8(Strict):
    """Rounds to 8-bit integers. There is one scale for the tensor, from a running maximum."""

    kind: Literal["int8"]


class Fixed(Strict):
    """Rounds to the fixed-point format that residual blocks add in. It must stand before the first of them."""

    kind: Literal["fixed"]
    width: Annotated[int, Field(ge=4, le=24)] = 16


class MaxPool(Strict):
    kind: Literal["max_pool"]
    kernel: Kernel
    stride: Kernel | None = None
    """Defaults to ``kernel``."""


class AvgPool(Strict):
    kind: Literal["avg_pool"]
    kernel: Kernel
    stride: Kernel | None = None
    """Defaults to ``kernel``."""


class Flatten(Strict):
    kind: Literal["flatten"]


BodyLayer = Annotated[
    Conv | BatchNorm | Relu | Ternary | Binary | Int8 | MaxPool,
    Field(discriminator="kind"),
]


class Residual(Strict):
    """``repeat`` blocks of ``x + body(x)``. The first one may change channels and stride.

    Its shortcut is then option A of He et al. (arXiv 1512.03385): channels of zeros, and no weights.
    """

    kind: Literal["residual"]
    channels: Size
    stride: Literal[1, 2] = 1
    repeat: Annotated[int, Field(ge=1, le=256)] = 1
    body: Annotated[tuple[BodyLayer, ...], Field(min_length=1, strict=False)]


Layer = Annotated[
    Conv | Dense | BatchNorm | Relu | Ternary | Binary | Int8 | Fixed | MaxPool | AvgPool | Flatten | Residual,
    Field(discriminator="kind"),
]
AnyLayer = (
    Conv | Dense | BatchNorm | Relu | Ternary | Binary | Int8 | Fixed | MaxPool | AvgPool | Flatten | Residual
)
