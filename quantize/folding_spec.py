"""How model files and folding files state the folding of a node: `{pe: 8, simd: 9, weights: block}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from quantize.strict import Strict, refusal
from quantize.yaml_source import Path, YamlSource

AUTO: Final = "auto"
"""The place of weights where nothing else is said: the one that costs less."""

AtOnce = Annotated[int, Field(ge=1)]
Stated = tuple[int, int] | tuple[int, int, str]
"""PE and SIMD of a node as they are asked for, and where its weights are to lie, if that is asked for too."""


class Folding(Strict):
    """How many output channels (``pe``) and inputs (``simd``) an engine works on at once, and where its weights lie.

    ``weights`` is ``block`` for block RAM, ``logic`` for LUTs, or ``auto`` for the one that costs less.
    """

    pe: AtOnce
    simd: AtOnce = 1
    weights: Literal["auto", "block", "logic"] = AUTO

    @property
    def stated(self) -> Stated:
        return (self.pe, self.simd) if self.weights == AUTO else (self.pe, self.simd, self.weights)

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> Mapping[str, Any]:
        """A checkpoint keeps its model's layers as text, and those of before `weights` must stay equal to today's."""
        return {key: value for key, value in handler(self).items() if (key, value) != ("weights", AUTO)}


def read_folding(source: YamlSource, place: Path, value: Any) -> Folding:
    """Return the folding that a file states at ``place``; raises SpecError for a value that is none."""
    try:
        return Folding.model_validate(value)
    except ValidationError as error:
        raise refusal(source, error, place) from None


def indivisible(what: str, value: int, of: str, size: int) -> str | None:
    """Return the sentence for a ``value`` that does not divide ``size``, or None for one that does."""
    if value >= 1 and size % value == 0:
        return None
    divisors = (number for number in range(1, size + 1) if size % number == 0)
    near = sorted(sorted(divisors, key=lambda number: abs(number - value))[:3])
    return f"{what} {value} must evenly divide {of} {size}; divisors near it are {', '.join(map(str, near))}"
