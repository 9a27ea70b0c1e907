"""Terms of the streaming architecture that all its parts use: links between engines, and foldings of engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Shape

from hdl.stream import Elements
from quantize.folding_spec import AUTO, divisors
from quantize.network import TensorType

__all__ = ["Folding", "Link", "divisors", "narrowed"]


@dataclass(frozen=True)
class Folding:
    """`pe` output elements at once, each of `simd` inputs. `weights` says where weights lie, as in a folding file."""

    pe: int
    simd: int = 1
    weights: str = AUTO

    @property
    def lanes(self) -> int:
        """Multiply-accumulates at once."""
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
        """The payload of a beat, as `hdl.stream.Elements`."""
        return Elements(self.shape, self.par)


def narrowed(pe: int, wanted: int, size: int, cycles: int) -> int:
    """Elements in an output beat of an engine that makes `pe` elements at once, and `size` a frame.

    `wanted` is how many elements its only reader takes at once, 0 where there is no such reader. Beats are split if the
    reader takes fewer, unless a frame would then need more than the `cycles` over which the engine's results come.
    """
    fits = 0 < wanted < pe and pe % wanted == 0 and size // wanted <= cycles
    return wanted if fits else pe
