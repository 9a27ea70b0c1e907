"""The layers that a model file may hold: one pydantic model for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer

from quantize.folding_spec import Folding
from quantize.limits import MOST_SIDE
from quantize.nodes.window import Window, both, same_padding, sides
from quantize.strict import FORMS, Strict

Size = Annotated[int, Field(ge=1, le=65536)]
Count = Annotated[int, Field(ge=1, le=MOST_SIDE)]
Amount = Annotated[int, Field(ge=0, le=MOST_SIDE)]


def _form(value: Any) -> str:
    """Which form a value has: FORMS."""
    if isinstance(value, list | tuple):
        return FORMS[1] if len(value) == 2 else FORMS[2]
    return FORMS[3] if isinstance(value, str) else FORMS[0]


def _form_of_two(value: Any) -> str:
    return FORMS[1] if isinstance(value, list | tuple) else FORMS[0]


Pixels = Annotated[Annotated[Count, Tag(FORMS[0])]
                   | Annotated[tuple[Count, Count], Field(strict=False), Tag(FORMS[1])], Discriminator(_form_of_two)]
"""One number for both directions, or a list of two, down and across."""
Padding = Annotated[Annotated[Amount, Tag(FORMS[0])]
                    | Annotated[tuple[Amount, Amount], Field(strict=False), Tag(FORMS[1])]
                    | Annotated[tuple[Amount, Amount, Amount, Amount], Field(strict=False), Tag(FORMS[2])]
                    | Annotated[Literal["same"], Tag(FORMS[3])], Discriminator(_form)]
"""One number for all sides, a list of two (top and bottom, left and right), a list of four (top, left, bottom, right),
or "same", which keeps the picture's size with a stride of 1.
"""


class Windowed(Strict):
    """A layer of windows."""

    kernel: Pixels
    stride: Pixels | None = None
    """Defaults to ``kernel``."""
    padding: Padding = 0

    @property
    def bare(self) -> Window:
        """The windows without padding."""
        return Window(both(self.kernel), both(self.stride or self.kernel), dilation=both(getattr(self, "dilation", 1)))

    def window(self, height: int, width: int) -> Window:
        """The windows over a picture, whose size decides what padding "same" is."""
        padding = self.padding
        if isinstance(padding, str):
            return self.bare.with_padding(same_padding(self.bare, (height, width)))
        return self.bare.with_padding(sides((*padding, *padding) if isinstance(padding, tuple) and len(padding) == 2
                                            else padding))

    @model_serializer(mode="wrap")
    def _without_new_defaults(self, handler: SerializerFunctionWrapHandler) -> Mapping[str, Any]:
        """Leave defaults out that older checkpoints do not know. A checkpoint holds its layers as text."""
        new = {"dilation": 1, **({} if isinstance(self, Conv) else {"padding": 0})}
        return {key: value for key, value in handler(self).items() if key not in new or value != new[key]}


class Conv(Windowed):
    """A convolution. It pads ternary and integer activations with 0, binary ones with +1."""

    kind: Literal["conv"]
    channels: Size | None = None
    """Output channels. Inside a residual block they default to the block's."""
    stride: Pixels = 1
    dilation: Pixels = 1
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


class MaxPool(Windowed):
    """The largest value of each window. Padding has no part in it."""

    kind: Literal["max_pool"]
    dilation: Pixels = 1


class AvgPool(Windowed):
    """The average of each window. Padding counts as zeros."""

    kind: Literal["avg_pool"]


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
