"""The foldings that a node may have, each with its cost and cycles, and the cost of what lies between two nodes.

An engine's cost is the sum of its components' costs. Most of them depend on the node's own folding alone. Only those on
the way to the next node depend on two foldings: the output of results, the width converters and the queue. So a
network's cost is a sum over its nodes, by one folding each, and over its streams, by two foldings each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hdl.window_axis import axes
from hdl.window_schedule import WindowSchedule
from quantize.network import INPUT, Network
from quantize.nodes.window import Window
from quantize.rom import weight_bits
from quantize.tensor import Node, TensorType
from tbn_hw.costs import wires
from tbn_hw.costs.features import pieces
from tbn_hw.costs.matrix import Matrix, constant_piece, matrix_pieces, result_features
from tbn_hw.costs.memory import random_rom
from tbn_hw.costs.model import CostModel
from tbn_hw.costs.piece import Piece
from tbn_hw.costs.streams import converter_piece, queue_piece
from tbn_hw.costs.window import window_pieces
from tbn_hw.families.cells import FIGURES
from tbn_hw.streaming.engine import OUTPUT_QUEUE_DEPTH
from tbn_hw.streaming.kinds import Job, kind_of
from tbn_hw.streaming.kinds.matrix import in_logic, mvu
from tbn_hw.streaming.plan import plan
from tbn_hw.streaming.terms import Folding, Link, divisors, narrowed

COSTS = (*FIGURES, "wire")
"""What a choice costs: the FIGURES, and tiles of wire."""

Cost = np.ndarray
"""The COSTS, in their order."""

MOST_LANES = 4
"""Foldings with more than this many times the fewest lanes for a number of cycles are not considered."""

LEAST_ROWS, MOST_ROWS, MOST_BITS = 16, 2048, 1 << 16
"""A ROM of fewer rows is tried in one place only. A ROM of more rows or bits is not tried in LUTs."""


@dataclass(frozen=True)
class Option:
    """A folding of a node.

    `word` is the number of elements that it takes at once. `cycles` are its cycles a frame, and its beats come over
    `spread` of them. `constant` says whether its weights are in the logic. `cost` is that of its components, without
    its streams.
    """

    folding: Folding
    word: int
    cycles: int
    spread: int
    constant: bool
    cost: tuple[float, ...]

    @property
    def pe(self) -> int:
        return self.folding.pe


@dataclass(frozen=True)
class Stream:
    """A tensor on its way from its maker (None for the network's input) to a reader.

    `alone` says whether this is its only reader, and no join. `pixels` is what a queue in front of the reader holds, 0
    without a queue.
    """

    maker: str | None
    reader: str
    alone: bool
    pixels: int


class Candidates:
    """Options of the nodes of a network, and costs of its streams, for one family."""

    def __init__(self, network: Network, start: Mapping[str, Folding], model: CostModel) -> None:
        """`start` is any folding of the network."""
        self.network, self.model = network, model
        self._plan = plan(network, start, model.family)
        self._shapes = {tensor: self._plan.links[stream].shape for tensor, stream in self._plan.streams.items()}
        self._matrices: dict[str, Matrix] = {}
        self._cache: dict[Any, tuple[int, tuple[float, ...]]] = {}
        self.nodes = [node for node in network.nodes if kind_of(node).has_engine]
        self.streams = [stream for node in self.nodes for stream in self._streams_to(node)]

    def origin(self, tensor: str) -> str:
        """The tensor in front of the flattens, if any, that `tensor` is made by."""
        node = self.network.by_name.get(tensor)
        return tensor if node is None or kind_of(node).has_engine else self.origin(node.inputs[0])

    def options(self, node: Node, most_cycles: int) -> list[Option]:
        """The options of a node with at most `most_cycles` a frame, and with not many more lanes than that takes."""
        x, y = self.network.types[node.inputs[0]], self.network.types[node.name]
        kind = kind_of(node)
        if kind.has_weights:
            mh, mw = kind.sizes(node, x).values()
            least = -(-self.network.macs(node.name) // most_cycles)
            foldings = [Folding(pe, simd, form) for pe in divisors(mh) for simd in divisors(mw)
                        if least <= pe * simd <= max(MOST_LANES * least, 8) or pe * simd == mh * mw
                        for form in self._forms(node, pe, simd)]
        else:
            (channels,) = kind.sizes(node, x).values()
            foldings = [Folding(par) for par in divisors(channels)]
        found = []
        for folding in foldings:
            taken = kind.word(node, x.channels, folding)
            ideal = kind.ideal_cycles(node, x, y, folding, taken)
            if ideal > most_cycles:
                continue
            cycles, cost, constant = self._cost(node, x, folding, taken)
            if cycles <= most_cycles:
                found.append(Option(folding, taken, cycles, kind.spread(node, y, folding, ideal), constant, cost))
        return _undominated(found)

    def _forms(self, node: Node, pe: int, simd: int) -> list[str]:
        """Where the weights may lie: in the place that costs less, and in the other one if it is worth a try."""
        weights, bits = node.arrays["weights"], weight_bits(node)
        rows = weights.size // (pe * simd)
        if rows < LEAST_ROWS:
            return ["auto"]
        blocks, _ = random_rom(rows, pe * simd * bits, self.model.family, "auto")
        if not blocks:
            return ["auto", "block"]
        return ["auto", "logic"] if rows <= MOST_ROWS and weights.size * bits <= MOST_BITS else ["auto"]

    def _cost(self, node: Node, x: TensorType, folding: Folding, taken: int) -> tuple[int, tuple[float, ...], bool]:
        shape, kind = self._shapes[self.origin(node.inputs[0])], kind_of(node)
        if not kind.has_weights:
            links = [Link(self.network.types[name], self._shapes[self.origin(name)], taken) for name in node.inputs]
            parts = kind.parts(Job(node, links, folding, self.model.family))
            made = [piece for part in parts for piece in pieces(part, self.model.family)]
            return max(x.size // taken, *(part.interval for part in parts)), self._sum(made), False
        found, constant = self.matrix(node), in_logic(node, x, folding)
        uneven = len(np.unique(node.arrays["pad"])) > 1 if "pad" in node.arrays else False
        windows = Window.of(node)
        key = (x.shape, shape.width, windows, found, folding, uneven)
        if key not in self._cache:
            repeat, fold = found.mh // folding.pe, found.mw // folding.simd
            schedule = _schedule(x.height, x.width, windows, x.channels // taken, fold * repeat)
            made = list(window_pieces(schedule, folding.simd, repeat, shape.width, uneven, self.model.family))
            if constant:
                made.append(constant_piece(found.mh, found.mw, found.acc_width, found.activation))
            else:
                made += matrix_pieces(found, folding.pe, folding.simd, folding.pe, folding.weights, self.model.family)
            wire = wires.of_inputs(folding.lanes, folding.simd, shape.width, self.model.family)
            self._cache[key] = schedule.interval, self._sum(made, wire)
        return *self._cache[key], constant

    def matrix(self, node: Node) -> Matrix:
        """The numbers of a node with weights."""
        if node.name not in self._matrices:
            (name,) = node.inputs
            link = Link(self.network.types[name], self._shapes[self.origin(name)], 1)
            self._matrices[node.name] = Matrix.of(mvu(Job(node, [link], Folding(1), self.model.family)))
        return self._matrices[node.name]

    def _streams_to(self, node: Node) -> list[Stream]:
        return [Stream(None if self.origin(tensor) == INPUT else self.origin(tensor), node.name,
                       self.readers(self.origin(tensor)) == 1 and not kind_of(node).joins, held)
                for tensor, held in zip(node.inputs, self._queued(node), strict=True)]

    def readers(self, tensor: str) -> int:
        """How many readers a tensor's stream has, past flattens."""
        found = self.network.outputs.count(tensor)
        for node in self.network.consumers(tensor):
            found += node.inputs.count(tensor) if kind_of(node).has_engine else self.readers(node.name)
        return found

    def _queued(self, node: Node) -> list[int]:
        """Pixels in the queues in front of a node, as deep as in the plan of the start; 0 for none."""
        queues = {engine.outputs["o"]: engine for engine in self._plan.engines if engine.kind == "queue"}
        reader = next(engine for engine in self._plan.engines if engine.node is node)
        return [-(-queues[stream].depth * queues[stream].links[0].par // queues[stream].links[0].tensor.channels)
                if stream in queues else 0 for stream in reader.inputs.values()]

    def alone(self, node: Node, option: Option) -> Cost:
        """The cost of an option that depends on no other option: its components, and its output unless that is shared.

        `between` has the output to a single reader, since that depends on the reader's option too.
        """
        total = np.array(option.cost)
        if self.readers(node.name) != 1 or not self._leads_to_one(node.name):
            total = total + self._out(node, option, option.pe)
        return total

    def _leads_to_one(self, tensor: str) -> bool:
        return any(stream.maker == tensor and stream.alone for stream in self.streams)

    def between(self, stream: Stream, maker: Option | None, reader: Option) -> Cost:
        """The cost of what lies between two options."""
        tensor = stream.maker or INPUT
        link, bits = self.network.types[tensor], self._shapes[tensor].width
        par, total = (self.network.input.channels if maker is None else maker.pe), np.zeros(len(COSTS))
        if maker is not None and stream.alone:
            narrow = narrowed(maker.pe, reader.word, link.size, maker.spread)
            total = total + self._out(self.network.by_name[tensor], maker, narrow)
            par = narrow
        if stream.pixels:
            depth = max(OUTPUT_QUEUE_DEPTH, stream.pixels * link.channels // par)
            total = total + self._sum([queue_piece(par * bits, depth, self.model.family)])
        if par != reader.word:
            total = total + self._sum([converter_piece(bits, par, reader.word)])
        return np.asarray(total)

    def _out(self, node: Node, option: Option, par: int) -> Cost:
        """The cost of a node's output at `par` elements a beat: a converter, or fewer results at once, and a queue."""
        bits, made = self._shapes[node.name].width, []
        total = np.zeros(len(COSTS))
        if par != option.pe and kind_of(node).has_weights and not option.constant:
            found = self.matrix(node)
            new, old = (result_features(found, option.pe, results) for results in (par, option.pe))
            total = np.array(self._sum([Piece("accumulators", {name: new[name] - old[name] for name in new})]))
        elif par != option.pe:
            made.append(converter_piece(bits, option.pe, par))
        return total + self._sum([*made, queue_piece(par * bits, OUTPUT_QUEUE_DEPTH, self.model.family)])

    def _sum(self, made: list[Piece], wire: float = 0) -> tuple[float, ...]:
        """The COSTS of some pieces; `wire` is the wire of their inputs."""
        found = [self.model.piece(piece) for piece in made]
        figures = {name: float(sum(each[name] for each in found)) for name in FIGURES}
        return *figures.values(), wire + wires.of_cells(figures["lut"], figures["bram"], self.model.family)


def _undominated(options: list[Option]) -> list[Option]:
    """Drop an option if another looks the same to its neighbours and costs no more of any resource."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda option: option.cost):
        if not any((other.pe, other.word, other.spread, other.constant) == (
                option.pe, option.word, option.spread, option.constant)
                and all(a <= b for a, b in zip(other.cost, option.cost, strict=True)) for other in kept):
            kept.append(option)
    return kept


@lru_cache(maxsize=4096)
def _schedule(height: int, width: int, windows: Window, pixel_words: int, window_cycles: int) -> WindowSchedule:
    down, across = axes(height=height, width=width, **vars(windows))
    return WindowSchedule(down=down, across=across, pixel_words=pixel_words, window_cycles=window_cycles)
