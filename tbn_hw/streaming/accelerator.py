"""The accelerator of a network: which engines it has, and which streams run between them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hdl.axi_stream import AxiInput, AxiOutput
from hdl.fork import Fork
from hdl.stream_queue import Queue
from quantize.network import Network, Node
from tbn_hw.streaming.engine import engine
from tbn_hw.streaming.kinds import Job, kind_of
from tbn_hw.streaming.terms import Folding, Link

LONGEST_NAME = 100
"""Letters of a Verilog name, which is a part of the names of files."""


@dataclass(frozen=True)
class Engine:
    """One instance in the top level, with a module of its own.

    `inputs` and `outputs` have the stream at each port, `links` the types of the input streams. `depth` is that of a
    queue in beats, or the number of frames in flight of the AXI-Stream input. `o_par` is the number of elements in a
    beat of its output, 0 for all that it makes at once. `cycles` and `ideal_cycles` are clock cycles a frame.
    """

    name: str
    kind: str
    node: Node | None
    folding: Folding
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    links: tuple[Link, ...]
    depth: int = 0
    o_par: int = 0
    family: str = "portable"
    cycles: int | None = None
    ideal_cycles: int | None = None

    @property
    def has_weights(self) -> bool:
        """Whether it multiplies a matrix of weights."""
        return self.node is not None and kind_of(self.node).has_weights

    def component(self) -> Any:
        """The Amaranth component of this engine."""
        link = self.links[0]
        match self.kind:
            case "fork":
                return Fork(shape=link.payload, n=len(self.outputs))
            case "queue":
                return Queue(shape=link.payload, depth=self.depth)
            case "axi_input":
                tensor = link.tensor
                return AxiInput(height=tensor.height, width=tensor.width, channels=tensor.channels,
                                element=link.shape, frames=self.depth)
            case "axi_output":
                classes = self.links[1] if len(self.links) > 1 else None
                return AxiOutput(shape=link.shape, channels=link.tensor.channels, par=link.par,
                                 k=classes.tensor.channels if classes else 0)
        assert self.node is not None
        return engine(Job(self.node, self.links, self.folding, self.family, self.o_par))


@dataclass(frozen=True)
class Accelerator:
    """Engines and streams. `links` has the type of each stream, `streams` the stream of each tensor of the network."""

    name: str
    network: Network
    engines: tuple[Engine, ...]
    links: Mapping[str, Link]
    streams: Mapping[str, str]

    @property
    def interval(self) -> int:
        """Cycles between frames that the slowest engine allows."""
        return max(engine.cycles for engine in self.engines if engine.cycles is not None)


def identifier(name: str) -> str:
    """A Verilog name for a node: `layers[3].residual[1].add` becomes `layers_3_residual_1_add`.

    It begins with a letter, never has two underscores together, and has at most LONGEST_NAME letters. Of a name that is
    longer, or has no letter and no digit of ASCII, a hash is in it.
    """
    text = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if not text or len(text) > LONGEST_NAME:
        known = hashlib.sha256(name.encode()).hexdigest()[:12]
        text = f"{text[:LONGEST_NAME - 20]}_{known}".replace("__", "_").strip("_")
    return text if text[0].isalpha() else f"n_{text}"
