"""From a network and its foldings to the engines of an accelerator and the streams between them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from amaranth.hdl import Shape, UnusedElaboratable, signed

from hdl.stream import payload_shape
from hdl.stream_queue import DEEP_LATENCY
from quantize.network import INPUT, Network, Node
from tbn_hw.shared.errors import ModelRefused
from tbn_hw.streaming.accelerator import Accelerator, Engine, identifier
from tbn_hw.streaming.engine import OUTPUT_QUEUE_DEPTH, engine
from tbn_hw.streaming.kinds import Job, kind_of
from tbn_hw.streaming.queues import join_depths
from tbn_hw.streaming.template import TOP, names
from tbn_hw.streaming.terms import Folding, Link, narrowed
from tbn_hw.streaming.timetable import Timetable
from tbn_hw.verilog.keywords import KEYWORDS

FRAMES_IN_FLIGHT = 16
"""Fewest malformed-frame flags that may wait for the results of their frames. A further frame waits at the input."""

RESERVED = KEYWORDS | names(TOP) | {"flag"}
"""Names that no node may have in Verilog: the keywords, the names of the top level, and the stream of the
malformed-frame flags."""


def _engine_name(node: Node) -> str:
    name = identifier(node.name)
    return f"{name}_" if name in RESERVED else name


def design_name(network: Network) -> str:
    """The name of the top module, which begins the names of all other modules too.

    No keyword and no cell of an FPGA may be called so, for Yosys and nextpnr would take the module for the cell. The
    names of cells are in capitals: none has two small letters in a row, and none begins with `n_`.
    """
    name = identifier(network.name)
    return name if re.search("[a-z]{2}|^n_", name) and name not in KEYWORDS else f"n_{name}"


def plan(network: Network, foldings: Mapping[str, Folding], family: str = "portable") -> Accelerator:
    """Lay out the engines of `network`, in cells of `family`, one of `hdl.families.CELL_FAMILIES`.

    Raises ModelRefused for a network that cannot be one stream of engines.
    """
    # components are made here for their numbers alone; other processes make them again, for their Verilog
    warnings.filterwarnings("ignore", category=UnusedElaboratable)
    return _Planner(network, foldings, family).run()


class _Planner:
    def __init__(self, network: Network, foldings: Mapping[str, Folding], family: str) -> None:
        self._network, self._foldings, self._family = network, foldings, family
        self._engines: list[Engine] = []
        self._names: set[str] = set()
        """Names of engines and streams."""
        self._links: dict[str, Link] = {}
        self._free: dict[str, list[str]] = {}
        """Streams of each tensor that no engine reads yet."""
        self._streams: dict[str, str] = {}
        self._built: dict[str, Any] = {}
        """Components by engine."""

    def run(self) -> Accelerator:
        name = design_name(self._network)
        source = self._network.input
        self._add_source(Link(source, signed(source.element_bits), source.channels))
        for node in self._network.nodes:
            if kind_of(node).has_engine:
                self._add_node(node)
            else:
                self._rename(node)
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
        name, kind, folding = _engine_name(node), kind_of(node), self._foldings[node.name]
        streams = [self._free[tensor].pop() for tensor in node.inputs]
        ports = dict(zip(kind.ports, streams, strict=True))
        if kind.joins:
            ports = {port: self._queue(f"{name}_queue_{port}", stream) for port, stream in ports.items()}
        links = tuple(self._links[stream] for stream in ports.values())
        x, y = links[0].tensor, self._network.types[node.name]
        ideal = kind.ideal_cycles(node, x, y, folding, min(links[0].par, kind.word(node, x.channels, folding)))
        wanted = 0 if kind.joins else self._readers_word(node.name)
        o_par = narrowed(kind.made(node, folding), wanted, y.size, kind.spread(node, y, folding, ideal))
        built = engine(Job(node, links, folding, self._family, o_par))
        entry = Engine(name, node.kind, node, folding, ports, {"o": name}, links, o_par=o_par, family=self._family,
                       cycles=built.interval, ideal_cycles=ideal)
        self._put(entry)
        self._built[name] = built
        payload = payload_shape(built.o)
        self._announce(node.name, name, Link(y, Shape.cast(payload.elem_shape), payload.length))

    def _readers_word(self, tensor: str) -> int:
        """Elements that the only reader of a tensor takes at once; 0 for more readers, or a queue in front of it."""
        readers = self._network.consumers(tensor)
        if len(readers) != 1 or tensor in self._network.outputs:
            return 0
        (reader,) = readers
        kind = kind_of(reader)
        if not kind.has_engine:
            return self._readers_word(reader.name)
        return 0 if kind.joins else kind.word(reader, self._network.types[tensor].channels, self._foldings[reader.name])

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
        """Give the queues in front of joins their depth, and add queues where more beats wait than engines hold.

        The input gets flags for as many frames as are under way at once.
        """
        table, engines = self._timetable(), self._engines
        waiting = table.waiting
        least = {f"{_engine_name(node)}_queue_{port}": pixels for node in self._network.nodes if kind_of(node).joins
                 for port, pixels in zip(kind_of(node).ports, join_depths(self._network, node), strict=True)}
        self._engines, self._names = [], set()
        for entry in engines:
            if entry.kind == "axi_input":
                entry = replace(entry, depth=max(FRAMES_IN_FLIGHT, table.frames + 1))
            elif entry.kind == "queue":
                (stream,), (link,) = entry.outputs.values(), entry.links
                depth = max(least[entry.name] * link.tensor.channels // link.par, waiting[stream] + DEEP_LATENCY)
                entry = replace(entry, depth=depth)
            elif "i" in entry.inputs and entry.kind != "fork":
                stream = entry.inputs["i"]
                if waiting.get(stream, 0) > OUTPUT_QUEUE_DEPTH + 1:
                    queued = self._queue(f"{entry.name}_queue", stream, waiting[stream] + DEEP_LATENCY)
                    entry = replace(entry, inputs={**entry.inputs, "i": queued})
            self._put(entry)

    def _timetable(self) -> Timetable:
        table = Timetable(max(entry.cycles for entry in self._engines if entry.cycles is not None))
        for entry in self._engines:
            if entry.node is not None:
                link = self._links[entry.outputs["o"]]  # a flatten behind it has renamed its tensor
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
        own = {entry.name, *entry.outputs.values()}
        if own & self._names:
            clash = min(own & self._names)
            raise ModelRefused(f"{self._network.name}: two nodes share one Verilog name, {clash!r}; rename one")
        self._names |= own
        self._engines.append(entry)
