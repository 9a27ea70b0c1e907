"""What an architecture gives to a build: a `Design`. Its files are written, checked, mapped, placed and reported.

Every design has the same ports: an AXI-Stream of pictures in, one pixel a beat, and one of results out, one a beat. The
stages and boards know a design only through this file, whichever architecture made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from quantize.network import Network

CLOCK = "aclk"
"""The port of the clock."""

Progress = Callable[[str, int, int], None]
"""Called with what was done last, the number done, and the number of all."""


@dataclass(frozen=True)
class Ports:
    """The bytes and the numbers of the AXI-Stream ports' elements."""

    input_bytes: int
    logits: int
    logit_bytes: int
    classes: int
    class_bytes: int

    @property
    def output_bytes(self) -> int:
        return self.logits * self.logit_bytes + self.classes * self.class_bytes


@dataclass(frozen=True)
class Stream:
    """Wires of the top module that carry a tensor of the network, pixel by pixel, channel fastest.

    They are called `<name>__payload`, `<name>__valid` and `<name>__ready`. A beat has `elements` elements of `width`
    bits, two's complement if `signed`, the first in the low bits.
    """

    name: str
    tensor: str
    width: int
    signed: bool
    elements: int


@dataclass(frozen=True)
class Block:
    """An instance in the top module, or a piece of it.

    `module` is the name of its module, or the top's if it has none of its own. The block does the work of the node
    named `node`; it is None for a block that only moves data. `cycles` are the clock cycles of a frame that it needs,
    if they are known. `depth` is a queue's, in beats, and 0 for any other `kind`.
    """

    name: str
    module: str
    kind: str
    node: str | None
    cycles: int | None
    depth: int


@dataclass(frozen=True)
class Connection:
    """A stream from one block to another: elements a beat, bits an element, and beats a frame."""

    source: str
    sink: str
    elements: int
    element_bits: int
    beats: int


@dataclass(frozen=True)
class Layer:
    """The work of one node: its block, with PE outputs and SIMD inputs at once, and the cycles of a frame.

    `ideal_cycles` are the fewest that PE and SIMD allow.
    """

    node: str
    block: str
    pe: int
    simd: int
    cycles: int
    ideal_cycles: int


@dataclass(frozen=True)
class Weights:
    """The weights of one node: their number, the bits of each, and the bits of the memory image of them all."""

    count: int
    bits: int
    stored_bits: int


class Design(Protocol):
    """The gateware of one network, by one architecture."""

    @property
    def name(self) -> str:
        """The Verilog name of the top module."""

    @property
    def network(self) -> Network: ...

    @property
    def ports(self) -> Ports: ...

    @property
    def interval(self) -> int:
        """Clock cycles between frames, as computed."""

    @property
    def timeout_cycles(self) -> int:
        """A design without a transfer at its ports for this many clock cycles has stopped for good."""

    @property
    def lanes(self) -> int:
        """The most multiply-accumulates a clock cycle."""

    def top(self) -> str:
        """The Verilog of the top module. The first line `);` ends its list of ports."""

    def modules(self, workers: int, progress: Progress | None = None) -> Mapping[str, str]:
        """The Verilog of each other module by its name; `workers` processes may share the work."""

    def rom_images(self) -> Mapping[str, str]:
        """The text of each memory image, by the name of its file."""

    def probes(self) -> Sequence[Stream]:
        """The streams that the bench compares with the golden model, to find the place of the first difference."""

    def blocks(self) -> Sequence[Block]:
        """The instances of the top module, from the input to the output."""

    def connections(self) -> Sequence[Connection]:
        """The streams between the blocks; the block that gives the pictures is called `axi_input`."""

    def layers(self) -> Sequence[Layer]:
        """The nodes that take time, in the network's order."""

    def weights(self) -> Sequence[Weights]:
        """The weights of each node that has some."""

    def settings(self) -> dict[str, Any]:
        """The manifest's facts on the layout of the design, as plain JSON."""
