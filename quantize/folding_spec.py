"""How model files and folding files state the folding of a node: `{pe: 8, simd: 9, weights: block}`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from quantize.strict import Strict, refusal
from quantize.yaml_source import Path, YamlSource

AUTO: Final = "auto"
"""The default of ``weights``: the weights lie where they cost less."""

AtOnce = Annotated[int, Field(ge=1)]
Stated = tuple[int, int] | tuple[int, int, str]
"""PE and SIMD that a file asks for at a node, and the place of its weights if the file names one."""


class Folding(Strict):
    """An engine works on ``pe`` output channels and ``simd`` inputs at once. ``weights`` says where its weights lie.

    They lie in block RAM (``block``), in LUTs (``logic``), or where they cost less (``auto``).
    """

    pe: AtOnce
    simd: AtOnce = 1
    weights: Literal["auto", "block", "logic"] = AUTO

    @property
    def stated(self) -> Stated:
        return (self.pe, self.simd) if self.weights == AUTO else (self.pe, self.simd, self.weights)

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> Mapping[str, Any]:
        """Leave a default out. A checkpoint holds its layers as text, and older ones do not know ``weights``."""
        return {key: value for key, value in handler(self).items() if (key, value) != ("weights", AUTO)}


def read_folding(source: YamlSource, place: Path, value: Any) -> Folding:
    """Return the folding that a file states at ``place``. Raises SpecError for a value that is not a folding."""
    try:
        return Folding.model_validate(value)
    except ValidationError as error:
        raise refusal(source, error, place) from None


def indivisible(what: str, value: int, of: str, size: int) -> str | None:
    """Return the sentence for a ``value`` that does not divide ``size``, or None for one that does."""
    if value >= 1 and size % value == 0:
        return None
    near = sorted(sorted(divisors(size), key=lambda number: abs(number - value))[:3])
    return f"{what} {value} must evenly divide {of} {size}; divisors near it are {', '.join(map(str, near))}"


def divisors(number: int) -> list[int]:
    """Return the divisors of a positive integer, ascending, in as many steps as its square root."""
    low = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    high = [number // divisor for divisor in reversed(low)]
    return low + high[low[-1] == high[0]:]
