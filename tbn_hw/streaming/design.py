"""The streaming architecture as a `tbn_hw.shared.design.Design`: an engine a node, and all weights on chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quantize.network import INPUT, Network
from quantize.rom import weight_bits
from tbn_hw.shared.design import Block, Connection, Layer, Ports, Progress, Stream, Weights
from tbn_hw.streaming import generate
from tbn_hw.streaming.accelerator import Accelerator
from tbn_hw.streaming.folding import Folding
from tbn_hw.streaming.plan import plan

FLAG = "flag"
"""The stream of one bit a frame that tells the output of a misplaced tlast; no tensor of the network."""


@dataclass(frozen=True)
class StreamingDesign:
    """The design of an accelerator; the members are those of `Design`."""

    accelerator: Accelerator

    @classmethod
    def of(cls, network: Network, foldings: Mapping[str, Folding], family: str = "portable") -> StreamingDesign:
        """The design of a network, of the cells of a family; raises ModelRefused as `plan` does."""
        return cls(plan(network, foldings, family))

    @property
    def name(self) -> str:
        return self.accelerator.name

    @property
    def network(self) -> Network:
        return self.accelerator.network

    @property
    def ports(self) -> Ports:
        return generate.ports(self.accelerator)

    @property
    def interval(self) -> int:
        return self.accelerator.interval

    @property
    def timeout_cycles(self) -> int:
        return 2 * sum(engine.cycles or 0 for engine in self.accelerator.engines)

    @property
    def lanes(self) -> int:
        return sum(engine.folding.lanes for engine in self.accelerator.engines if engine.has_weights)

    def top(self) -> str:
        return generate.top(self.accelerator)

    def modules(self, workers: int, progress: Progress | None = None) -> dict[str, str]:
        return generate.modules(self.accelerator, workers, progress)

    def rom_images(self) -> dict[str, str]:
        return generate.rom_images(self.accelerator)

    def probes(self) -> list[Stream]:
        links = self.accelerator.links
        return [Stream(name, tensor, links[name].shape.width, links[name].shape.signed, links[name].par)
                for tensor, name in self.accelerator.streams.items() if tensor != INPUT]

    def blocks(self) -> list[Block]:
        return [Block(engine.name, generate.module_name(self.accelerator, engine), engine.kind,
                      engine.node.name if engine.node else None, engine.cycles,
                      engine.depth if engine.kind == "queue" else 0) for engine in self.accelerator.engines]

    def connections(self) -> list[Connection]:
        engines, links = self.accelerator.engines, self.accelerator.links
        sources = {stream: engine.name for engine in engines for stream in engine.outputs.values()}
        return [Connection(sources[stream], engine.name, links[stream].par, links[stream].shape.width,
                           links[stream].beats)
                for engine in engines for stream in engine.inputs.values() if stream != FLAG]

    def layers(self) -> list[Layer]:
        found = []
        for engine in self.accelerator.engines:
            if engine.node is not None:
                assert engine.cycles is not None and engine.ideal_cycles is not None
                found.append(Layer(engine.node.name, engine.name, engine.folding.pe, engine.folding.simd,
                                   engine.cycles, engine.ideal_cycles))
        return found

    def weights(self) -> list[Weights]:
        found = []
        for engine in self.accelerator.engines:
            if engine.node is not None and engine.has_weights:
                rows, width = generate.rom_rows(engine)
                found.append(Weights(engine.node.arrays["weights"].size, weight_bits(engine.node),
                                     len(rows) * width))
        return found

    def settings(self) -> dict[str, Any]:
        """The folding of each node, and the depth of each queue in beats."""
        engines = self.accelerator.engines
        return {"folding": {engine.node.name: asdict(engine.folding) for engine in engines if engine.node is not None},
                "queues": {engine.name: engine.depth for engine in engines if engine.kind == "queue"}}
