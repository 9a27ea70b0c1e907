"""The layers a model file may hold, one pydantic model a kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quantize.folding_spec import Folding
from quantize.strict import Strict

Size = Annotated[int, Field(ge=1, le=65536)]
Kernel = Annotated[int, Field(ge=1, le=15)]


class Conv(Strict):
    """A square convolution; padding is 0 for trits and integers, +1 for binary activations."""

    kind: Literal["conv"]
    channels: Size | None = None
    """Output channels; inside a residual block the block's own."""
    kernel: Kernel
    stride: Literal[1, 2, 4] = 1
    padding: Annotated[int, Field(ge=0, le=7)] = 0
    weights: Literal["binary", "int8"]
    folding: Folding | None = None


class Dense(Strict):
    """A fully connected layer over a flattened input."""

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
"""How a gradient passes a ternary activation."""


class Ternary(Strict):
    """``t = [x >= delta] - [x <= -delta]``; a running delta is the mean of ``0.5 * E|x|``, a constant at inference."""

    kind: Literal["ternary"]
    delta: Literal["running"] | Annotated[float, Field(gt=0)] = "running"
    gradient: Gradient = "straight_through"
    scale: Literal["one", "two_delta"] = "one"
    """What a nonzero trit stands for: 1, or ``2 * delta`` as in TBNv2."""
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1


class Binary(Strict):
    """``x >= 0 ? +1 : -1``."""

    kind: Literal["binary"]


class Int8(Strict):
    """Rounds to 8-bit integers at one scale, a running maximum."""

    kind: Literal["int8"]


class Fixed(Strict):
    """Starts the fixed point that residual blocks add to."""

    kind: Literal["fixed"]
    width: Annotated[int, Field(ge=4, le=24)] = 16


class MaxPool(Strict):
    kind: Literal["max_pool"]
    kernel: Kernel
    stride: Kernel | None = None
    """The kernel's size if left out."""


class AvgPool(Strict):
    kind: Literal["avg_pool"]
    kernel: Kernel
    stride: Kernel | None = None
    """The kernel's size if left out."""


class Flatten(Strict):
    kind: Literal["flatten"]


BodyLayer = Annotated[
    Conv | BatchNorm | Relu | Ternary | Binary | Int8 | MaxPool,
    Field(discriminator="kind"),
]


class Residual(Strict):
    """``repeat`` blocks of ``x + body(x)``; the first one may change channels and stride (option A: no multiplier)."""

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
