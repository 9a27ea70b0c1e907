"""The accelerator of a network: which engines it has, and which streams run between them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from amaranth.hdl import Shape, UnusedElaboratable, signed

from hdl.axi_stream import AxiInput, AxiOutput
from hdl.fork import Fork
from hdl.stream import payload_shape
from hdl.stream_queue import Queue
from quantize.network import INPUT, Network, Node, TensorType
from tbn_hw.engine import OUTPUT_QUEUE_DEPTH, Link, engine
from tbn_hw.errors import ModelRefused
from tbn_hw.folding import Folding, ideal_cycles, word
from tbn_hw.keywords import KEYWORDS
from tbn_hw.queues import Timing, join_depths

FRAMES_IN_FLIGHT = 16
"""Malformed-frame flags that may wait for their frame's result; a further frame waits at the input."""

PIPELINE_CYCLES = 16
"""Registers between an engine's input and output, at most."""


@dataclass(frozen=True)
class Engine:
    """One instance in the top level: a module of its own, with the streams at its ports by port name."""

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
        return engine(self.node, self.links, self.folding, self.o_par, self.family)


@dataclass(frozen=True)
class Accelerator:
    """Engines and streams; `links` gives each stream's type, `streams` the stream of each tensor of the network."""

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
    """A Verilog name for a node: `layers[3].residual[1].add` becomes `layers_3_residual_1_add`."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")


def plan(network: Network, foldings: Mapping[str, Folding], family: str = "portable") -> Accelerator:
    """Lay out the engines of `network`, of the cells of a family of `hdl.counting.FAMILIES`.

    Raises ModelRefused for a network that cannot be one stream of engines.
    """
    # components are made here for their numbers alone; those that become Verilog are made again, in other processes
    warnings.filterwarnings("ignore", category=UnusedElaboratable)
    return _Planner(network, foldings, family).run()


class _Planner:
    def __init__(self, network: Network, foldings: Mapping[str, Folding], family: str) -> None:
        self._network, self._foldings, self._family = network, foldings, family
        self._engines: list[Engine] = []
        self._links: dict[str, Link] = {}
        self._free: dict[str, list[str]] = {}
        """Streams of each tensor that no engine reads yet."""
        self._streams: dict[str, str] = {}
        self._timing: dict[str, Timing] = {}

    def run(self) -> Accelerator:
        name = identifier(self._network.name)
        if name in KEYWORDS:
            raise ModelRefused(f"name: must not be the Verilog keyword {name!r}, for it names the top module")
        source = self._network.input
        if source.kind != "int":
            raise ModelRefused(f"{self._network.name}: the input must be integers, not {source.kind}")
        self._add_source(Link(source, signed(source.element_bits), source.channels))
        for node in self._network.nodes:
            if node.kind == "flatten":
                self._rename(node)
            else:
                self._add_node(node)
        self._add_sink()
        self._deepen_queues()
        names = [engine.name for engine in self._engines]
        if len(set(names)) != len(names):
            raise ModelRefused(f"{self._network.name}: two nodes share one Verilog name; rename one of {names}")
        return Accelerator(name, self._network, tuple(self._engines), self._links, self._streams)

    def _add_source(self, link: Link) -> None:
        self._put(Engine("axi_input", "axi_input", None, Folding(link.par), {}, {"o": "input", "flag": "flag"}, (link,),
                         depth=FRAMES_IN_FLIGHT))
        self._announce(INPUT, "input", link)

    def _add_sink(self) -> None:
        streams = [self._free[name].pop() for name in self._network.outputs]
        ports = dict(zip(("i", "classes"), streams, strict=False)) | {"flag": "flag"}
        self._put(Engine("axi_output", "axi_output", None, Folding(1), ports, {},
                         tuple(self._links[stream] for stream in streams)))

    def _add_node(self, node: Node) -> None:
        name, folding = identifier(node.name), self._foldings[node.name]
        streams = [self._free[tensor].pop() for tensor in node.inputs]
        if node.kind == "add":
            streams = [self._queue(f"{name}_queue_{port}", stream) for port, stream in zip("ab", streams, strict=True)]
        links = tuple(self._links[stream] for stream in streams)
        ports = dict(zip("ab" if node.kind == "add" else "i", streams, strict=True))
        i_par, output = min(links[0].par, word(node, links[0].tensor.channels, folding)), self._network.types[node.name]
        ideal = ideal_cycles(node, [link.tensor for link in links], output, folding, i_par)
        o_par = self._readers_word(node.name)
        if o_par and output.size // o_par > ideal:
            o_par = 0
        built = engine(node, links, folding, o_par, self._family)
        entry = Engine(name, node.kind, node, folding, ports, {"o": name}, links, o_par=o_par, family=self._family,
                       cycles=built.interval, ideal_cycles=ideal)
        self._put(entry)
        self._timing[node.name] = Timing(built.interval, _pixel_latency(links[0], output, built.interval))
        payload = payload_shape(built.o)
        self._announce(node.name, name, Link(output, Shape.cast(payload.elem_shape), payload.length))

    def _readers_word(self, tensor: str) -> int:
        """Elements that the only reader of a tensor takes at once; 0 for more readers, or a queue in front of it."""
        readers = self._network.consumers(tensor)
        if len(readers) != 1 or tensor in self._network.outputs or readers[0].kind == "add":
            return 0
        if readers[0].kind == "flatten":
            return self._readers_word(readers[0].name)
        return word(readers[0], self._network.types[tensor].channels, self._foldings[readers[0].name])

    def _rename(self, node: Node) -> None:
        """A flatten: the same stream under another shape."""
        (tensor,) = node.inputs
        stream = self._free[tensor].pop()
        link = self._links[stream]
        self._links[stream] = Link(self._network.types[node.name], link.shape, link.par)
        self._timing[node.name] = Timing(link.beats, 0)
        self._announce(node.name, stream, self._links[stream])

    def _queue(self, name: str, stream: str) -> str:
        self._links[name] = self._links[stream]
        self._put(Engine(name, "queue", None, Folding(self._links[stream].par), {"i": stream}, {"o": name},
                         (self._links[stream],), depth=OUTPUT_QUEUE_DEPTH))
        return name

    def _announce(self, tensor: str, stream: str, link: Link) -> None:
        """A tensor's stream exists: fork it when more than one reader waits for it."""
        self._links[stream] = link
        self._streams[tensor] = stream
        readers = len(self._network.consumers(tensor)) + self._network.outputs.count(tensor)
        readers += sum(node.inputs.count(tensor) - 1 for node in self._network.consumers(tensor))
        if readers == 1:
            self._free[tensor] = [stream]
            return
        branches = [f"{stream}_fork_{index}" for index in range(readers)]
        self._links |= dict.fromkeys(branches, link)
        self._put(Engine(f"{stream}_fork", "fork", None, Folding(link.par), {"i": stream},
                         {f"o{index}": branch for index, branch in enumerate(branches)}, (link,)))
        self._free[tensor] = branches[::-1]

    def _deepen_queues(self) -> None:
        """Give the queues in front of each join the depth that tbn_hw.queues computes."""
        depths: dict[str, int] = {}
        for node in self._network.nodes:
            if node.kind != "add":
                continue
            for port, pixels in zip("ab", join_depths(self._network, node, self._timing), strict=True):
                name = f"{identifier(node.name)}_queue_{port}"
                link = self._links[name]
                depths[name] = max(OUTPUT_QUEUE_DEPTH, pixels * link.tensor.channels // link.par)
        self._engines = [replace(engine, depth=depths[engine.name]) if engine.name in depths else engine
                         for engine in self._engines]

    def _put(self, entry: Engine) -> None:
        self._engines.append(entry)


def _pixel_latency(link: Link, output: TensorType, interval: int) -> int:
    """Cycles from a pixel's first element in to its last out, rounded up: gather it, work on it, pass it on."""
    gather, work = link.tensor.channels // link.par, interval // (output.height * output.width)
    return gather + 2 * work + PIPELINE_CYCLES
