"""What all parts of the streaming architecture speak of: the links between engines, and the foldings of engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Shape

from hdl.stream import Elements
from quantize.folding_spec import AUTO
from quantize.network import TensorType


@dataclass(frozen=True)
class Folding:
    """`pe` output elements at once, each of `simd` inputs; `weights` says where these lie, as in a folding file."""

    pe: int
    simd: int = 1
    weights: str = AUTO

    @property
    def lanes(self) -> int:
        return self.pe * self.simd


@dataclass(frozen=True)
class Link:
    """A stream between engines: the tensor's type, the shape of its elements, and how many one beat holds."""

    tensor: TensorType
    shape: Shape
    par: int

    @property
    def beats(self) -> int:
        """Beats of one frame."""
        return self.tensor.size // self.par

    @property
    def payload(self) -> Any:
        return Elements(self.shape, self.par)


def divisors(number: int) -> list[int]:
    """The divisors of a positive integer, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def narrowed(pe: int, wanted: int, size: int, cycles: int) -> int:
    """Elements in a beat of an engine that makes `pe` at once, `size` a frame, and whose only reader takes `wanted`.

    Beats are taken apart where the reader takes fewer, unless a frame would then need more than the `cycles` over which
    the engine's results come. `wanted` is 0 where there is no such reader.
    """
    fits = 0 < wanted < pe and pe % wanted == 0 and size // wanted <= cycles
    return wanted if fits else pe
