"""From a network and its foldings to the engines of an accelerator and the streams between them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from amaranth.hdl import Shape, UnusedElaboratable, signed

from hdl.stream import payload_shape
from quantize.network import INPUT, Network, Node, TensorType
from tbn_hw.shared.errors import ModelRefused
from tbn_hw.streaming.accelerator import Accelerator, Engine, identifier
from tbn_hw.streaming.engine import OUTPUT_QUEUE_DEPTH, Link, engine
from tbn_hw.streaming.folding import Folding, ideal_cycles, word
from tbn_hw.streaming.queues import join_depths
from tbn_hw.streaming.timetable import Timetable
from tbn_hw.verilog.keywords import KEYWORDS

FRAMES_IN_FLIGHT = 16
"""Malformed-frame flags that may wait for their frame's result, at least; a further frame waits at the input."""

RESERVED = {*KEYWORDS, "flag"}
"""What no node may be called in Verilog: its keywords, and the stream of the malformed-frame flags."""

QUEUE_LATENCY = 2
"""Cycles that a beat spends in a queue that has room for many, in which others come."""


def spread(node: Node, output: TensorType, folding: Folding, ideal: int) -> int:
    """Cycles over which an engine's beats come: all of a frame's `ideal` ones, but for those that have none to give for
    rows and then one after the other: a pool, and a convolution with a stride, as fast as its matrix allows."""
    if node.kind in ("max_pool", "avg_pool"):
        return output.size // folding.pe
    if node.kind == "conv" and node.attrs["stride"] != 1:
        return output.height * output.width * node.arrays["weights"].size // folding.lanes
    return ideal


def _engine_name(node: Node) -> str:
    name = identifier(node.name)
    return f"{name}_" if name in RESERVED else name


def plan(network: Network, foldings: Mapping[str, Folding], family: str = "portable") -> Accelerator:
    """Lay out the engines of `network`, of the cells of a family of `hdl.families.CELL_FAMILIES`.

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
        self._built: dict[str, Any] = {}
        """Components by engine."""

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
        self._size_queues()
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
        name, folding = _engine_name(node), self._foldings[node.name]
        streams = [self._free[tensor].pop() for tensor in node.inputs]
        if node.kind == "add":
            streams = [self._queue(f"{name}_queue_{port}", stream) for port, stream in zip("ab", streams, strict=True)]
        links = tuple(self._links[stream] for stream in streams)
        ports = dict(zip("ab" if node.kind == "add" else "i", streams, strict=True))
        i_par, output = min(links[0].par, word(node, links[0].tensor.channels, folding)), self._network.types[node.name]
        ideal = ideal_cycles(node, [link.tensor for link in links], output, folding, i_par)
        o_par = self._readers_word(node.name)
        if o_par and output.size // o_par > spread(node, output, folding, ideal):
            o_par = 0
        built = engine(node, links, folding, o_par, self._family)
        entry = Engine(name, node.kind, node, folding, ports, {"o": name}, links, o_par=o_par, family=self._family,
                       cycles=built.interval, ideal_cycles=ideal)
        self._put(entry)
        self._built[name] = built
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
        self._announce(node.name, stream, self._links[stream])

    def _queue(self, name: str, stream: str, depth: int = OUTPUT_QUEUE_DEPTH) -> str:
        self._links[name] = self._links[stream]
        self._put(Engine(name, "queue", None, Folding(self._links[stream].par), {"i": stream}, {"o": name},
                         (self._links[stream],), depth=depth))
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

    def _size_queues(self) -> None:
        """Give the queues in front of joins their depth, and put others where more waits than engines hold; and let as
        many frames be under way as there are."""
        table, engines = self._timetable(), self._engines
        waiting = table.waiting
        least = {f"{_engine_name(node)}_queue_{port}": pixels for node in self._network.nodes if node.kind == "add"
                 for port, pixels in zip("ab", join_depths(self._network, node), strict=True)}
        self._engines = []
        for entry in engines:
            if entry.kind == "axi_input":
                entry = replace(entry, depth=max(FRAMES_IN_FLIGHT, table.frames + 1))
            elif entry.kind == "queue":
                (stream,), (link,) = entry.outputs.values(), entry.links
                depth = max(least[entry.name] * link.tensor.channels // link.par, waiting[stream] + QUEUE_LATENCY)
                entry = replace(entry, depth=depth)
            elif entry.inputs and entry.kind not in ("add", "fork"):
                stream = entry.inputs["i"]
                if waiting.get(stream, 0) > OUTPUT_QUEUE_DEPTH + 1:
                    queued = self._queue(f"{entry.name}_queue", stream, waiting[stream] + QUEUE_LATENCY)
                    entry = replace(entry, inputs={**entry.inputs, "i": queued})
            self._put(entry)

    def _timetable(self) -> Timetable:
        table = Timetable(max(entry.cycles for entry in self._engines if entry.cycles is not None))
        for entry in self._engines:
            if entry.node is not None:
                link = self._links[entry.outputs["o"]]  # whose tensor a flatten behind it has renamed
                link = replace(link, tensor=self._network.types[entry.node.name])
                table.work(entry, self._built[entry.name], link)
            elif entry.kind == "axi_input":
                table.source(entry.outputs["o"], entry.links[0])
            elif entry.kind == "axi_output" and "classes" in entry.inputs:
                table.sink(entry.inputs["i"], entry.inputs["classes"], entry.links[0].par)
            elif entry.kind in ("fork", "queue"):
                table.pass_on(entry.inputs["i"], list(entry.outputs.values()))
        return table

    def _put(self, entry: Engine) -> None:
        if any(entry.name == other.name for other in self._engines):
            raise ModelRefused(f"{self._network.name}: two nodes share one Verilog name, {entry.name!r}; rename one")
        self._engines.append(entry)
